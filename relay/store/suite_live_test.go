package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

var liveSuite = map[string]func(*testing.T, *place){
	"an update takes the place of one that waits": updateTakesThePlace,
	"an update that is sent is not replaced":      sentIsNotReplaced,
	"what is in the chat is known to the next":    liveIsKnown,
	"an update comes after all others":            newestComesLast,
	"held updates are conflated":                  heldConflated,
	"the newest of a live message is known":       newestIsKnown,
	"live messages end with their chat":           liveEnds,
}

// update is a message with a key.
func update(on relay.OnUpdate, key string, deliveries ...relay.Delivery) *relay.Message {
	m := message(deliveries...)
	m.Key, m.OnUpdate = key, on
	return m
}

func stateOf(t *testing.T, p *place, m *relay.Message) relay.State {
	t.Helper()
	got, err := p.Message(t.Context(), m.ID)
	must(t, err)
	return got.Deliveries[0].State
}

func updateTakesThePlace(t *testing.T, p *place) {
	first, other, second := update(relay.Edit, "deploy", to("alice", 1)), message(to("alice", 1)), update(relay.Edit, "deploy", to("alice", 1))
	foreign := []*relay.Message{
		update(relay.Edit, "deploy", to("bob", 1)), update(relay.Edit, "deploy", to("alice", 2)),
		update(relay.Edit, "build", to("alice", 1)), update(relay.Reply, "deploy", to("alice", 1)),
	}
	p.accept(t, first, other)
	p.accept(t, foreign...)
	p.accept(t, second)
	p.reopen()
	for m, want := range map[*relay.Message]relay.State{first: relay.Superseded, second: relay.Queued, other: relay.Queued, foreign[0]: relay.Queued, foreign[1]: relay.Queued, foreign[2]: relay.Queued, foreign[3]: relay.Queued} {
		if got := stateOf(t, p, m); got != want {
			t.Errorf("message with key %q is %s, want %s", m.Key, got, want)
		}
	}
	jobs, err := p.Heads(t.Context(), "", 1, t0, 10)
	must(t, err)
	if jobs[0].MessageID != second.ID || jobs[1].MessageID != other.ID || jobs[0].Key != "deploy" || jobs[0].OnUpdate != relay.Edit {
		t.Errorf("the newest update does not stand where the oldest stood: %+v", jobs)
	}
}

func newestIsKnown(t *testing.T, p *place) {
	first := update(relay.Edit, "deploy", to("alice", 1))
	p.accept(t, first, update(relay.Edit, "deploy", to("alice", 2)), update(relay.Edit, "build", to("alice", 1)), message(to("alice", 1)))
	newest := func(key string) relay.ID {
		d, err := p.Newest(t.Context(), &first.Deliveries[0], key)
		must(t, err)
		return d.MessageID
	}
	if got := newest("deploy"); got != first.ID {
		t.Errorf("alone, the newest is %s", got)
	}
	p.Sending(first.Deliveries[0].ID)
	p.accept(t, message(to("bob", 2))) // the note comes with a commit
	for range 2 {                      // the second supersedes the first, which waits
		second := update(relay.Edit, "deploy", to("alice", 1))
		p.accept(t, second)
		if got := newest("deploy"); got != second.ID {
			t.Errorf("the newest is %s, want %s", got, second.ID)
		}
	}
	if got := newest("unknown"); got != first.ID {
		t.Errorf("of a key without others, the newest is %s", got)
	}
}

// One that was being sent when the next came, and could not be, waits with that one: what comes then takes the place of both.
func newestComesLast(t *testing.T, p *place) {
	first, second, third := update(relay.Edit, "k", to("alice", 1)), update(relay.Edit, "k", to("alice", 1)), update(relay.Edit, "k", to("alice", 1))
	p.accept(t, first)
	p.Sending(first.Deliveries[0].ID)
	p.accept(t, message(to("bob", 2))) // the note comes with a commit
	p.accept(t, second)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: first.Deliveries[0].ID, State: relay.Queued, Attempts: 1, Reason: "server_error", NotBefore: t0.Add(time.Second), At: t0}))
	p.accept(t, third)
	jobs, err := p.Heads(t.Context(), "", 1, t0.Add(time.Minute), 10)
	must(t, err)
	if len(jobs) != 1 || jobs[0].MessageID != third.ID || stateOf(t, p, first) != relay.Superseded || stateOf(t, p, second) != relay.Superseded {
		t.Errorf("after the third wait %d, the first is %s, the second %s", len(jobs), stateOf(t, p, first), stateOf(t, p, second))
	}
}

func sentIsNotReplaced(t *testing.T, p *place) {
	first, second := update(relay.Edit, "k", to("alice", 1)), update(relay.Edit, "k", to("alice", 1))
	p.accept(t, first)
	p.Sending(first.Deliveries[0].ID)
	p.accept(t, message(to("bob", 2))) // the note comes with a commit
	p.accept(t, second)
	if a, b := stateOf(t, p, first), stateOf(t, p, second); a != relay.Sending || b != relay.Queued {
		t.Errorf("the first is %s, the second %s", a, b)
	}
}

func sentAs(m *relay.Message, ids ...int64) relay.Outcome {
	return relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Sent, Attempts: 1, TelegramMessageIDs: ids, Live: ids, At: t0}
}

func liveOf(t *testing.T, p *place, chat int64) []int64 {
	t.Helper()
	jobs, err := p.Heads(t.Context(), "", chat, t0, 10)
	must(t, err)
	if len(jobs) == 0 {
		t.Fatal("nothing waits")
	}
	return jobs[0].Live
}

func liveIsKnown(t *testing.T, p *place) {
	first, second, third := update(relay.Edit, "k", to("alice", 1)), update(relay.Edit, "k", to("alice", 1)), update(relay.Edit, "k", to("alice", 1))
	p.accept(t, first)
	p.accept(t, second) // while the first is being sent, unknown to the storage
	must(t, p.Finish(t.Context(), sentAs(first, 7, 8)))
	if got := liveOf(t, p, 1); !slices.Equal(got, []int64{7, 8}) {
		t.Errorf("the live message is %v", got)
	}
	must(t, p.Finish(t.Context(), sentAs(second, 7)))
	p.accept(t, third)
	p.reopen()
	if got := liveOf(t, p, 1); !slices.Equal(got, []int64{7}) {
		t.Errorf("the live message is %v", got)
	}
}

func heldConflated(t *testing.T, p *place) {
	first, second := update(relay.Edit, "k", heldFor("alice")), update(relay.Edit, "k", heldFor("alice"))
	p.accept(t, first)
	p.accept(t, second)
	must(t, p.Bind(t.Context(), "alice", relay.Chat{ChatID: 1, Type: "private"}, t0))
	jobs, err := p.Heads(t.Context(), "", 1, t0, 10)
	must(t, err)
	if len(jobs) != 1 || jobs[0].MessageID != second.ID {
		t.Errorf("%d wait, want the newest alone", len(jobs))
	}
}

func liveEnds(t *testing.T, p *place) {
	for name, end := range map[string]func() error{
		"pruned":    func() error { _, err := p.Prune(t.Context(), t0.Add(time.Hour), 100); return err },
		"migrated":  func() error { return p.Migrate(t.Context(), "", -1, -1001) },
		"forgotten": func() error { return p.Forget(t.Context(), "ops") },
	} {
		m := update(relay.Edit, name, to("ops", -1))
		p.accept(t, m)
		must(t, p.Finish(t.Context(), sentAs(m, 3)))
		must(t, end())
		next := update(relay.Edit, name, to("ops", -1))
		p.accept(t, next)
		if got := liveOf(t, p, -1); got != nil {
			t.Errorf("%s: the live message is still %v", name, got)
		}
		must(t, p.Finish(t.Context(), relay.Outcome{Delivery: next.Deliveries[0].ID, State: relay.Failed, At: t0}))
	}
}
