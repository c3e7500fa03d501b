package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// TestAnyOrder does things in any order, with two recipients, two bots and few chats, and then looks for what must never be.
func TestAnyOrder(t *testing.T) {
	dir, round := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		w := &world{T: rt, t: t, o: store.Options{URL: "sqlite:" + filepath.Join(dir, time.Unix(int64(round), 0).UTC().Format("150405")+".db"), CacheSize: 2}, now: t0}
		w.db = open(t, w.o)
		rt.Repeat(map[string]func(*rapid.T){
			"accept": w.accept, "attempt": w.attempt, "sending": w.sending, "operate": w.operate, "time": w.time,
			"bind": w.bind, "unbind": w.unbind, "hear": w.hear, "migrate": w.migrate, "reopen": w.reopen,
		})
		must(t, w.db.Check(t.Context())) // the last notes of sending are written with it
		faults := append(violations(t, w.db.Path()), miscounted(t, w.db.Path())...)
		must(t, w.db.Close())
		if len(faults) > 0 {
			rt.Fatal(faults)
		}
	})
}

// miscounts tell where the tallies are not what they are of. What failed may have failed before, and what was sent may be gone.
var miscounts = map[string]string{
	"by the tallies another number waits":       `SELECT (SELECT coalesce(sum(waiting), 0) FROM tallies) <> (SELECT count(*) FROM deliveries WHERE state < 3)`,
	"by the tallies less was sent":              `SELECT (SELECT coalesce(sum(sent), 0) FROM tallies) < (SELECT count(*) FROM deliveries WHERE state = 3)`,
	"by the tallies less has failed":            `SELECT (SELECT coalesce(sum(failed), 0) FROM tallies) < (SELECT count(*) FROM deliveries WHERE state IN (4, 5))`,
	"in some minutes less than nothing happens": `SELECT count(*) FROM tallies WHERE taken < 0 OR sent < 0 OR failed < 0`,
	"an older version of a live message waits behind a newer one": `SELECT count(*) FROM deliveries old JOIN deliveries new ON new.recipient = old.recipient AND new.bot = old.bot AND new.chat_id = old.chat_id
		AND new.message_thread_id = old.message_thread_id AND new.live_key = old.live_key AND new.priority = old.priority
		WHERE old.live_key <> '' AND old.state IN (1, 2) AND new.state IN (1, 2) AND old.send_at = 0 AND new.send_at = 0 AND old.seq < new.seq AND old.rank > new.rank`,
}

func miscounted(t *testing.T, path string) (faults []string) {
	t.Helper()
	db := raw(t, path)
	for fault, text := range miscounts {
		if number(t, db, text) != 0 {
			faults = append(faults, fault)
		}
	}
	return faults
}

// world is a storage and the deliveries that it was given.
type world struct {
	*rapid.T
	t   *testing.T
	o   store.Options
	db  *store.DB
	now time.Time
	ids []relay.ID
}

// allow lets errors pass that are answers.
func (w *world) allow(err error) {
	switch code := relay.ErrorCode(err); {
	case err == nil, code == relay.CodeNotFound, code == relay.CodeConflict, code == relay.CodeUnknownRecipient:
	default:
		w.Fatal(err)
	}
}

func (w *world) recipient() string {
	return rapid.SampledFrom([]string{"alice", "bob"}).Draw(w.T, "recipient")
}

func (w *world) bot() string { return rapid.SampledFrom([]string{"", "", "second"}).Draw(w.T, "bot") }

func (w *world) chat() int64 { return rapid.Int64Range(-3, -1).Draw(w.T, "chat") }

func (w *world) group() relay.Chat {
	g := group(w.chat())
	g.Bot = w.bot()
	return g
}

func (w *world) id() relay.ID {
	if len(w.ids) == 0 {
		return relay.NewID()
	}
	return rapid.SampledFrom(w.ids).Draw(w.T, "delivery")
}

func (w *world) accept(*rapid.T) {
	m := message()
	m.Bot = w.bot()
	if rapid.Bool().Draw(w.T, "live") {
		m.Key, m.OnUpdate = "k", relay.Edit
	}
	for range rapid.IntRange(0, 3).Draw(w.T, "deliveries") {
		d := heldFor(w.recipient())
		d.Bot = m.Bot
		if r, err := w.db.Recipient(w.t.Context(), d.Recipient); err == nil {
			for _, c := range r.Chats {
				if m.Bot == "" || m.Bot == c.Bot {
					d = to(d.Recipient, c.ChatID)
					d.Bot = c.Bot
				}
			}
		}
		if rapid.Bool().Draw(w.T, "later") {
			d.SendAt = w.now.Add(time.Hour)
		}
		d.ExpiresAt = w.now.Add(5 * time.Hour)
		m.Deliveries = append(m.Deliveries, message(d).Deliveries...)
	}
	w.allow(w.db.Accept(w.t.Context(), m))
	for _, d := range m.Deliveries {
		w.ids = append(w.ids, d.ID)
	}
}

func (w *world) attempt(*rapid.T) {
	o := relay.Outcome{
		Delivery: w.id(), Bot: w.bot(), Attempts: 1, Reason: "server", At: w.now,
		State: rapid.SampledFrom([]relay.State{relay.Sent, relay.Queued, relay.Failed, relay.Expired}).Draw(w.T, "state"),
	}
	if rapid.Bool().Draw(w.T, "in part") {
		o.TelegramMessageIDs = []int64{7}
	}
	if o.State == relay.Sent {
		o.TelegramMessageIDs, o.Live = []int64{7}, []int64{7}
	}
	switch rapid.IntRange(0, 5).Draw(w.T, "told") {
	case 0:
		o.ChatID, o.ChatState = w.chat(), relay.Blocked
	case 1:
		o.ChatID, o.MigrateTo = w.chat(), w.chat()
	}
	w.allow(w.db.Finish(w.t.Context(), o))
}

func (w *world) sending(*rapid.T) { w.db.Sending(w.id()) }

func (w *world) operate(*rapid.T) {
	act := w.db.Retry
	if rapid.Bool().Draw(w.T, "discard") {
		act = w.db.Discard
	}
	_, err := act(w.t.Context(), w.id(), w.now)
	w.allow(err)
}

func (w *world) time(*rapid.T) {
	w.now = w.now.Add(time.Hour)
	_, err := w.db.Expire(w.t.Context(), w.now, 1000)
	w.allow(err)
	_, err = w.db.Prune(w.t.Context(), w.now.Add(-3*time.Hour), 2)
	w.allow(err)
}

func (w *world) bind(*rapid.T) {
	id := w.recipient()
	if rapid.Bool().Draw(w.T, "by link") {
		l, n, chat := link(id, relay.TargetGroup), relay.NewID(), w.group()
		l.Bot = chat.Bot
		hash := relay.TokenHash(append(n[:], n[:]...))
		w.allow(w.db.CreateLink(w.t.Context(), l, hash))
		_, err := w.db.Redeem(w.t.Context(), relay.Redemption{Token: hash, Chat: chat, Place: relay.TargetGroup, At: t0})
		w.allow(err)
		return
	}
	w.allow(w.db.Bind(w.t.Context(), id, w.group(), w.now))
}

func (w *world) unbind(*rapid.T) {
	switch rapid.IntRange(0, 2).Draw(w.T, "how") {
	case 0:
		w.allow(w.db.Unbind(w.t.Context(), w.recipient(), w.bot(), w.chat(), 0))
	case 1:
		_, err := w.db.UnbindChat(w.t.Context(), w.bot(), w.chat(), 0)
		w.allow(err)
	case 2:
		w.allow(w.db.Forget(w.t.Context(), w.recipient()))
	}
}

func (w *world) hear(*rapid.T) {
	state := rapid.SampledFrom([]relay.ChatState{relay.Active, relay.Left}).Draw(w.T, "chat state")
	w.allow(w.db.SetChatState(w.t.Context(), w.bot(), w.chat(), state))
}

func (w *world) migrate(*rapid.T) {
	w.allow(w.db.Migrate(w.t.Context(), w.bot(), w.chat(), w.chat()))
}

func (w *world) reopen(*rapid.T) {
	must(w.t, w.db.Close())
	w.db = open(w.t, w.o)
}
