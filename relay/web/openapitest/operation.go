package openapitest

import (
	"net/http"
	"path"
	"strings"
)

var methods = []string{"get", "put", "post", "delete", "patch", "head", "options"}

// operation is one call of the document. It is a handler that is never run: the mux knows it by its pattern.
type operation struct {
	pattern string
	item    node // of the path
	node
}

func (operation) ServeHTTP(http.ResponseWriter, *http.Request) {}

func (d *document) route(path string) {
	item := node{d, d.root["paths"], "/paths"}.get(path)
	for _, method := range methods {
		if item.has(method) {
			pattern := strings.ToUpper(method) + " " + path
			d.mux.Handle(pattern, operation{pattern, item, item.get(method)})
		}
	}
}

// find is the operation of a request; its path values are set.
func (d *document) find(r *http.Request) (operation, *http.Request, bool) {
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = path.Clean("/"+r.URL.Path), "" // as the server does it
	handler, _ := d.mux.Handler(r)
	op, ok := handler.(operation)
	if ok {
		_, template, _ := strings.Cut(op.pattern, " ")
		setPathValues(r, template)
	}
	return op, r, ok
}

func setPathValues(r *http.Request, template string) {
	values := strings.Split(r.URL.Path, "/")
	for i, segment := range strings.Split(template, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			r.SetPathValue(strings.TrimSuffix(name, "}"), values[i])
		}
	}
}

// parameters are those of the path and of the operation.
func (o operation) parameters() []node {
	return append(o.item.get("parameters").each(), o.get("parameters").each()...)
}
