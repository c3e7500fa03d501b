package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
)

// A delivery may be ended while it is under way: by another replica that has its lane by now, or by one that does not know that it is. Then it arrives.
var lateSuite = map[string]func(*testing.T, *place){
	"what arrives is sent, however it had ended": lateIsSent,
	"what arrives is counted once":               lateIsCounted,
	"what arrives is told":                       lateIsTold,
	"what arrives is the live message":           lateIsLive,
}

// ends are the states in which a delivery may be that arrives all the same.
var ends = []relay.State{relay.Failed, relay.Expired, relay.Superseded}

// endedAs accepts an update for alice and ends it.
func endedAs(t *testing.T, p *place, s relay.State) *relay.Message {
	t.Helper()
	m := update(relay.Edit, "k", to("alice", 1))
	p.accept(t, m)
	switch s {
	case relay.Failed:
		must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Failed, Attempts: 2, Reason: "refused", LastError: "Bad Request", At: t0}))
	case relay.Expired:
		_, err := p.Expire(t.Context(), m.ExpiresAt, 10)
		must(t, err)
	case relay.Superseded:
		next := update(relay.Edit, "k", to("alice", 1))
		next.Deliveries[0].ExpiresAt = time.Time{}
		p.accept(t, next)
	}
	p.wantState(t, m, s)
	return m
}

func lateIsSent(t *testing.T, p *place) {
	for _, s := range ends {
		m := endedAs(t, p, s)
		must(t, p.Finish(t.Context(), sentAs(m, 7)))
		want := m.Deliveries[0]
		want.State, want.Attempts, want.TelegramMessageIDs, want.SentAt = relay.Sent, 1, []int64{7}, t0
		if diff := cmp.Diff(want, p.delivery(t, m)); diff != "" {
			t.Errorf("it had %s (-want +got):\n%s", s, diff)
		}
		for _, other := range []relay.State{relay.Failed, relay.Queued, relay.Expired, relay.Sent} {
			must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: other, Attempts: 9, At: t0}))
		}
		if diff := cmp.Diff(want, p.delivery(t, m)); diff != "" {
			t.Errorf("after other outcomes (-want +got):\n%s", diff)
		}
	}
}

func lateIsCounted(t *testing.T, p *place) {
	began := time.Now()
	for _, s := range ends {
		must(t, p.Finish(t.Context(), sentAs(endedAs(t, p, s), 7)))
	}
	for s, want := range map[relay.State]int64{relay.Sent: 3, relay.Failed: 0, relay.Expired: 0, relay.Superseded: 0} {
		b, err := p.Backlog(t.Context())
		must(t, err)
		if b.Count[s] != want {
			t.Errorf("%d are %s, want %d", b.Count[s], s, want)
		}
	}
	tallies, err := p.Tallies(t.Context(), began)
	must(t, err)
	var sum relay.Tally
	for _, y := range tallies {
		sum.Taken, sum.Sent, sum.Failed, sum.Waiting = sum.Taken+y.Taken, sum.Sent+y.Sent, sum.Failed+y.Failed, sum.Waiting+y.Waiting
	}
	if want := (relay.Tally{Taken: 4, Sent: 3, Waiting: 1}); sum != want { // the update that superseded waits
		t.Errorf("%+v, want %+v", sum, want)
	}
	told, err := p.Undelivered(t.Context(), "", 10)
	must(t, err)
	if told.Count != 0 {
		t.Errorf("of what was sent it is said that it did not arrive: %+v", told.First)
	}
}

func lateIsTold(t *testing.T, p *place) {
	p.events.Store(true)
	for _, s := range ends {
		want := []string{"message.failed alice", "message.sent alice"}
		if s == relay.Superseded {
			want = want[1:]
		}
		must(t, p.Finish(t.Context(), sentAs(endedAs(t, p, s), 7)))
		if got := heard(t, p); !slices.Equal(got, want) {
			t.Errorf("it had %s: %q is told, want %q", s, got, want)
		}
	}
}

func lateIsLive(t *testing.T, p *place) {
	for i, s := range ends {
		id := int64(7 + i)
		must(t, p.Finish(t.Context(), sentAs(endedAs(t, p, s), id)))
		p.accept(t, update(relay.Edit, "k", to("alice", 1)))
		if got := liveOf(t, p, 1); !slices.Equal(got, []int64{id}) {
			t.Errorf("it had %s: the live message is %v", s, got)
		}
	}
}
