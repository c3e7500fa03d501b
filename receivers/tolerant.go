package receivers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/shape"
)

// text is a JSON string, or whatever else stands in its place: Alertmanager's custom payloads turn texts into numbers and objects.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if plain(b) {
		*t = text(b[1 : len(b)-1])
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err == nil {
		*t = text(s) // also for null
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, b); err != nil {
		return err
	}
	*t = text(compact.String())
	return nil
}

// plain reports whether a JSON value is a string without escapes: such a one is what stands between its quotes. It is UTF-8 like all of
// the document.
func plain(b []byte) bool {
	return len(b) > 1 && b[0] == '"' && bytes.IndexByte(b, '\\') < 0
}

// moment is a time in RFC 3339, zero for what is none.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(b []byte) error {
	var s text
	if s.UnmarshalJSON(b) == nil {
		m.Time, _ = time.Parse(time.RFC3339, string(s))
	}
	return nil
}

// count is a whole number, zero for what is none.
type count int64

func (c *count) UnmarshalJSON(b []byte) error {
	var n int64
	if json.Unmarshal(b, &n) == nil {
		*c = count(n)
	}
	return nil
}

// table is a label set; what is no object is an empty one.
type table map[string]text

func (t *table) UnmarshalJSON(b []byte) error {
	var m map[string]text
	if json.Unmarshal(b, &m) == nil {
		*t = m
	}
	return nil
}

// limits are far beyond what a webhook has; the depth is encoding/json's own. Keys that come twice are the sender's business.
var limits = shape.Limits{Depth: 10_000, Keys: 100_000}

// decode reads one JSON value in UTF-8. Numbers in an any stay exact. Error: relay.CodeInvalidJSON, with the byte offset.
func decode(body []byte, into any) error {
	if !utf8.Valid(body) {
		return &relay.Error{Code: relay.CodeInvalidJSON, Detail: "the body is not valid UTF-8"}
	}
	if _, err := shape.Check(body, limits); err != nil {
		return &relay.Error{Code: relay.CodeInvalidJSON, Detail: err.Error()}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = fmt.Errorf("there is more behind the JSON value that ends at byte %d", dec.InputOffset())
		}
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		err = errors.New("the body is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the body ends too early")
	case errors.As(err, &syntax):
		err = fmt.Errorf("%w at byte %d", err, syntax.Offset)
	case errors.As(err, &kind):
		return &relay.Error{
			Code: relay.CodeInvalidField, Detail: fmt.Sprintf("%s is a %s, which is not what this type of receiver reads; one of type json takes any document", kind.Field, kind.Value),
			Fields: []relay.FieldError{{Pointer: "/" + kind.Field, Detail: "a " + kind.Value + " is not expected here"}},
		}
	}
	return &relay.Error{Code: relay.CodeInvalidJSON, Detail: "the body is no JSON: " + err.Error()}
}
