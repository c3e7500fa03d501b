package intake_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// Reasons as Alertmanager gives them.
const (
	firstTime = "first notification"
	added     = "new alerts added"
	someOver  = "some alerts resolved"
	allOver   = "all alerts resolved"
	repeated  = "repeat interval elapsed"
)

// group is a webhook of a group: alerts as "a" that fires, or "a!" that is over. What stands before a slash is its team.
func group(key, reason string, alerts ...string) string {
	status, common, list := "resolved", "", []string{}
	for _, name := range alerts {
		name, over := strings.CutSuffix(name, "!")
		state, ends := "resolved", "2026-01-01T01:00:00Z"
		if !over {
			state, status, ends = "firing", "firing", "0001-01-01T00:00:00Z"
		}
		team := "a"
		if t, rest, has := strings.Cut(name, "/"); has {
			team, name = t, rest
		}
		common = fmt.Sprintf(`{"alertname":"Down","instance":%q,"team":%q}`, name, team)
		list = append(list, fmt.Sprintf(`{"status":%q,"labels":{"alertname":"Down","instance":%q,"team":%q},"annotations":{},"startsAt":"2026-01-01T00:00:00Z","endsAt":%q,"fingerprint":"f%[2]s"}`, state, name, team, ends))
	}
	if len(alerts) > 1 {
		common = `{"alertname":"Down"}`
	}
	return fmt.Sprintf(`{"version":"4","status":%q,"groupKey":%q,"receiver":"r","notification_reason":%q,"groupLabels":{"alertname":"Down"},"commonLabels":%s,"commonAnnotations":{},"alerts":[%s]}`,
		status, key, reason, common, strings.Join(list, ","))
}

// alerting is the receiver of alerts as relay.toml makes it by default, with an Alertmanager.
func (l *lobby) alerting() *intake.Receiver {
	rc := l.rules.Receivers["alertmanager"]
	rc.OnUpdate, rc.Buttons, rc.Managed = relay.Reply, true, true
	return rc
}

func (l *lobby) inline(text string) *render.Inline {
	l.t.Helper()
	template, err := l.set.Inline(text)
	if err != nil {
		l.t.Fatal(err)
	}
	return template
}

func (l *lobby) bind(recipient string, chat int64) {
	l.t.Helper()
	if err := l.db.Bind(l.t.Context(), recipient, relay.Chat{ChatID: chat, Type: "private"}, time.Now()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lobby) hooked(caller intake.Caller, recipient, body string) ([]*relay.Message, error) {
	return l.door.Hook(l.t.Context(), caller, intake.Hook{Receiver: "alertmanager", Recipient: recipient, Request: receivers.Request{Receiver: "alertmanager", Body: []byte(body)}})
}

// open are the open conversations.
func (l *lobby) open() []relay.Thread {
	l.t.Helper()
	threads, err := l.db.OpenThreads(l.t.Context(), relay.ID{}, 100)
	if err != nil {
		l.t.Fatal(err)
	}
	return threads
}

func (l *lobby) only() *relay.Thread {
	l.t.Helper()
	threads := l.open()
	if len(threads) != 1 {
		l.t.Fatalf("%d conversations are open", len(threads))
	}
	return &threads[0]
}

// sent sends all that waits for a chat, and returns it.
func (l *lobby) sent(chat int64) []relay.Job {
	l.t.Helper()
	jobs := l.waiting(chat)
	for _, job := range jobs {
		live := job.Live
		if live == nil || job.OnUpdate != relay.Reply {
			live = []int64{job.Seq}
		}
		if err := l.db.Finish(l.t.Context(), relay.Outcome{Delivery: job.ID, State: relay.Sent, At: time.Now(), TelegramMessageIDs: []int64{job.Seq}, Live: live}); err != nil {
			l.t.Fatal(err)
		}
	}
	return jobs
}

// texts are what jobs say, by how they go on with what was said, in short.
func texts(jobs []relay.Job) string {
	var all []string
	for _, job := range jobs {
		line, _, _ := strings.Cut(job.Content.Text.Text, "\n")
		all = append(all, string(job.OnUpdate)+": "+line)
	}
	return strings.Join(all, "\n")
}

func (l *lobby) expect(chat int64, want ...string) []relay.Job {
	l.t.Helper()
	jobs := l.sent(chat)
	if got := texts(jobs); got != strings.Join(want, "\n") {
		l.t.Errorf("chat %d is told:\n%s\nwant:\n%s", chat, got, strings.Join(want, "\n"))
	}
	return jobs
}

func TestWebhooksOfAGroupAtOnce(t *testing.T) {
	l := newLobby(t)
	l.alerting()
	var working sync.WaitGroup
	const all = 12
	for i := range all {
		working.Go(func() {
			// each tells of one alert more, and none of those that others tell of
			if _, err := l.hooked(intake.Caller{}, "ops", strings.Replace(group("g", "", fmt.Sprint(i)), `"version"`, `"truncatedAlerts":1,"version"`, 1)); err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
	s, err := thread.Read(l.only())
	if err != nil {
		t.Fatal(err)
	}
	if s.Firing() != all || len(s.Muted()) > 0 {
		t.Errorf("%d alerts are known to fire", s.Firing())
	}
	told := texts(l.waiting(opsChat))
	if news := strings.Count(told, "reply: "); news != all-1 {
		t.Errorf("%d answers tell of the others:\n%s", news, told)
	}
}

func TestUnlinkedRecipientsOfEachPartAreRefused(t *testing.T) {
	l := newLobby(t)
	rc := l.alerting()
	rc.SplitBy, rc.To = []string{"team"}, []*render.Inline{l.inline("{{ .CommonLabels.team }}")}
	l.rules.Reject = true
	l.bind("a", 1)
	_, err := l.hooked(intake.Caller{}, "", group("g", firstTime, "a/1", "b/2"))
	var e *relay.Error
	if !errors.As(err, &e) || e.Code != relay.CodeRecipientNotLinked || !strings.Contains(e.Detail, " b;") {
		t.Errorf("b has no chat: %v", err)
	}
	if len(l.open()) > 0 || len(l.waiting(1)) > 0 {
		t.Error("a part of it was told")
	}
	l.bind("b", 2)
	if _, err := l.hooked(intake.Caller{}, "", group("g", firstTime, "a/1", "b/2")); err != nil {
		t.Error(err)
	}
	if err := l.db.Forget(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	l.expect(1, "edit: 🔥 Down")
	if _, err := l.hooked(intake.Caller{}, "a", group("g", allOver, "a/1!")); err != nil {
		t.Error(err)
	}
}

// One key for parts of a webhook that was split, or for several groups, joins them in one conversation.
func TestKeyThatJoinsGroups(t *testing.T) {
	l := newLobby(t)
	rc := l.alerting()
	rc.SplitBy, rc.Key = []string{"team"}, l.inline("{{ .CommonLabels.alertname }}")
	l.hook("alertmanager", group("g", firstTime, "a/1", "b/2"))
	l.only()
	jobs := l.expect(opsChat, "edit: 🔥 2 firing: Down", "reply: 🔥 Down")
	for _, name := range []string{"instance=1", "instance=2"} {
		if !strings.Contains(jobs[0].Content.Text.Text, name) {
			t.Errorf("the message does not name %s: %s", name, jobs[0].Content.Text.Text)
		}
	}
	l.hook("alertmanager", group("h", firstTime, "b/3"))
	l.expect(opsChat, "edit: 🔥 3 firing: Down", "reply: 🔥 Down")
	l.hook("alertmanager", group("h", allOver, "b/3!"))
	l.expect(opsChat, "edit: 🔥 2 firing, 1 resolved: Down")
	l.hook("alertmanager", group("g", allOver, "a/1!", "b/2!"))
	l.expect(opsChat, "edit: ✅ Down resolved after 1h", "reply: ✅ Down resolved after 1h")
	if len(l.open()) > 0 {
		t.Error("it is over, and open")
	}
}

func (l *lobby) namespaced(name string) intake.Caller {
	l.bind(name+":ops", int64(len(name)))
	return intake.Caller{
		Owner: name, Apart: true, Full: func(id string) string { return strings.TrimSuffix(name+":"+id, ":") },
		May: func(id string) bool { return strings.HasPrefix(id, name+":") },
	}
}

// Two applications with the same receiver, the same recipient of their own, and the same group.
func TestConversationsOfNamespaces(t *testing.T) {
	l := newLobby(t)
	l.alerting().To = []*render.Inline{l.inline("ops")}
	for _, name := range []string{"shop", "banks"} {
		caller := l.namespaced(name)
		caller.Full = func(id string) string {
			if id == "" {
				return ""
			}
			return name + ":" + id
		}
		if _, err := l.hooked(caller, "", group("g", firstTime, name)); err != nil {
			t.Fatal(err)
		}
		jobs := l.expect(int64(len(name)), "edit: 🔥 Down")
		if len(jobs) == 1 && strings.Contains(string(jobs[0].Content.ReplyMarkup), thread.OwnButton+"s ") || strings.Contains(string(jobs[0].Content.ReplyMarkup), " s 1h") {
			t.Errorf("%s may silence in the operator's Alertmanager: %s", name, jobs[0].Content.ReplyMarkup)
		}
	}
	if n := len(l.open()); n != 2 {
		t.Errorf("%d conversations", n)
	}
	if _, err := l.hooked(intake.Caller{Owner: "limited", Bounded: true, May: func(id string) bool { return id == "ops" }}, "", group("g", firstTime, "x")); err != nil {
		t.Error(err)
	}
	l.expect(4)
	l.expect(5)
}

func TestTemplateThatRendersToNothing(t *testing.T) {
	l := newLobby(t)
	rc := l.alerting()
	set, err := render.New(render.Options{Files: []render.File{{Name: "own.tmpl", Text: `{{ define "quiet" }}{{ if gt (len .Alerts.Firing) 1 }}two{{ end }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	l.rules.Templates, rc.Template = set, "quiet"
	for _, body := range []string{group("g", firstTime, "a"), group("g", repeated, "a"), group("g", allOver, "a!"), group("g", firstTime, "b")} {
		l.hook("alertmanager", body)
		l.expect(opsChat)
	}
	if err := l.door.Amend(t.Context(), l.only().ID, func(_ *relay.Thread, s *thread.State) error {
		s.Ack = &thread.Ack{By: "x"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	l.expect(opsChat)
	l.hook("alertmanager", group("g", added, "b", "c"))
	if jobs := l.sent(opsChat); len(jobs) == 0 || jobs[0].Content.ReplyMarkup == nil {
		t.Errorf("what is told at last: %v", texts(jobs))
	}
	l.hook("alertmanager", group("g", someOver, "b", "c!"))
	l.expect(opsChat)
	l.hook("alertmanager", group("g", allOver, "b!"))
	if jobs := l.sent(opsChat); len(jobs) != 2 {
		t.Errorf("the end: %v", texts(jobs))
	}
}

// Templates are run over documents only: one that cannot be run over nothing must not alarm its operator.
func TestTemplatesAreNotRunOverNothing(t *testing.T) {
	l := newLobby(t)
	rc := l.alerting()
	rc.Priority = l.inline(`{{ if eq .CommonLabels.team "a" }}high{{ end }}`)
	l.rules.Reject = true
	l.hook("alertmanager", group("g", firstTime, "a"))
	l.hook("alertmanager", strings.ReplaceAll(group("g", firstTime, "a"), "T00:00", "T00:30"))
	l.hook("alertmanager", strings.ReplaceAll(group("g", allOver, "a!"), "T00:00", "T00:30"))
	if told := l.waiting(7); len(told) > 0 {
		t.Errorf("the operator is told: %s", told[0].Content.Text.Text)
	}
	if n := len(l.waiting(opsChat)); n != 3 { // each first message was superseded by its end
		t.Errorf("%d messages: %s", n, texts(l.waiting(opsChat)))
	}
}

func TestRecipientsThatJoinLater(t *testing.T) {
	l := newLobby(t)
	rc := l.alerting()
	l.bind("late", 9)
	rc.To = []*render.Inline{l.inline("ops")}
	if _, err := l.hooked(intake.Caller{}, "", group("g", firstTime, "a")); err != nil {
		t.Fatal(err)
	}
	l.expect(opsChat, "edit: 🔥 Down")
	rc.To = append(rc.To, l.inline("late"))
	if _, err := l.hooked(intake.Caller{}, "", group("g", repeated, "a")); err != nil {
		t.Fatal(err)
	}
	if jobs := l.sent(9); len(jobs) == 0 || jobs[0].OnUpdate != relay.Edit || jobs[0].Content.ReplyMarkup == nil {
		t.Errorf("a late recipient is told: %s", texts(jobs))
	}
	if got := texts(l.sent(opsChat)); !strings.Contains(got, "reply: 🔥 Down still firing") {
		t.Errorf("the others: %s", got)
	}
}

func (l *lobby) amend(change func(*relay.Thread, *thread.State)) {
	l.t.Helper()
	threads := l.open()
	if err := l.door.Amend(l.t.Context(), threads[0].ID, func(t *relay.Thread, s *thread.State) error {
		change(t, s)
		return nil
	}); err != nil {
		l.t.Fatal(err)
	}
}

func acked(_ *relay.Thread, s *thread.State) { s.Ack = &thread.Ack{By: "Ada", At: time.Now()} }

func TestReceiverThatIsRemoved(t *testing.T) {
	l := newLobby(t)
	l.alerting()
	l.hook("alertmanager", group("g", firstTime, "a"))
	l.sent(opsChat)
	delete(l.rules.Receivers, "alertmanager")
	l.amend(acked)
	jobs := l.expect(opsChat, "edit: 🔥 Down")
	if !strings.Contains(jobs[0].Content.Text.Text, "Ada has it") || jobs[0].Content.ReplyMarkup != nil {
		t.Errorf("%s %s", jobs[0].Content.Text.Text, jobs[0].Content.ReplyMarkup)
	}
	l.amend(func(t *relay.Thread, _ *thread.State) { t.EndedAt = time.Now() })
	if got := texts(l.sent(opsChat)); !strings.HasPrefix(got, "edit: ✅ Down") {
		t.Error(got)
	}
}

func TestAnEndIsToldOnce(t *testing.T) {
	l := newLobby(t)
	l.alerting()
	l.hook("alertmanager", group("g", firstTime, "a"))
	id := l.only().ID
	l.hook("alertmanager", group("g", allOver, "a!"))
	l.sent(opsChat)
	for range 2 {
		if err := l.door.Amend(t.Context(), id, func(*relay.Thread, *thread.State) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if got := texts(l.sent(opsChat)); strings.Contains(got, "reply") {
		t.Errorf("the end is told again: %s", got)
	}
}

// What people did is seen also below a text that is too long.
func TestLongTextKeepsWhatPeopleDid(t *testing.T) {
	l := newLobby(t)
	rc := l.alerting()
	set, err := render.New(render.Options{Files: []render.File{{Name: "own.tmpl", Text: `{{ define "long" }}*long* {{ json .Alerts }}` + strings.Repeat("0123456789", 1000) + `{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	l.rules.Templates, rc.Template = set, "long"
	for _, how := range []string{"split", "truncate", "document"} {
		l.rules.LongText = how
		l.hook("alertmanager", group(how, firstTime, "a"))
		l.sent(opsChat)
		threads := l.open()
		if err := l.door.Amend(t.Context(), threads[len(threads)-1].ID, func(t *relay.Thread, s *thread.State) error {
			acked(t, s)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		jobs := l.sent(opsChat)
		if len(jobs) != 1 {
			t.Fatalf("%s: %d messages", how, len(jobs))
		}
		c := jobs[0].Content
		if !strings.Contains(c.Text.Text, "Ada has it") || how != "split" && c.Text.Len() > markup.MaxText || (c.Attachment != nil) != (how == "document") {
			t.Errorf("%s: %d units, end with %q", how, c.Text.Len(), c.Text.Text[max(0, len(c.Text.Text)-80):])
		}
	}
}

func TestEscalationToPeopleWhoAreThere(t *testing.T) {
	l := newLobby(t)
	l.alerting()
	l.bind("neighbour", opsChat) // in the same group
	l.bind("boss", 11)
	l.hook("alertmanager", group("g", firstTime, "a"))
	l.sent(opsChat)
	l.amend(func(t *relay.Thread, s *thread.State) {
		s.Escalation = &thread.Escalation{To: []string{"ops", "neighbour", "boss", "nobody"}, At: time.Now()}
		t.To = append(t.To, "neighbour", "boss", "nobody")
	})
	got := l.sent(opsChat)
	if len(got) != 2 || got[0].OnUpdate != relay.Edit || got[1].OnUpdate != relay.Reply || got[1].Recipient != "ops" || got[1].Content.DisableNotification {
		t.Errorf("who has it already is told: %s", texts(got))
	}
	if got := l.sent(11); len(got) != 1 || got[0].Content.ReplyMarkup == nil || !strings.Contains(got[0].Content.Text.Text, "Nobody reacted") {
		t.Errorf("who is new is told: %s", texts(got))
	}
	l.bind("nobody", 12)
	if got := l.sent(12); len(got) != 1 {
		t.Errorf("who comes later is told: %s", texts(got))
	}
	l.hook("alertmanager", group("g", allOver, "a!"))
	for _, chat := range []int64{opsChat, 11, 12} {
		if got := l.sent(chat); len(got) != 2 {
			t.Errorf("chat %d, at the end: %s", chat, texts(got))
		}
	}
}

func TestBlockedAndForgottenRecipients(t *testing.T) {
	l := newLobby(t)
	rc := l.alerting()
	rc.To = []*render.Inline{l.inline("ops"), l.inline("gone"), l.inline("blocked")}
	l.bind("gone", 21)
	l.bind("blocked", 22)
	if err := l.db.SetChatState(t.Context(), "", 22, relay.Blocked); err != nil {
		t.Fatal(err)
	}
	if _, err := l.hooked(intake.Caller{}, "", group("g", firstTime, "a")); err != nil {
		t.Fatal(err)
	}
	if err := l.db.Forget(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	l.amend(acked)
	l.expect(opsChat, "edit: 🔥 Down")
	l.expect(21)
	l.expect(22)
	if to := l.only().To; strings.Join(to, " ") != "ops blocked" {
		t.Errorf("it goes on for %v", to)
	}
}

// buttonsIn reports whether a message has buttons.
func buttonsIn(c relay.Content) bool { return json.Valid(c.ReplyMarkup) }

func TestSurgeOfConversations(t *testing.T) {
	l := newLobby(t)
	l.alerting()
	for i := range 30 {
		l.hook("alertmanager", group(fmt.Sprint(i), firstTime, fmt.Sprint("a", i)))
	}
	if merged, err := l.door.Surge(t.Context(), "", opsChat, 10); err != nil || !merged {
		t.Fatal(merged, err)
	}
	jobs := l.sent(opsChat)
	if len(jobs) != 1 || buttonsIn(jobs[0].Content) || strings.Count(jobs[0].Content.Attachment.Content, "instance: a")+strings.Count(jobs[0].Content.Attachment.Content, "instance=a") < 30 {
		t.Errorf("%d messages: %s", len(jobs), texts(jobs))
	}
	// What is news afterwards comes with all of it and its buttons, and so does the end.
	l.hook("alertmanager", group("3", added, "a3", "b3"))
	jobs = l.sent(opsChat)
	if len(jobs) != 2 || !buttonsIn(jobs[0].Content) || len(jobs[0].Live) > 0 {
		t.Errorf("%s", texts(jobs))
	}
	l.hook("alertmanager", group("4", allOver, "a4!"))
	if jobs = l.sent(opsChat); len(jobs) != 2 || !strings.HasPrefix(jobs[0].Content.Text.Text, "✅") {
		t.Errorf("%s", texts(jobs))
	}
}

// What waits for the morning goes on waiting when somebody elsewhere reacts.
func TestQuietHoursOfConversations(t *testing.T) {
	l := newLobby(t)
	rc := l.alerting()
	rc.To = []*render.Inline{l.inline("ops"), l.inline("sleeper")}
	l.bind("sleeper", 31)
	quiet := relay.QuietHours("")
	for _, hours := range []string{"00:00-12:00 hold", "12:00-00:00 hold"} {
		q, err := relay.ParseQuietHours(hours)
		if err != nil {
			t.Fatal(err)
		}
		if _, now := q.Until(time.Now(), time.UTC); now {
			quiet = q
		}
	}
	if err := l.db.ChangeSettings(t.Context(), "", 31, 0, relay.SettingsChange{QuietHours: &quiet}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.hooked(intake.Caller{}, "", group("g", firstTime, "a")); err != nil {
		t.Fatal(err)
	}
	l.sent(opsChat)
	l.amend(acked)
	if jobs := l.sent(opsChat); len(jobs) != 1 {
		t.Errorf("who reacted sees: %s", texts(jobs))
	}
	if jobs := l.waiting(31); len(jobs) != 0 {
		t.Errorf("who sleeps is told: %s", texts(jobs))
	}
	kept, err := l.db.Kept(t.Context(), time.Now().Add(13*time.Hour), 10)
	if err != nil || len(kept) != 1 || !strings.Contains(kept[0].Content.Text.Text, "Ada has it") {
		t.Errorf("in the morning: %s %v", texts(kept), err)
	}
	l.amend(func(t *relay.Thread, s *thread.State) { s.Escalation = &thread.Escalation{To: []string{"sleeper"}} })
	if jobs := l.waiting(31); len(jobs) == 0 {
		t.Error("what is urgent waits, too")
	}
}
