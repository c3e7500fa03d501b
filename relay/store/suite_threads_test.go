package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
)

var threadsSuite = map[string]func(*testing.T, *place){
	"a thread is kept with what is said in it":   threadKept,
	"a thread is not overwritten unseen":         threadConflict,
	"a thread may be told twice as it begins":    toldTwice,
	"a group has one open thread":                oneOpenThread,
	"threads end, and are forgotten a day after": threadsEnd,
	"a forgotten recipient leaves its threads":   threadsForget,
}

func newThread(group byte, to ...string) *relay.Thread {
	return &relay.Thread{
		ID: relay.NewID(), Group: [32]byte{group}, Receiver: "alertmanager", To: to, OpenedAt: t0, UpdatedAt: t0, State: json.RawMessage(`{"alerts":[]}`),
	}
}

func threadKept(t *testing.T, p *place) {
	thread, m := newThread(1, "alice", "bob"), message(to("alice", 1))
	must(t, p.Tell(t.Context(), []*relay.Thread{thread}, m))
	p.reopen()
	for name, read := range map[string]func() (*relay.Thread, error){
		"by group": func() (*relay.Thread, error) { return p.ThreadOf(t.Context(), thread.Group) },
		"by ID":    func() (*relay.Thread, error) { return p.Thread(t.Context(), thread.ID) },
	} {
		got, err := read()
		must(t, err)
		if diff := cmp.Diff(thread, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if stateOf(t, p, m) != relay.Queued {
		t.Error("what was said is not there")
	}
	if _, err := p.ThreadOf(t.Context(), [32]byte{9}); relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("an unknown group: %v", err)
	}
}

// A webhook in several parts may begin a conversation and bring it up to date at once.
func toldTwice(t *testing.T, p *place) {
	thread := newThread(1, "alice", "bob")
	key := thread.ID.String()
	first, second := update(relay.Edit, key, to("alice", 1), to("bob", 2)), update(relay.Edit, key, to("alice", 1), to("bob", 2))
	must(t, p.Tell(t.Context(), []*relay.Thread{thread}, first, second))
	for m, want := range map[*relay.Message]relay.State{first: relay.Superseded, second: relay.Queued} {
		got, err := p.Message(t.Context(), m.ID)
		must(t, err)
		for _, d := range got.Deliveries {
			if d.State != want {
				t.Errorf("what is for %s is %s, want %s", d.Recipient, d.State, want)
			}
		}
	}
}

func threadConflict(t *testing.T, p *place) {
	thread := newThread(1, "alice")
	must(t, p.Tell(t.Context(), []*relay.Thread{thread}))
	seen := *thread
	thread.State = json.RawMessage(`{"by":"the first"}`)
	must(t, p.Tell(t.Context(), []*relay.Thread{thread}))
	seen.State = json.RawMessage(`{"by":"the second"}`)
	m := message(to("alice", 1))
	if err := p.Tell(t.Context(), []*relay.Thread{&seen}, m); relay.ErrorCode(err) != relay.CodeConflict {
		t.Errorf("a change of what was changed meanwhile: %v", err)
	}
	if _, err := p.Message(t.Context(), m.ID); relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("its message is there: %v", err)
	}
	got, err := p.Thread(t.Context(), thread.ID)
	must(t, err)
	if string(got.State) != `{"by":"the first"}` || got.Version != 2 {
		t.Errorf("%+v", got)
	}
}

func oneOpenThread(t *testing.T, p *place) {
	first, second := newThread(1, "alice"), newThread(1, "alice")
	must(t, p.Tell(t.Context(), []*relay.Thread{first}))
	if err := p.Tell(t.Context(), []*relay.Thread{second}); relay.ErrorCode(err) != relay.CodeConflict {
		t.Errorf("a second open thread: %v", err)
	}
	first.EndedAt = t0.Add(time.Minute)
	second.OpenedAt = t0.Add(time.Minute)
	must(t, p.Tell(t.Context(), []*relay.Thread{first, second}))
	newest, err := p.ThreadOf(t.Context(), first.Group)
	must(t, err)
	if newest.ID != second.ID {
		t.Error("the newest thread is not that of the group")
	}
	other := newThread(2, "alice")
	must(t, p.Tell(t.Context(), []*relay.Thread{other}))
	var open []relay.ID
	var after relay.ID
	for {
		page, err := p.OpenThreads(t.Context(), after, 1)
		must(t, err)
		if len(page) == 0 {
			break
		}
		after = page[0].ID
		open = append(open, after)
	}
	if len(open) != 2 || open[0] != second.ID || open[1] != other.ID {
		t.Errorf("%v are open", open)
	}
}

func threadsEnd(t *testing.T, p *place) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	ended, late, idle, busy := newThread(1, "alice"), newThread(2, "alice"), newThread(3, "alice"), newThread(4, "alice")
	ended.EndedAt, late.EndedAt = now.Add(-relay.ThreadAge-time.Minute), now.Add(-time.Hour)
	idle.UpdatedAt, busy.UpdatedAt = now.Add(-time.Hour), now
	must(t, p.Tell(t.Context(), []*relay.Thread{ended, late, idle, busy}))
	_, err := p.Prune(t.Context(), now.Add(-time.Minute), 10)
	must(t, err)
	for thread, want := range map[*relay.Thread]bool{ended: false, late: true, idle: false, busy: true} {
		if _, err := p.Thread(t.Context(), thread.ID); (err == nil) != want {
			t.Errorf("thread of group %d: %v", thread.Group[0], err)
		}
	}
}

func threadsForget(t *testing.T, p *place) {
	alone, shared := newThread(1, "alice"), newThread(2, "alice", "bob")
	must(t, p.Tell(t.Context(), []*relay.Thread{alone, shared}))
	must(t, p.Bind(t.Context(), "alice", relay.Chat{ChatID: 1, Type: "private", State: relay.Active}, t0))
	must(t, p.Forget(t.Context(), "alice"))
	if _, err := p.Thread(t.Context(), alone.ID); relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("a thread of nobody else's: %v", err)
	}
	got, err := p.Thread(t.Context(), shared.ID)
	must(t, err)
	if len(got.To) != 1 || got.To[0] != "bob" {
		t.Errorf("a shared thread is told to %v", got.To)
	}
}
