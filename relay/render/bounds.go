package render

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"text/template"

	amtemplate "github.com/prometheus/alertmanager/template"
)

// maxResult bounds what functions make, in bytes. They do so before the writer is asked, so that what can grow in a loop has a
// bound of its own: a text, and all that hangs together in a list or dict. It leaves room for every webhook that is taken in.
const maxResult = 8 << 20

var errTooLarge = fmt.Errorf("the result is larger than %d MiB", maxResult>>20)

// growing are the functions whose results can be larger than what they are given, with their bounds.
func growing() template.FuncMap {
	list := amtemplate.DefaultFuncs["list"].(func(...any) ([]any, error))
	dict := amtemplate.DefaultFuncs["dict"].(func(...any) (map[string]any, error))
	return template.FuncMap{
		"append": func(slice []any, args ...any) ([]any, error) {
			return fitting(append(slice[:len(slice):len(slice)], args...), nil)
		},
		"list":         func(args ...any) ([]any, error) { return fitting(list(args...)) },
		"dict":         func(args ...any) (map[string]any, error) { return fitting(dict(args...)) },
		"print":        func(args ...any) (string, error) { return short(args, func() string { return fmt.Sprint(args...) }) },
		"println":      func(args ...any) (string, error) { return short(args, func() string { return fmt.Sprintln(args...) }) },
		"printf":       printf,
		"join":         join,
		"reReplaceAll": reReplaceAll,
		"match":        match,
		"html": func(args ...any) (string, error) {
			return short(args, func() string { return template.HTMLEscaper(args...) })
		},
		"js": func(args ...any) (string, error) {
			return short(args, func() string { return template.JSEscaper(args...) })
		},
		"urlquery": func(args ...any) (string, error) {
			return short(args, func() string { return template.URLQueryEscaper(args...) })
		},
	}
}

// fitting passes on a value that is within the bound.
func fitting[T any](v T, err error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if !fits(v) {
		return none, errTooLarge
	}
	return v, nil
}

// short makes a text of arguments that are within the bound, and passes it on if it is too.
func short(args []any, text func() string) (string, error) {
	for _, a := range args {
		if !fits(a) {
			return "", errTooLarge
		}
	}
	return fitting(text(), nil)
}

// wide finds widths and precisions of more than three digits, or given as arguments.
var wide = regexp.MustCompile(`%[-+# 0\[\]\d.*]*(\d{4}|\*)`)

func printf(format string, args ...any) (string, error) {
	if wide.MatchString(format) {
		return "", errors.New("printf takes widths of at most 999")
	}
	return short(append(args[:len(args):len(args)], format), func() string { return fmt.Sprintf(format, flex(args)...) })
}

// join is Alertmanager's: {{ join ", " .Values }}.
func join(separator string, parts []string) (string, error) {
	size := len(separator) * len(parts)
	for _, p := range parts {
		size += len(p)
	}
	if size > maxResult {
		return "", errTooLarge
	}
	return strings.Join(parts, separator), nil
}

// maxReplacement is how long a replacement may be, in bytes.
const maxReplacement = 256

// reReplaceAll is Alertmanager's: {{ reReplaceAll "[.]example[.]org" "" .Labels.instance }}.
func reReplaceAll(pattern, replacement, text string) (string, error) {
	re, err := compiled(pattern)
	if err != nil {
		return "", err
	}
	if len(replacement) > maxReplacement || len(text) > maxResult {
		return "", errTooLarge
	}
	return fitting(re.ReplaceAllString(text, replacement), nil)
}

// fits reports whether all that hangs together in v is within the bound. It looks at no more than that.
func fits(v any) bool {
	budget := maxResult
	return spend(reflect.ValueOf(v), perValue, 0, &budget)
}

// perValue is what a value costs besides its text: it bounds how long fits looks.
const perValue = 4

// spend takes what v costs from a budget: its texts, and depth for each value; step is how much deeper what is in a value lies.
func spend(v reflect.Value, depth, step int, budget *int) bool {
	if *budget -= depth; *budget < 0 {
		return false
	}
	switch v.Kind() {
	case reflect.String:
		*budget -= v.Len()
	case reflect.Interface, reflect.Pointer:
		return spend(v.Elem(), depth+step, step, budget)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			*budget -= v.Len()
			break
		}
		for i := range v.Len() {
			if !spend(v.Index(i), depth+step, step, budget) {
				return false
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if !spend(entries.Key(), depth+step, step, budget) || !spend(entries.Value(), depth+step, step, budget) {
				return false
			}
		}
	}
	return *budget >= 0
}
