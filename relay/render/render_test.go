package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/template"
	"time"

	amtemplate "github.com/prometheus/alertmanager/template"
	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// execute renders one template of the text given, as what Telegram shows, printed as its HTML.
func execute(t *testing.T, mode markup.Mode, text string, data any) string {
	t.Helper()
	set, err := render.New(render.Options{Files: []render.File{{Name: "test.tmpl", Text: `{{ define "test" }}` + text + `{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := set.Execute("test", mode, data)
	if err != nil {
		t.Fatal(err)
	}
	return out.Normalize().HTML()
}

const hostile = "_*[]()~`>#+-=|{}.!\\ <b>&amp;</b>"

const hostileHTML = "_*[]()~`&gt;#+-=|{}.!\\ &lt;b&gt;&amp;amp;&lt;/b&gt;"

func TestValuesAreData(t *testing.T) {
	data := map[string]any{
		"v": hostile, "empty": "", "nil": nil, "n": 12345678901234567, "big": json.Number("12345678901234567890.10"), "f": 0.5,
		"err": errors.New("a *b*"), "at": time.Unix(0, 0).UTC(), "p": new(string), "list": []string{"*a*", "b"},
	}
	for _, c := range []struct {
		mode       markup.Mode
		text, want string
	}{
		{markup.MarkdownV2, `*{{ .v }}*`, "<b>" + hostileHTML + "</b>"},
		{markup.MarkdownV2, "`{{ .v }}`", "<code>" + hostileHTML + "</code>"},
		{markup.MarkdownV2, `v1.2! {{ .v }}.`, "v1.2! " + hostileHTML + "."},
		{markup.HTML, `<i>{{ .v }}</i>`, "<i>" + hostileHTML + "</i>"},
		{markup.Markdown, `*{{ .v }}*`, "<b>" + hostileHTML + "</b>"},
		{markup.Plain, `*{{ .v }}*`, "*" + hostileHTML + "*"},
		{markup.MarkdownV2, `a{{ .missing }}{{ .nil }}{{ .empty }}b*{{ .empty }}*`, "ab"},
		{markup.MarkdownV2, `{{ .n }} {{ .big }} {{ .f }} {{ .err }} {{ .p }}`, "12345678901234567 12345678901234567890.10 0.5 a *b*"},
		{markup.MarkdownV2, `{{ $x := .v }}{{ if $x }}*{{ $x }}*{{ end }}`, "<b>" + hostileHTML + "</b>"},
		{markup.MarkdownV2, `{{ range .list }}{{ . }};{{ end }}`, "*a*;b;"},
		{markup.MarkdownV2, `{{ printf "%s and %s" .v "*" }}`, hostileHTML + " and *"},
		{markup.MarkdownV2, `{{ join "*" .list }} {{ .v | toUpper | printf "%.3s" }}`, "*a**b _*["},
		{markup.MarkdownV2, `{{ with .v }}{{ template "inner" . }}{{ end }}{{ end }}{{ define "inner" }}_{{ . }}_`, "<i>" + hostileHTML + "</i>"},
		{markup.MarkdownV2, `[{{ .v }}](https://example.org/{{ "a b)c" }})`, `<a href="https://example.org/a%20b)c">` + hostileHTML + `</a>`},
		{markup.MarkdownV2, `{{ "\uFDD0*x*\uFDD1" }}{{ "\x00" }}`, "*x*"},
		{markup.MarkdownV2, `{{ printf "%s %s" (bold "b") .v }}|{{ printf "%.20s" (bold "b") }}`, "b " + hostileHTML + "|"},
	} {
		if got := execute(t, c.mode, c.text, data); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.mode, c.text, got, c.want)
		}
	}
}

func TestFunctions(t *testing.T) {
	data := map[string]any{"v": "a*b", "url": "https://example.org/", "local": "http://prometheus:9090/x", "html": `<b>x</b> <i>y & <u>z`, "n": 1234567.0, "m": map[string]any{"a": json.Number("1")}}
	for text, want := range map[string]string{
		`{{ bold .v }}{{ italic .v }}{{ underline .v }}{{ strike .v }}`: "<b>a*b</b><i>a*b</i><u>a*b</u><s>a*b</s>",
		`{{ spoiler .v }} {{ code .v }}`:                                `<tg-spoiler>a*b</tg-spoiler> <code>a*b</code>`,
		`{{ bold (italic .v) }}`:                                        "<b><i>a*b</i></b>",
		`{{ .v | bold | printf "%s!" }}`:                                "a*b!",
		`{{ pre "go" .v }}`:                                             `<pre><code class="language-go">a*b</code></pre>`,
		`{{ pre .v }}`:                                                  "<pre>a*b</pre>",
		`{{ quote .v }}`:                                                "<blockquote>a*b</blockquote>",
		`{{ link .v .url }}`:                                            `<a href="https://example.org/">a*b</a>`,
		`{{ link "Source" .local }}`:                                    "Source (http://prometheus:9090/x)",
		`{{ mention "Ada" 123 }}`:                                       `<a href="tg://user?id=123">Ada</a>`,
		`{{ raw "*x*" }} {{ .html | safeHtml }}`:                        "<b>x</b> <b>x</b> &lt;i&gt;y &amp; &lt;u&gt;z",
		`{{ .missing | default "none" }}{{ "" | default "none" }}`:      "nonenone",
		`{{ humanize .n }} {{ humanize 0 }} {{ humanize 0.0015 }}`:      "1.235M 0 1.5m",
		`{{ truncate 3 "👩‍👩‍👧‍👦🇩🇪éx" }} {{ truncate 9 "short" }}`: "👩‍👩‍👧‍👦🇩🇪… short",
		`{{ json .m }}`: "{\n  &quot;a&quot;: 1\n}",
		`{{ (dict "a" 1).a }} {{ index (list 1 2) 1 }}`:                      "1 2",
		`{{ toUpper .v }} {{ title "x y" }} {{ reReplaceAll "a" "c" .v }}`:   "A*B X Y c*b",
		`{{ humanizeDuration 3723 }} {{ match "^a" .v }} {{ safeUrl .url }}`: "1h 2m 3s true https://example.org/",
	} {
		if got := execute(t, markup.MarkdownV2, text, data); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// What Alertmanager's users have works unchanged: its own templates, and the kind of HTML that is passed around.
func TestAlertmanagersTemplates(t *testing.T) {
	data := &amtemplate.Data{
		Receiver: "telegram", Status: "firing", ExternalURL: "http://alertmanager:9093",
		Alerts: amtemplate.Alerts{{
			Status: "firing", Labels: amtemplate.KV{"alertname": "Disk <90%>", "severity": "warning"},
			Annotations: amtemplate.KV{"summary": "a & b", "html": "<b>now</b>"}, GeneratorURL: "http://prometheus.example.org/graph",
		}},
		GroupLabels: amtemplate.KV{"alertname": "Disk <90%>"}, CommonLabels: amtemplate.KV{"alertname": "Disk <90%>", "severity": "warning"},
	}
	set, err := render.New(render.Options{Files: []render.File{{Name: "wild.tmpl", Text: `{{ define "telegram.wild" }}{{ range .Alerts }}
<b>[{{ .Status | toUpper }}] {{ .Labels.alertname }}</b>
{{ if .Annotations.summary }}<i>{{ .Annotations.summary }}</i>{{ end }} {{ .Annotations.html | safeHtml }}
<a href="{{ .GeneratorURL }}">Source</a>{{ end }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"telegram.wild":            "<b>[FIRING] Disk &lt;90%&gt;</b>\n<i>a &amp; b</i> <b>now</b>\n" + `<a href="http://prometheus.example.org/graph">Source</a>`,
		"telegram.default.message": "Alerts Firing:\nLabels:\n - alertname = Disk &lt;90%&gt;\n - severity = warning\nAnnotations:\n - html = &lt;b&gt;now&lt;/b&gt;\n - summary = a &amp; b\nSource: http://prometheus.example.org/graph",
	} {
		out, err := set.Execute(name, markup.HTML, data)
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Normalize().HTML(); got != want {
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestFaultsNameFileAndLine(t *testing.T) {
	_, err := render.New(render.Options{Files: []render.File{{Name: "my.tmpl", Text: "{{ define \"x\" }}\n{{ .a | nosuch }}{{ end }}"}}})
	if err == nil || !strings.Contains(err.Error(), `my.tmpl:2: function "nosuch" not defined`) {
		t.Errorf("parsing: %v", err)
	}
	set, err := render.New(render.Options{Files: []render.File{{Name: "my.tmpl", Text: "{{ define \"x\" }}\n{{ index .a 3 }}{{ end }}"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Execute("x", markup.HTML, map[string]any{"a": []int{1}}); err == nil || !strings.Contains(err.Error(), "my.tmpl:2:") {
		t.Errorf("executing: %v", err)
	}
	dates, err := set.Inline(`{{ mustToDate "2006" .a }}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dates.String(map[string]any{"a": strings.Repeat("payload ", 10_000)}); err == nil || len(err.Error()) > 400 {
		t.Errorf("an error that would hold the data: %.500v", err)
	}
	if _, err := set.Execute("nosuch", markup.HTML, nil); err == nil || !strings.Contains(err.Error(), `no template "nosuch"`) {
		t.Errorf("unknown name: %v", err)
	}
}

func TestExecutionIsBounded(t *testing.T) {
	set, err := render.New(render.Options{Files: []render.File{{Name: "b.tmpl", Text: `
{{ define "long" }}{{ range 1000000 }}{{ "0123456789" }}{{ end }}{{ end }}
{{ define "slow" }}{{ range 1000000000000 }}{{ end }}{{ end }}
{{ define "deep" }}{{ template "deep" . }}{{ end }}
{{ define "panic" }}{{ .Panic }}{{ end }}
{{ define "lists" }}{{ $x := list }}{{ range 40 }}{{ $x = append $x $x $x $x }}{{ end }}{{ len (toJson $x) }}{{ end }}
{{ define "dicts" }}{{ $x := dict "a" "b" }}{{ range 40 }}{{ $x = dict "a" $x "b" $x }}{{ end }}{{ $x }}{{ end }}
{{ define "doubled" }}{{ $x := "x" }}{{ range 40 }}{{ $x = printf "%s%s" $x $x }}{{ end }}{{ end }}
{{ define "wide" }}{{ printf "%999999d" 1 }}{{ end }}
{{ define "replaced" }}{{ $x := "xx" }}{{ range 40 }}{{ $x = reReplaceAll "x" "xxxx" $x }}{{ end }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"long": "more than 256 KiB", "slow": "longer than 1s", "deep": "maximum template depth", "panic": "on purpose",
		"lists": "larger than 256 KiB", "dicts": "larger than 256 KiB", "doubled": "larger than 256 KiB",
		"wide": "at most 999", "replaced": "larger than 256 KiB",
	} {
		if _, err := set.Execute(name, markup.MarkdownV2, panics{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
}

type panics struct{}

func (panics) Panic() string { panic("on purpose") }

func TestInline(t *testing.T) {
	set, err := render.New(render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	data := map[string]any{"team": "a*b", "status": "resolved"}
	for text, want := range map[string]string{
		"": "", "ops": "ops", " {{ .team }}\n": "a*b", "{{ .missing }}": "", `{{ if eq .status "resolved" }}true{{ end }}`: "true", "{{ bold .team }}": "a*b",
	} {
		inline, err := set.Inline(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := inline.String(data); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]bool{`{{ eq .status "resolved" }}`: true, "false": false, "": false} {
		inline, err := set.Inline(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := inline.Bool(data); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	inline, err := set.Inline("perhaps")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inline.Bool(data); err == nil {
		t.Error(`"perhaps" is a condition`)
	}
	if _, err := set.Inline("{{ .x"); err == nil || !strings.Contains(err.Error(), "unclosed action") {
		t.Errorf("a broken template: %v", err)
	}
}

// With value v the text holds v exactly where with "x" it holds "x", whatever v is.
func TestAnyValueStaysItself(t *testing.T) {
	set, err := render.New(render.Options{Files: []render.File{{Name: "p.tmpl", Text: `{{ define "p" }}*bold {{ . }}* _{{ . }}_ ` + "`{{ . }}`" + ` end{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringOfN(rapid.SampledFrom([]rune("ab_*[]()~`>#+-=|{}.!\\<&\n\"'€😀")), 1, 20, -1).Draw(t, "v")
		got, err := set.Execute("p", markup.MarkdownV2, v)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("bold %s %s %s end", v, v, v); got.Text != want {
			t.Fatalf("text %q, want %q", got.Text, want)
		}
		var types []markup.Type
		for _, e := range got.Entities {
			types = append(types, e.Type)
		}
		if fmt.Sprint(types) != "[bold italic code]" {
			t.Fatalf("entities %v", types)
		}
	})
}

func benchmarkData(b *testing.B) any {
	var data any
	file, err := os.ReadFile("../../receivers/testdata/alertmanager/group-50.json")
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(file, &data); err != nil {
		b.Fatal(err)
	}
	return data
}

const benchmarkText = `{{ define "bench" }}*{{ .status }}* {{ .receiver }}
{{ range .alerts }}• *{{ .labels.alertname }}* on {{ .labels.instance }} ({{ .labels.severity }}): {{ .annotations.summary }} since {{ .startsAt }}
{{ end }}{{ end }}`

// BenchmarkExecute against BenchmarkTextTemplate is what values as data cost; reading the markup is part of it.
func BenchmarkExecute(b *testing.B) {
	data := benchmarkData(b)
	set, err := render.New(render.Options{Files: []render.File{{Name: "b.tmpl", Text: benchmarkText}}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := set.Execute("bench", markup.MarkdownV2, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTextTemplate(b *testing.B) {
	data := benchmarkData(b)
	t, err := template.New("").Parse(benchmarkText)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var out strings.Builder
		if err := t.ExecuteTemplate(&out, "bench", data); err != nil {
			b.Fatal(err)
		}
	}
}
