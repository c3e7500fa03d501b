package relay

import (
	"errors"
	"net/http"
	"time"
)

// Code is what went wrong, for programs. The set is closed; the HTTP interface answers with these names.
type Code string

// The codes.
const (
	CodeInvalidJSON          Code = "invalid_json"
	CodeUnknownField         Code = "unknown_field"
	CodeInvalidField         Code = "invalid_field"
	CodeTemplateError        Code = "template_error"
	CodeUnknownTemplate      Code = "unknown_template"
	CodeInvalidMarkup        Code = "invalid_markup"
	CodeUnauthenticated      Code = "unauthenticated"
	CodeInvalidSignature     Code = "invalid_signature"
	CodeForbidden            Code = "forbidden"
	CodeUnknownReceiver      Code = "unknown_receiver"
	CodeUnknownRecipient     Code = "unknown_recipient"
	CodeNotFound             Code = "not_found"
	CodeMethodNotAllowed     Code = "method_not_allowed"
	CodeRecipientNotLinked   Code = "recipient_not_linked"
	CodeConflict             Code = "conflict"
	CodeBodyTooLarge         Code = "body_too_large"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeIdempotencyMismatch  Code = "idempotency_mismatch"
	CodeRateLimited          Code = "rate_limited"
	CodeStorageUnavailable   Code = "storage_unavailable"
	CodeOverloaded           Code = "overloaded"
	CodeShuttingDown         Code = "shutting_down"
	CodeNotReady             Code = "not_ready"
	CodeInternal             Code = "internal"

	// These two never leave by HTTP: the bot tells them in the chat.
	CodeLinkNotOpen Code = "link_not_open"
	CodeWrongPlace  Code = "wrong_place"
)

var statusOf = map[Code]int{
	CodeInvalidJSON: http.StatusBadRequest, CodeUnknownField: http.StatusBadRequest, CodeInvalidField: http.StatusBadRequest,
	CodeTemplateError: http.StatusBadRequest, CodeUnknownTemplate: http.StatusBadRequest, CodeInvalidMarkup: http.StatusBadRequest,
	CodeUnauthenticated: http.StatusUnauthorized, CodeInvalidSignature: http.StatusUnauthorized,
	CodeForbidden:       http.StatusForbidden,
	CodeUnknownReceiver: http.StatusNotFound, CodeUnknownRecipient: http.StatusNotFound, CodeNotFound: http.StatusNotFound,
	CodeMethodNotAllowed:   http.StatusMethodNotAllowed,
	CodeRecipientNotLinked: http.StatusConflict, CodeConflict: http.StatusConflict,
	CodeBodyTooLarge: http.StatusRequestEntityTooLarge, CodeUnsupportedMediaType: http.StatusUnsupportedMediaType,
	CodeIdempotencyMismatch: http.StatusUnprocessableEntity,
	CodeRateLimited:         http.StatusTooManyRequests,
	CodeStorageUnavailable:  http.StatusServiceUnavailable, CodeOverloaded: http.StatusServiceUnavailable, CodeShuttingDown: http.StatusServiceUnavailable,
	CodeNotReady: http.StatusServiceUnavailable,
}

// Status is the HTTP status of a code; 500 for one that has none.
func (c Code) Status() int {
	if s, ok := statusOf[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Error is a code for programs, a sentence for people, and a cause for the log. Detail may be shown to the caller
// and says what to do; Err never leaves the house.
type Error struct {
	Code       Code
	Detail     string
	Fields     []FieldError
	RetryAfter time.Duration // with 429 and 503
	Err        error
}

// FieldError is one fault of a body: where, as a JSON pointer (RFC 6901), and what.
type FieldError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

func (e *Error) Error() string {
	s := string(e.Code)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// ErrorCode returns the code of an error, CodeInternal for one without.
func ErrorCode(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
