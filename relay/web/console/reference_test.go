package console

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const documentURL = "https://relay/openapi.json" // as its schemas know it; nothing is fetched

func documentForTests(t *testing.T) []byte {
	t.Helper()
	document, err := os.ReadFile("../openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// What the reference shows for an example is one: those that are given, and those that are made up.
func TestExamplesAreValid(t *testing.T) {
	document := documentForTests(t)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource(documentURL, value); err != nil {
		t.Fatal(err)
	}
	r, err := readReference(document)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	check := func(at, example string) {
		t.Helper()
		checked++
		s, err := compiler.Compile(documentURL + "#" + at)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(example))
		if err == nil {
			err = s.Validate(v)
		}
		if err != nil {
			t.Errorf("%s\n%s: %v", example, at, err)
		}
	}
	for _, s := range r.Schemas {
		if s.JSON != "" && s.Name != "MessageForm" {
			check("/components/schemas/"+s.Name, s.JSON)
		}
	}
	for _, path := range r.document.membersOf("paths") {
		for _, method := range path.value.members {
			at := "/paths/" + strings.ReplaceAll(path.name, "/", "~1") + "/" + method.name + "/requestBody/content/application~1json"
			if content := method.value.get("requestBody", "content", "application/json"); content != nil {
				check(at+"/schema", r.exampleOf(content).String())
			}
		}
	}
	if checked < 25 {
		t.Errorf("only %d examples were found", checked)
	}
}

func TestNodesKeepTheirOrder(t *testing.T) {
	for _, text := range []string{`{"b": 1, "a": [true, null, "<x>"], "c": {}}`, `"a\"b"`, `[]`, `12345678901234567890`} {
		n, err := parseNode([]byte(text))
		if err != nil || n.String() != text {
			t.Errorf("%s became %s: %v", text, n, err)
		}
	}
	long := `{"first": "` + strings.Repeat("x", maxLine) + `", "second": [1, 2]}`
	n, err := parseNode([]byte(long))
	if want := "{\n  \"first\": \"" + strings.Repeat("x", maxLine) + "\",\n  \"second\": [1, 2]\n}"; err != nil || n.String() != want {
		t.Errorf("%s: %v", n, err)
	}
	if _, err := parseNode([]byte(`{"a": `)); err == nil {
		t.Error("half a document is read")
	}
}

func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"a `b<c` **d**":   "a <code>b&lt;c</code> <strong>d</strong>",
		"one\n\ntwo":      "one<br><br>two",
		"<script>x<":      "&lt;script&gt;x&lt;",
		"`not_found`: no": "<code>not_found</code>: no",
	} {
		if got := string(prose(text)); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := string(codes(prose("`not_found`: no"))); got != `<a href="/problems/not_found"><code>not_found</code></a>: no` {
		t.Error(got)
	}
}
