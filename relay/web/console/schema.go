package console

import (
	"encoding/json"
	"html/template"
	"slices"
	"strings"
)

// field is a property of an object, or a parameter.
type field struct {
	Name     string
	In       string // path, query or header
	Required bool
	Type     template.HTML
	Text     template.HTML
	Limits   string
	Fields   []field // of an object without a name of its own
}

// describe is the first description there is.
func (r *reference) describe(all ...*node) template.HTML {
	for _, n := range all {
		if text := n.text("description"); text != "" {
			return prose(text)
		}
	}
	return ""
}

// name is the name of the schema that a reference is to, empty for others.
func name(n *node) string {
	named, _ := strings.CutPrefix(n.text("$ref"), "#/components/schemas/")
	return named
}

// typeOf says in words what a schema takes.
func (r *reference) typeOf(n *node) template.HTML {
	if n == nil {
		return "any"
	}
	if named := name(n); named != "" {
		return template.HTML(`<a href="#schema-` + named + `">` + named + `</a>`)
	}
	if enum := n.texts("enum"); len(enum) > 0 {
		return r.choice(enum)
	}
	if fixed := n.child("const"); fixed != nil {
		return template.HTML("<code>" + template.HTMLEscapeString(fixed.literal()) + "</code>")
	}
	for _, kind := range []struct{ key, word string }{{"anyOf", " or "}, {"oneOf", " or "}, {"allOf", " with "}} {
		if parts := n.listOf(kind.key); len(parts) > 0 && n.text("type") == "" {
			return r.joined(parts, kind.word)
		}
	}
	switch types := append(n.texts("type"), n.text("type")); types[0] {
	case "array":
		if items := n.child("items"); items != nil {
			return "list of " + r.typeOf(items)
		}
		return "list"
	case "":
		return "any"
	case "object":
		if more := n.child("additionalProperties"); more != nil && more.object {
			return "object of " + r.typeOf(more)
		}
		return "object"
	default:
		return template.HTML(template.HTMLEscapeString(strings.Join(slices.DeleteFunc(types, func(s string) bool { return s == "" }), " or ")))
	}
}

func (r *reference) choice(enum []string) template.HTML {
	var shown []string
	for _, value := range enum {
		shown = append(shown, "<code>"+template.HTMLEscapeString(quoted(value))+"</code>")
	}
	return template.HTML(strings.Join(shown, " "))
}

func (r *reference) joined(parts []*node, word string) template.HTML {
	var all []string
	for _, part := range parts {
		if t := string(r.typeOf(part)); !slices.Contains(all, t) && (t != "any" || len(parts) == 1) {
			all = append(all, t)
		}
	}
	return template.HTML(strings.Join(all, word))
}

// inner are the fields of a schema without a name; those of one with a name stand with it.
func (r *reference) inner(n *node) []field {
	if n == nil || name(n) != "" {
		return nil
	}
	if items := n.child("items"); items != nil {
		return r.inner(items)
	}
	return r.fields(n)
}

// fields are an object's properties, with those of the parts that it consists of.
func (r *reference) fields(n *node) (all []field) {
	for _, part := range n.listOf("allOf") {
		all = append(all, r.fields(r.resolve(part))...)
	}
	required := n.texts("required")
	for _, m := range n.membersOf("properties") {
		all = append(all, field{
			Name: m.name, Required: slices.Contains(required, m.name), Type: r.typeOf(m.value), Text: r.describe(m.value),
			Limits: limits(m.value), Fields: r.inner(m.value),
		})
	}
	return all
}

// limits say what bounds a value.
func limits(n *node) string {
	var all []string
	for _, l := range []struct{ key, before, after string }{
		{"default", "default ", ""},
		{"minimum", "from ", ""},
		{"maximum", "up to ", ""},
		{"minItems", "at least ", " of them"},
		{"maxItems", "at most ", " of them"},
		{"minLength", "at least ", " characters"},
		{"maxLength", "at most ", " characters"},
	} {
		if value := n.child(l.key); value != nil && (l.key != "minLength" && l.key != "minimum" && l.key != "minItems" || value.scalar != json.Number("1") && value.scalar != json.Number("0")) {
			all = append(all, l.before+value.literal()+l.after)
		}
	}
	return strings.Join(all, ", ")
}

const (
	sampleID   = "019ac3f2-7c1e-7d43-9a5b-2f6f0c1d8e44"
	sampleTime = "2026-01-01T08:00:00Z"
)

// samples are values by the names of fields, where the kind of the field alone would make a poor one.
var samples = map[string]any{
	"recipient": "alice", "to": "alice", "text": "Hello", "title": "Ada", "username": "ada", "chat_id": json.Number("1001"), "receiver": "alertmanager", "detail": "what is wrong, and what to do",
	"pointer": "/text", "url": "https://t.me/relay_bot?start=TOKEN", "page_url": "https://relay.example.org/link/" + sampleID + "#TOKEN", "start_command": "/start TOKEN",
	"qr_svg": "<svg…", "name": "alertmanager", "rate": "60/1m", "status": json.Number("400"), "reason": "blocked",
	"last_error": "Forbidden: bot was blocked by the user", "token": "TOKEN", "code": "invalid_field", "openapi": "3.1.0", "key": "deploy-42", "quiet_hours": "22:00-07:00",
	"namespace": "shop", "template": "json.message", "offset": json.Number("0"), "length": json.Number("5"), "note": "on call", "digest": "08:00",
}

// example makes up a value that a schema takes.
func (r *reference) example(n *node) *node { return r.sample(n, "", 0) }

// deep is how deep examples go: some objects hold others of their kind.
const deep = 6

func (r *reference) sample(n *node, field string, depth int) *node {
	n = r.resolve(n)
	switch {
	case n == nil || depth > deep:
		return &node{object: true}
	case len(n.listOf("examples")) > 0:
		return n.listOf("examples")[0]
	case len(n.listOf("enum")) > 0 && field != "code":
		return n.listOf("enum")[0]
	case n.child("const") != nil:
		return n.child("const")
	case len(n.listOf("allOf")) > 0 || len(n.membersOf("properties")) > 0:
		return r.sampleObject(n, depth)
	case len(n.listOf("anyOf")) > 0:
		return r.sample(n.listOf("anyOf")[0], field, depth)
	case n.child("items") != nil:
		return &node{list: true, items: []*node{r.sample(n.child("items"), field, depth+1)}}
	}
	return r.sampleValue(n, field)
}

func (r *reference) sampleObject(n *node, depth int) *node {
	o := &node{object: true}
	for _, part := range n.listOf("allOf") {
		o.members = append(o.members, r.sample(part, "", depth).members...)
	}
	for _, m := range n.membersOf("properties") {
		if together(n, m.name) {
			o.members = append(o.members, member{m.name, r.sample(m.value, m.name, depth+1)})
		}
	}
	return o
}

// together reports whether a property goes with the first of those of which an object has one only.
func together(n *node, property string) bool {
	for i, choice := range n.listOf("oneOf") {
		if slices.Contains(choice.texts("required"), property) {
			return i == 0
		}
	}
	return true
}

func (r *reference) sampleValue(n *node, field string) *node {
	if v := samples[field]; v != nil && fitsType(n, v) {
		return &node{scalar: v}
	}
	kind := append(n.texts("type"), n.text("type"))[0]
	switch {
	case n.text("format") == "uuid":
		return &node{scalar: sampleID}
	case n.text("format") == "date-time":
		return &node{scalar: sampleTime}
	case n.text("format") == "uri":
		return &node{scalar: "https://example.org/"}
	case n.text("format") == "uri-reference":
		return &node{scalar: "/problems/invalid_field"}
	case kind == "integer":
		return &node{scalar: json.Number("1")}
	case kind == "boolean":
		return &node{scalar: false}
	case kind == "array":
		return &node{list: true}
	case kind == "object":
		return &node{object: true}
	case strings.Contains(n.text("pattern"), "smhdwy"):
		return &node{scalar: "2h"}
	}
	return &node{scalar: "…"}
}

// fitsType reports whether a sample is of the type that is wanted: some fields share a name.
func fitsType(n *node, sample any) bool {
	_, number := sample.(json.Number)
	return number == (n.text("type") == "integer") && n.text("format") != "date-time"
}
