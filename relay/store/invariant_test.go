package store_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/store"
)

// raw opens the file of a storage beside it.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=5000")
	must(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func number(t *testing.T, db *sql.DB, text string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := db.QueryRow(text, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

// invariants count what must never be.
var invariants = map[string]string{
	"a state's number is not the number of its deliveries": `SELECT count(*) FROM (
		SELECT 'held' AS s, 0 AS n UNION VALUES ('queued', 1), ('sending', 2), ('sent', 3), ('failed', 4), ('expired', 5), ('discarded', 6), ('superseded', 7)) AS known
		WHERE (SELECT count(*) FROM deliveries WHERE state = n) <> coalesce((SELECT value FROM numbers WHERE name = 'deliveries.' || s), 0)`,
	"a delivery has no message":                 `SELECT count(*) FROM deliveries WHERE message NOT IN (SELECT seq FROM messages)`,
	"a message has lost its deliveries":         `SELECT count(*) FROM messages WHERE deliveries > 0 AND seq NOT IN (SELECT message FROM deliveries)`,
	"a delivery is outside its message's range": `SELECT count(*) FROM deliveries d JOIN messages m ON m.seq = d.message WHERE d.seq NOT BETWEEN first_delivery AND first_delivery + deliveries - 1`,
	"what is held waits for nothing": `SELECT count(*) FROM deliveries WHERE state = 0 AND chat_id <> 0 AND not_before = 0
		AND recipient NOT IN (SELECT id FROM recipients WHERE paused)`,
	"what is held has a chat that nobody is bound to": `SELECT count(*) FROM deliveries d WHERE state = 0 AND chat_id <> 0
		AND NOT EXISTS (SELECT 1 FROM bindings b WHERE b.bot = d.bot AND b.chat_id = d.chat_id AND b.message_thread_id = d.message_thread_id)`,
	"what waits has no chat": `SELECT count(*) FROM deliveries WHERE state IN (1, 2) AND chat_id = 0`,
	"something is held for who has a chat": `SELECT count(*) FROM deliveries WHERE state = 0 AND chat_id = 0
		AND EXISTS (SELECT 1 FROM bindings b WHERE b.recipient = deliveries.recipient AND (deliveries.bot = '' OR deliveries.bot = b.bot))
		AND recipient NOT IN (SELECT id FROM recipients WHERE paused)`,
	"what waits is finished":     `SELECT count(*) FROM deliveries WHERE (state < 3) <> (finished_at = 0)`,
	"a binding has no recipient": `SELECT count(*) FROM bindings WHERE recipient NOT IN (SELECT id FROM recipients)`,
	"a chat has two states":      `SELECT count(*) FROM (SELECT 1 FROM bindings GROUP BY bot, chat_id HAVING count(DISTINCT state) > 1) AS chats`,
	"a redemption has no binding": `SELECT count(*) FROM redemptions r WHERE NOT EXISTS (SELECT 1 FROM bindings b
		WHERE b.recipient = r.recipient AND b.bot = r.bot AND b.chat_id = r.chat_id AND b.message_thread_id = r.message_thread_id)`,
}

func checkInvariants(t *testing.T, path string) {
	t.Helper()
	for _, fault := range violations(t, path) {
		t.Error(fault)
	}
}

func violations(t *testing.T, path string) []string {
	t.Helper()
	db := raw(t, path)
	out := violated(t, db)
	if number(t, db, `SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'`) != 0 {
		out = append(out, "the file is damaged")
	}
	return out
}

func violated(t *testing.T, db *sql.DB) []string {
	t.Helper()
	var out []string
	for name, text := range invariants {
		if n := number(t, db, text); n != 0 {
			out = append(out, fmt.Sprintf("%s, %d times", name, n))
		}
	}
	return out
}

// tables are the tables, and their names in queries.
var tables = []string{"messages", "m", "deliveries", "d", "recipients", "r", "bindings", "b", "links", "redemptions", "updates", "numbers", "settings", "threads", "topics", "tallies"}

// scans are the texts that may look at all of a table: they are asked for all of it.
var scans = []string{
	`FROM events e`,                        // few, and looked at by one
	`DELETE FROM threads WHERE recipients`, // to forget a recipient: rare, and threads are few
	`FROM threads WHERE replace(recipients, '"' || ?1 || '"', '') <> recipients`,
	`FROM threads WHERE id > ?1 AND ended_at = 0`,
	`SELECT seq FROM deliveries WHERE chat_id = ?1 AND bot = ?2 AND +state <> 2`, // to forget a chat: rare, and the readers' work
	`'active', count(*) FROM bindings`,
	`SELECT count(*) FROM recipients`,
	`FROM (SELECT * FROM recipients WHERE id > ?1`, // a page of them
}

// checkPlans asks SQLite how it goes about each text that was used.
func checkPlans(t *testing.T, db *store.DB) {
	t.Helper()
	side := raw(t, db.Path())
	for _, text := range db.Texts() {
		if strings.HasPrefix(text, "PRAGMA") {
			continue
		}
		rows, err := side.Query("EXPLAIN QUERY PLAN "+text, make([]any, parameters(text))...)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			must(t, rows.Scan(&id, &parent, &unused, &detail))
			what, scanned := strings.CutPrefix(detail, "SCAN ")
			what, _, _ = strings.Cut(what, " ")
			if scanned && slices.Contains(tables, what) && !mayScan(text) {
				t.Errorf("%s\n\tgoes about it by %s", text, detail)
			}
		}
		must(t, rows.Err())
		must(t, rows.Close())
	}
}

func parameters(text string) int {
	n := 0
	for strings.Contains(text, "?"+strconv.Itoa(n+1)) {
		n++
	}
	return n
}

func mayScan(text string) bool {
	for _, s := range scans {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}
