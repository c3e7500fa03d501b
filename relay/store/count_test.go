package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay/store"
)

// What takes long to count is not counted at each scrape.
func TestCountsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		times := int64(0)
		count := store.Counted(func(context.Context) (int64, error) {
			time.Sleep(took)
			times++
			return times, nil
		})
		for _, step := range []struct{ takes, passes, want time.Duration }{
			{0, 0, 1}, {time.Second, 0, 2}, {time.Second, 90 * time.Second, 2}, {time.Second, 10 * time.Second, 3}, {time.Second, time.Second, 3},
		} {
			time.Sleep(step.passes)
			took = step.takes
			if got, err := count(t.Context()); err != nil || got != int64(step.want) {
				t.Errorf("after %s: %d, %v; want %d", step.passes, got, err, step.want)
			}
		}
	})
}

// amongMany are texts that fill PostgreSQL's tables with 20,000 deliveries, of which the newest thousand wait; with recipients, chats and live keys as SQL of i.
func amongMany(recipient, chat, key string) []string {
	return []string{
		`INSERT INTO messages SELECT 1, '\x00', 1, '', '', 0, 0, 0, 1, 20000, '{}'`,
		`INSERT INTO deliveries (seq, id, message, recipient, chat_id, message_thread_id, receiver, state, priority, attempts, reason, last_error, telegram_message_ids, created_at,
			send_at, not_before, expires_at, sent_at, finished_at, rank, live_key, on_update)
			SELECT i, decode(md5(i::text), 'hex'), 1, ` + recipient + `, ` + chat + `, 0, '', CASE WHEN i > 19000 THEN 1 ELSE 3 END, 0, 0, '', '', '[]', i, 0, 0, 0, 0, 0, i,
				` + key + `, '' FROM generate_series(1, 20000) AS n (i)`,
		`ANALYZE deliveries`,
	}
}

// What waits is the newest of all that is kept. PostgreSQL, which does not know that, is not to look for it from the oldest on.
func TestBacklogOfMany(t *testing.T) {
	t.Parallel()
	address := schema(t)
	db, side := open(t, store.Options{URL: address}), beside(t, address)
	for _, text := range amongMany(`'alice'`, `i`, `''`) {
		_, err := side.Exec(text)
		must(t, err)
	}
	if b, err := db.Backlog(t.Context()); err != nil || b.Oldest.UnixMilli() != 19001 {
		t.Errorf("the oldest is of %v, %v", b.Oldest, err)
	}
	for _, text := range db.Texts() {
		if strings.HasPrefix(text, "SELECT created_at FROM deliveries") {
			plan := texts(t, side, "EXPLAIN "+text)
			if !slices.ContainsFunc(plan, func(line string) bool { return strings.Contains(line, "deliveries_state") }) {
				t.Errorf("%s goes about it by\n%s", text, strings.Join(plan, "\n"))
			}
		}
	}
	throughWhatIsScheduled(t, db, func(text string) []string { return texts(t, side, "EXPLAIN "+strings.ReplaceAll(text, "$1", "1")) })
}

// Among a great many that wait, what is scheduled is found without looking at them.
func TestScheduledAmongMany(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db")})
	side, err := sql.Open("sqlite3", db.Path())
	must(t, err)
	defer side.Close()
	if _, err := db.Backlog(t.Context()); err != nil {
		t.Error(err)
	}
	throughWhatIsScheduled(t, db, func(text string) (plan []string) {
		rows, err := side.Query("EXPLAIN QUERY PLAN "+text, 1)
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var line string
			must(t, rows.Scan(&id, &parent, &unused, &line))
			plan = append(plan, line)
		}
		return plan
	})
}

// throughWhatIsScheduled holds that the backlog looks into the index of what is scheduled, and not into that of all that waits.
func throughWhatIsScheduled(t *testing.T, db *store.DB, explain func(text string) []string) {
	t.Helper()
	for _, text := range db.Texts() {
		if strings.HasPrefix(text, "WITH RECURSIVE who (bot)") && strings.Contains(text, "send_at <=") {
			if plan := strings.Join(explain(text), "\n"); !strings.Contains(plan, "deliveries_scheduled") || strings.Contains(plan, "deliveries_lane") {
				t.Errorf("%s goes about it by\n%s", text, plan)
			}
			return
		}
	}
	t.Error("the backlog does not ask for what is scheduled")
}
