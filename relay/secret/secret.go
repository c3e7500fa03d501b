// Package secret holds strings that must not be seen: bot tokens, API tokens, HMAC secrets.
//
// A Value prints as [secret] through fmt, log/slog, encoding/json and every other door; only Reveal gives
// the string away, so that each place that does can be found by name.
package secret

import "log/slog"

const hidden = "[secret]"

// Value is a string that cannot print itself. The zero Value is empty.
type Value struct{ s string }

// New wraps a string.
func New(s string) Value { return Value{s} }

// Reveal returns the string itself.
func (v Value) Reveal() string { return v.s }

// IsZero reports whether there is no secret.
func (v Value) IsZero() bool { return v.s == "" }

// String returns a placeholder.
func (Value) String() string { return hidden }

// GoString returns a placeholder, for %#v.
func (Value) GoString() string { return hidden }

// LogValue returns a placeholder, for log/slog.
func (Value) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns a placeholder, for encoding/json, TOML and the like.
func (Value) MarshalText() ([]byte, error) { return []byte(hidden), nil }
