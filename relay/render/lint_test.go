package render_test

import (
	"strings"
	"testing"

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
