package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
)

var twiceSuite = map[string]func(*testing.T, *place){
	"a request with a key is answered once":      requestOnce,
	"a refused request does not use its key up":  refusedKeepsKey,
	"requests at once are one":                   requestsAtOnce,
	"a request may be another after a while":     requestWithin,
	"a twin's notification is left out":          twinLeftOut,
	"a notification is fresh for each recipient": freshForEach,
}

func request(owner, key string, body byte) *relay.Request {
	return &relay.Request{Owner: owner, Key: key, Body: [32]byte{body}}
}

func requestOnce(t *testing.T, p *place) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	made := func(r *relay.Request, at time.Time) *relay.Message {
		m := message(to("alice", 1), heldFor("bob"))
		m.Request, m.CreatedAt = r, at
		return m
	}
	first := made(request("app", "k", 1), now)
	p.accept(t, first)
	must(t, p.Bind(t.Context(), "bob", relay.Chat{ChatID: 2, Type: "private"}, now))
	p.reopen()
	second := made(request("app", "k", 1), now)
	p.accept(t, second)
	if !second.Replayed || second.ID != first.ID || second.Deliveries[1].State != relay.Held {
		t.Errorf("not the first answer: %+v", second)
	}
	answered, err := p.Answered(t.Context(), *request("app", "k", 1))
	must(t, err)
	if diff := cmp.Diff(second.Deliveries, answered.Deliveries); diff != "" || answered.ID != first.ID {
		t.Errorf("what was answered (-replayed +asked):\n%s", diff)
	}
	if err := p.Accept(t.Context(), made(request("app", "k", 2), now)); relay.ErrorCode(err) != relay.CodeIdempotencyMismatch {
		t.Errorf("another body: %v", err)
	}
	for _, fresh := range []*relay.Message{made(request("other", "k", 2), now), made(request("app", "k2", 2), now), made(request("app", "k", 2), now.Add(25*time.Hour))} {
		p.accept(t, fresh)
		if fresh.Replayed {
			t.Errorf("%+v was taken for another", fresh.Request)
		}
	}
	_, err = p.Prune(t.Context(), now, 100)
	must(t, err)
	jobs, err := p.Heads(t.Context(), "", 1, now.Add(time.Hour), 100)
	must(t, err)
	if len(jobs) != 4 {
		t.Errorf("%d messages wait, want 4", len(jobs))
	}
}

func refusedKeepsKey(t *testing.T, p *place) {
	bad := message(relay.Delivery{Recipient: "alice", ChatID: 1, State: relay.Sent})
	bad.Request = request("app", "k", 1)
	if err := p.Accept(t.Context(), bad); err == nil {
		t.Fatal("nonsense was accepted")
	}
	good := message(to("alice", 1))
	good.Request = request("app", "k", 2)
	p.accept(t, good)
	if good.Replayed {
		t.Error("the key was used up")
	}
}

func requestsAtOnce(t *testing.T, p *place) {
	now := time.Now()
	var mu sync.Mutex
	ids := map[relay.ID]int{}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			m := message(to("alice", 1))
			m.Request, m.CreatedAt = request("app", "k", 1), now
			if err := p.Accept(t.Context(), m); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[m.ID]++
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Errorf("%d messages were made, want 1", len(ids))
	}
}

// notified is a message of a notification, and how many of its deliveries were taken.
func notified(t *testing.T, p *place, group, alerts byte, at time.Time, deliveries ...relay.Delivery) int {
	t.Helper()
	m := message(deliveries...)
	for i := range m.Deliveries {
		m.Deliveries[i].CreatedAt = at
	}
	m.CreatedAt, m.Notification = at, &relay.Notification{Group: [32]byte{group}, Alerts: [32]byte{alerts}}
	p.accept(t, m)
	return len(m.Deliveries)
}

func twinLeftOut(t *testing.T, p *place) {
	for i, c := range []struct {
		group, alerts byte
		after         time.Duration
		want          int
	}{
		{1, 1, 0, 1},
		{1, 1, time.Second, 0},
		{2, 1, time.Second, 1},
		{1, 2, time.Minute, 1},     // resolved
		{1, 1, 2 * time.Minute, 1}, // fires again
		{1, 1, 3 * time.Minute, 0},
		{1, 1, 7 * time.Minute, 1}, // a repetition
	} {
		if got := notified(t, p, c.group, c.alerts, t0.Add(c.after), to("ops", 1)); got != c.want {
			t.Errorf("notification %d: %d deliveries, want %d", i, got, c.want)
		}
		if i == 3 {
			p.reopen()
		}
	}
}

func freshForEach(t *testing.T, p *place) {
	notified(t, p, 1, 1, t0, to("ops", 1))
	if got := notified(t, p, 1, 1, t0, to("ops", 1), to("ops", 2), to("dev", 1), heldFor("new")); got != 3 {
		t.Errorf("%d deliveries, want those to another chat and recipients", got)
	}
	if got := notified(t, p, 1, 1, t0, heldFor("new")); got != 0 {
		t.Errorf("%d more are held", got)
	}
}

func requestWithin(t *testing.T, p *place) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	said := func(at time.Time, within time.Duration) bool {
		m := message(to("alice", 1))
		m.Request, m.CreatedAt = request(relay.OwnRequests, "topic gone", 0), at
		m.Request.Within = within
		p.accept(t, m)
		return !m.Replayed
	}
	for i, c := range []struct {
		after, within time.Duration
		want          bool
	}{{0, time.Hour, true}, {59 * time.Minute, time.Hour, false}, {time.Hour, time.Hour, true}, {119 * time.Minute, time.Hour, false}, {119 * time.Minute, 0, false}} {
		if got := said(now.Add(c.after), c.within); got != c.want {
			t.Errorf("%d: after %s: %v", i, c.after, got)
		}
	}
}
