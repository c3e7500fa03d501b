package render

import (
	"fmt"
	"reflect"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// Markup is what the functions return that build markup on purpose. It is printed unmarked.
type Markup string

// value is what every printing action ends in: it marks data as data.
func value(v any) Markup {
	switch v := v.(type) {
	case string:
		return Markup(markup.Value(v))
	case Markup:
		return v
	case nil:
		return "" // a missing key of a map, which text/template would print as <no value>
	}
	return Markup(markup.Value(text(v)))
}

// content is the inside of built markup: markup stays, everything else is data.
func content(v any) string { return string(value(v)) }

// text prints a value as text/template does: pointers by what they point to, nil by nothing.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case Markup:
		return markup.ParseTemplate(markup.Plain, string(v)).Text
	case nil:
		return ""
	case error, fmt.Stringer:
		if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
			return ""
		}
		return fmt.Sprint(v)
	}
	r := reflect.ValueOf(v)
	for r.Kind() == reflect.Pointer || r.Kind() == reflect.Interface {
		if r.IsNil() {
			return ""
		}
		r = r.Elem()
	}
	if k := r.Kind(); (k == reflect.Map || k == reflect.Slice) && r.IsNil() {
		return ""
	}
	return fmt.Sprint(r.Interface())
}
