// Package openapitest holds what tests say to a relay, and what it answers, to web.OpenAPI. Only tests import it.
//
// An answer has to be as the document has it: its status, its content type, its headers, its body. A request has to be where it was taken
// (2xx): what is refused may be anything. What is valid JSON for a schema is for a library to say; the little of OpenAPI around it is here.
package openapitest

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tgrelay/tgrelay/relay/web"
)

// document is the description, ready to be asked.
type document struct {
	root     map[string]any
	mux      *http.ServeMux // finds an operation as the server finds its route
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	schemas  map[string]*jsonschema.Schema
}

// the document is read once for all tests of a process.
var the = sync.OnceValue(func() *document {
	d, err := read(web.OpenAPI)
	if err != nil {
		panic(err)
	}
	return d
})

const url = "https://relay/openapi.json" // as its schemas know it; nothing is fetched

func read(raw []byte) (*document, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read openapi.json: %w", err)
	}
	d := &document{root: root.(map[string]any), mux: http.NewServeMux(), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(url, root); err != nil {
		return nil, err
	}
	for path := range d.root["paths"].(map[string]any) {
		d.route(path)
	}
	return d, nil
}

// node is a place in the document, and where it is.
type node struct {
	d       *document
	value   any
	pointer string // after the #
}

// at goes to a place, through references.
func (d *document) at(pointer string) node {
	var value any = d.root
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		value, _ = value.(map[string]any)[unescape.Replace(token)]
	}
	return node{d, value, pointer}.resolve()
}

var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// resolve follows a reference. Those of schemas are followed by the library.
func (n node) resolve() node {
	if object, ok := n.value.(map[string]any); ok {
		if ref, ok := object["$ref"].(string); ok && !strings.HasPrefix(ref, "#/components/schemas/") {
			return n.d.at(strings.TrimPrefix(ref, "#"))
		}
	}
	return n
}

func (n node) has(name string) bool {
	_, ok := n.object()[name]
	return ok
}

func (n node) object() map[string]any {
	object, _ := n.value.(map[string]any)
	return object
}

// get is a field of an object; one that is not there has the value nil.
func (n node) get(name string) node {
	return node{n.d, n.object()[name], n.pointer + "/" + escape.Replace(name)}.resolve()
}

// each are the elements of a list.
func (n node) each() []node {
	list, _ := n.value.([]any)
	var nodes []node
	for i, value := range list {
		nodes = append(nodes, node{n.d, value, fmt.Sprintf("%s/%d", n.pointer, i)}.resolve())
	}
	return nodes
}

func (n node) text() string {
	text, _ := n.value.(string)
	return text
}

// schema is the one at a node, compiled once.
func (n node) schema() (*jsonschema.Schema, error) {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if s := n.d.schemas[n.pointer]; s != nil {
		return s, nil
	}
	s, err := n.d.compiler.Compile(url + "#" + n.pointer)
	if err != nil {
		return nil, fmt.Errorf("the schema at %s: %w", n.pointer, err)
	}
	n.d.schemas[n.pointer] = s
	return s, nil
}

// check holds a value to the schema at a node; one that is not there allows everything.
func (n node) check(value any) error {
	if n.value == nil {
		return nil
	}
	s, err := n.schema()
	if err != nil {
		return err
	}
	return s.Validate(value)
}
