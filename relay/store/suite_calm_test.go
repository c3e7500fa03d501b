package store_test

import (
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

var calmSuite = map[string]func(*testing.T, *place){
	"what is kept waits for its moment":          keptWaits,
	"other settings make due what was kept":      settingsMakeDue,
	"a paused recipient's messages wait for it":  pausedWaits,
	"a kept delivery goes with its chat":         keptGoesWithChat,
	"a chat's settings hold for the next one":    settingsAreTheChats,
	"a chat is forgotten":                        chatForgotten,
	"a chat is renamed":                          chatRenamed,
	"many are bound at once":                     manyBound,
	"a patient update waits as what it replaces": patientWaits,
}

// kept is a message that waits in a chat until a moment.
func kept(recipient string, chat int64, until time.Time) *relay.Message {
	d := to(recipient, chat)
	d.State, d.NotBefore = relay.Held, until
	return message(d)
}

func (p *place) due(t *testing.T, at time.Time) []relay.ID {
	t.Helper()
	jobs, err := p.Kept(t.Context(), at, 10)
	must(t, err)
	var ids []relay.ID
	for _, job := range jobs {
		ids = append(ids, job.MessageID)
	}
	return ids
}

func keptWaits(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	morning := t0.Add(8 * time.Hour)
	early, late := kept("alice", 1, morning), kept("alice", 1, morning.Add(time.Hour))
	p.accept(t, early, late)
	p.wantTexts(t, 1)
	must(t, p.Bind(t.Context(), "alice", person(1), t0)) // binding again releases nothing of it
	if got := p.due(t, morning.Add(-time.Second)); len(got) > 0 {
		t.Errorf("before its moment %v is due", got)
	}
	p.reopen()
	if got := p.due(t, morning); len(got) != 1 || got[0] != early.ID {
		t.Errorf("%v is due", got)
	}
	must(t, p.Release(t.Context(), []relay.ID{early.Deliveries[0].ID, relay.NewID()}))
	if a, b := stateOf(t, p, early), stateOf(t, p, late); a != relay.Queued || b != relay.Held {
		t.Errorf("%s and %s", a, b)
	}
	merged := mergeOf(1)
	must(t, p.Merge(t.Context(), merged, []relay.ID{late.Deliveries[0].ID}))
	if got := stateOf(t, p, late); got != relay.Superseded {
		t.Errorf("what a digest stands for is %s", got)
	}
}

func settingsMakeDue(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	m := kept("alice", 1, t0.Add(8*time.Hour))
	p.accept(t, m)
	must(t, p.ChangeSettings(t.Context(), "", 1, 0, relay.SettingsChange{MutedUntil: new(t0)}))
	if got := p.due(t, t0); len(got) > 0 {
		t.Errorf("muting releases %v", got)
	}
	must(t, p.ChangeSettings(t.Context(), "", 1, 0, relay.SettingsChange{QuietHours: new(relay.QuietHours(""))}))
	if got := p.due(t, t0); len(got) != 1 {
		t.Errorf("%v is due", got)
	}
}

func pausedWaits(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	r, err := p.ChangeRecipient(t.Context(), "alice", relay.RecipientChange{Paused: new(true), Note: new("away")})
	must(t, err)
	if !r.Paused || r.Note != "away" {
		t.Errorf("%+v", r)
	}
	m := kept("alice", 1, time.Time{})
	p.accept(t, m)
	if got := p.due(t, t0.Add(24*time.Hour)); len(got) > 0 {
		t.Errorf("%v is due", got)
	}
	_, err = p.ChangeRecipient(t.Context(), "alice", relay.RecipientChange{Paused: new(false)})
	must(t, err)
	if got := p.due(t, t0); len(got) != 1 {
		t.Errorf("%v is due after resuming", got)
	}
	late := kept("alice", 1, time.Time{}) // by one who looked before
	p.accept(t, late)
	if got := stateOf(t, p, late); got != relay.Queued {
		t.Errorf("what was to wait for one who is resumed is %s", got)
	}
	_, err = p.ChangeRecipient(t.Context(), "nobody", relay.RecipientChange{Paused: new(true)})
	wantCode(t, err, relay.CodeUnknownRecipient)

	// Bound while paused: what was held for a chat waits on.
	held := text("held", heldFor("bob"))
	p.accept(t, held)
	must(t, p.Bind(t.Context(), "carol", person(3), t0))
	must(t, p.Bind(t.Context(), "bob", person(2), t0))
	if got := stateOf(t, p, held); got != relay.Queued {
		t.Errorf("bound: %s", got)
	}
}

func keptGoesWithChat(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "ops", relay.Chat{ChatID: -5, Type: "group", Title: "Ops"}, t0))
	m := kept("ops", -5, t0.Add(time.Hour))
	p.accept(t, m)
	must(t, p.Migrate(t.Context(), "", -5, -1005))
	if d := p.delivery(t, m); d.ChatID != -1005 || d.State != relay.Held {
		t.Errorf("after the upgrade: %+v", d)
	}
	_, err := p.UnbindChat(t.Context(), "", -1005, 0)
	must(t, err)
	if got := stateOf(t, p, m); got != relay.Discarded {
		t.Errorf("after unbinding: %s", got)
	}
}

func settingsAreTheChats(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	change := relay.SettingsChange{QuietHours: new(relay.QuietHours("22:00-07:00")), Digest: new(relay.Clock("08:00")), TimeZone: new("Europe/Berlin"), Locale: new("de")}
	must(t, p.ChangeSettings(t.Context(), "", 1, 0, change))
	must(t, p.Bind(t.Context(), "bob", person(1), t0))
	r, err := p.Recipient(t.Context(), "bob")
	must(t, err)
	if got, want := r.Chats[0].Settings, (relay.Settings{QuietHours: "22:00-07:00", Digest: "08:00", TimeZone: "Europe/Berlin", Locale: "de"}); got != want {
		t.Errorf("%+v", got)
	}
}

func chatForgotten(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	must(t, p.Bind(t.Context(), "alice", person(2), t0))
	both := message(to("alice", 1), to("alice", 2))
	both.Request, both.CreatedAt = request("app", "k", 1), time.Now()
	p.accept(t, both, text("to one", to("alice", 1)), kept("alice", 1, t0.Add(time.Hour)))
	gone, err := p.ForgetChat(t.Context(), "", 1)
	must(t, err)
	if gone != (relay.Forgotten{Bindings: 1, Deliveries: 3}) {
		t.Errorf("%+v", gone)
	}
	m, err := p.Message(t.Context(), both.ID)
	must(t, err)
	if len(m.Deliveries) != 1 || m.Deliveries[0].ChatID != 2 {
		t.Errorf("what went elsewhere too: %+v", m.Deliveries)
	}
	if answered, err := p.Answered(t.Context(), *request("app", "k", 1)); err != nil || answered != nil {
		t.Errorf("what was answered to a request tells of the chat: %+v, %v", answered, err)
	}
	if gone, err := p.ForgetChat(t.Context(), "", 1); err != nil || gone != (relay.Forgotten{}) {
		t.Errorf("again: %+v, %v", gone, err)
	}
}

func chatRenamed(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "ops", relay.Chat{ChatID: -5, Type: "group", Title: "Ops"}, t0))
	must(t, p.Rename(t.Context(), relay.Chat{ChatID: -5, Title: "Operations", Username: "ops"}))
	must(t, p.Rename(t.Context(), relay.Chat{ChatID: -5}))
	must(t, p.Rename(t.Context(), relay.Chat{ChatID: -6, Title: "unknown"}))
	r, err := p.Recipient(t.Context(), "ops")
	must(t, err)
	if c := r.Chats[0]; c.Title != "Operations" || c.Username != "ops" {
		t.Errorf("%+v", c)
	}
}

func manyBound(t *testing.T, p *place) {
	held := text("held", heldFor("alice"))
	p.accept(t, held)
	all := []relay.Binding{
		{Recipient: "alice", Chat: person(1), LinkedAt: t0.Add(-time.Hour), Settings: relay.Settings{Digest: "08:00"}},
		{Recipient: "alice", Chat: person(2)},
		{Recipient: "bob", Chat: person(1)},
	}
	must(t, p.BindAll(t.Context(), all, t0))
	r, err := p.Recipient(t.Context(), "alice")
	must(t, err)
	if len(r.Chats) != 2 || !r.Chats[0].LinkedAt.Equal(t0.Add(-time.Hour)) || r.Chats[0].Digest != "08:00" || !r.Chats[1].LinkedAt.Equal(t0) {
		t.Errorf("%+v", r.Chats)
	}
	if got := stateOf(t, p, held); got != relay.Queued {
		t.Errorf("what was held is %s", got)
	}
	err = p.BindAll(t.Context(), []relay.Binding{{Recipient: "carol", Chat: person(3)}, {Recipient: "no spaces", Chat: person(4)}}, t0)
	wantCode(t, err, relay.CodeInvalidField)
	_, err = p.Recipient(t.Context(), "carol")
	wantCode(t, err, relay.CodeUnknownRecipient)
}

func patientWaits(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	morning := t0.Add(8 * time.Hour)
	live := func(m *relay.Message, patient bool) *relay.Message {
		m.Key, m.OnUpdate, m.Patient = "k", relay.Edit, patient
		return m
	}
	first, patient, urgent := live(kept("alice", 1, morning), false), live(message(to("alice", 1)), true), live(message(to("alice", 1)), false)
	must(t, p.Accept(t.Context(), first))
	must(t, p.Accept(t.Context(), patient))
	if stateOf(t, p, first) != relay.Superseded || stateOf(t, p, patient) != relay.Held {
		t.Errorf("the first is %s, its update %s", stateOf(t, p, first), stateOf(t, p, patient))
	}
	if early, due := p.due(t, morning.Add(-time.Minute)), p.due(t, morning); len(early) != 0 || len(due) != 1 || due[0] != patient.ID {
		t.Errorf("%v are due before, %v in the morning", early, due)
	}
	must(t, p.Accept(t.Context(), urgent))
	if stateOf(t, p, urgent) != relay.Queued || stateOf(t, p, patient) != relay.Superseded {
		t.Error("what is urgent waits, too")
	}
}
