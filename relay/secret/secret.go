// Package secret holds strings that must not be seen: bot tokens, API tokens, HMAC secrets.
//
// A Value prints as [secret] through fmt, log/slog, encoding/json and every other door, also from inside an unexported
// field; only Reveal gives the string away, so that each place that does can be found by name. Nothing is kept on disk.
// What cannot be read is an error that names the file or the variable, never what is in it.
package secret

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

const hidden = "[secret]"

// Value is a string that cannot print itself. The zero Value is empty; two Values of the same string are ==.
type Value struct {
	// A handle and no string: fmt calls no methods on unexported fields and would print a string, of a handle it prints an address.
	h unique.Handle[string]
}

// New wraps a string.
func New(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{unique.Make(s)}
}

// Reveal returns the string itself.
func (v Value) Reveal() string {
	if v.IsZero() {
		return ""
	}
	return v.h.Value()
}

// IsZero reports whether there is no secret.
func (v Value) IsZero() bool { return v == Value{} }

// String returns a placeholder.
func (Value) String() string { return hidden }

// Format writes a placeholder, whatever the verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue returns a placeholder, for log/slog.
func (Value) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns a placeholder, for encoding/json, TOML and the like.
func (Value) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes the text as the secret.
func (v *Value) UnmarshalText(b []byte) error {
	*v = New(string(b))
	return nil
}
