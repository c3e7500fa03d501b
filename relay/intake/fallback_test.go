package intake_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// inlet is a door with one receiver of type json.
type inlet struct {
	*intake.Door
	shelf    shelf
	log      bytes.Buffer
	registry *prometheus.Registry
}

// newInlet makes a door whose receiver's template is one of the files', with the operator's and the built-in templates as given.
func newInlet(t *testing.T, template, operators, builtin string) *inlet {
	t.Helper()
	set := func(text string) *render.Set {
		set, err := render.New(render.Options{Files: []render.File{{Name: "my.tmpl", Text: text}}})
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	in := &inlet{registry: prometheus.NewRegistry()}
	kind, _ := receivers.Get("json")
	rules := &intake.Rules{
		Templates: set(operators), Builtin: set(builtin), Fallback: "admin", MaxAge: time.Hour,
		Receivers: map[string]*intake.Receiver{"in": {Name: "in", Type: kind, Template: template, Mode: markup.MarkdownV2}},
	}
	in.Door = intake.New(intake.Options{Outbox: &in.shelf, Directory: &in.shelf, Log: slog.New(slog.NewTextHandler(&in.log, nil)), Registerer: in.registry}, rules)
	return in
}

// post hands a webhook in and returns what was accepted for whom.
func (in *inlet) post(t *testing.T, body string) []string {
	t.Helper()
	if _, err := in.Hook(t.Context(), intake.Caller{}, intake.Hook{Receiver: "in", Recipient: "ada", Request: receivers.Request{Body: []byte(body)}}); err != nil {
		t.Fatal(err)
	}
	return in.shelf.take()
}

// A template that fails is stood in for by the built-in one, and that by the document as it came; the operator hears of it once an hour.
func TestFallbacks(t *testing.T) {
	const fails = "{{ define \"mine\" }}\n{{ index .list 7 }}{{ end }}"
	for _, c := range []struct{ builtin, step, want string }{
		{``, "builtin", "ada: list: \n[]"},
		{`{{ define "json.message" }}{{ index .list 8 }}{{ end }}`, "plain", "ada: {\n  \"list\": []\n}"},
	} {
		synctest.Test(t, func(t *testing.T) {
			in := newInlet(t, "mine", fails, c.builtin)
			for i, notices := range []int{1, 0, 1} { // after 0, 59 and 61 minutes
				var told int
				for _, text := range in.post(t, `{"list":[]}`) {
					if strings.HasPrefix(text, "admin: ⚠️ The template of receiver in failed") && strings.Contains(text, "my.tmpl:2") {
						told++
					} else if text != c.want {
						t.Errorf("%s: %q, want %q", c.step, text, c.want)
					}
				}
				if told != notices {
					t.Errorf("%s: told %d times of failure %d, want %d", c.step, told, i, notices)
				}
				time.Sleep([]time.Duration{59 * time.Minute, 2 * time.Minute, 0}[i])
			}
			count := map[string]int{c.step: 3}
			want := fmt.Sprintf("# HELP tgrelay_render_fallbacks_total Messages that were not rendered by their receiver's template, because it failed, by the step that served instead.\n# TYPE tgrelay_render_fallbacks_total counter\n"+
				"tgrelay_render_fallbacks_total{receiver=\"in\",step=\"builtin\"} %d\ntgrelay_render_fallbacks_total{receiver=\"in\",step=\"plain\"} %d\n", count["builtin"], count["plain"])
			if err := testutil.GatherAndCompare(in.registry, strings.NewReader(want), "tgrelay_render_fallbacks_total"); err != nil {
				t.Error(err)
			}
			if log := in.log.String(); strings.Count(log, "my.tmpl:2") != 3 || strings.Count(log, "receiver=in setting=template") != 3 {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

// Whatever a template does without end, the message arrives by another.
func TestRunawayTemplatesFallBack(t *testing.T) {
	for _, loop := range []string{
		"{{ range 1000000000 }}{{ end }}", "{{ range 1000000 }}{{ \"0123456789\" }}{{ end }}", "{{ template \"mine\" . }}",
		"{{ $x := list 1 }}{{ range 64 }}{{ $x = append $x $x $x }}{{ end }}", "{{ $x := \"x\" }}{{ range 64 }}{{ $x = print $x $x }}{{ end }}",
	} {
		in := newInlet(t, "mine", `{{ define "mine" }}`+loop+`{{ end }}`, ``)
		if texts := in.post(t, `{"text":"well"}`); len(texts) != 2 || texts[0] != "ada: well" && texts[1] != "ada: well" {
			t.Errorf("%s: %q", loop, texts)
		}
	}
}

// Every document that is accepted arrives, blank and hostile ones too.
func TestEveryDocumentArrives(t *testing.T) {
	in := newInlet(t, "json.message", ``, ``)
	for _, body := range []string{
		`null`, `""`, `" "`, `{}`, `[]`, `0`, `{"text":" "}`, `{"text":"\u200b"}`, `{"title":" "}`, `{"text":"\ufdd0\ufdd1"}`, `"\u0000"`, `"\ud800"`, `{"text":"\udfff\ud83d"}`, `{"a\u0000\ufdd0":"\ufdd2"}`,
		`{"text":"` + strings.Repeat("[", 1<<20) + `"}`, `{"text":"` + strings.Repeat("<b>", 1<<18) + `"}`, `{"` + strings.Repeat("*_", 1<<19) + `":1}`,
		`{"text":"` + strings.Repeat("> ", 100_000) + `"}`, `{"text":"` + strings.Repeat("\\n>", 100_000) + `"}`, strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		`{"text":"` + strings.Repeat("\\ufdd0", 1<<17) + `"}`, `{"text":"` + strings.Repeat("\\u0000", 1<<17) + `"}`, `{"text":"` + strings.Repeat("\u202e", 1<<18) + `"}`,
	} {
		if texts := in.post(t, body); len(texts) != 1 || !strings.HasPrefix(texts[0], "ada: ") || len(texts[0]) <= len("ada: ") || strings.Contains(texts[0], "\uFDD0") {
			t.Errorf("%.40s: %.60q", body, texts)
		}
	}
	silent := newInlet(t, "json.message", `{{ define "json.message" }}{{ .text }}{{ end }}`, ``)
	if texts := silent.post(t, `{"text":" "}`); len(texts) != 0 {
		t.Errorf("an operator's template that says nothing sends %q", texts)
	}
}

// A preview's parts are those that are sent.
func TestPreviewOfLongTexts(t *testing.T) {
	body := `{"text":"` + strings.Repeat("words ", 2000) + `"}`
	for longText, want := range map[string]struct {
		parts   int
		warning string
	}{"split": {3, "[]"}, "truncate": {1, "[]"}, "document": {1, "[the whole text follows as the file message.txt]"}} {
		in := newInlet(t, "json.message", ``, ``)
		rules := *in.Rules()
		rules.LongText = longText
		p, err := intake.PreviewHook(&rules, receivers.Request{Receiver: "in", Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Parts) != want.parts || fmt.Sprint(p.Warnings) != want.warning || (len(p.Text.Text) > 11_000) != (longText == "split") {
			t.Errorf("%s: %d parts, warnings %v, %d bytes", longText, len(p.Parts), p.Warnings, len(p.Text.Text))
		}
	}
}
