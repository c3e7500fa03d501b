package receivers

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"

	"github.com/tgrelay/tgrelay/relay/render"
)

// document takes any JSON value as the template's data: objects as maps, numbers as render.Numbers makes them. A form is the document in its
// field payload (GitHub's default), else one of all its fields. A batch of CloudEvents is a document for each event.
type document struct{}

func (document) Decode(r Request) ([]Draft, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case kind == "application/cloudevents-batch+json":
		return r.batch()
	case len(r.Body) == 0 && r.Header.Get("Ce-Specversion") != "": // an event without data
		r.Body = []byte("null")
	case kind == "application/x-www-form-urlencoded" && !json.Valid(r.Body): // curl -d says so of JSON, too
		r.Body = formDocument(r.Body)
	}
	draft, err := r.draft(r.Body)
	if err != nil {
		return nil, err
	}
	return []Draft{draft}, nil
}

// posted is a document and the request that brought it.
type posted struct {
	around
	document any
}

// Dot is what templates see.
func (p posted) Dot() any { return p.document }

func (r Request) draft(body []byte) (Draft, error) {
	var data any
	if err := decode(body, &data); err != nil {
		return Draft{}, err
	}
	return Draft{Template: "json.message", Data: posted{r.around(), render.Numbers(data)}, Plain: indent(bytes.TrimSpace(body))}, nil
}

func (r Request) batch() (drafts []Draft, _ error) {
	var events []json.RawMessage
	if err := decode(r.Body, &events); err != nil {
		return nil, err
	}
	for _, event := range events {
		draft, err := r.draft(event)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, draft)
	}
	return drafts, nil
}

// formDocument is the JSON that a form holds; the form itself where it is none, so that the error tells of it.
func formDocument(body []byte) []byte {
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form) == 0 {
		return body
	}
	if form.Has("payload") {
		return []byte(form.Get("payload"))
	}
	fields := map[string]string{}
	for name := range form {
		fields[name] = form.Get(name)
	}
	document, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return document
}

// maxNesting is how deep a document may be to be indented: deeper ones grow with the square of their depth.
const maxNesting = 100

// indent writes a document for people; a deep one as it is.
func indent(body []byte) string {
	depth, deepest := 0, 0
	for _, c := range body { // brackets within texts count too: that costs only looks
		switch c {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	var indented bytes.Buffer
	if deepest > maxNesting || json.Indent(&indented, body, "", "  ") != nil {
		return string(body)
	}
	return indented.String()
}
