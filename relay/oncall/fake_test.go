package oncall_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/oncall"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// fake is an Alertmanager's API v2 in memory; several may share what they know, as a cluster does.
type fake struct {
	*known
	hang, down bool
	refuse     string
	slow       time.Duration
	asked      int
}

type known struct {
	mu       sync.Mutex
	alerts   []alertmanager.Alert
	silences []*alertmanager.Silence
}

// is changes how it answers.
func (f *fake) is(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// fires says which alerts there are, as "team/instance".
func (k *known) fires(names ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.alerts = nil
	for _, name := range names {
		k.alerts = append(k.alerts, alertmanager.Alert{Labels: labelsOf(name), StartsAt: time.Now(), Fingerprint: "f" + name})
	}
}

func labelsOf(name string) map[string]string {
	team, instance, _ := strings.Cut(name, "/")
	return map[string]string{"alertname": "Down", "team": team, "instance": instance}
}

// made makes a silence that was not made in a chat.
func (k *known) made(id string, length time.Duration, matchers ...string) {
	s := &alertmanager.Silence{ID: id, StartsAt: time.Now(), EndsAt: time.Now().Add(length), CreatedBy: "grace"}
	for i := 0; i < len(matchers); i += 2 {
		s.Matchers = append(s.Matchers, alertmanager.Matcher{Name: matchers[i], Value: matchers[i+1]})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.silences = append(k.silences, s)
}

func (k *known) holding() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var ids []string
	for _, s := range k.silences {
		if time.Now().Before(s.EndsAt) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.asked++
	hang, down, refuse, slow := f.hang, f.down, f.refuse, f.slow
	f.mu.Unlock()
	time.Sleep(slow)
	switch {
	case hang:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case down:
		return nil, errors.New("connection refused")
	case refuse != "" && r.Method != http.MethodGet:
		return answer(400, refuse), nil
	}
	return f.serve(r)
}

func answer(status int, v any) *http.Response {
	b, _ := json.Marshal(v)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(b))}
}

func (f *fake) serve(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, one := strings.CutPrefix(r.URL.Path, "/api/v2/silence/")
	switch {
	case r.URL.Path == "/api/v2/alerts":
		return answer(200, f.list()), nil
	case r.Method == http.MethodPost:
		s := &alertmanager.Silence{}
		if err := json.NewDecoder(r.Body).Decode(s); err != nil {
			return nil, err
		}
		s.ID = fmt.Sprint("made-", len(f.silences))
		f.silences = append(f.silences, s)
		return answer(200, map[string]string{"silenceID": s.ID}), nil
	case !one:
		var all []alertmanager.Silence
		for _, s := range f.silences {
			all = append(all, shown(s))
		}
		return answer(200, all), nil
	}
	for _, s := range f.silences {
		if s.ID == id && r.Method == http.MethodDelete {
			s.EndsAt = time.Now()
		}
		if s.ID == id {
			return answer(200, shown(s)), nil
		}
	}
	return answer(404, nil), nil
}

func shown(s *alertmanager.Silence) alertmanager.Silence {
	out := *s
	state := "active"
	if !time.Now().Before(s.EndsAt) {
		state = "expired"
	}
	out.Status = &struct {
		State string `json:"state"`
	}{state}
	return out
}

func (f *fake) list() []alertmanager.Alert {
	list := []alertmanager.Alert{}
	for _, a := range f.alerts {
		for _, s := range f.silences {
			if matches(s, a.Labels) && time.Now().Before(s.EndsAt) {
				a.Status.SilencedBy = append(a.Status.SilencedBy, s.ID)
			}
		}
		list = append(list, a)
	}
	return list
}

func matches(s *alertmanager.Silence, labels map[string]string) bool {
	for _, m := range s.Matchers {
		if labels[m.Name] != m.Value {
			return false
		}
	}
	return true
}

func nopLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// shift is a desk over a real storage, with an Alertmanager and the chats of ops (1), boss (2) and a stranger (3).
type shift struct {
	t     *testing.T
	db    *store.DB
	door  *intake.Door
	desk  *oncall.Desk
	rules *intake.Rules
	set   *render.Set
	am    *fake
}

func newShift(t *testing.T) *shift {
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
	s := &shift{t: t, db: db, set: set, am: &fake{known: &known{}}}
	kind, _ := receivers.Get("alertmanager")
	rc := &intake.Receiver{Name: "alertmanager", Type: kind, Template: "alertmanager.message", Mode: markup.MarkdownV2, OnUpdate: relay.Reply, Buttons: true, Managed: true}
	s.rules = &intake.Rules{Templates: set, Builtin: set, MaxAge: 24 * time.Hour, Receivers: map[string]*intake.Receiver{"alertmanager": rc}}
	s.door = intake.New(intake.Options{Outbox: db, Directory: db, Threads: db, Log: log, Registerer: prometheus.NewRegistry()}, s.rules)
	s.desk = oncall.New(oncall.Options{Door: s.door, Threads: db, Log: log})
	s.managed(s.am)
	for chat, recipient := range []string{1: "ops", 2: "boss", 3: "stranger"} {
		if recipient != "" {
			s.bind(recipient, int64(chat))
		}
	}
	return s
}

// receiving puts other rules in force.
func (s *shift) receiving(change func(*intake.Rules, *intake.Receiver)) {
	rules := *s.rules
	rc := *rules.Receivers["alertmanager"]
	rules.Receivers = map[string]*intake.Receiver{"alertmanager": &rc}
	change(&rules, &rc)
	s.rules = &rules
	s.door.SetRules(&rules)
}

func (s *shift) visible(matchers string) {
	s.receiving(func(_ *intake.Rules, rc *intake.Receiver) { rc.Visible = []*render.Inline{s.inline(matchers)} })
}

func (s *shift) escalates(after time.Duration, to string) {
	s.receiving(func(_ *intake.Rules, rc *intake.Receiver) {
		rc.Escalate = intake.Escalate{After: after, To: []*render.Inline{s.inline(to)}}
	})
}

func (s *shift) bind(recipient string, chat int64) {
	s.t.Helper()
	if err := s.db.Bind(s.t.Context(), recipient, relay.Chat{ChatID: chat, Type: "private"}, time.Now()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shift) managed(fakes ...*fake) { s.desk.SetManagers(managersOf(fakes...)) }

func managersOf(fakes ...*fake) []oncall.Manager {
	var managers []oncall.Manager
	for i, f := range fakes {
		client := alertmanager.New(alertmanager.Options{Name: fmt.Sprint("am", i), URL: "http://am", Transport: f})
		managers = append(managers, oncall.Manager{Client: client, Receivers: []string{"alertmanager"}})
	}
	return managers
}

func (s *shift) inline(text string) *render.Inline {
	s.t.Helper()
	template, err := s.set.Inline(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return template
}

// alert posts what an Alertmanager sends for alerts that fire, as "team/instance".
func (s *shift) alert(names ...string) *relay.Thread {
	s.t.Helper()
	s.am.fires(names...)
	var list []string
	for _, name := range names {
		labels, _ := json.Marshal(labelsOf(name))
		list = append(list, fmt.Sprintf(`{"status":"firing","labels":%s,"startsAt":%q,"fingerprint":"f%s"}`, labels, time.Now().UTC().Format(time.RFC3339), name))
	}
	common, _ := json.Marshal(labelsOf(names[0]))
	if len(names) > 1 {
		common = []byte(`{"alertname":"Down"}`)
	}
	body := fmt.Sprintf(`{"status":"firing","groupKey":%q,"receiver":"r","notification_reason":"first notification","commonLabels":%s,"alerts":[%s]}`, names[0], common, strings.Join(list, ","))
	_, err := s.door.Hook(s.t.Context(), intake.Caller{}, intake.Hook{Receiver: "alertmanager", Recipient: "ops", Request: receivers.Request{Receiver: "alertmanager", Body: []byte(body)}})
	if err != nil {
		s.t.Fatal(err)
	}
	open, err := s.db.OpenThreads(s.t.Context(), relay.ID{}, 1000)
	if err != nil || len(open) == 0 {
		s.t.Fatal(err, len(open))
	}
	return &open[len(open)-1]
}

func (s *shift) press(t *relay.Thread, action thread.Action, argument string) string {
	s.t.Helper()
	return s.pressIn(1, t, action, argument, "ops")
}

func (s *shift) pressIn(chat int64, t *relay.Thread, action thread.Action, argument string, recipients ...string) string {
	s.t.Helper()
	return s.pressAt(s.desk, chat, t, action, argument, recipients...)
}

func (s *shift) pressAt(desk *oncall.Desk, chat int64, t *relay.Thread, action thread.Action, argument string, recipients ...string) string {
	s.t.Helper()
	data := strings.TrimSpace(thread.OwnButton + t.ID.String() + " " + string(action) + " " + argument)
	a, err := desk.Press(s.t.Context(), oncall.Press{Data: data, ChatID: chat, Recipients: recipients, By: oncall.Person{Name: "Ada", Username: "ada"}})
	if err != nil {
		s.t.Error(err)
	}
	return a.Template
}

// first is the first message of a chat's last conversation as it is by now: its text and its buttons.
func (s *shift) first(chat int64) string {
	s.t.Helper()
	for _, job := range s.said(chat) {
		if job.OnUpdate == relay.Edit {
			return job.Content.Text.Text + "\n" + string(job.Content.ReplyMarkup)
		}
	}
	return ""
}

// said is what waits for a chat, the newest first.
func (s *shift) said(chat int64) []relay.Job {
	s.t.Helper()
	jobs, err := s.db.Heads(s.t.Context(), "", chat, time.Now(), 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	for i, j := 0, len(jobs)-1; i < j; i, j = i+1, j-1 {
		jobs[i], jobs[j] = jobs[j], jobs[i]
	}
	return jobs
}

func (s *shift) shows(chat int64, parts ...string) {
	s.t.Helper()
	text := s.first(chat)
	for _, part := range parts {
		part, absent := strings.CutPrefix(part, "!")
		if strings.Contains(text, part) == absent {
			s.t.Errorf("%q is to be absent (%t) in:\n%s", part, absent, text)
		}
	}
}

func (s *shift) ended(t *relay.Thread) bool {
	s.t.Helper()
	now, err := s.db.Thread(s.t.Context(), t.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return !now.EndedAt.IsZero()
}
