package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// Who lost its lease while a message was under way says so late: the other replica has ended it by then, and has sent a newer version.
func TestLateOutcomes(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: schema(t)})
	const chat = 1
	lost := int64(1 << 40) // nobody has this lease
	finish := func(m *relay.Message, fence, id int64, live bool) error {
		o := relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Sent, Attempts: 1, Fence: fence, At: t0, TelegramMessageIDs: []int64{id}}
		if live {
			o.Live = []int64{id}
		}
		err := db.Finish(t.Context(), o)
		if lost := errors.Is(err, relay.ErrLeaseLost); lost != (fence != 0) {
			t.Errorf("the error is %v", err)
		} else if lost {
			err = nil
		}
		return err
	}
	isSent := func(m *relay.Message) {
		t.Helper()
		d, err := db.Delivery(t.Context(), m.Deliveries[0].ID)
		must(t, err)
		if d.State != relay.Sent {
			t.Errorf("it is %s", d.State)
		}
	}
	live := func(want int64) {
		t.Helper()
		next := update(relay.Edit, "k", to("alice", chat))
		must(t, db.Accept(t.Context(), next))
		jobs, err := db.Heads(t.Context(), "", chat, t0, 10)
		must(t, err)
		if len(jobs) != 1 || !slices.Equal(jobs[0].Live, []int64{want}) {
			t.Errorf("the live message is not %d: %+v", want, jobs)
		}
		must(t, db.Finish(t.Context(), relay.Outcome{Delivery: next.Deliveries[0].ID, State: relay.Failed, At: t0}))
	}

	first, second := update(relay.Edit, "k", to("alice", chat)), update(relay.Edit, "k", to("alice", chat))
	must(t, db.Accept(t.Context(), first))
	must(t, db.Accept(t.Context(), second))
	must(t, finish(first, lost, 1, true))
	isSent(first)
	live(1) // the newer one is not sent yet
	third := update(relay.Edit, "k", to("alice", chat))
	must(t, db.Accept(t.Context(), third))
	fourth := update(relay.Edit, "k", to("alice", chat))
	must(t, db.Accept(t.Context(), fourth))
	must(t, finish(fourth, 0, 4, true))
	must(t, finish(third, lost, 3, true))
	isSent(third)
	live(4)

	// Outcomes that come together are written together, and none of them is left out.
	var all []*relay.Message
	var calls []func() error
	for n := range 4 {
		m := text("expires", to("alice", chat))
		must(t, db.Accept(t.Context(), m))
		all, calls = append(all, m), append(calls, func() error { return finish(m, 0, int64(10+n), false) })
	}
	_, err := db.Expire(t.Context(), time.Now().AddDate(10, 0, 0), 100)
	must(t, err)
	for i, err := range together(t, db, calls...) {
		must(t, err)
		d, err := db.Delivery(t.Context(), all[i].Deliveries[0].ID)
		must(t, err)
		if d.State != relay.Sent || !slices.Equal(d.TelegramMessageIDs, []int64{int64(10 + i)}) {
			t.Errorf("number %d is %s as %v", i, d.State, d.TelegramMessageIDs)
		}
	}
}

// What was counted as failed is not counted again when it turns out to have been sent.
func TestLateMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	db := open(t, store.Options{Registerer: registry})
	m := message(to("alice", 1))
	must(t, db.Accept(t.Context(), m))
	for _, s := range []relay.State{relay.Failed, relay.Sent} {
		must(t, db.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: s, At: t0}))
	}
	families, err := registry.Gather()
	must(t, err)
	var ended float64
	for _, f := range families {
		if f.GetName() != "tgrelay_deliveries_total" {
			continue
		}
		for _, one := range f.GetMetric() {
			ended += one.GetCounter().GetValue()
		}
	}
	if ended != 1 {
		t.Errorf("one delivery has come to %v ends", ended)
	}
}
