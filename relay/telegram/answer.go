package telegram

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// progress is how far a request got on its way out.
type progress struct {
	traced   atomic.Bool // the transport tells how far it is
	written  atomic.Bool // all of the request may have left
	answered bool
}

func (p *progress) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			p.traced.Store(true)
			p.written.Store(false) // the transport begins anew on another connection if nothing was written
		},
		WroteHeaders: func() { p.written.Store(true) },
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			if i.Err != nil {
				p.written.Store(false) // Telegram does not act on half a request
			}
		},
	})
}

// unsent reports whether the request that failed with err certainly did not reach Telegram.
func (p *progress) unsent(err error) bool {
	switch {
	case p.answered:
		return false
	case p.traced.Load():
		return !p.written.Load()
	}
	var (
		op   *net.OpError
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		host x509.HostnameError
	)
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns) || errors.As(err, &cert) || errors.As(err, &host) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

// answer is the Bot API's envelope.
type answer struct {
	OK          *bool           `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   number          `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter      number `json:"retry_after"`
		MigrateToChatID number `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

// number reads an integer in whatever form a server writes it; what is none is 0.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		*n = number(i)
	} else if f, err := strconv.ParseFloat(s, 64); err == nil && f > -1e15 && f < 1e15 {
		*n = number(f)
	}
	return nil
}

// read takes an answer apart.
func (c *Client) read(r request, resp *http.Response, content []byte) *Error {
	var a answer
	err := json.Unmarshal(content, &a)
	var odd *json.UnmarshalTypeError
	if err != nil && !errors.As(err, &odd) || a.OK == nil {
		return c.foreign(r, resp, content)
	}
	if !*a.OK {
		return c.refused(r, resp, &a)
	}
	if r.result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, r.result); err != nil && !r.lenient {
		return &Error{Method: r.method, Code: resp.StatusCode, Reason: BadAnswer, Description: "the result has another form than the Bot API's", Err: c.redact.error(err)}
	}
	return nil
}

// refused is an error that the Bot API told.
func (c *Client) refused(r request, resp *http.Response, a *answer) *Error {
	e := &Error{Method: r.method, Code: int(a.ErrorCode), Description: c.describe(a.Description)}
	if e.Code == 0 {
		e.Code = resp.StatusCode
	}
	p := Parameters{RetryAfter: seconds(int64(a.Parameters.RetryAfter)), MigrateToChatID: int64(a.Parameters.MigrateToChatID)}
	e.Reason = Classify(e.Code, a.Description, p)
	e.MigrateToChatID = p.MigrateToChatID
	if e.Reason == RateLimited {
		e.RetryAfter = max(p.RetryAfter, retryAfter(resp), waitIn(a.Description), time.Second)
	}
	return e
}

// foreign is an answer that is not the Bot API's: of a proxy, a gateway, a captive portal, or cut off. Only codes that mean
// the same from whomever they come are believed: a proxy's 403 is not a person who blocked the bot.
func (c *Client) foreign(r request, resp *http.Response, content []byte) *Error {
	code := resp.StatusCode
	e := &Error{Method: r.method, Code: code, Reason: BadAnswer, Description: fmt.Sprintf("%s, with %s", http.StatusText(code), kind(resp, content))}
	switch {
	case code == http.StatusTooManyRequests:
		e.Reason, e.RetryAfter = RateLimited, max(retryAfter(resp), time.Second)
	case code == http.StatusRequestEntityTooLarge:
		e.Reason = TooLarge
	case code >= 500:
		e.Reason = ServerError
	case code == http.StatusUnauthorized:
		e.Reason = Unauthorized
	case code >= 300 && code < 400:
		e.Description = "a redirect, which is not followed: the address of the Bot API (telegram.api_url) is another"
	case code == http.StatusProxyAuthRequired:
		e.Reason, e.Description = NotSent, "the proxy asks for another user name and password (telegram.proxy_url)"
	}
	return e
}

func kind(resp *http.Response, content []byte) string {
	switch content = bytes.TrimSpace(content); {
	case len(content) == 0:
		return "an empty body"
	case content[0] == '<' || strings.Contains(resp.Header.Get("Content-Type"), "html"):
		return "an HTML page"
	case content[0] == '{' || content[0] == '[':
		return "JSON that is cut off or not the Bot API's"
	}
	return "a body that is no JSON"
}

// describe makes a description fit to be shown and stored: no secret, one line, no giant.
func (c *Client) describe(s string) string {
	s = strings.ToValidUTF8(c.redact.text(s), "\uFFFD")
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > 500 {
		s = string(runes[:500]) + "…"
	}
	return cmpOr(s, "no description")
}

// retryAfter is the header of that name, in seconds; other forms do not occur.
func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.ParseInt(resp.Header.Get("Retry-After"), 10, 64)
	if err != nil {
		return 0
	}
	return seconds(n)
}

// seconds is 0 for what is negative, and bounded where a Duration ends, at 292 years.
func seconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), 9e9)) * time.Second
}
