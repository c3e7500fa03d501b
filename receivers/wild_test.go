package receivers_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	amtemplate "github.com/prometheus/alertmanager/template"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// wild is a webhook whose values hold what breaks messages elsewhere.
const wild = `{"status":"firing","receiver":"tele gram","externalURL":"https://am.example.org","groupLabels":{"alertname":"Disk <90%> & \"more\""},
"commonLabels":{"alertname":"Disk <90%> & \"more\"","job":"node"},"commonAnnotations":{"runbook_url":"https://example.org/?a=1&b=\"2\""},"alerts":[
{"status":"firing","labels":{"alertname":"Disk <90%> & \"more\"","instance":"web-1:9100","job":"node","severity":"warning"},"annotations":{"summary":"a < b && c > d","description":"<script>","runbook_url":"https://example.org/?a=1&b=\"2\""},
 "startsAt":"2026-11-23T16:55:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"https://p.example.org/graph?g0.expr=a+%3C+\"b\"&x=<y>"},
{"status":"resolved","labels":{"alertname":"Disk <90%> & \"more\"","instance":"web-2:9100","job":"node","severity":"warning"},"annotations":{"description":"</b>","runbook_url":"https://example.org/?a=1&b=\"2\""},
 "startsAt":"2026-11-23T16:55:00Z","endsAt":"2026-11-23T17:01:05Z","generatorURL":"https://p.example.org/"}]}`

// Templates as Alertmanager's users write them for its telegram_configs, with parse_mode HTML, say here what they say there.
func TestTemplatesOfAlertmanagersUsers(t *testing.T) {
	var files []render.File
	for _, name := range []string{"classic", "subject", "numbers", "html", "block"} {
		files = append(files, render.File{Name: name + ".tmpl", Text: string(read(t, "testdata/wild/"+name+".tmpl"))})
	}
	set, err := render.New(render.Options{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	kind, _ := receivers.Get("alertmanager")
	drafts, err := kind.Decode(receivers.Request{Body: []byte(wild)})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"classic", "subject", "numbers", "html", "block", "telegram.default.message"} {
		raw, err := set.Execute(name, markup.HTML, drafts[0].Data)
		if err != nil {
			t.Error(err)
			continue
		}
		text := raw.Normalize()
		if err := markup.Check(text); err != nil {
			t.Errorf("%s: Telegram would refuse it: %v", name, err)
		}
		want := "testdata/wild/" + strings.TrimSuffix(name, ".default.message") + ".want"
		if *update {
			if err := os.WriteFile(want, []byte(text.HTML()+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(string(read(t, want)), text.HTML()+"\n"); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Every function that Alertmanager's templates have is there.
func TestAlertmanagersFunctions(t *testing.T) {
	var text strings.Builder
	for name := range amtemplate.DefaultFuncs {
		text.WriteString("{{ if false }}{{ " + name + " }}{{ end }}\n")
	}
	if _, err := render.New(render.Options{Files: []render.File{{Name: "functions.tmpl", Text: text.String()}}}); err != nil {
		t.Error(err)
	}
}
