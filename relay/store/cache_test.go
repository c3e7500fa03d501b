package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// TestCacheLooksTwice lets a commit come between a look-up's reading and its keeping of what it read.
func TestCacheLooksTwice(t *testing.T) {
	cache, looks := store.NewCache(10), 0
	look := func(during func()) func(context.Context, string) (*relay.Recipient, error) {
		return func(_ context.Context, id string) (*relay.Recipient, error) {
			looks++
			r := &relay.Recipient{ID: id, Note: fmt.Sprint(looks)}
			during()
			return r, nil
		}
	}
	get := func(during func(), want string) {
		t.Helper()
		r, err := cache.Get(t.Context(), "alice", look(during))
		must(t, err)
		if r.Note != want {
			t.Errorf("got what look-up %s found, want %s", r.Note, want)
		}
	}
	get(func() { cache.Forget("alice") }, "1")
	get(func() { cache.Forget("bob", "carol") }, "2") // what was read before the commit was not kept
	get(func() {}, "2")
	cache.Forget("alice")
	get(func() {}, "3")
}

// TestCacheKeepsTheNewer has look-ups find what another storage wrote, before anybody tells of it.
func TestCacheKeepsTheNewer(t *testing.T) {
	cache := store.NewCache(10)
	get := func(version int64, during func()) int64 {
		t.Helper()
		r, err := cache.Get(t.Context(), "alice", func(_ context.Context, id string) (*relay.Recipient, error) {
			during()
			if version == 0 {
				return nil, &relay.Error{Code: relay.CodeUnknownRecipient}
			}
			return &relay.Recipient{ID: id, Version: version}, nil
		})
		if version != 0 {
			must(t, err)
			return r.Version
		}
		wantCode(t, err, relay.CodeUnknownRecipient)
		return 0
	}
	want := func(version int64) {
		t.Helper()
		if held := cache.Held("alice"); held != version {
			t.Errorf("version %d is held, want %d", held, version)
		}
	}
	nothing := func() {}
	get(1, func() { get(2, nothing) })
	want(2) // what was found before the newer one was not kept
	cache.Outdate(2, "alice")
	want(2) // it was read after that commit
	cache.Outdate(3, "alice")
	want(0)
	get(3, func() { get(0, nothing) })
	want(0) // it was forgotten meanwhile
	get(4, nothing)
	cache.Outdate(0, "alice")
	want(0) // who tells no version is believed
	get(5, func() { cache.Clear() })
	want(0)
	cache.Clear()
	get(2, func() { get(3, nothing) }) // of a server that has lost the versions after that
	want(3)
}

func TestCacheHoldsNoErrors(t *testing.T) {
	cache, looks := store.NewCache(10), 0
	for range 2 {
		_, err := cache.Get(t.Context(), "alice", func(context.Context, string) (*relay.Recipient, error) {
			looks++
			return nil, &relay.Error{Code: relay.CodeUnknownRecipient}
		})
		wantCode(t, err, relay.CodeUnknownRecipient)
	}
	if looks != 2 {
		t.Errorf("%d look-ups, want 2", looks)
	}
}

// TestCacheTruth has each recipient changed by one writer, which must see its own changes at once, while others look everyone up all the time.
func TestCacheTruth(t *testing.T) {
	db := open(t, store.Options{CacheSize: 3})
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		changes := rapid.SliceOfN(rapid.SampledFrom([]string{"bind", "unbind", "mute", "state", "migrate", "unbind chat", "forget"}), 1, 20)
		plans := rapid.SliceOfN(changes, 4, 4).Draw(rt, "changes")
		ids := make([]string, len(plans))
		for i := range ids {
			ids[i] = fmt.Sprintf("r%d-%d", round, i)
		}
		done := make(chan struct{})
		var readers, writers sync.WaitGroup
		for range 2 {
			readers.Go(func() { lookAround(t, db, ids, done) })
		}
		for i, plan := range plans {
			writers.Go(func() { followPlan(t, db, ids[i], int64(round*100+i*10), plan) })
		}
		writers.Wait()
		close(done)
		readers.Wait()
	})
}

func lookAround(t *testing.T, db *store.DB, ids []string, done <-chan struct{}) {
	for {
		for _, id := range ids {
			if _, err := db.Recipient(context.Background(), id); err != nil && relay.ErrorCode(err) != relay.CodeUnknownRecipient {
				t.Error(err)
			}
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// model is what a recipient should be: known or not, with one chat or none.
type model struct {
	known, bound, muted bool
	chat                int64
	state               relay.ChatState
}

func followPlan(t *testing.T, db *store.DB, id string, base int64, plan []string) {
	m := model{chat: base + 1}
	for step, change := range plan {
		var err error
		switch ctx := context.Background(); change {
		case "bind":
			m.muted = m.muted && m.bound
			m.known, m.bound, m.state = true, true, relay.Active
			err = db.Bind(ctx, id, group(-m.chat), t0)
		case "unbind":
			if err = db.Unbind(ctx, id, "", -m.chat, 0); relay.ErrorCode(err) == relay.CodeNotFound && !m.bound {
				err = nil
			}
			m.bound = false
		case "unbind chat":
			_, err = db.UnbindChat(ctx, "", -m.chat, 0)
			m.bound = false
		case "mute":
			m.muted = m.bound
			err = db.ChangeSettings(ctx, "", -m.chat, 0, relay.SettingsChange{MutedUntil: &t0})
		case "state":
			m.state = relay.Left
			err = db.SetChatState(ctx, "", -m.chat, relay.Left)
		case "migrate":
			err = db.Migrate(ctx, "", -m.chat, -m.chat-1)
			m.chat++
			m.state = relay.Active
		case "forget":
			if err = db.Forget(ctx, id); relay.ErrorCode(err) == relay.CodeNotFound && !m.known {
				err = nil
			}
			m.known, m.bound = false, false
		}
		if err != nil {
			t.Errorf("%s: step %d, %s: %v", id, step, change, err)
		}
		m.check(t, db, id, fmt.Sprintf("step %d of %v", step, plan))
	}
}

func (m model) check(t *testing.T, db *store.DB, id, when string) {
	r, err := db.Recipient(context.Background(), id)
	switch {
	case !m.known:
		if relay.ErrorCode(err) != relay.CodeUnknownRecipient {
			t.Errorf("%s, %s: it is known: %v, %v", id, when, r, err)
		}
	case err != nil:
		t.Errorf("%s, %s: %v", id, when, err)
	case m.bound != (len(r.Chats) == 1):
		t.Errorf("%s, %s: the chats are %+v", id, when, r.Chats)
	case m.bound:
		if b := r.Chats[0]; b.ChatID != -m.chat || b.State != m.state || b.MutedUntil.IsZero() == m.muted {
			t.Errorf("%s, %s: the chat is %+v, want %+v", id, when, b, m)
		}
	}
}
