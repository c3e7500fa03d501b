package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// wait is longer than anything here takes on a busy machine.
const wait = 20 * time.Second

// ear is what a storage was told of another.
type ear struct {
	chats    chan string // "CHAT PRIORITY BOT"
	happened atomic.Int64
	missed   atomic.Int64
	deaf     sync.Mutex // held: what is told has to wait
}

func newEar() *ear { return &ear{chats: make(chan string, 10_000)} }

func (e *ear) queued(bot string, chat int64, p relay.Priority) {
	e.deaf.Lock()
	defer e.deaf.Unlock()
	e.chats <- strings.TrimSpace(fmt.Sprint(chat, " ", int(p), " ", bot))
}

func (e *ear) options(address string) store.Options {
	return store.Options{
		URL: address, CacheSize: 100, Queued: e.queued, Events: func() bool { return true },
		Happened: func() { e.happened.Add(1) }, Missed: func() { e.missed.Add(1) },
	}
}

// replica opens a storage that listens.
func replica(t *testing.T, address string) (*store.DB, *ear) {
	t.Helper()
	e := newEar()
	db := open(t, e.options(address))
	believed(t, db)
	return db, e
}

// believed waits until a storage believes its cache.
func believed(t *testing.T, db *store.DB) {
	t.Helper()
	until(t, "the storage listens", db.Hears)
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(wait); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// next is what was told next.
func (e *ear) next(t *testing.T) string {
	t.Helper()
	select {
	case chat := <-e.chats:
		return chat
	case <-time.After(wait):
		t.Fatal("nothing is heard")
		return ""
	}
}

// cached has a storage hold a recipient in memory.
func cached(t *testing.T, db *store.DB, id string) *relay.Recipient {
	t.Helper()
	r, err := db.Recipient(t.Context(), id)
	must(t, err)
	return r
}

func TestReplicasHearOfEachOther(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, earA := replica(t, address)
	b, earB := replica(t, address)
	must(t, a.Bind(t.Context(), "alice", person(1), t0))
	first := cached(t, b, "alice")
	must(t, a.Bind(t.Context(), "alice", person(2), t0))
	until(t, "the other sees a change", func() bool { return len(cached(t, b, "alice").Chats) == 2 })
	if second := cached(t, b, "alice"); first.Version < 1 || second.Version <= first.Version {
		t.Errorf("versions %d and %d", first.Version, second.Version)
	}
	until(t, "events are told of", func() bool { return earB.happened.Load() >= 2 })

	high, later := text("high", to("alice", 1)), text("later", to("alice", -7))
	high.Deliveries[0].Priority = relay.High
	later.Deliveries[0].SendAt = t0.Add(time.Hour)
	must(t, a.Accept(t.Context(), high, later, text("low", to("alice", 1)), text("by another", by(second, to("alice", 1)))))
	if got := earB.next(t) + ", " + earB.next(t) + ", " + earB.next(t); got != "-7 2, 1 1, 1 0 second" {
		t.Errorf("the other hears of %s", got)
	}
	if got := earA.next(t) + ", " + earA.next(t) + ", " + earA.next(t); got != "-7 2, 1 1, 1 0 second" || len(earA.chats) > 0 {
		t.Errorf("it is told %s itself, and %d more", got, len(earA.chats))
	}
}

// A version is newer than those before it also where a recipient was forgotten and made again.
func TestForgottenAndMadeAgain(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, _ := replica(t, address)
	b, _ := replica(t, address)
	last := int64(0)
	for i := range int64(5) {
		must(t, a.Bind(t.Context(), "alice", person(i+1), t0))
		until(t, "it is known", func() bool {
			r, err := b.Recipient(t.Context(), "alice")
			return err == nil && len(r.Chats) == 1 && r.Chats[0].ChatID == i+1
		})
		version := cached(t, b, "alice").Version
		if version <= last {
			t.Fatalf("version %d comes after %d", version, last)
		}
		last = version
		must(t, a.Forget(t.Context(), "alice"))
		until(t, "it is forgotten", func() bool {
			_, err := b.Recipient(t.Context(), "alice")
			return relay.ErrorCode(err) == relay.CodeUnknownRecipient
		})
	}
}

// While one changes recipients, those who look them up through another never see an older state after a newer one; and what was
// changed is seen a moment after the call returned.
func TestReplicasNeverGoBack(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, _ := replica(t, address)
	o := newEar().options(named(address, "reader"))
	o.CacheSize = 3 // so that recipients leave it, too
	b := open(t, o)
	believed(t, b)
	const people, changes = 5, 120
	ids := make([]string, people)
	var written [people]atomic.Int64 // what a call has returned for
	for i := range ids {
		ids[i] = fmt.Sprintf("r%d", i)
		must(t, a.Bind(t.Context(), ids[i], person(int64(i+1)), t0))
	}
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	var slowest atomic.Int64
	for range 4 {
		readers.Go(func() {
			var versions, notes [people]int64
			for behind := [people]time.Time{}; ; {
				for i, id := range ids {
					at := written[i].Load()
					r, err := b.Recipient(context.Background(), id)
					if err != nil {
						t.Error(err)
						return
					}
					var note int64
					_, _ = fmt.Sscan(r.Note, &note)
					if r.Version < versions[i] || note < notes[i] {
						t.Errorf("%s: version %d, change %d after %d, %d", id, r.Version, note, versions[i], notes[i])
					}
					versions[i], notes[i] = r.Version, note
					switch {
					case note >= at:
						behind[i] = time.Time{}
					case behind[i].IsZero():
						behind[i] = time.Now()
					default:
						if d := int64(time.Since(behind[i])); d > slowest.Load() {
							slowest.Store(d)
						}
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i, id := range ids {
		writers.Go(func() {
			for n := range int64(changes) {
				note := fmt.Sprint(n + 1)
				if _, err := a.ChangeRecipient(context.Background(), id, relay.RecipientChange{Note: &note}); err != nil {
					t.Error(err)
					return
				}
				written[i].Store(n + 1)
			}
		})
	}
	kill := killer(t, address, "reader")
	for range 3 {
		time.Sleep(100 * time.Millisecond)
		kill()
		believed(t, b)
	}
	writers.Wait()
	until(t, "all is seen", func() bool {
		for _, id := range ids {
			if cached(t, b, id).Note != fmt.Sprint(changes) {
				return false
			}
		}
		return true
	})
	close(done)
	readers.Wait()
	t.Logf("what was written was seen after %s at the latest", time.Duration(slowest.Load()))
	if d := time.Duration(slowest.Load()); d > store.FreshFor {
		t.Errorf("what was written was not seen for %s", d)
	}
}

// A storage that does not read what it is told stops believing its cache in time.
func TestDeafReplica(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, _ := replica(t, address)
	b, ear := replica(t, address)
	must(t, a.Bind(t.Context(), "alice", person(1), t0))
	until(t, "it is known", func() bool { _, err := b.Recipient(t.Context(), "alice"); return err == nil })
	cached(t, b, "alice")
	ear.deaf.Lock()
	must(t, a.Accept(t.Context(), text("x", to("alice", 1)))) // what it is stuck with
	must(t, a.Bind(t.Context(), "alice", person(2), t0))
	changed := time.Now()
	until(t, "it looks past its cache", func() bool { return len(cached(t, b, "alice").Chats) == 2 })
	if took := time.Since(changed); took > store.FreshFor+time.Second {
		t.Errorf("the cache was believed for %s", took)
	}
	if b.Hears() {
		t.Error("it believes its cache")
	}
	must(t, a.Unbind(t.Context(), "alice", "", 1, 0))
	if n := len(cached(t, b, "alice").Chats); n != 1 {
		t.Errorf("%d chats, want the one that is left", n)
	}
	ear.deaf.Unlock()
	believed(t, b)
	if n := len(cached(t, b, "alice").Chats); n != 1 {
		t.Errorf("%d chats after it heard", n)
	}
}

// named has the connections of a storage bear a name.
func named(address, name string) string { return address + "&application_name=" + name }

// killer ends the connection on which a storage of that name listens.
func killer(t *testing.T, address, name string) func() {
	side := beside(t, address)
	return func() {
		t.Helper()
		until(t, "there is a connection to end", func() bool {
			return number(t, side, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1 AND state = 'idle' AND query LIKE '%pg_notify(%'
				AND datname = current_database() AND query NOT LIKE 'WITH%'`, name) == 1
		})
	}
}

// What is told while a connection is lost is looked up when there is another.
func TestChannelIsKilled(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, _ := replica(t, address)
	b, ear := replica(t, named(address, "deaf"))
	must(t, a.Bind(t.Context(), "alice", person(1), t0))
	until(t, "it is known", func() bool { _, err := b.Recipient(t.Context(), "alice"); return err == nil })
	kill := killer(t, address, "deaf")
	for i := range int64(3) {
		cached(t, b, "alice")
		missed := ear.missed.Load()
		kill()
		must(t, a.Bind(t.Context(), "alice", person(i+2), t0))
		until(t, "what is missed is looked up, when nothing is heard any more and when it is again", func() bool { return ear.missed.Load() > missed+1 })
		if n := len(cached(t, b, "alice").Chats); n != int(i+2) {
			t.Errorf("%d chats, want %d", n, i+2)
		}
		believed(t, b)
	}
}

// A server that was away tells nothing of what was before, and everything after.
func TestChannelOutlivesTheServer(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start()
	without(t, "PostgreSQL", err)
	t.Cleanup(func() { must(t, server.Stop()) })
	a, _ := replica(t, server.URL(""))
	b, ear := replica(t, server.URL(""))
	must(t, a.Bind(t.Context(), "alice", person(1), t0))
	until(t, "it is known", func() bool { _, err := b.Recipient(t.Context(), "alice"); return err == nil })
	cached(t, b, "alice")
	missed := ear.missed.Load()
	must(t, server.Kill())
	until(t, "the loss is noticed", func() bool { return !b.Hears() && ear.missed.Load() == missed+1 })
	must(t, server.Run())
	must(t, eventually(func() error { return a.Bind(context.Background(), "alice", person(2), t0) }))
	must(t, eventually(func() error {
		r, err := b.Recipient(context.Background(), "alice")
		if err == nil && len(r.Chats) != 2 {
			t.Fatalf("it is told of %d chats", len(r.Chats))
		}
		return err
	}))
	until(t, "what was missed is looked up", func() bool { return ear.missed.Load() > missed+1 })
	believed(t, b)
	must(t, a.Bind(t.Context(), "alice", person(3), t0))
	until(t, "it hears again", func() bool { return len(cached(t, b, "alice").Chats) == 3 })
}

// What does not fit into one notification goes in several, with all characters that IDs may have.
func TestMuchIsTold(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, _ := replica(t, address)
	b, ear := replica(t, address)
	const odd = "A9._:@+-"
	ids := []string{odd, "v1", "e", "l", "p1", "q1:2", strings.Repeat("x", 128), "0:+@"}
	for i := range 300 {
		ids = append(ids, fmt.Sprintf("r%d%s", i, strings.Repeat(odd, 12)))
	}
	var bindings []relay.Binding
	for i, id := range ids {
		bindings = append(bindings, relay.Binding{Recipient: id, Chat: person(int64(i + 1))})
	}
	must(t, a.BindAll(t.Context(), bindings, t0))
	for _, id := range ids[:50] {
		until(t, id+" is known", func() bool { r, err := b.Recipient(t.Context(), id); return err == nil && r.Version == 1 })
	}
	paused := true
	for _, id := range ids[:8] {
		cached(t, b, id)
		_, err := a.ChangeRecipient(t.Context(), id, relay.RecipientChange{Paused: &paused})
		must(t, err)
		until(t, id+" is paused", func() bool { return cached(t, b, id).Paused })
	}
	// What is no recipient's ID is told nobody, and breaks nothing.
	for _, id := range []string{"", "a b", "v1 ralice", "a\x00b", "é", strings.Repeat("x", 10_000)} {
		_, err := a.ChangeRecipient(t.Context(), id, relay.RecipientChange{Paused: &paused})
		wantCode(t, err, relay.CodeUnknownRecipient)
	}
	var messages []*relay.Message
	want := map[string]bool{}
	for i := range int64(2000) {
		chat := -1_000_000_000_000 - i
		messages = append(messages, text("x", to("alice", chat)))
		want[fmt.Sprint(chat, int(relay.Normal))] = true
	}
	must(t, a.Accept(t.Context(), messages...))
	for len(want) > 0 {
		delete(want, ear.next(t))
	}
}

// Leases that are given back are heard of by all others, with the transaction that does it, and after a loss.
func TestLeasesAreGivenBack(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, _ := replica(t, address)
	b, _ := replica(t, named(address, "other"))
	heard := func(db *store.DB, want bool) {
		t.Helper()
		limit := wait
		if !want {
			limit = 100 * time.Millisecond
		}
		select {
		case <-db.GivenBack():
			if !want {
				t.Error("it is told that leases were given back")
			}
		case <-time.After(limit):
			if want {
				t.Error("it does not hear that leases were given back")
			}
		}
	}
	heard(a, true) // before it listened they may have been
	heard(b, true)
	must(t, a.GiveBack(t.Context(), false))
	heard(b, false)
	must(t, a.GiveBack(t.Context(), true))
	heard(b, true)
	heard(a, false)
	killer(t, address, "other")()
	heard(b, true)
}

// A process that does not listen does not believe what it holds.
func TestCacheOfADeafStorage(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, _ := replica(t, address)
	deaf, err := store.Open(t.Context(), store.Options{URL: address, CacheSize: 10})
	must(t, err)
	defer func() { must(t, deaf.Close()) }()
	for i := range int64(3) {
		must(t, a.Bind(t.Context(), "alice", person(i+1), t0))
		if n := len(cached(t, deaf, "alice").Chats); n != int(i+1) {
			t.Errorf("%d chats, want %d", n, i+1)
		}
	}
}
