package intake_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/store"
)

const opsChat = -1001

// lobby is a door over a real storage, in which ops has a group and admin a chat.
type lobby struct {
	t     *testing.T
	db    *store.DB
	door  *intake.Door
	rules *intake.Rules
	set   *render.Set
}

func newLobby(t *testing.T) *lobby {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + t.TempDir() + "/relay.db", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	set, err := render.New(render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &lobby{t: t, db: db, set: set}
	l.rules = &intake.Rules{Templates: set, Builtin: set, MaxAge: time.Hour, Fallback: "admin", Receivers: map[string]*intake.Receiver{}}
	for _, name := range receivers.Names() {
		kind, _ := receivers.Get(name)
		l.rules.Receivers[name] = &intake.Receiver{Name: name, Type: kind, Template: name + ".message", Mode: markup.MarkdownV2}
	}
	l.door = intake.New(intake.Options{Outbox: db, Directory: db, Threads: db, Log: log, Registerer: prometheus.NewRegistry()}, l.rules)
	for recipient, chat := range map[string]int64{"ops": opsChat, "admin": 7} {
		if err := db.Bind(t.Context(), recipient, relay.Chat{ChatID: chat, Type: "supergroup", Title: "Ops"}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// topic sets the template of a receiver's topic.
func (l *lobby) topic(receiver, text string) {
	l.t.Helper()
	inline, err := l.set.Inline(text)
	if err != nil {
		l.t.Fatal(err)
	}
	l.rules.Receivers[receiver].Topic = inline
}

func (l *lobby) hook(receiver, body string) {
	l.t.Helper()
	_, err := l.door.Hook(l.t.Context(), intake.Caller{}, intake.Hook{Receiver: receiver, Recipient: "ops", Request: receivers.Request{Receiver: receiver, Body: []byte(body)}})
	if err != nil {
		l.t.Fatal(err)
	}
}

// waiting is what waits for a chat.
func (l *lobby) waiting(chat int64) []relay.Job {
	l.t.Helper()
	jobs, err := l.db.Heads(l.t.Context(), "", chat, time.Now().Add(time.Hour), 1000)
	if err != nil {
		l.t.Fatal(err)
	}
	return jobs
}

func topicsOf(jobs []relay.Job) []string {
	var names []string
	for _, job := range jobs {
		names = append(names, job.Content.Topic)
	}
	return names
}

// alert is a webhook of a group of one alert.
func alert(service string, group int) string {
	labels := fmt.Sprintf(`{"alertname":"Down","service":%q}`, service)
	if service == "" {
		labels = `{"alertname":"Down"}`
	}
	return fmt.Sprintf(`{"version":"4","status":"firing","groupKey":"g%d","receiver":"r","groupLabels":%s,"commonLabels":%[2]s,"commonAnnotations":{},
		"alerts":[{"status":"firing","labels":%[2]s,"annotations":{},"startsAt":"2026-01-01T00:00:00Z"}]}`, group, labels)
}

func TestTopicOfAWebhook(t *testing.T) {
	l := newLobby(t)
	l.topic("alertmanager", "{{ .GroupLabels.service }}")
	l.topic("json", "{{ .service }}")
	l.hook("alertmanager", alert("payments", 1))
	l.hook("alertmanager", alert(" pay\n*ments*_{{ ", 2))
	l.hook("alertmanager", alert(strings.Repeat("x", 300), 3))
	l.hook("alertmanager", alert("", 4))
	l.hook("json", `{"service":"search"}`)
	l.hook("json", `{"service":42}`)
	l.hook("json", `{"other":"x"}`)
	want := []string{"payments", "pay *ments*_{{", strings.Repeat("x", 128), "", "search", "42", ""}
	if d := cmp.Diff(want, topicsOf(l.waiting(opsChat))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A template that fails costs the topic only, and the operator is told.
func TestTopicTemplateThatFails(t *testing.T) {
	l := newLobby(t)
	l.topic("json", `{{ index .list 7 }}`)
	l.hook("json", `{"list":[1]}`)
	if d := cmp.Diff([]string{""}, topicsOf(l.waiting(opsChat))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	told := l.waiting(7)
	if len(told) != 1 || !strings.Contains(told[0].Content.Text.Text, "topic") {
		t.Errorf("the operator is told %+v", told)
	}
}

func TestTopicOfAMessage(t *testing.T) {
	l := newLobby(t)
	send := func(topic string) error {
		_, err := l.door.Message(t.Context(), intake.Caller{}, intake.Call{Body: []byte(`{"to":"ops","text":"x","topic":` + topic + `}`)})
		return err
	}
	for _, topic := range []string{`"deploys"`, `" deploys "`, `null`, `"` + strings.Repeat("é", 128) + `"`} {
		if err := send(topic); err != nil {
			t.Errorf("%s: %v", topic, err)
		}
	}
	if d := cmp.Diff([]string{"deploys", "deploys", "", strings.Repeat("é", 128)}, topicsOf(l.waiting(opsChat))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, topic := range []string{`""`, `" "`, `7`, `"` + strings.Repeat("😀", 65) + `"`} {
		if err := send(topic); relay.ErrorCode(err) != relay.CodeInvalidField {
			t.Errorf("%s: %v", topic, err)
		}
	}
}

// What is merged stays apart by topic.
func TestSurgeKeepsTopics(t *testing.T) {
	l := newLobby(t)
	l.topic("alertmanager", "{{ .GroupLabels.service }}")
	for i := range 6 {
		l.hook("alertmanager", alert([]string{"payments", "search", ""}[i%3], i))
	}
	if merged, err := l.door.Surge(t.Context(), "", opsChat, 1); err != nil || !merged {
		t.Fatal(merged, err)
	}
	if d := cmp.Diff([]string{"payments", "search", ""}, topicsOf(l.waiting(opsChat))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
