package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// What happens is counted with it, and what is undone is not.
func TestTallies(t *testing.T) {
	db := open(t, store.Options{})
	began := time.Now()
	var all []*relay.Message
	for range 4 {
		m := message(to("alice", 1))
		must(t, db.Accept(t.Context(), m))
		all = append(all, m)
	}
	finish := func(m *relay.Message, state relay.State) {
		t.Helper()
		must(t, db.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: state, At: t0}))
	}
	finish(all[0], relay.Sent)
	finish(all[1], relay.Failed)
	finish(all[2], relay.Failed)
	_, err := db.Retry(t.Context(), all[2].Deliveries[0].ID, time.Now())
	must(t, err)
	bad := message(to("alice", 1))
	bad.ID = all[0].ID // it is there already
	if err := db.Accept(t.Context(), bad); err == nil {
		t.Fatal("a message is taken twice")
	}
	sum := func(since time.Time) (y relay.Tally) {
		t.Helper()
		tallies, err := db.Tallies(t.Context(), since)
		must(t, err)
		for _, one := range tallies {
			y.Taken, y.Sent, y.Failed, y.Waiting = y.Taken+one.Taken, y.Sent+one.Sent, y.Failed+one.Failed, y.Waiting+one.Waiting
			if one.At.Before(since.Truncate(relay.TallySpan)) || one.At.After(time.Now()) {
				t.Errorf("a tally of %s", one.At)
			}
		}
		return y
	}
	if got, want := sum(began), (relay.Tally{Taken: 4, Sent: 1, Failed: 2, Waiting: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	backlog, err := db.Backlog(t.Context())
	must(t, err)
	if n := sum(began).Waiting; n != backlog.Waiting() {
		t.Errorf("%d came to wait, and %d do", n, backlog.Waiting())
	}
	if got := sum(time.Now().Add(time.Hour)); got != (relay.Tally{}) {
		t.Errorf("of the future: %+v", got)
	}
}

// dated is a message that was made at a time, with IDs of then.
func dated(at time.Time, receiver string, d relay.Delivery) *relay.Message {
	m := message(d)
	id := uuid.Must(uuid.NewV7())
	for i := range 6 {
		id[i] = byte(at.UnixMilli() >> (8 * (5 - i)))
	}
	m.CreatedAt, m.Receiver = at, receiver
	m.Deliveries[0].ID, m.Deliveries[0].CreatedAt, m.Deliveries[0].Receiver = relay.ID(id), at, receiver
	return m
}

func TestDeliveriesByTimeAndReceiver(t *testing.T) {
	db := open(t, store.Options{})
	db.LookAmong(7)
	var all []*relay.Message
	for i := range 40 {
		receiver, recipient := "alertmanager", "alice"
		if i%3 == 0 {
			receiver = "grafana"
		}
		if i%4 == 0 {
			recipient = "bob"
		}
		m := dated(t0.Add(time.Duration(i)*time.Minute), receiver, to(recipient, 1))
		must(t, db.Accept(t.Context(), m))
		if i%5 == 0 {
			must(t, db.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Failed, At: t0}))
			m.Deliveries[0].State = relay.Failed
		}
		all = append(all, m)
	}
	minute := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Minute) }
	for _, q := range []relay.DeliveryQuery{
		{Since: minute(10)},
		{Until: minute(10)},
		{Since: minute(5), Until: minute(31)},
		{Since: minute(50)},
		{Until: t0},
		{Until: minute(90)},
		{Receiver: "grafana"},
		{Receiver: "nobody"},
		{Receiver: "grafana", State: relay.Failed},
		{Receiver: "grafana", Recipient: "bob"},
		{Receiver: "alertmanager", Since: minute(3), Until: minute(30)},
		{State: relay.Failed, Since: minute(11)},
		{Recipient: "bob", Until: minute(20)},
		{Prefix: "b", Receiver: "grafana", Since: minute(2)},
	} {
		var want, got []relay.ID
		for _, m := range slices.Backward(all) {
			d := m.Deliveries[0]
			fits := (q.State == "" || d.State == q.State) && (q.Recipient == "" || d.Recipient == q.Recipient) && (q.Prefix == "" || d.Recipient == "bob") &&
				(q.Receiver == "" || d.Receiver == q.Receiver) && !d.CreatedAt.Before(q.Since) && (q.Until.IsZero() || d.CreatedAt.Before(q.Until))
			if fits {
				want = append(want, d.ID)
			}
		}
		for q.Limit = 3; ; {
			page, err := db.Deliveries(t.Context(), q)
			must(t, err)
			for _, d := range page.Items {
				got = append(got, d.ID)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %d deliveries, want %d", q, len(got), len(want))
		}
	}
	checkPlans(t, db)
}

// Where many wait, those of a receiver are looked for in stretches; where few do, at once.
func TestDeliveriesOfAReceiverThatWait(t *testing.T) {
	db := open(t, store.Options{})
	for i := range 40 {
		must(t, db.Accept(t.Context(), dated(t0.Add(time.Duration(i)*time.Minute), "alertmanager", to("alice", 1))))
	}
	for among, more := range map[int64]bool{7: true, 40: false} {
		db.LookAmong(among)
		page, err := db.Deliveries(t.Context(), relay.DeliveryQuery{State: relay.Queued, Receiver: "nobody", Limit: 3})
		must(t, err)
		if len(page.Items) != 0 || page.Next != "" != more {
			t.Errorf("among %d: %+v", among, page)
		}
	}
}

// A recipient may have very many deliveries: those in a state in which few are, are found by the state.
func TestDeliveriesInARareState(t *testing.T) {
	db := open(t, store.Options{})
	for range 3 {
		m := dated(t0, "alertmanager", to("alice", 1))
		must(t, db.Accept(t.Context(), m, dated(t0, "alertmanager", to("bob", 2))))
		must(t, db.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Failed, At: t0}))
	}
	for _, q := range []relay.DeliveryQuery{{State: relay.Failed, Recipient: "alice"}, {State: relay.Queued, Recipient: "bob"}, {State: relay.Failed, Prefix: "a"}} {
		page, err := db.Deliveries(t.Context(), q)
		must(t, err)
		if len(page.Items) != 3 {
			t.Errorf("%+v: %+v", q, page)
		}
	}
	for _, text := range db.Texts() {
		if strings.Contains(text, "d.state = 4") && !strings.Contains(text, "(d.recipient || '')") {
			t.Errorf("it is looked for among all of the recipient: %s", text)
		}
	}
	checkPlans(t, db)
}

// With a hundred thousand deliveries no question takes longer than a page may: what is rare is looked for in stretches.
func BenchmarkDeliveriesOfARareReceiver(b *testing.B) {
	db := open(b, store.Options{})
	const many = 100_000
	for at := 0; at < many; at += 1000 {
		var batch []*relay.Message
		for i := range 1000 {
			batch = append(batch, dated(t0.Add(time.Duration(at+i)*time.Second), "alertmanager", to(fmt.Sprint("r", i), int64(i+1))))
		}
		if err := db.Accept(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	for name, q := range map[string]relay.DeliveryQuery{
		"newest": {}, "rare": {Receiver: "nobody"}, "hour": {Since: t0.Add(3 * time.Hour), Until: t0.Add(4 * time.Hour)}, "deep": {After: "100"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := db.Deliveries(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
