package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes; getUpdates cuts its own at about 4 MiB.
const maxAnswer = 16 << 20

// envelope is what every call is answered with.
type envelope struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter      int64 `json:"retry_after"` // seconds
		MigrateToChatID int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

func (c *Client) read(method string, resp *http.Response, result any) *Error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	failed := &Error{Method: method, Code: resp.StatusCode, Table: c.table}
	var e envelope
	if jsonErr := json.Unmarshal(body, &e); err != nil || jsonErr != nil || !e.OK && e.Description == "" {
		failed.Reason, failed.RetryAfter = foreign(resp)
		failed.Description = describe(resp, body)
		if err != nil {
			failed.Err = c.clean(err)
		}
		if err != nil && failed.Reason == BadAnswer {
			failed.Reason = OutcomeUnknown
		}
		return failed
	}
	if !e.OK {
		return c.refused(failed, resp, &e)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(e.Result, result); err != nil {
		failed.Reason, failed.Description, failed.Err = BadAnswer, "the result is not what "+method+" answers", c.clean(err)
		return failed
	}
	return nil
}

// refused fills in what an answer with ok = false says.
func (c *Client) refused(failed *Error, resp *http.Response, e *envelope) *Error {
	if e.ErrorCode != 0 {
		failed.Code = e.ErrorCode
	}
	failed.Description = c.hide.Replace(e.Description)
	retry := seconds(e.Parameters.RetryAfter)
	if failed.Code == http.StatusTooManyRequests {
		retry = max(retry, retryAfter(resp), time.Second)
	}
	failed.RetryAfter, failed.MigrateToChatID = retry, e.Parameters.MigrateToChatID
	failed.Reason = classify(answer{failed.Code, e.Description, retry, e.Parameters.MigrateToChatID})
	return failed
}

// foreign classifies what is no Bot API answer: of a gateway, a proxy, or a server that is something else. Its status says
// nothing about the chat.
func foreign(resp *http.Response) (Reason, time.Duration) {
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		return RateLimited, max(retryAfter(resp), time.Second)
	case code == http.StatusRequestEntityTooLarge:
		return TooLarge, 0
	case code >= http.StatusInternalServerError:
		return ServerError, 0
	}
	return BadAnswer, 0
}

func retryAfter(resp *http.Response) time.Duration {
	n, _ := strconv.ParseInt(resp.Header.Get("Retry-After"), 10, 64) // 0 if there is none
	return seconds(n)
}

// seconds bounds a wait that was asked for to a day: longer is a mistake, and nothing waits longer by default.
func seconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), 24*60*60)) * time.Second
}

// describe says what kind of answer it was and never quotes it: an error page may show the request's path.
func describe(resp *http.Response, body []byte) string {
	head := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return "answered with a redirect, which is not followed"
	case len(head) == 0:
		return "answered with an empty body"
	case head[0] == '<' || strings.Contains(resp.Header.Get("Content-Type"), "html"):
		return "answered with a web page instead of JSON"
	case head[0] == '{':
		return "the answer is cut off or no Bot API answer"
	}
	return "the answer is no JSON"
}

// written notes whether a request can have reached the server.
type written struct {
	traced atomic.Bool // the transport reports at all
	begun  atomic.Bool
}

func (w *written) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { w.traced.Store(true) },
		// From here on bytes may be on their way even if ctx ends before WroteRequest is called.
		WroteHeaders: func() { w.begun.Store(true) },
		// With an error the server lacks a part of the body that Content-Length promised, so it did nothing.
		WroteRequest: func(i httptrace.WroteRequestInfo) { w.begun.Store(i.Err == nil) },
	})
}

func (w *written) reason(err error) Reason {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return NotSent
	}
	if w.traced.Load() && !w.begun.Load() {
		return NotSent
	}
	return OutcomeUnknown
}
