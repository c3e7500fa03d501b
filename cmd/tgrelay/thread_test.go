package main_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// hook posts a recorded webhook to a receiver.
func (w *world) hook(receiver, file string) {
	w.t.Helper()
	w.do("POST", w.relay+"/hooks/"+receiver+"/ops", payload(w.t, file+".json"), nil)
	w.allSent()
}

// buttons are the texts of a message's buttons.
func (m message) buttons() []string {
	var keyboard struct {
		InlineKeyboard [][]struct{ Text string } `json:"inline_keyboard"`
	}
	_ = json.Unmarshal(m.ReplyMarkup, &keyboard) // no buttons otherwise
	var texts []string
	for _, row := range keyboard.InlineKeyboard {
		for _, b := range row {
			texts = append(texts, b.Text)
		}
	}
	return texts
}

// reads reports what is wrong with a text: it begins with head and has all of parts.
func reads(text, head string, parts ...string) string {
	if !strings.HasPrefix(text, head) {
		return fmt.Sprintf("%q does not begin with %q", text, head)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return fmt.Sprintf("%q is not in %q", part, text)
		}
	}
	return ""
}

func (w *world) expect(m message, head string, parts ...string) {
	w.t.Helper()
	if fault := reads(m.Text, head, parts...); fault != "" {
		w.t.Error(fault)
	}
}

// A group of alerts is one conversation: the first message is kept true, what is new answers it, and the end strikes it.
func TestAlertsAreOneConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")

	w.hook("alertmanager", "alertmanager/grows-1-first")
	first := w.messages(ada, 2)[1]
	w.expect(first, "🔥 InstanceDown (critical)\n", "web-1")
	if got := strings.Join(first.buttons(), "|"); got != "✋ Ack|📖 Runbook|🔎 Source|🔇 Silence…" || strings.Contains(first.Text, "Runbook") {
		t.Errorf("buttons %s below %q", got, first.Text)
	}

	w.hook("alertmanager", "alertmanager/grows-2-second-joins")
	got := w.messages(ada, 3)
	w.expect(got[1], "🔥 2 firing: InstanceDown (critical)\n", "web-1", "web-2")
	w.expect(got[2], "🔥 InstanceDown (critical)\n", "web-2")
	if got[2].ReplyTo != first.ID || got[2].Silent || strings.Contains(got[2].Text, "web-1.example.org:9100 down") {
		t.Errorf("what is new: %+v", got[2])
	}
	w.hook("alertmanager", "alertmanager/grows-2-second-joins") // Alertmanager did not hear our answer
	if got := w.messages(ada, 3); len(got) != 3 {
		t.Errorf("a retry brought a message: %+v", got[3:])
	}
}

func TestAlertsAreResolvedInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	w.hook("alertmanager", "alertmanager/mixed-1-three-firing")
	w.hook("alertmanager", "alertmanager/mixed-2-one-resolved")
	got := w.messages(ada, 2)
	if len(got) != 2 {
		t.Errorf("a partial resolution brought a message: %+v", got[2:])
	}
	w.expect(got[1], "🔥 2 firing, 1 resolved: InstanceDown (critical)\n", "Resolved\n• instance=web-2")
	w.restart()
	w.hook("alertmanager", "alertmanager/mixed-3-all-resolved")
	got = w.messages(ada, 3)
	w.expect(got[1], "✅ InstanceDown (critical) resolved after ", "3 alerts", "team=infra")
	if got[1].Entities[0].Type != "bold" && got[1].Entities[0].Type != "strikethrough" || strings.Contains(got[1].Text, "web-1") || len(got[1].buttons()) == 0 || got[1].buttons()[0] == "✋ Ack" {
		t.Errorf("the end: %+v", got[1])
	}
	w.expect(got[2], "✅ InstanceDown (critical) resolved after ")
	if got[2].ReplyTo != got[1].ID || !got[2].Silent {
		t.Errorf("the answer: %+v", got[2])
	}
	w.hook("alertmanager", "alertmanager/mixed-3-all-resolved")
	if got := w.messages(ada, 3); len(got) != 3 {
		t.Errorf("what is over is told again: %+v", got[3:])
	}

	// It fires again: another conversation.
	w.hook("alertmanager", "alertmanager/refire-after-resolved")
	again := w.messages(ada, 4)[3]
	w.expect(again, "🔥 InstanceDown (critical)\n")
	if again.ReplyTo != 0 || again.Silent {
		t.Errorf("a new conversation: %+v", again)
	}
}

func TestRepeatsAreQuiet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	w.hook("alertmanager", "alertmanager/repeat-1-first")
	w.hook("alertmanager", "alertmanager/repeat-2-same-again")
	got := w.messages(ada, 3)
	w.expect(got[2], "🔥 InstanceDown still firing, since ")
	if !got[2].Silent || got[2].ReplyTo != got[1].ID {
		t.Errorf("%+v", got[2])
	}
}

// With max_alerts, "resolved" may be said of the alerts that were left in the list.
func TestTruncatedAlertsMayFireOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	w.hook("alertmanager", "alertmanager/truncated-10-of-50")
	w.expect(w.messages(ada, 2)[1], "🔥 10 firing", "40 more were left out by the sender")
	w.hook("alertmanager", "alertmanager/truncated-10-of-50-partly-resolved")
	got := w.messages(ada, 2)
	if len(got) != 2 || strings.HasPrefix(got[1].Text, "✅") {
		t.Errorf("it is not over: %+v", got[1:])
	}
	w.hook("alertmanager", "alertmanager/truncated-10-of-50-resolved")
	w.expect(w.messages(ada, 3)[1], "✅")
}

func TestEachWayToUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+`
[receivers.edits]
type = "alertmanager"
on_update = "edit"
buttons = false
[receivers.anew]
type = "alertmanager"
on_update = "new"
`)
	ada := w.connect("Ada", "ops")
	for _, file := range []string{"grows-1-first", "grows-2-second-joins"} {
		w.hook("edits", "alertmanager/"+file)
	}
	got := w.messages(ada, 2)
	if len(got) != 2 || len(got[1].buttons()) > 0 {
		t.Errorf("edits: %+v", got)
	}
	w.expect(got[1], "🔥 2 firing: InstanceDown", "Runbook")
	for _, file := range []string{"mixed-1-three-firing", "mixed-2-one-resolved", "mixed-3-all-resolved"} {
		w.hook("anew", "alertmanager/"+file)
	}
	got = w.messages(ada, 5)
	w.expect(got[2], "🔥 3 firing")
	w.expect(got[3], "🔥 2 firing, 1 resolved")
	w.expect(got[4], "✅ 3 resolved")
	if !got[4].Silent {
		t.Error("a resolution makes a sound")
	}
}

// One webhook, cut by team: each team has a conversation, and hears of its alerts only.
func TestSplitByLabel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+`
[receivers.teams]
type = "alertmanager"
to = ["team-{{ .CommonLabels.team }}"]
split_by = ["team"]
priority = "{{ if eq .CommonLabels.severity \"critical\" }}high{{ end }}"
`)
	ada, ben := w.connect("Ada", "team-db"), w.connect("Ben", "team-web")
	post := func(reason string, alerts ...string) {
		w.do("POST", w.relay+"/hooks/teams", fmt.Sprintf(`{"version":"4","status":"firing","receiver":"r","groupKey":"g","notification_reason":%q,"groupLabels":{},"commonLabels":{},
			"commonAnnotations":{},"alerts":[%s]}`, reason, strings.Join(alerts, ",")), nil)
		w.allSent()
	}
	alert := func(status, team, name string) string {
		return fmt.Sprintf(`{"status":%q,"labels":{"team":%q,"alertname":%q,"severity":"critical"},"annotations":{},"startsAt":"2026-11-23T16:00:00Z","endsAt":"2026-11-23T17:00:00Z"}`, status, team, name)
	}
	post("first notification", alert("firing", "db", "Slow"), alert("firing", "db", "Full"), alert("firing", "web", "Down"))
	w.expect(w.messages(ada, 2)[1], "🔥 2 firing", "Slow", "Full")
	w.expect(w.messages(ben, 2)[1], "🔥 Down (critical)\n")
	post("new alerts added", alert("firing", "db", "Slow"), alert("firing", "db", "Full"), alert("firing", "db", "Hot"), alert("firing", "web", "Down"))
	w.expect(w.messages(ada, 3)[2], "🔥 Hot (critical)\n")
	if got := w.messages(ben, 2); len(got) != 2 {
		t.Errorf("the other team hears of it: %+v", got[2:])
	}
	post("some alerts resolved", alert("firing", "db", "Slow"), alert("firing", "db", "Full"), alert("firing", "db", "Hot"), alert("resolved", "web", "Down"))
	w.expect(w.messages(ben, 3)[2], "✅ Down (critical) resolved after 1h")
	var page struct{ Items []struct{ Priority string } }
	w.do("GET", w.relay+"/api/v1/deliveries?recipient=team-web", "", &page)
	if page.Items[0].Priority != "high" {
		t.Errorf("priority %s", page.Items[0].Priority)
	}
}

// A live message of any document, by the receiver's key.
func TestKeyOfADocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+`
[receivers.builds]
type = "json"
key = "{{ .number }}"
`)
	ada := w.connect("Ada", "ops")
	post := func(number int, text string) {
		w.do("POST", w.relay+"/hooks/builds/ops", fmt.Sprintf(`{"number":%d,"text":%q}`, number, text), nil)
		w.allSent()
	}
	post(1, "running")
	post(2, "running too")
	post(1, "passed")
	got := w.messages(ada, 3)
	if len(got) != 3 || got[1].Text != "passed" || got[2].Text != "running too" {
		t.Errorf("%+v", got)
	}
}

// Several files are drawn as a chat hears them.
func TestRenderAConversation(t *testing.T) {
	t.Parallel()
	const folder = "../../receivers/testdata/alertmanager/"
	out, errs, status := run(t, "", "render", "--receiver", "alertmanager", folder+"mixed-1-three-firing.json", folder+"mixed-2-one-resolved.json", folder+"mixed-3-all-resolved.json")
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	for _, want := range []string{
		"── mixed-1-three-firing.json\n(a message)\n🔥 3 firing", "[✋ Ack]\n[📖 Runbook] [🔎 Source]",
		"(the message becomes)\n🔥 2 firing, 1 resolved", "(the message becomes, without a sound)\n✅", "(an answer, without a sound)\n✅ InstanceDown (critical) resolved after 2s\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if _, errs, status := run(t, "", "render", "--template", "json.message", "a.json", "b.json"); status != 2 || !strings.Contains(errs, "--receiver") {
		t.Errorf("several files for a template: %d %s", status, errs)
	}
}
