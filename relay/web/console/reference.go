package console

import (
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strings"
)

// reference is the OpenAPI document as people read it. It is made once.
type reference struct {
	document *node

	Title   string
	Summary template.HTML
	Access  []access
	Groups  []group
	Schemas []schema
}

// access is a way to show a token.
type access struct {
	Name string
	Text template.HTML
}

// group are the calls of one tag.
type group struct {
	Name  string
	Text  template.HTML
	Calls []call
}

// call is an operation.
type call struct {
	ID, Method, Path string
	Summary          string
	Text             template.HTML
	Scope            string // empty: none is asked for
	Optional         bool   // callers without a token may be let in too
	Parameters       []field
	Body             template.HTML // what the body is, where it is no JSON
	Bodies           []content
	Answers          []response
	Curl             string // with BASE for the address of the server
}

// content is one form of a body.
type content struct {
	Kind    string
	Type    template.HTML
	Fields  []field
	Example string
}

// response is what a call may answer.
type response struct {
	Status  string
	Text    template.HTML
	Headers []field
	Bodies  []content
}

// schema is an object or value with a name.
type schema struct {
	Name   string
	Text   template.HTML
	Type   template.HTML
	Fields []field
	JSON   string // an example
}

func readReference(document []byte) (*reference, error) {
	d, err := parseNode(document)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	r := &reference{document: d, Title: d.text("info", "summary"), Summary: prose(d.text("info", "description"))}
	for _, way := range d.get("components").membersOf("securitySchemes") {
		r.Access = append(r.Access, access{way.name, prose(way.value.text("description"))})
	}
	for _, tag := range d.listOf("tags") {
		r.Groups = append(r.Groups, group{Name: tag.text("name"), Text: prose(tag.text("description")), Calls: r.calls(tag.text("name"))})
	}
	for _, m := range d.get("components").membersOf("schemas") {
		s := schema{Name: m.name, Text: r.describe(m.value), Type: r.typeOf(m.value), Fields: r.fields(m.value)}
		if len(s.Fields) > 0 {
			s.JSON = r.example(m.value).String()
		}
		r.Schemas = append(r.Schemas, s)
	}
	return r, nil
}

// resolve follows references.
func (r *reference) resolve(n *node) *node {
	for n.text("$ref") != "" {
		n = r.document.get(strings.Split(strings.TrimPrefix(n.text("$ref"), "#/"), "/")...)
	}
	return n
}

// calls are the operations of a tag, in the document's order.
func (r *reference) calls(tag string) (all []call) {
	for _, path := range r.document.membersOf("paths") {
		item := r.resolve(path.value)
		for _, method := range item.members {
			if tags := method.value.texts("tags"); len(tags) > 0 && tags[0] == tag {
				all = append(all, r.call(strings.ToUpper(method.name), path.name, item, method.value))
			}
		}
	}
	return all
}

func (r *reference) call(method, path string, item, n *node) call {
	c := call{ID: n.text("operationId"), Method: method, Path: path, Summary: n.text("summary"), Text: prose(n.text("description"))}
	for _, way := range n.listOf("security") {
		c.Optional = c.Optional || len(way.members) == 0
		for _, m := range way.members {
			c.Scope = "any"
			for _, scope := range way.texts(m.name) {
				c.Scope = scope
			}
		}
	}
	for _, p := range append(item.listOf("parameters"), n.listOf("parameters")...) {
		p = r.resolve(p)
		c.Parameters = append(c.Parameters, field{
			Name: p.text("name"), In: p.text("in"), Required: p.is("required"), Type: r.typeOf(p.child("schema")), Text: r.describe(p, p.child("schema")), Limits: limits(r.resolve(p.child("schema"))),
		})
	}
	if body := n.child("requestBody"); body != nil {
		body = r.resolve(body)
		c.Body, c.Bodies = prose(body.text("description")), r.contents(body)
	}
	for _, m := range n.membersOf("responses") {
		answer := r.resolve(m.value)
		shown := response{Status: m.name, Text: codes(prose(answer.text("description"))), Bodies: r.contents(answer)}
		if shown.Status == "default" {
			shown.Status = "else"
		}
		for _, h := range answer.membersOf("headers") {
			header := r.resolve(h.value)
			shown.Headers = append(shown.Headers, field{Name: h.name, Type: r.typeOf(header.child("schema")), Text: r.describe(header)})
		}
		c.Answers = append(c.Answers, shown)
	}
	c.Curl = r.curl(c, n)
	return c
}

func (r *reference) contents(n *node) (all []content) {
	for _, m := range n.membersOf("content") {
		c := content{Kind: m.name}
		if s := m.value.child("schema"); s != nil {
			c.Type, c.Fields = r.typeOf(s), r.inner(s)
			if strings.Contains(m.name, "json") && !strings.Contains(m.name, "jsonl") {
				c.Example = r.exampleOf(m.value).String()
			}
		}
		all = append(all, c)
	}
	return all
}

// exampleOf is the example that the document gives, else one that is made up.
func (r *reference) exampleOf(content *node) *node {
	if given := content.child("example"); given != nil {
		return given
	}
	return r.example(content.child("schema"))
}

var wildcard = regexp.MustCompile(`\{(\w+)\}`)

// curl is a command that makes the call.
func (r *reference) curl(c call, n *node) string {
	address := wildcard.ReplaceAllStringFunc(c.Path, func(name string) string { return sampleOf(strings.Trim(name, "{}"), c.Path) })
	var b strings.Builder
	b.WriteString("curl")
	if c.Scope != "" {
		b.WriteString(` -H "Authorization: Bearer $TOKEN"`)
	}
	if body := r.resolve(n.child("requestBody")); body != nil {
		b.WriteString(r.sent(c, body))
	} else if c.Method != http.MethodGet {
		b.WriteString(" -X " + c.Method)
	}
	b.WriteString(" \\\n  " + "BASE" + address)
	return b.String()
}

// sent is how curl sends a body.
func (r *reference) sent(c call, body *node) string {
	method := ""
	if c.Method != http.MethodPost {
		method = " -X " + c.Method
	}
	json := body.get("content", "application/json")
	given := body.get("content", "*/*", "example")
	switch {
	case json != nil:
		return method + " \\\n  --json " + shell(r.exampleOf(json).String())
	case given != nil && given.object:
		return method + " \\\n  --json " + shell(given.String())
	case given != nil:
		return method + " \\\n  --data-binary " + shell(given.text())
	}
	return method + " -X POST"
}

// shell is a text as one word of a shell.
func shell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// sampleOf is a value for a parameter of a path.
func sampleOf(name, path string) string {
	switch {
	case name == "receiver":
		return "json"
	case name == "recipient", name == "id" && strings.Contains(path, "/recipients/"):
		return "alice"
	case name == "id":
		return sampleID
	case name == "name":
		return "backup"
	case name == "chat_id":
		return "1001"
	case name == "code":
		return "invalid_field"
	}
	return name
}

var (
	quotedCode = regexp.MustCompile("`([^`]+)`")
	strong     = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	problem    = regexp.MustCompile(`^<code>([a-z_]+)</code>`)
)

// prose is a description, written in the little of Markdown that the document uses: code, bold and paragraphs.
func prose(text string) template.HTML {
	if text == "" {
		return ""
	}
	text = template.HTMLEscapeString(text)
	text = quotedCode.ReplaceAllString(text, "<code>$1</code>")
	text = strong.ReplaceAllString(text, "<strong>$1</strong>")
	return template.HTML(strings.ReplaceAll(text, "\n\n", "<br><br>"))
}

// codes makes a link of the error code with which a description begins.
func codes(text template.HTML) template.HTML {
	return template.HTML(problem.ReplaceAllString(string(text), `<a href="/problems/$1"><code>$1</code></a>`))
}

// referencePage is the reference with the address of this server.
type referencePage struct {
	*reference
	Base string
}

// Codes are the error codes, each of which has a page.
func (p referencePage) Codes() []string {
	return p.document.get("components", "schemas", "Code").texts("enum")
}

// Curl is a call's command for this server.
func (p referencePage) Curl(c call) string { return strings.Replace(c.Curl, "BASE", p.Base, 1) }

// Reference shows the HTTP interface.
func (c *Console) Reference(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	reference, err := c.reference()
	if err != nil {
		return err
	}
	return c.frame(w, r, view{Viewer: v, Page: "reference", Title: "API reference", Data: referencePage{reference, v.Base}})
}
