package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// maxProblem bounds what is read of a refusal, in bytes.
const maxProblem = 1 << 20

// problem is a refusal (RFC 9457).
type problem struct {
	Code   relay.Code         `json:"code"`
	Detail string             `json:"detail"`
	Errors []relay.FieldError `json:"errors"`
}

func (p *problem) err() *relay.Error {
	return &relay.Error{Code: p.Code, Detail: p.Detail, Fields: p.Errors}
}

// refused makes an error of an answer that is no success: the server's own where it is a problem (RFC 9457).
func (c *Client) refused(resp *http.Response) error {
	var told problem
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // an unreadable one is not a problem's either
	if kind == "application/problem+json" {
		err := json.NewDecoder(io.LimitReader(resp.Body, maxProblem)).Decode(&told)
		if err == nil && told.Code != "" {
			e := told.err()
			e.RetryAfter = retryAfter(resp)
			return e
		}
	}
	return fmt.Errorf("%s answers %s, which is not how tgrelay answers: is the address right, or does something stand before it?", c.shown, resp.Status)
}

// retryAfter is the header in seconds, the only form that tgrelay writes.
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// unreachable makes an error of a request without an answer. The URL is left out: its path and query say nothing to whoever reads it.
func (c *Client) unreachable(err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	if at, ok := errors.AsType[*net.OpError](err); ok && at.Op == "dial" {
		return fmt.Errorf("no tgrelay answers at %s: is it running? `tgrelay serve` starts it (%w)", c.shown, err)
	}
	return fmt.Errorf("talk to %s: %w", c.shown, err)
}
