package render

import (
	"reflect"
	"strconv"
	"strings"
)

// get is what stands at a path of a document: {{ get . "release.author.login" }}, {{ get . "commits.0.id" }}. Where there is
// nothing, or something of another kind on the way, it is an empty text; a field (.release.author.login) would be an error.
func get(document any, path string) any {
	v := reflect.ValueOf(document)
	for name := range strings.SplitSeq(path, ".") {
		v = member(v, name)
	}
	if !v.IsValid() || isNil(v.Interface()) {
		return ""
	}
	return v.Interface()
}

// member is what a table holds by a name, or a list at an index.
func member(v reflect.Value, name string) reflect.Value {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return v.MapIndex(reflect.ValueOf(name).Convert(v.Type().Key()))
		}
	case reflect.Slice:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < v.Len() {
			return v.Index(i)
		}
	}
	return reflect.Value{}
}

// text is a document, or what stands at a path of it, as a text: {{ text . "commit.title" | toUpper }}. Tables and lists are JSON.
func text(document any, path ...string) string {
	v := at(document, path)
	switch reflect.ValueOf(v).Kind() {
	case reflect.Map, reflect.Slice:
		if s, err := compactJSON(v); err == nil {
			return s
		}
	}
	return textOf(v)
}

// items is a document, or what stands at a path of it, as a list: {{ range items . "commits" }}. What is no list is an empty one.
func items(document any, path ...string) []any {
	list, _ := at(document, path).([]any)
	return list
}

func at(document any, path []string) any {
	for _, p := range path {
		document = get(document, p)
	}
	return document
}
