package store_test

import (
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

var notesSuite = map[string]func(*testing.T, *place){
	"a note holds for a while": noteHolds,
	"notes that are over go":   notesGo,
}

func wantNote(t *testing.T, p *place, name string, at time.Time, want string) {
	t.Helper()
	got, err := p.Noted(t.Context(), name, at)
	must(t, err)
	if got != want {
		t.Errorf("after %s %q is %q, want %q", at.Sub(t0), name, got, want)
	}
}

func noteHolds(t *testing.T, p *place) {
	ctx := t.Context()
	wantNote(t, p, "a", t0, "")
	must(t, p.Note(ctx, "a", "first", t0.Add(time.Minute)))
	must(t, p.Note(ctx, "b", "another", t0.Add(time.Hour)))
	p.reopen()
	wantNote(t, p, "a", t0.Add(time.Minute-time.Millisecond), "first")
	wantNote(t, p, "a", t0.Add(time.Minute), "")
	must(t, p.Note(ctx, "a", "second", t0.Add(2*time.Minute)))
	wantNote(t, p, "a", t0.Add(time.Minute), "second")
	must(t, p.Unnote(ctx, "a"))
	must(t, p.Unnote(ctx, "never noted"))
	wantNote(t, p, "a", t0, "")
	wantNote(t, p, "b", t0, "another")
}

func notesGo(t *testing.T, p *place) {
	ctx := t.Context()
	must(t, p.Note(ctx, "over", "x", time.Now().Add(-time.Minute)))
	must(t, p.Note(ctx, "holds", "x", time.Now().Add(time.Minute)))
	_, err := p.Prune(ctx, t0, 100)
	must(t, err)
	wantNote(t, p, "over", t0, "")
	wantNote(t, p, "holds", t0, "x")
}

var undeliveredSuite = map[string]func(*testing.T, *place){
	"what fails and expires is to be told":   endsAreNoted,
	"what is told is told once":              toldOnce,
	"what fails with its chat is to be told": chatsEndIsNoted,
	"what is put back into the queue is not": retriedIsNotTold,
	"an end that comes too late is none":     nothingWithoutAMove,
	"who is left out is let go of":           leftOutGoes,
}

// fails accepts a message and ends it.
func (p *place) fails(t *testing.T, recipient string, chat int64) *relay.Message {
	t.Helper()
	m := message(to(recipient, chat))
	p.accept(t, m)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Failed, Reason: "bad_request", LastError: "no", At: t0}))
	return m
}

func (p *place) undelivered(t *testing.T, but string, count int64) relay.Undelivered {
	t.Helper()
	u, err := p.Undelivered(t.Context(), but, 2)
	must(t, err)
	if u.Count != count || int64(len(u.First)) != min(count, 2) {
		t.Errorf("%d did not arrive, %d of them are named; want %d", u.Count, len(u.First), count)
	}
	return u
}

func endsAreNoted(t *testing.T, p *place) {
	p.undelivered(t, "", 0)
	failed := p.fails(t, "alice", 1)
	old := message(to("bob", 2), relay.Delivery{ChatID: 3, State: relay.Queued}) // the second is the bot's own answer
	old.ExpiresAt = t0.Add(time.Minute)
	for i := range old.Deliveries {
		old.Deliveries[i].ID, old.Deliveries[i].ExpiresAt = relay.NewID(), old.ExpiresAt
	}
	p.accept(t, old)
	_, err := p.Expire(t.Context(), t0.Add(time.Hour), 10)
	must(t, err)
	p.reopen()
	u := p.undelivered(t, "", 2)
	if u.First[0].ID != failed.Deliveries[0].ID || u.First[0].LastError != "no" || u.First[1].Recipient != "bob" || u.First[1].State != relay.Expired {
		t.Errorf("%+v", u.First)
	}
	p.undelivered(t, "alice", 1)
}

func toldOnce(t *testing.T, p *place) {
	p.fails(t, "alice", 1)
	u := p.undelivered(t, "", 1)
	p.fails(t, "bob", 2)
	m := message(to("admin", 9))
	must(t, p.TellUndelivered(t.Context(), m, u))
	p.wantState(t, m, relay.Queued)
	wantCode(t, p.TellUndelivered(t.Context(), message(to("admin", 9)), u), relay.CodeConflict)
	p.wantTexts(t, 9, m.Content.Text.Text)
	p.undelivered(t, "", 1) // bob's is still to be told
	must(t, p.TellUndelivered(t.Context(), nil, p.undelivered(t, "", 1)))
	p.undelivered(t, "", 0)
}

func chatsEndIsNoted(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	first, second := message(to("alice", 1)), message(to("alice", 1))
	p.accept(t, first, second, message(to("bob", 2)))
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: first.Deliveries[0].ID, State: relay.Failed, Reason: "blocked", At: t0, ChatID: 1, ChatState: relay.Blocked}))
	p.undelivered(t, "", 2)
}

func retriedIsNotTold(t *testing.T, p *place) {
	m := p.fails(t, "alice", 1)
	_, err := p.Retry(t.Context(), m.Deliveries[0].ID, t0)
	must(t, err)
	u := p.undelivered(t, "", 0)
	must(t, p.TellUndelivered(t.Context(), nil, u))
	p.fails(t, "alice", 1)
	p.undelivered(t, "", 1)
}

func nothingWithoutAMove(t *testing.T, p *place) {
	m := p.fails(t, "alice", 1)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Failed, At: t0}))
	p.undelivered(t, "", 1)
}

func leftOutGoes(t *testing.T, p *place) {
	p.fails(t, "admin", 9)
	u := p.undelivered(t, "admin", 0)
	if u.Noted != 1 {
		t.Errorf("noted: %d", u.Noted)
	}
	must(t, p.TellUndelivered(t.Context(), nil, u))
	p.undelivered(t, "", 0)
}
