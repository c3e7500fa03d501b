package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
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
		"err": errors.New("a *b*"), "at": time.Unix(0, 0).UTC(), "p": new(string), "list": []string{"*a*", "b"}, "heads": "\uFDD28a\uFDD3b\uFDD4x",
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
		{markup.MarkdownV2, `_{{ with .empty }}{{ . }}{{ end }}_a _b{{ with .empty }}{{ . }}{{ end }}_{{ with .nil }}_{{ end }} \{{ with .nil }}x{{ end }}*c*`, "a <i>b</i> \\<b>c</b>"},
		{markup.MarkdownV2, "```{{ if .v }}go{{ end }}\nx``` ```{{ with .nil }}{{ . }}{{ end }}a b```", `<pre><code class="language-go">x</code></pre> <pre>a b</pre>`},
		{markup.MarkdownV2, `{{ $x := .v }}{{ if $x }}*{{ $x }}*{{ end }}`, "<b>" + hostileHTML + "</b>"},
		{markup.MarkdownV2, `{{ range .list }}{{ . }};{{ end }}`, "*a*;b;"},
		{markup.MarkdownV2, `{{ printf "%s and %s" .v "*" }}`, hostileHTML + " and *"},
		{markup.MarkdownV2, `{{ join "*" .list }} {{ .v | toUpper | printf "%.3s" }}`, "*a**b _*["},
		{markup.MarkdownV2, `{{ with .v }}{{ template "inner" . }}{{ end }}{{ end }}{{ define "inner" }}_{{ . }}_`, "<i>" + hostileHTML + "</i>"},
		{markup.MarkdownV2, `[{{ .v }}](https://example.org/{{ "a b)c" }})`, `<a href="https://example.org/a%20b)c">` + hostileHTML + `</a>`},
		{markup.MarkdownV2, `{{ "\uFDD0*x*\uFDD1" }}{{ "\x00" }}`, "*x*"},
		{markup.MarkdownV2, `{{ printf "%s %s" (bold "b") .v }}|{{ printf "%.20s" (bold "b") }}`, "b " + hostileHTML + "|"},
		{markup.MarkdownV2, `{{ bold .p | toUpper }}{{ bold "a" | toUpper }} {{ printf "%s|%s" (link "b" "https://example.org/") .heads }}`, "<b>A</b> b|8abx"},
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
		`{{ bold .v | safeHtml }} {{ italic "*x*" | raw }}{{ len (bold "") | gt 0 }}`:                                                      "<b>a*b</b> <i>*x*</i>false",
		`{{ .missing | default "none" }}{{ "" | default "none" }} {{ list | default "none" }} {{ 0 | default 5 }} {{ "a" | default "b" }}`: "nonenone none 5 a",
		`{{ humanize .n }} {{ humanize 0 }} {{ humanize 0.0015 }}`:                                                                         "1.235M 0 1.5m",
		`{{ truncate 3 "👩‍👩‍👧‍👦🇩🇪éx" }} {{ truncate 9 "short" }}`:                                                                          "👩‍👩‍👧‍👦🇩🇪… short",
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

// What text/template writes for an absent value is nothing; a value that reads so is a value.
func TestAbsentIsNothing(t *testing.T) {
	data := map[string]any{"v": "<no value>", "w": "<nil>", "nil": nil, "p": (*int)(nil), "n": 5}
	got := execute(t, markup.MarkdownV2, "*{{ .v }}* {{ .w }} a{{ .missing }}{{ .nil }}{{ .p }}{{ .missing.too }}b {{ .n }} {{ bold .v }}{{ with .n }}{{ $.v }}{{ end }}", data)
	if want := "<b>&lt;no value&gt;</b> &lt;nil&gt; ab 5 <b>&lt;no value&gt;</b>&lt;no value&gt;"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A document's numbers are shown to the digit, and are numbers to conditions and printf however they were written.
func TestNumbersOfDocuments(t *testing.T) {
	var data any
	dec := json.NewDecoder(strings.NewReader(`{"zero":0,"five":5,"float":5.5,"large":1234567.5,"exact":1.50,"huge":12345678901234567890,"text":"5","list":[{"n":0.25}]}`))
	dec.UseNumber()
	if err := dec.Decode(&data); err != nil {
		t.Fatal(err)
	}
	data = render.Numbers(data)
	for text, want := range map[string]string{
		`{{ .zero }} {{ .five }} {{ .float }} {{ .large }} {{ .exact }} {{ .huge }} {{ range .list }}{{ .n }}{{ end }}`:  "0 5 5.5 1234567.5 1.50 12345678901234567890 0.25",
		`{{ if .zero }}yes{{ else }}no{{ end }} {{ if .five }}yes{{ end }}`:                                              "no yes",
		`{{ gt .five 4 }} {{ gt .float 5 }} {{ lt .exact 2 }} {{ ge .five 5.0 }} {{ le .huge 5 }} {{ gt .large .huge }}`: "true true true true false false",
		`{{ eq .five 5 }} {{ eq .five 5.0 }} {{ eq .exact 1.5 }} {{ ne .zero 0 }} {{ eq .five 1 2 5 }} {{ eq .text 5 }}`: "true true true false true false",
		`{{ eq .text "5" }} {{ eq .missing "x" }} {{ eq .missing nil }} {{ eq true true }} {{ lt "a" "b" }}`:             "true false true true true",
		`{{ printf "%d %.1f %s %v %03d %5.2f|%d" .five .five .float .exact .zero .large .float }}`:                       "5 5.0 5.5 1.50 000 1234567.50|%!d(render.Decimal=5.5)",
		`{{ humanize .large }} {{ humanizeDuration .five }} {{ humanizeDuration .exact }} {{ json .list }}`:              "1.235M 5s 1.5s [\n  {\n    &quot;n&quot;: 0.25\n  }\n]",
	} {
		if got := execute(t, markup.MarkdownV2, text, data); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	set, err := render.New(render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	inline, err := set.Inline(`{{ gt .text 4 }}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inline.Bool(data); err == nil || !strings.Contains(err.Error(), "cannot be compared") {
		t.Errorf("a text and a number: %v", err)
	}
}

// What Alertmanager's users write in HTML means here what it means there.
func TestHTMLAsAlertmanagersUsersWriteIt(t *testing.T) {
	data := map[string]any{"v": "a <b> & c", "html": "<i>x</i>"}
	for text, want := range map[string]string{
		`<b>{{ .v | html }}</b> {{ html .v }}`:                                     "<b>a &lt;b&gt; &amp; c</b> a &lt;b&gt; &amp; c",
		`{{ if .v }}{{ safeHtml "<b>" }}{{ end }}{{ .v }}{{ "</b>" | safeHtml }}.`: "<b>a &lt;b&gt; &amp; c</b>.",
		`{{ .html | safeHtml }}`:                                                   "<i>x</i>",
		`{{ printf "<u>%s</u>" (html .v) | safeHtml }}`:                            "<u>a &lt;b&gt; &amp; c</u>",
	} {
		if got := execute(t, markup.HTML, text, data); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

type labels map[string]string

func (l labels) RouteLabel(name string) string { return l[name] }

func TestRouteLabels(t *testing.T) {
	got := execute(t, markup.MarkdownV2, `{{ routeLabels "team" }}{{ with "x" }} *{{ routeLabels "team" }}*{{ routeLabels "none" }}{{ end }}`, labels{"team": "a*b"})
	if got != "a*b <b>a*b</b>" {
		t.Error(got)
	}
}

func TestDefines(t *testing.T) {
	set, err := render.New(render.Options{Files: []render.File{{Name: "silent.tmpl", Text: `{{ define "json.message" }}{{ end }}{{ define "chat.stop" }} {{/* nothing */}} {{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"json.message", "chat.stop"} {
		if out, err := set.Execute(name, markup.MarkdownV2, map[string]any{"a": 1}); err != nil || out.Text != "" || !set.Has(name) {
			t.Errorf("an empty define of %s does not silence it: %q, %v", name, out.Text, err)
		}
	}
	_, err = render.New(render.Options{Files: []render.File{{Name: "my.tmpl", Text: "{{ define \"x\" }}\n{{ if .a }}{{ template \"nowhere\" . }}{{ end }}{{ end }}"}}})
	if err == nil || err.Error() != `my.tmpl:2: there is no template "nowhere"` {
		t.Errorf("a call of what is not there: %v", err)
	}
	if _, err := set.Inline(`{{ template "nowhere" }}`); err == nil || !strings.Contains(err.Error(), `no template "nowhere"`) {
		t.Errorf("a call of what is not there: %v", err)
	}
	if _, err := set.Inline(`{{ define "y" }}y{{ end }}{{ template "y" }}`); err != nil {
		t.Error(err)
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
		"long": "more than 256 KiB", "slow": "longer than 1s", "deep": "1000 deep", "panic": "on purpose",
		"lists": "larger than 8 MiB", "dicts": "larger than 8 MiB", "doubled": "larger than 8 MiB",
		"wide": "at most 999", "replaced": "larger than 8 MiB",
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

// BenchmarkExecute tells what values as data cost, by turns with text/template alone, which escapes nothing: reading the markup is part of it.
func BenchmarkExecute(b *testing.B) {
	data := benchmarkData(b)
	set, err := render.New(render.Options{Files: []render.File{{Name: "b.tmpl", Text: benchmarkText}}})
	if err != nil {
		b.Fatal(err)
	}
	alone, err := template.New("").Parse(benchmarkText)
	if err != nil {
		b.Fatal(err)
	}
	var ours, theirs []time.Duration
	for b.Loop() {
		ours = append(ours, took(func() error {
			_, err := set.Execute("bench", markup.MarkdownV2, data)
			return err
		}))
		theirs = append(theirs, took(func() error {
			var out strings.Builder
			return alone.ExecuteTemplate(&out, "bench", data)
		}))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(ours).Microseconds()), "µs")
	b.ReportMetric(float64(median(theirs).Microseconds()), "µs-text/template")
	b.ReportMetric(float64(median(ours))/float64(median(theirs)), "times")
}

func took(f func() error) time.Duration {
	start := time.Now()
	if err := f(); err != nil {
		panic(err)
	}
	return time.Since(start)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
