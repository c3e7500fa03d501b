package receivers_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

var update = flag.Bool("update", false, "write the .want files anew")

// folders are the payloads' folders and the type that reads them.
var folders = map[string]string{"alertmanager": "alertmanager", "grafana": "grafana", "others": "json"}

// now is when the payloads are looked at.
var now = time.Date(2026, 11, 23, 17, 30, 0, 0, time.UTC)

func newSet(t testing.TB) *render.Set {
	t.Helper()
	set, err := render.New(render.Options{Now: func() time.Time { return now }, MaxTime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func payloads(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/" + folder + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no payloads in %s: %v", folder, err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every real payload becomes what its .want file holds: Telegram's HTML, so that marks can be seen. Whether it is good, look at it.
func TestPayloads(t *testing.T) {
	set := newSet(t)
	for folder, name := range folders {
		kind, known := receivers.Get(name)
		if !known {
			t.Fatalf("no type %s", name)
		}
		for _, file := range payloads(t, folder) {
			t.Run(strings.TrimPrefix(file, "testdata/"), func(t *testing.T) {
				drafts, err := kind.Decode(receivers.Request{Receiver: name, Header: headers(t, file), Body: read(t, file)})
				if strings.HasSuffix(file, "/custom-payload.json") && name != "json" {
					var e *relay.Error
					if !errors.As(err, &e) || e.Code != relay.CodeInvalidField || !strings.Contains(e.Detail, "type json") {
						t.Errorf("a custom payload: %v; want invalid_field that names type json", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				checkDrafts(t, set, drafts, file)
			})
		}
	}
}

// checkDrafts holds a payload's messages, a line of dashes between them, against its .want file.
func checkDrafts(t *testing.T, set *render.Set, drafts []receivers.Draft, file string) {
	t.Helper()
	var shown []string
	for _, draft := range drafts {
		raw, err := set.Execute(templateOf(file, draft), markup.MarkdownV2, draft.Data)
		if err != nil {
			t.Fatal(err)
		}
		text := raw.Normalize()
		if unfinished := regexp.MustCompile(`-(requested|running)[.]json$`).MatchString(file); (text.Text == "") != unfinished {
			t.Errorf("text %q", text.Text)
		}
		plain := draft.Plain
		if draft.Notification != nil {
			plain = draft.Notification.Plain()
		}
		if strings.Contains(text.Text, "<no value>") || strings.Contains(text.Text, "%!") || strings.TrimSpace(plain) == "" {
			t.Errorf("text %q, plain %q", text.Text, plain)
		}
		if err := markup.Check(text); text.Text != "" && err != nil {
			t.Errorf("Telegram would refuse it: %v", err)
		}
		shown = append(shown, text.HTML()+"\n")
	}
	got, want := strings.Join(shown, "--------\n"), strings.TrimSuffix(file, ".json")+".want"
	if *update {
		if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, want)), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		code       relay.Code
		says       string
	}{
		{"alertmanager", ``, relay.CodeInvalidJSON, "empty"},
		{"alertmanager", `{"status":`, relay.CodeInvalidJSON, "too early"},
		{"alertmanager", `{"a":1}}`, relay.CodeInvalidJSON, "more behind"},
		{"alertmanager", "{\"a\":\"\xff\"}", relay.CodeInvalidJSON, "UTF-8"},
		{"alertmanager", `{"text":"hello"}`, relay.CodeInvalidField, "type json"},
		{"alertmanager", `[1,2]`, relay.CodeInvalidField, "type json"},
		{"alertmanager", `{"status":"firing","alerts":[]}`, relay.CodeInvalidField, "type json"},
		{"alertmanager", `{"status":"firing","alerts":{"a":1}}`, relay.CodeInvalidField, "type json"},
		{"grafana", `"text"`, relay.CodeInvalidField, "Grafana"},
		{"json", ``, relay.CodeInvalidJSON, "empty"},
		{"json", `{]`, relay.CodeInvalidJSON, "byte 2"},
	} {
		kind, _ := receivers.Get(c.kind)
		_, err := kind.Decode(receivers.Request{Body: []byte(c.body)})
		if relay.ErrorCode(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %q: %v; want %s with %q", c.kind, c.body, err, c.code, c.says)
		}
	}
}

// A field that is not as expected costs nothing but itself.
func TestTolerance(t *testing.T) {
	kind, _ := receivers.Get("grafana")
	drafts, err := kind.Decode(receivers.Request{Body: []byte(`{
		"status": "firing", "version": 1, "title": {"a": [1, 2]}, "truncatedAlerts": "three", "orgId": 1.5, "new": {},
		"alerts": [{"status": "firing", "labels": {"alertname": "A", "n": 12345678901234567890, "b": true, "none": null}, "startsAt": "yesterday",
			"values": {"A": 9007199254740993, "B": "x"}}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	n, ok := drafts[0].Data.(*receivers.Notification)
	if !ok {
		t.Fatalf("data is a %T", drafts[0].Data)
	}
	a := n.Alerts[0]
	got := []string{n.Version, n.Title, a.Labels["n"], a.Labels["b"], a.Labels["none"], a.Values["A"].String()}
	want := []string{"1", `{"a":[1,2]}`, "12345678901234567890", "true", "", "9007199254740993"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n.TruncatedAlerts != 0 || !a.StartsAt.IsZero() {
		t.Errorf("truncated %d, starts %s", n.TruncatedAlerts, a.StartsAt)
	}
}

func TestFiringAndResolved(t *testing.T) {
	kind, _ := receivers.Get("alertmanager")
	drafts, err := kind.Decode(receivers.Request{Body: read(t, "testdata/alertmanager/mixed-2-one-resolved.json")})
	if err != nil {
		t.Fatal(err)
	}
	alerts := drafts[0].Data.(*receivers.Notification).Alerts
	if len(alerts.Firing()) != 2 || len(alerts.Resolved()) != 1 {
		t.Errorf("%d firing, %d resolved; want 2 and 1", len(alerts.Firing()), len(alerts.Resolved()))
	}
}

// Whatever comes, the answer is a refusal with a code or a draft that renders into what Telegram takes.
func FuzzDecode(f *testing.F) {
	for folder := range folders {
		for _, file := range payloads(f, folder) {
			f.Add(read(f, file))
		}
	}
	set := newSet(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, name := range receivers.Names() {
			kind, _ := receivers.Get(name)
			drafts, err := kind.Decode(receivers.Request{Body: body})
			if err != nil {
				if code := relay.ErrorCode(err); code != relay.CodeInvalidJSON && code != relay.CodeInvalidField {
					t.Fatalf("%s: %v", name, err)
				}
				continue
			}
			text, err := set.Execute(drafts[0].Template, markup.MarkdownV2, drafts[0].Data)
			if err != nil {
				continue // too large, too slow: the door falls back
			}
			if err := markup.Check(text.Normalize()); err != nil {
				t.Fatalf("%s: Telegram would refuse it: %v", name, err)
			}
		}
	})
}

// Every JSON value shows as something: what is accepted arrives.
func TestEveryDocumentShows(t *testing.T) {
	set := newSet(t)
	kind, _ := receivers.Get("json")
	for body, want := range map[string]string{
		`null`: "null", `""`: `""`, `{}`: "{}", `{"a":null}`: `"a": null`, `0`: "0", `false`: "false", `[]`: "[]", `{"text":""}`: `"text": ""`,
		`{"text":{"firing":"x"},"chat":7}`: "chat: 7",
	} {
		drafts, err := kind.Decode(receivers.Request{Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		text, err := set.Execute("json.message", markup.MarkdownV2, drafts[0].Data)
		if got := text.Normalize().Text; err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %q, %v; want %q", body, got, err, want)
		}
	}
}

// What is odd in an alert webhook costs itself, not the alerts: a sender that is refused does not try again.
func TestOddAlertsCostThemselves(t *testing.T) {
	set := newSet(t)
	kind, _ := receivers.Get("alertmanager")
	drafts, err := kind.Decode(receivers.Request{Body: []byte(`{"status":"firing","groupLabels":[],"commonLabels":"x","alerts":[7,null,{"labels":{"alertname":"Up"}}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := set.Execute("alertmanager.message", markup.MarkdownV2, drafts[0].Data)
	if got := text.Normalize().Text; err != nil || !strings.HasPrefix(got, "🔥") || strings.Contains(got, "1 Jan") {
		t.Errorf("%q, %v", got, err)
	}
}

// With max_alerts "resolved" speaks of the alerts that are left only (measured: ten of fifty, thirty still firing).
func TestTruncatedIsNotResolved(t *testing.T) {
	set := newSet(t)
	kind, _ := receivers.Get("alertmanager")
	for file, want := range map[string]bool{"truncated-10-of-50-partly-resolved": false, "truncated-10-of-50-resolved": true} {
		drafts, err := kind.Decode(receivers.Request{Body: read(t, "testdata/alertmanager/"+file+".json")})
		if err != nil {
			t.Fatal(err)
		}
		text, err := set.Execute("alertmanager.message", markup.MarkdownV2, drafts[0].Data)
		got := text.Normalize().Text
		if err != nil || strings.HasPrefix(got, "✅") != want || strings.Contains(got, "may still fire") == want {
			t.Errorf("%s: %.200q, %v", file, got, err)
		}
	}
}

// Indenting grows with the square of the depth; a deep document is shown as it is.
func TestDeepDocumentsStaySmall(t *testing.T) {
	kind, _ := receivers.Get("json")
	body := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	drafts, err := kind.Decode(receivers.Request{Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	if drafts[0].Plain != body {
		t.Errorf("%d bytes of document became %d", len(body), len(drafts[0].Plain))
	}
	text, err := newSet(t).Execute("json.message", markup.MarkdownV2, drafts[0].Data)
	if got := text.Normalize().Text; err != nil || got != body {
		t.Errorf("the template: %d bytes, %v", len(got), err)
	}
}

// A text larger than a template may write costs its own end: no other field, and no fallback.
func TestImmenseTextsAreCut(t *testing.T) {
	immense := strings.Repeat("trace ", 150_000)
	for name, body := range map[string]string{
		"alertmanager": `{"status":"firing","alerts":[{"labels":{"alertname":"Up"}}],"commonLabels":{"alertname":"Up","severity":"page"},"commonAnnotations":{"description":"` + immense + `","dashboard":"https://example.org/d"}}`,
		"json":         `{"title":"Up (page)","text":"` + immense + `"}`,
	} {
		kind, _ := receivers.Get(name)
		drafts, err := kind.Decode(receivers.Request{Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		text, err := newSet(t).Execute(drafts[0].Template, markup.MarkdownV2, drafts[0].Data)
		got := text.Normalize()
		if err != nil || len(got.Text) > 256<<10 || len(got.Text) < 100_000 || !strings.Contains(got.Text[:40], "Up (page)") || !strings.Contains(got.Text, "more bytes)") {
			t.Errorf("%s: %d bytes, %v: %.60q", name, len(got.Text), err, got.Text)
		}
		if name == "alertmanager" && !strings.HasSuffix(got.HTML(), `<a href="https://example.org/d">Dashboard</a>`) {
			t.Errorf("what follows the text is lost")
		}
	}
}

// Annotations that no template knows are shown too, and a runbook that is no address is a text.
func TestEveryAnnotationIsShown(t *testing.T) {
	kind, _ := receivers.Get("alertmanager")
	drafts, err := kind.Decode(receivers.Request{Body: []byte(`{"status":"firing","alerts":[{"labels":{"alertname":"Up"}}],"commonLabels":{"alertname":"Up"},
		"commonAnnotations":{"summary":"down","note":"ask Ada","runbook":"wiki page 12","dashboard":"https://example.org/d"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := newSet(t).Execute("alertmanager.message", markup.MarkdownV2, drafts[0].Data)
	const want = "🔥 <b>Up</b>\ndown\n<b>note</b>: ask Ada\n<b>runbook</b>: wiki page 12\n<a href=\"https://example.org/d\">Dashboard</a>"
	if got := text.Normalize().HTML(); err != nil || got != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

// A label's value may hold anything, NUL too.
func TestSplitByHostileValues(t *testing.T) {
	kind, _ := receivers.Get("alertmanager")
	body := `{"status":"firing","groupKey":"g","alerts":[{"status":"firing","labels":{"team":"a\u0000b","x":"c"}},{"status":"firing","labels":{"team":"a","x":"b\u0000c"}},{"status":"firing","labels":{}}]}`
	drafts, err := kind.Decode(receivers.Request{Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	parts := drafts[0].Notification.Split([]string{"team", "x"})
	if len(parts) != 3 || parts[0].GroupLabels["team"] != "a\x00b" || parts[1].GroupLabels["x"] != "b\x00c" || parts[2].GroupLabels["team"] != "" {
		t.Errorf("%d parts: %v", len(parts), parts[0].GroupLabels)
	}
}
