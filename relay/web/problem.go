package web

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// problem is RFC 9457's, with our code and the faults of single fields. The sentence comes first: Grafana shows only
// the first kilobyte of it, Alertmanager logs the beginning.
type problem struct {
	Detail string             `json:"detail"`
	Code   relay.Code         `json:"code"`
	Title  string             `json:"title"`
	Status int                `json:"status"`
	Type   string             `json:"type"`
	Errors []relay.FieldError `json:"errors,omitempty"`
}

// defaultRetryAfter is told with 503 and 429 where the error names no time.
const defaultRetryAfter = 5 * time.Second

// fail answers an error. What has no code is our own fault: it is logged, and its text stays in the house.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := s.coded(w, r, err)
	status := e.Code.Status()
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tgrelay"`)
	}
	if server, ok := s.standIn(r); ok {
		_ = give(w, server.Refused(status, e))
		return
	}
	writeJSON(w, "application/problem+json", status, problemOf(r, e))
}

// coded is an error as it may be told, with the headers that go with it. What has no code is logged.
func (s *Server) coded(w http.ResponseWriter, r *http.Request, err error) *relay.Error {
	var e *relay.Error
	if !errors.As(err, &e) {
		e = &relay.Error{Code: relay.CodeInternal, Err: err}
	}
	status := e.Code.Status()
	if gone := r.Context().Err(); gone != nil && errors.Is(err, gone) {
		s.Log.InfoContext(r.Context(), "a caller went away before the answer", "method", r.Method, "route", r.Pattern)
	} else if e.Code == relay.CodeInternal || e.Err != nil && status >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "a request failed", "method", r.Method, "route", r.Pattern, "code", e.Code, "error", err)
	}
	if bringsMessages(r) && status < http.StatusInternalServerError { // its sentence may show what was sent, and is the caller's
		s.Log.WarnContext(r.Context(), "a request that was to bring a message was refused", "receiver", s.inlet(r), "status", status, "code", e.Code)
	}
	if e.Code == relay.CodeInternal {
		e.Detail = "something went wrong inside of tgrelay; its log tells more under this request ID: " + w.Header().Get("X-Request-Id")
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(e.RetryAfter)))
	}
	return e
}

func problemOf(r *http.Request, e *relay.Error) problem {
	return problem{Detail: e.Detail, Code: e.Code, Title: title(e.Code), Status: e.Code.Status(), Type: typeOf(r, e.Code), Errors: e.Fields}
}

func seconds(d time.Duration) int {
	if d <= 0 {
		d = defaultRetryAfter
	}
	return int(math.Ceil(d.Seconds()))
}

// title is the code as words.
func title(c relay.Code) string {
	words := strings.ReplaceAll(string(c), "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// answer writes a result.
func answer(w http.ResponseWriter, status int, v any) error {
	writeJSON(w, "application/json", status, v)
	return nil
}

func writeJSON(w http.ResponseWriter, contentType string, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(append(b, '\n')) // a caller that has gone away is nobody to tell
}

// list is the shape of every list.
type list[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

func pageOf[T any](p relay.Page[T]) list[T] {
	l := list[T]{Items: p.Items}
	if l.Items == nil {
		l.Items = []T{}
	}
	if p.Next != "" {
		l.Next = &p.Next
	}
	return l
}

func asError[T error](err error, target *T) bool { return errors.As(err, target) }
