package openapitest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tgrelay/tgrelay/relay/web"
)

// The OpenAPI Initiative's schema of documents says nothing about the schemas in them, which are compiled one by one.
func TestDocumentIsOpenAPI31(t *testing.T) {
	file, err := os.Open("testdata/oas-3.1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	meta, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("oas.json", meta); err != nil {
		t.Fatal(err)
	}
	d, err := read(web.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MustCompile("oas.json").Validate(d.root); err != nil {
		t.Errorf("%#v", err)
	}
	schemas := 0
	d.walk(node{d, d.root, ""}, func(n node) {
		if !strings.HasSuffix(n.pointer, "/schema") && !strings.HasSuffix(n.pointer, "/x-itemSchema") && !isComponent(n) {
			return
		}
		schemas++
		if _, err := n.schema(); err != nil {
			t.Error(err)
		}
	})
	if schemas == 0 {
		t.Error("no schema was found")
	}
}

func isComponent(n node) bool {
	rest, ok := strings.CutPrefix(n.pointer, "/components/schemas/")
	return ok && !strings.Contains(rest, "/")
}

// walk visits the whole document; references it does not follow, but finds what is at their ends.
func (d *document) walk(n node, visit func(node)) {
	visit(n)
	if object := n.object(); object != nil {
		if ref, ok := object["$ref"].(string); ok && d.at(strings.TrimPrefix(ref, "#")).value == nil {
			panic("nothing is at " + ref)
		}
		for name, value := range object {
			d.walk(node{d, value, n.pointer + "/" + escape.Replace(name)}, visit)
		}
	}
	list, _ := n.value.([]any)
	for i, value := range list {
		d.walk(node{d, value, fmt.Sprintf("%s/%d", n.pointer, i)}, visit)
	}
}
