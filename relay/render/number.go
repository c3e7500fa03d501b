package render

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"text/template"
)

// Decimal is a number of a JSON document that is none of int64's. It prints as it was written.
type Decimal float64

// String writes the number without an exponent.
func (d Decimal) String() string { return strconv.FormatFloat(float64(d), 'f', -1, 64) }

// Numbers makes numbers of a document that was decoded with json.Decoder.UseNumber: int64 or Decimal where these print as
// the number was written, so that it is shown to the digit and yet is a number to conditions. Others stay a json.Number, "1.50"
// for one. It changes v.
func Numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case map[string]any:
		for name := range v {
			v[name] = Numbers(v[name])
		}
	case []any:
		for i := range v {
			v[i] = Numbers(v[i])
		}
	}
	return v
}

func number(n json.Number) any {
	if i, err := n.Int64(); err == nil && strconv.FormatInt(i, 10) == string(n) {
		return i
	}
	if f, err := n.Float64(); err == nil && Decimal(f).String() == string(n) {
		return Decimal(f)
	}
	return n
}

// comparisons are text/template's, but numbers of every kind compare by their value, and what differs in kind is not equal
// instead of an error: a document's fields are as its sender made them.
func comparisons() template.FuncMap {
	ordered := func(holds func(int) bool) func(a, b any) (bool, error) {
		return func(a, b any) (bool, error) {
			order, err := compare(a, b)
			return err == nil && holds(order), err
		}
	}
	return template.FuncMap{
		"eq": func(a any, others ...any) (bool, error) {
			if len(others) == 0 {
				return false, fmt.Errorf("eq wants two values or more")
			}
			return slices.ContainsFunc(others, func(b any) bool { return equal(a, b) }), nil
		},
		"ne": func(a, b any) bool { return !equal(a, b) },
		"lt": ordered(func(order int) bool { return order < 0 }),
		"le": ordered(func(order int) bool { return order <= 0 }),
		"gt": ordered(func(order int) bool { return order > 0 }),
		"ge": ordered(func(order int) bool { return order >= 0 }),
	}
}

func equal(a, b any) bool {
	if order, err := compare(a, b); err == nil {
		return order == 0
	}
	if isNil(a) || isNil(b) {
		return isNil(a) && isNil(b)
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	switch {
	case x.Kind() == reflect.Bool && y.Kind() == reflect.Bool:
		return x.Bool() == y.Bool()
	case x.Comparable() && y.Comparable():
		return a == b
	}
	return false
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		return r.IsNil()
	}
	return false
}

// compare orders two numbers or two texts.
func compare(a, b any) (int, error) {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if i, ok := whole(x); ok {
		if j, ok := whole(y); ok {
			return cmp.Compare(i, j), nil
		}
	}
	if f, ok := float(x); ok {
		if g, ok := float(y); ok {
			return cmp.Compare(f, g), nil
		}
	}
	if x.Kind() == reflect.String && y.Kind() == reflect.String {
		return cmp.Compare(x.String(), y.String()), nil
	}
	return 0, fmt.Errorf("a %T and a %T cannot be compared", a, b)
}

// whole is an integer.
func whole(v reflect.Value) (int64, bool) {
	switch {
	case v.CanInt():
		return v.Int(), true
	case v.CanUint() && v.Uint() <= math.MaxInt64:
		return int64(v.Uint()), true
	}
	return 0, false
}

var jsonNumber = reflect.TypeFor[json.Number]()

// float is any number.
func float(v reflect.Value) (float64, bool) {
	switch {
	case v.CanFloat():
		return v.Float(), true
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.IsValid() && v.Type() == jsonNumber:
		f, err := strconv.ParseFloat(v.String(), 64)
		return f, err == nil
	}
	return 0, false
}

// flexible is a number for printf: what a verb wants it to be. Whether a sender writes 5 or 5.0 is no matter of the template's.
type flexible struct{ v any }

// Format implements fmt.Formatter.
func (f flexible) Format(state fmt.State, verb rune) {
	v := f.v
	n, _ := float(reflect.ValueOf(v))
	switch verb {
	case 'e', 'E', 'f', 'F', 'g', 'G':
		v = n
	case 'd', 'b', 'o', 'O', 'x', 'X', 'c':
		if i, ok := whole(reflect.ValueOf(v)); ok {
			v = i
		} else if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			v = int64(n)
		}
	}
	_, _ = fmt.Fprintf(state, fmt.FormatString(state, verb), v)
}

// flex wraps the numbers among a printf's arguments.
func flex(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
		switch a.(type) {
		case int, int64, float64, Decimal, json.Number:
			out[i] = flexible{a}
		}
	}
	return out
}
