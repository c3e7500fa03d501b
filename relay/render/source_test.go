package render_test

import (
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

func TestSourceAndWith(t *testing.T) {
	const mine = "{{/* {{ define \"a\" }} is no define */}}{{ define \"a\" }}{{ if .x }}{{ \"}} {{ end }}\" }}{{ end }}!{{ end }}\n{{ define \"b\" -}}{{ range . }}{{ end }}{{- end }}"
	set, err := render.New(render.Options{Files: []render.File{{Name: "my.tmpl", Text: mine}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a": "{{ define \"a\" }}{{ if .x }}{{ \"}} {{ end }}\" }}{{ end }}!{{ end }}", "b": "{{ define \"b\" -}}{{ range . }}{{ end }}{{- end }}", "none": "",
	} {
		if got := set.Source(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	// What is shown of the built-in templates are templates that do the same.
	var all strings.Builder
	for _, name := range set.Names() {
		if strings.HasPrefix(name, "__") || strings.Contains(name, ".default.") || strings.HasSuffix(name, ".tmpl") || !strings.Contains(name, ".") {
			continue // Alertmanager's, and what stands around the defines of a file
		}
		source := set.Source(name)
		if source == "" {
			t.Errorf("%s has no source", name)
		}
		all.WriteString(source)
	}
	again, err := set.With(render.File{Name: "again", Text: all.String()})
	if err != nil || !again.Own("alertmanager.message") {
		t.Errorf("%v\n%s", err, all.String())
	}
	other, err := set.With(render.File{Name: "typed", Text: "{{ define \"a\" }}*{{ .x }}*{{ end }}"})
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[*render.Set]string{set: "}} {{ end }}!", other: "y"} {
		if got, err := s.Execute("a", markup.MarkdownV2, map[string]any{"x": "y"}); err != nil || got.Text != want {
			t.Errorf("%+v %v, want %q", got, err, want)
		}
	}
	if _, err := set.With(render.File{Name: "typed", Text: "\n{{ define \"a\" }}{{ nonsense }}{{ end }}"}); err == nil || !strings.Contains(err.Error(), "typed:2") {
		t.Errorf("%v does not name the line", err)
	}
}
