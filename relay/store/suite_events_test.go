package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

var eventsSuite = map[string]func(*testing.T, *place){
	"what happens is noted":                happenings,
	"each recipient's oldest event is due": oldestIsDue,
	"the same of very many recipients":     oldestOfMany,
}

// heard takes all events off the storage, as type and recipient.
func heard(t *testing.T, p *place) []string {
	t.Helper()
	var all []string
	for {
		due, err := p.DueEvents(t.Context(), time.Now(), 10)
		must(t, err)
		if len(due) == 0 {
			return all
		}
		for _, e := range due {
			if !json.Valid(e.Data) || e.At.IsZero() {
				t.Errorf("%+v", e)
			}
			all = append(all, fmt.Sprintf("%s %s", e.Type, e.Recipient))
			must(t, p.EndEvent(t.Context(), e.ID))
		}
	}
}

func happenings(t *testing.T, p *place) {
	expect := func(want ...string) {
		t.Helper()
		if got := heard(t, p); !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	group := relay.Chat{ChatID: -5, Type: "group", Title: "Ops"}
	must(t, p.Bind(t.Context(), "ops", group, t0))
	must(t, p.Bind(t.Context(), "ops", group, t0)) // again: nothing new
	expect()
	p.events.Store(true)
	must(t, p.Bind(t.Context(), "dev", group, t0))
	expect("recipient.linked dev")
	must(t, p.Migrate(t.Context(), "", -5, -1005))
	expect("recipient.migrated dev", "recipient.migrated ops")
	must(t, p.SetChatState(t.Context(), "", -1005, relay.Left))
	must(t, p.SetChatState(t.Context(), "", -1005, relay.Left))
	expect("recipient.blocked dev", "recipient.blocked ops")
	must(t, p.SetChatState(t.Context(), "", -1005, relay.Active))
	expect("recipient.linked dev", "recipient.linked ops")

	a, b, c := message(to("ops", -1005)), message(to("ops", -1005)), message(to("dev", -1005))
	p.accept(t, a, b, c)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: a.Deliveries[0].ID, State: relay.Sent, TelegramMessageIDs: []int64{1}, At: t0}))
	expect("message.sent ops")
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: b.Deliveries[0].ID, State: relay.Queued, At: t0}))
	expect()
	must(t, p.Finish(t.Context(), relay.Outcome{
		Delivery: b.Deliveries[0].ID, State: relay.Failed, Reason: "left", At: t0, ChatID: -1005, ChatState: relay.Left,
	}))
	expect("message.failed ops", "recipient.blocked dev", "recipient.blocked ops", "message.failed dev")
	must(t, p.Unbind(t.Context(), "dev", "", -1005, 0))
	_, err := p.UnbindChat(t.Context(), "", -1005, 0)
	must(t, err)
	expect("recipient.unlinked dev", "recipient.unlinked ops")
}

func oldestIsDue(t *testing.T, p *place) {
	var ids []relay.ID
	for i, recipient := range []string{"a", "a", "b"} {
		e := relay.Event{ID: relay.NewID(), Type: relay.ButtonPressed, Recipient: recipient, At: t0, Data: fmt.Appendf(nil, `{"n":%d}`, i)}
		must(t, p.AddEvent(t.Context(), e))
		ids = append(ids, e.ID)
	}
	due := func(want ...relay.ID) {
		t.Helper()
		events, err := p.DueEvents(t.Context(), t0, 10)
		must(t, err)
		var got []relay.ID
		for _, e := range events {
			got = append(got, e.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("due are %v, want %v", got, want)
		}
	}
	due(ids[0], ids[2])
	must(t, p.PostponeEvent(t.Context(), ids[0], t0.Add(time.Hour)))
	p.reopen()
	due(ids[2])
	events, err := p.DueEvents(t.Context(), t0.Add(time.Hour), 1)
	must(t, err)
	if len(events) != 1 || events[0].ID != ids[0] || events[0].Attempts != 1 || string(events[0].Data) != `{"n":0}` {
		t.Errorf("%+v", events)
	}
	must(t, p.EndEvent(t.Context(), ids[0]))
	due(ids[1], ids[2])
}

func oldestOfMany(t *testing.T, p *place) {
	const many = 700
	var oldest []relay.ID
	for i := range 2 * many {
		e := relay.Event{ID: relay.NewID(), Type: relay.ButtonPressed, Recipient: fmt.Sprintf("r%d", many-i%many), At: t0, Data: []byte(`{}`)}
		must(t, p.AddEvent(t.Context(), e))
		if i < many {
			oldest = append(oldest, e.ID)
		}
	}
	events, err := p.DueEvents(t.Context(), t0, 2*many)
	must(t, err)
	var due []relay.ID
	for _, e := range events {
		due = append(due, e.ID)
	}
	if !slices.Equal(due, oldest) {
		t.Errorf("%d events are due, want the oldest of each of %d recipients", len(due), many)
	}
}
