package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

func TestLint(t *testing.T) {
	for _, c := range []struct {
		mode       markup.Mode
		text, want string // want: empty for no warning
	}{
		{markup.MarkdownV2, `*bold* _it_ v1.2! {{ .v }} \*`, ""},
		{markup.MarkdownV2, `*{{ .v }}* {{ bold .v }} {{ link "x" "https://example.org/" }}`, ""},
		{markup.MarkdownV2, `{{ safeHtml "<b>snake_case</b>" }} {{ italic (bold "a*b") }}`, ""},
		{markup.MarkdownV2, `*open {{ .v }}`, "the mark * is never closed"},
		{markup.MarkdownV2, "`open {{ .v }}", "the mark ` is never closed"},
		{markup.HTML, `<b>x</b> a < b`, ""},
		{markup.HTML, `<b>open`, "the mark <b> is never closed"},
		{markup.HTML, `<p>x</p>`, "none of Telegram's"},
		{markup.Markdown, `*open`, "the mark * is never closed"},
		{markup.Plain, `*x`, ""},
		{markup.MarkdownV2, `[x](http://prometheus:9090/{{ .v }})`, "no link to http://prometheus:9090/"},
		{markup.MarkdownV2, `{{ .link }} {{ quote .link }} [x](https://example.org/{{ .link }})`, ""},
		{markup.HTML, `{{ .link }} <a href="https://example.org/{{ .link }}">x</a>`, ""},
		{markup.HTML, `<a href="http://localhost/">x</a>`, "no link to http://localhost/"},
		{markup.Plain, `{{ link "x" "http://prometheus:9090/" }}`, "no link to http://prometheus:9090/"},
		{markup.MarkdownV2, "```\na\tb\n```", "a tab in code"},
		{markup.MarkdownV2, `{{ range 101 }}*x* y{{ end }}`, "101 marks"},
	} {
		set, err := render.New(render.Options{Files: []render.File{{Name: "l.tmpl", Text: `{{ define "l" }}` + c.text + `{{ end }}`}}})
		if err != nil {
			t.Fatal(err)
		}
		warnings, err := set.Lint("l", c.mode, map[string]any{"v": "*_`[<b>", "link": `[x](y) <a href="z">`})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(warnings, "\n"); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %q, want %q", c.mode, c.text, got, c.want)
		}
	}
}

func TestSample(t *testing.T) {
	set, err := render.New(render.Options{Files: []render.File{{Name: "s.tmpl", Text: `
{{ define "s" }}*{{ .build.name }}* {{ with .author }}{{ .mail }} of {{ $.team }}{{ end }}
{{- range $i, $c := .commits }} {{ $i }}: {{ $c.id }} {{ .by.name | toUpper }}{{ end }}{{ range .tags }} {{ . }}{{ end }}
{{- if eq .state "ok" }} well{{ else }} {{ .why }}{{ end }} {{ template "inner" .build }} {{ (.deep).er }} {{ $x := .set }}{{ $x.to }}{{ end }}
{{ define "inner" }}{{ .number }}{{ if .more }}{{ template "inner" .more }}{{ end }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	const v = "example.org"
	sample, ok := set.Sample("s").(map[string]any)
	if !ok {
		t.Fatalf("%T", set.Sample("s"))
	}
	build, ok := sample["build"].(map[string]any)
	if !ok || build["number"] != v || build["name"] != v {
		t.Errorf("build %v", sample["build"])
	}
	delete(sample, "build") // it goes on as deep as templates are followed
	want := map[string]any{
		"author": map[string]any{"mail": v}, "team": v, "commits": []any{map[string]any{"id": v, "by": map[string]any{"name": v}}}, "tags": []any{v},
		"state": v, "why": v, "deep": map[string]any{"er": v}, "set": map[string]any{"to": v},
	}
	if diff := cmp.Diff(want, sample); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := set.Lint("s", markup.MarkdownV2, set.Sample("s")); err != nil {
		t.Error(err)
	}
}
