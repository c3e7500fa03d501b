package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// What a bot cannot bring goes by one that somebody sends by, and nobody is told that it failed.
func TestDetourByWhoSends(t *testing.T) {
	sends := map[string]bool{"": true, "third": true}
	var ended []relay.Delivery
	db := open(t, store.Options{
		Sends: func(bot string) bool { return sends[bot] },
		Ended: func(all []relay.Delivery) { ended = append(ended, all...) },
	})
	for i, bot := range []string{"", second, "third"} {
		must(t, db.Bind(t.Context(), "alice", at(bot, person(1)), t0.Add(time.Duration(i)*time.Minute)))
	}
	a, b := text("a", to("alice", 1)), text("b", to("alice", 1))
	must(t, db.Accept(t.Context(), a, b))
	must(t, db.Finish(t.Context(), blockedBy(a, 1)))
	for _, m := range []*relay.Message{a, b} {
		d, err := db.Delivery(t.Context(), m.Deliveries[0].ID)
		must(t, err)
		if d.Bot != "third" || d.State != relay.Queued {
			t.Errorf("%s is %s by %q", m.Content.Text.Text, d.State, d.Bot)
		}
	}
	if len(ended) > 0 {
		t.Errorf("told of %+v", ended)
	}
}

// A secret is not wiped before it has arrived: neither with the outcome by which another bot gets it, nor with one that comes when that has it already.
func TestDetourOfASecret(t *testing.T) {
	for name, heard := range map[string]bool{"the outcome tells of the block": false, "Telegram has told of it before": true} {
		t.Run(name, func(t *testing.T) {
			db := open(t, store.Options{})
			must(t, db.Bind(t.Context(), "alice", person(1), t0))
			must(t, db.Bind(t.Context(), "alice", at(second, person(1)), t0))
			m := text("secret", to("alice", 1))
			must(t, db.Accept(t.Context(), m))
			if heard {
				must(t, db.SetChatState(t.Context(), "", 1, relay.Blocked))
			}
			out := blockedBy(m, 1)
			out.Wipe = true
			must(t, db.Finish(t.Context(), out))
			jobs, err := db.Heads(t.Context(), second, 1, t0, 10)
			must(t, err)
			if len(jobs) != 1 || jobs[0].Content.Text.Text != "secret" {
				t.Errorf("the other bot has %+v", jobs)
			}
		})
	}
}

// Among many deliveries PostgreSQL does not look for what waits from the oldest on.
func TestDetourAmongMany(t *testing.T) {
	t.Parallel()
	address := schema(t)
	db, side := open(t, store.Options{URL: address}), beside(t, address)
	for _, text := range amongMany(`'u' || i % 3`, `i % 3`, `CASE WHEN i % 2 = 0 AND i < 19000 THEN 'k' ELSE '' END`) {
		_, err := side.Exec(text)
		must(t, err)
	}
	must(t, db.Bind(t.Context(), "u1", person(1), t0))
	must(t, db.Bind(t.Context(), "u1", at(second, person(1)), t0))
	must(t, db.SetChatState(t.Context(), "", 1, relay.Blocked))
	for _, text := range db.Texts() {
		if !strings.HasPrefix(text, "SELECT live_key, max(seq)") {
			continue
		}
		_, err := side.Exec(`PREPARE newer AS ` + text)
		must(t, err)
		plan := strings.Join(texts(t, side, `EXPLAIN EXECUTE newer ('u1', '', 1, 'second', 0)`), "\n")
		if !strings.Contains(plan, "deliveries_lane") {
			t.Errorf("%s goes about it by\n%s", text, plan)
		}
		return
	}
	t.Error("nobody looked for newer versions")
}

// Whichever replica has the other bot's lane hears that something has come there.
func TestDetourIsHeardOf(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, _ := replica(t, address)
	_, ear := replica(t, address)
	must(t, a.Bind(t.Context(), "alice", person(1), t0))
	must(t, a.Bind(t.Context(), "alice", at(second, person(1)), t0))
	m := text("m", to("alice", 1))
	must(t, a.Accept(t.Context(), m))
	if got := ear.next(t); got != "1 0" {
		t.Errorf("the other hears of %s", got)
	}
	must(t, a.Finish(t.Context(), blockedBy(m, 1)))
	if got := ear.next(t) + ", " + ear.next(t); got != "1 2, 1 2 second" {
		t.Errorf("the other hears of %s", got)
	}
}
