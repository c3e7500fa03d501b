package thread_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/thread"
)

const hostile = "`*_[💥](http://x)~||"

// tale is a conversation in which everything has happened, with values that would be markup.
func tale(now time.Time, ended bool) *thread.Story {
	s := &thread.State{
		Name: hostile, Level: hostile, Common: map[string]string{"alertname": "x", hostile: hostile},
		Silence:    &thread.Silence{ID: "1", By: hostile, Until: now.Add(time.Hour), Zone: "Europe/Berlin"},
		Ack:        &thread.Ack{By: hostile, At: now, Zone: "Europe/Berlin"},
		Escalation: &thread.Escalation{To: []string{"boss", hostile}, At: now},
		Trouble:    hostile,
	}
	for range 6 {
		s.Alerts = append(s.Alerts, thread.Alert{Firing: true, Muted: true, StartsAt: now.Add(-26 * time.Hour), Labels: map[string]string{"instance": hostile}})
	}
	s.Alerts = append(s.Alerts, thread.Alert{Firing: true, StartsAt: now}, thread.Alert{StartsAt: now, EndsAt: now}, thread.Alert{StartsAt: now, EndsAt: now})
	t := &relay.Thread{OpenedAt: now}
	if ended {
		t.EndedAt = now
	}
	return s.Story(t, now)
}

func TestTemplates(t *testing.T) {
	set, err := render.New(render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stories := map[string]*thread.Story{"open": tale(t0, false), "over": tale(t0, true), "empty": (&thread.State{}).Story(&relay.Thread{}, t0)}
	names := []string{thread.TemplateStanding, thread.TemplateRepeat, thread.TemplateOver, thread.TemplateResolved, thread.TemplateEscalate}
	for _, name := range names {
		for which, story := range stories {
			text, err := set.Execute(name, markup.MarkdownV2, story)
			if err == nil {
				err = markup.Check(text)
			}
			if err != nil {
				t.Errorf("%s, %s: %v", name, which, err)
			}
			if which != "empty" && name != thread.TemplateEscalate && !strings.Contains(text.Text, hostile) {
				t.Errorf("%s, %s: the values are not there as they are: %s", name, which, text.Text)
			}
			if strings.Contains(text.Text, "<no value>") || text.Len() > 2000 {
				t.Errorf("%s, %s: %s", name, which, text.Text)
			}
		}
	}
	wanted := map[string]bool{}
	label := func(name string) string {
		wanted["alerts.button."+name] = true
		text, err := set.Execute("alerts.button."+name, markup.MarkdownV2, nil)
		if err != nil || text.Text == "" {
			t.Errorf("button %s: %q, %v", name, text.Text, err)
		}
		return text.Text
	}
	d := said("first notification", 0, "a")
	n, a := d.Notification, &d.Notification.Alerts[0]
	n.CommonAnnotations = map[string]string{"runbook_url": "https://a.example.org", "dashboard_url": "https://b.example.org"}
	a.GeneratorURL, a.PanelURL, a.SilenceURL = "https://c.example.org", "https://d.example.org", "https://e.example.org"
	s, th := &thread.State{}, &relay.Thread{ID: relay.NewID()}
	s.Hear(d, t0, true)
	s.Keyboard(th, true, label, t0)
	s.Keyboard(th, false, label, t0)
	s.Menu(th, label)
	s.Ack, s.Silence = &thread.Ack{}, &thread.Silence{Until: t0.Add(time.Hour)}
	s.Keyboard(th, true, label, t0)
	for _, name := range set.Names() {
		if strings.HasPrefix(name, "alerts.button.") && !wanted[name] {
			t.Errorf("nobody wants %s", name)
		}
	}
}

// Times are those of whoever pressed: whether it is today, too.
func TestMomentsOfATimeZone(t *testing.T) {
	set, err := render.New(render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(2*time.Hour - time.Until(time.Now())) // 2000-01-01 02:00 UTC, in New York 21:00 of the day before
		for until, want := range map[time.Duration]string{time.Hour: "22:00 EST", 23 * time.Hour: "Sat 1 Jan 20:00 EST"} {
			silence := &thread.Silence{Until: time.Now().Add(until), Zone: "America/New_York"}
			text, err := set.Execute("alerts.moment", markup.MarkdownV2, silence.Ends())
			if err != nil || text.Text != want {
				t.Errorf("in %v: %q, %v", until, text.Text, err)
			}
		}
		text, err := set.Execute(thread.TemplateStanding, markup.MarkdownV2, &thread.Story{Ack: &thread.Ack{By: "Ada", At: time.Now(), Zone: "America/New_York"}})
		if err != nil || !strings.Contains(text.Text, "since 21:00 EST") {
			t.Errorf("%q, %v", text.Text, err)
		}
	})
}

func TestOperatorsTemplates(t *testing.T) {
	set, err := render.New(render.Options{Files: []render.File{{Name: "own.tmpl", Text: `{{ define "alerts.repeat" }}*noch immer* {{ .Name }} {{ .CommonLabels.alertname }}{{ end }}{{ define "alerts.button.4h" }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := set.Execute(thread.TemplateRepeat, markup.MarkdownV2, tale(t0, false))
	if err != nil || text.Text != "noch immer "+hostile+" x" {
		t.Errorf("%q, %v", text.Text, err)
	}
	s := &thread.State{Common: map[string]string{"a": "b"}}
	var shown []string
	keyboard := s.Keyboard(&relay.Thread{}, true, func(name string) string {
		text, err := set.Execute("alerts.button."+name, markup.MarkdownV2, nil)
		if err != nil {
			t.Error(err)
		}
		return text.Text
	}, t0)
	for _, row := range rows(t, keyboard) {
		for _, b := range row {
			shown = append(shown, b.Text)
		}
	}
	if slices.Contains(shown, "4h") || slices.Contains(shown, "") || !slices.Contains(shown, "1d") {
		t.Errorf("buttons %q", shown)
	}
}
