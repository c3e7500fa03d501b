package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/shape"
)

// Object is a JSON object of a request, read field by field, so that all its faults are told at once.
//
//	o, err := ParseObject(body)
//	o.Field("text", &text)
//	err = o.Err() // every wrong and every unknown field, with JSON pointers
type Object struct {
	fields  map[string]json.RawMessage
	known   []string
	faults  []relay.FieldError
	pointer string // of the object itself
}

// manyFields is more than a message has.
const manyFields = 24

// limits are far beyond what any message has, its template's data included. Keys that come twice are faults: one of them was not meant.
var limits = shape.Limits{Depth: 100, Keys: 100_000, Unique: true}

// ParseObject takes a body apart. Error: relay.CodeInvalidJSON for what is no JSON object in UTF-8, or nested beyond measure.
func ParseObject(body []byte) (*Object, error) {
	if !utf8.Valid(body) {
		return nil, invalidJSON("the body is not valid UTF-8")
	}
	twice, err := shape.Check(body, limits)
	if err != nil {
		return nil, invalidJSON(err.Error())
	}
	o := &Object{known: make([]string, 0, manyFields)}
	for _, pointer := range twice {
		o.FaultAt(pointer, "this key comes twice; which one is meant?")
	}
	if json.Unmarshal(body, &o.fields) == nil && o.fields != nil {
		return o, nil
	}
	o.fields = nil // what follows says what is wrong
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&o.fields); err != nil {
		return nil, invalidJSON(describe(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, invalidJSON(fmt.Sprintf("there is more than one JSON value; the first ends at byte %d", dec.InputOffset()))
	}
	if o.fields == nil {
		return nil, invalidJSON("the body is null; a JSON object is wanted")
	}
	return o, nil
}

func invalidJSON(detail string) error {
	return &relay.Error{Code: relay.CodeInvalidJSON, Detail: detail}
}

func describe(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s at byte %d", syntax, syntax.Offset)
	case errors.As(err, &kind):
		return "a JSON object is wanted, not " + kind.Value
	case errors.Is(err, io.EOF):
		return "the body is empty; a JSON object is wanted"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the JSON ends too early"
	}
	return err.Error()
}

// Has reports whether a field is there and not null, and makes its name known.
func (o *Object) Has(name string) bool {
	if !slices.Contains(o.known, name) {
		o.known = append(o.known, name)
	}
	raw, there := o.fields[name]
	return there && string(raw) != "null"
}

// Null reports whether a field is there and null.
func (o *Object) Null(name string) bool { return !o.Has(name) && o.fields[name] != nil }

// Raw returns a field as it stands, nil if it is absent or null.
func (o *Object) Raw(name string) json.RawMessage {
	if !o.Has(name) {
		return nil
	}
	return o.fields[name]
}

// Field reads a field and reports whether it was there and right. Numbers in an `any` stay exact (json.Number).
func (o *Object) Field(name string, into any) bool {
	if !o.Has(name) {
		return false
	}
	if err := unmarshal(o.fields[name], into); err != nil {
		o.Fault(name, "%s", wanted(err))
		return false
	}
	return true
}

func unmarshal(raw json.RawMessage, into any) error {
	if _, dynamic := into.(*any); !dynamic {
		return json.Unmarshal(raw, into)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(into)
}

func wanted(err error) string {
	var kind *json.UnmarshalTypeError
	if !errors.As(err, &kind) {
		return err.Error()
	}
	names := map[string]string{"string": "a string", "bool": "true or false", "int": "a whole number", "int64": "a whole number", "[]string": "a list of strings"}
	name, ok := names[kind.Type.String()]
	if !ok {
		name = "a " + kind.Type.Kind().String()
	}
	return name + " is wanted, not " + kind.Value
}

// Fault notes that a field is wrong.
func (o *Object) Fault(name, format string, args ...any) {
	o.faults = append(o.faults, relay.FieldError{Pointer: o.pointer + "/" + escapePointer.Replace(name), Detail: fmt.Sprintf(format, args...)})
}

// FaultAt notes a fault deeper down; the pointer is relative to the object.
func (o *Object) FaultAt(pointer, detail string) {
	o.faults = append(o.faults, relay.FieldError{Pointer: o.pointer + pointer, Detail: detail})
}

// escapePointer is RFC 6901 section 3.
var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// Err tells all faults, and all fields that nobody asked for. Errors: relay.CodeUnknownField when there is nothing
// else wrong, else relay.CodeInvalidField.
func (o *Object) Err() error {
	e := &relay.Error{Code: relay.CodeUnknownField, Fields: o.faults}
	if len(o.faults) > 0 {
		e.Code = relay.CodeInvalidField
	}
	names := make([]string, 0, len(o.fields))
	for name := range o.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Sort(o.known)
	for _, name := range names {
		if !slices.Contains(o.known, name) {
			e.Fields = append(e.Fields, relay.FieldError{
				Pointer: o.pointer + "/" + escapePointer.Replace(name), Detail: "unknown field; the fields are " + strings.Join(o.known, ", "),
			})
		}
	}
	if len(e.Fields) == 0 {
		return nil
	}
	e.Detail = e.Fields[0].Pointer + ": " + e.Fields[0].Detail
	if more := len(e.Fields) - 1; more > 0 {
		e.Detail += fmt.Sprintf(" (and %d more, see errors)", more)
	}
	return e
}
