package render_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// posted is a document and what came beside it.
type posted struct{ document, header any }

func (p posted) Dot() any { return p.document }
func (p posted) Header(name string) string {
	if name == "X-Event" {
		return p.header.(string)
	}
	return ""
}

func (p posted) Query(name string) string {
	if name == "team" {
		return "<b>ops</b>"
	}
	return ""
}

const aboutRequests = `{{ define "test" }}*{{ header "X-Event" }}* {{ query "team" }}{{ header "X-None" }}{{ query "none" }} {{ template "inner" .n }}{{ end }}
{{ define "inner" }}{{ with . }}_{{ header "X-Event" }} {{ . }}_{{ end }}{{ end }}`

// The functions header and query tell of the request wherever they are called, and what they tell is data.
func TestHeaderAndQuery(t *testing.T) {
	set, err := render.New(render.Options{Files: []render.File{{Name: "test.tmpl", Text: aboutRequests}}})
	if err != nil {
		t.Fatal(err)
	}
	inline, err := set.Inline(`{{ template "inner" .n }}{{ query "team" }}`)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := set.Inline(`{{ query "team" }}`)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, event := range []string{"push", "*a_b*", "", "<no value>"} {
		all.Go(func() {
			data := posted{map[string]any{"n": 5}, event}
			for range 50 {
				text, err := set.Execute("test", markup.HTML, data)
				if want := "*" + event + "* <b>ops</b> _" + event + " 5_"; err != nil || text.Normalize().Text != want {
					t.Errorf("Execute: %q, %v; want %q", text.Text, err, want)
				}
				if got, err := inline.String(data); err != nil || got != "_"+event+" 5_<b>ops</b>" {
					t.Errorf("String: %q, %v", got, err)
				}
				if got, err := plain.String(data); err != nil || got != "<b>ops</b>" {
					t.Errorf("String: %q, %v", got, err)
				}
			}
		})
	}
	all.Wait()
	if text, err := set.Execute("test", markup.MarkdownV2, map[string]any{"n": 5}); err != nil || strings.TrimSpace(text.Normalize().Text) != "5" {
		t.Errorf("without a request: %q, %v", text.Text, err)
	}
}

// What is not there, or of another kind, is nothing to get, text and items; never an error.
func TestPathsOfDocuments(t *testing.T) {
	data := map[string]any{
		"a":    map[string]any{"b": map[string]any{"c": int64(5), "none": nil, "no": false}, "s": "*x*"},
		"list": []any{map[string]any{"id": "one"}, "two", nil}, "kv": map[string]string{"k": "v"},
	}
	for text, want := range map[string]string{
		`{{ get . "a.b.c" }} {{ if gt (get . "a.b.c") 4 }}more{{ end }}`:                                                                 "5 more",
		`{{ get . "a.x.c" }}{{ get . "a.s.c" }}{{ get .a.b.none "x.y" }}{{ get . "" }}`:                                                  "",
		`{{ get . "a.b.none" }}{{ if get . "a.b.no" }}no{{ end }}|`:                                                                      "|",
		`{{ get . "list.0.id" }} {{ get . "list.1" }}{{ get . "list.2" }}{{ get . "list.3" }}{{ get . "list.-1" }} {{ get . "kv.k" }}`:   "one two v",
		`{{ text . "a.s" | toUpper }} {{ text . "a.b.c" | printf "%3s" }} {{ text . "a.b.x" | trimSpace }}{{ text "x" }}{{ text .nil }}`: "*X*   5 x",
		`{{ text . "list" }}`: `[{&quot;id&quot;:&quot;one&quot;},&quot;two&quot;,null]`,
		`{{ range items . "list" }}{{ text . "id" }};{{ end }}`: "one;;;",
		`{{ range items . "a" }}x{{ end }}{{ range items . "a.b.c" }}x{{ end }}{{ range items . }}x{{ end }}{{ range items .none "x" }}x{{ end }}|`: "|",
	} {
		if got := execute(t, markup.MarkdownV2, text, data); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func BenchmarkExecuteWithHeader(b *testing.B) {
	set, err := render.New(render.Options{Files: []render.File{{Name: "test.tmpl", Text: aboutRequests}}})
	if err != nil {
		b.Fatal(err)
	}
	data := posted{map[string]any{"n": 5}, "push"}
	for b.Loop() {
		if _, err := set.Execute("test", markup.MarkdownV2, data); err != nil {
			b.Fatal(err)
		}
	}
}
