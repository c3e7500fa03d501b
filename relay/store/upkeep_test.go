package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// TestForgetLeavesNothing looks into every column of every table.
func TestForgetLeavesNothing(t *testing.T) {
	db := open(t, store.Options{})
	must(t, db.CreateLink(t.Context(), link("alice", relay.TargetPrivate), token(1)))
	_, err := db.Redeem(t.Context(), redemption(1, relay.Chat{ChatID: 4711, Type: "private", Title: "alice", Username: "alice"}))
	must(t, err)
	must(t, db.Accept(t.Context(), text("for alice", to("alice", 4711)), text("for both", to("bob", 2), to("alice", 4711))))
	must(t, db.Accept(t.Context(), text("for alice", relay.Delivery{Recipient: "alice", ChatID: 4711, State: relay.Failed, LastError: "alice"})))
	must(t, db.Forget(t.Context(), "alice"))
	side := raw(t, db.Path())
	columns, err := side.Query(`SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`)
	must(t, err)
	var questions []string
	for columns.Next() {
		var table, column string
		must(t, columns.Scan(&table, &column))
		questions = append(questions, fmt.Sprintf(`SELECT count(*) FROM %s WHERE CAST(%s AS TEXT) LIKE '%%alice%%' OR %s = 4711`, table, column, column))
	}
	must(t, columns.Close())
	if len(questions) < 50 {
		t.Fatalf("there are %d columns only", len(questions))
	}
	for _, q := range questions {
		if n := number(t, side, q); n != 0 {
			t.Errorf("%d rows are left: %s", n, q)
		}
	}
	checkInvariants(t, db.Path())
}

func TestForgottenIsOverwritten(t *testing.T) {
	db := open(t, store.Options{})
	secret := "a word that nobody else uses"
	must(t, db.Accept(t.Context(), text(secret, to("alice", 1)), text(strings.Repeat(secret, 1000), to("alice", 1)), text("other", to("bob", 2))))
	must(t, db.Forget(t.Context(), "alice"))
	for _, suffix := range []string{"", "-wal"} {
		if data, err := os.ReadFile(db.Path() + suffix); err != nil || strings.Contains(string(data), secret) {
			t.Errorf("relay.db%s still holds what was forgotten (%v)", suffix, err)
		}
	}
	must(t, db.Close())
	if _, err := os.Stat(db.Path() + "-wal"); err == nil {
		t.Error("the log is left after the end")
	}
}

// A reader that is in the way when somebody is forgotten holds nobody up; the log is emptied when it is gone.
func TestForgottenBesideAReader(t *testing.T) {
	db := open(t, store.Options{})
	secret := "a word that nobody else uses"
	must(t, db.Accept(t.Context(), text(secret, to("alice", 1))))
	reader := raw(t, db.Path())
	for _, text := range []string{"BEGIN", "SELECT count(*) FROM messages"} {
		_, err := reader.Exec(text)
		must(t, err)
	}
	began := time.Now()
	must(t, db.Forget(t.Context(), "alice"))
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	_, err := reader.Exec("COMMIT")
	must(t, err)
	for deadline := began.Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		must(t, db.Check(t.Context()))
		data, err := os.ReadFile(db.Path() + "-wal")
		must(t, err)
		if !strings.Contains(string(data), secret) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the log still holds what was forgotten")
		}
	}
}

// The file does not grow with the years: retention makes room for what comes, and the log is kept short.
func TestFileStaysBounded(t *testing.T) {
	db := open(t, store.Options{})
	size := func(suffix string) int64 {
		info, err := os.Stat(db.Path() + suffix)
		must(t, err)
		return info.Size()
	}
	var settled int64
	const days, kept, perDay = 12, 3, 100
	for day := range days {
		at := t0.AddDate(0, 0, day)
		var outcomes []relay.ID
		for range perDay {
			m := text(strings.Repeat("x", 8000), to("alice", 1), to("bob", 2))
			must(t, db.Accept(t.Context(), m))
			outcomes = append(outcomes, m.Deliveries[0].ID, m.Deliveries[1].ID)
		}
		for _, id := range outcomes {
			must(t, db.Finish(t.Context(), relay.Outcome{Delivery: id, State: relay.Sent, At: at}))
		}
		_, err := db.Prune(t.Context(), at.AddDate(0, 0, -kept), 1000)
		must(t, err)
		if day == kept+1 {
			settled = size("")
		}
	}
	if end := size(""); settled < kept*perDay*8000 || end > settled*11/10 {
		t.Errorf("the file grew from %d to %d bytes", settled, end)
	}
	if log := size("-wal"); log > 16<<20 {
		t.Errorf("the log has %d bytes", log)
	}
}

func TestPruneTheRest(t *testing.T) {
	db := open(t, store.Options{})
	long, now := 40*24*time.Hour, time.Now()
	for i := range byte(4) {
		l := link("alice", relay.TargetPrivate)
		l.CreatedAt, l.ExpiresAt = now.Add(-long-time.Hour), now.Add(-long)
		if i == 3 {
			l.ExpiresAt = now.Add(-time.Hour)
		}
		must(t, db.CreateLink(t.Context(), l, token(i)))
	}
	r := redemption(1, person(1)) // the link of a binding that stands is kept
	r.At = now.Add(-long - time.Minute)
	_, err := db.Redeem(t.Context(), r)
	must(t, err)
	mark(t, db, "", 1, now.Add(-49*time.Hour))
	mark(t, db, "", 2, now.Add(-47*time.Hour))
	bare := message()
	must(t, db.Accept(t.Context(), bare))
	n, err := db.Prune(t.Context(), t0.Add(time.Hour), 10)
	must(t, err)
	if n != 0 {
		t.Errorf("pruned %d deliveries, there are none", n)
	}
	side := raw(t, db.Path())
	for text, want := range map[string]int64{"SELECT count(*) FROM links": 2, "SELECT count(*) FROM updates": 1, "SELECT count(*) FROM messages": 0} {
		if n := number(t, side, text); n != want {
			t.Errorf("%s: %d, want %d", text, n, want)
		}
	}
	again, err := db.Redeem(t.Context(), redemption(1, person(1)))
	must(t, err)
	if !again.Already {
		t.Error("the chat is not told that it is connected already")
	}
}

func TestPruneGivesSpaceBack(t *testing.T) {
	db := open(t, store.Options{})
	const n = 60
	for range n {
		m := text(strings.Repeat("x", 200_000), to("alice", 1))
		must(t, db.Accept(t.Context(), m))
		must(t, db.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Sent, At: t0}))
	}
	side := raw(t, db.Path())
	before := number(t, side, "PRAGMA page_count")
	pruned := int64(0)
	for range 20 {
		got, err := db.Prune(t.Context(), t0.Add(time.Hour), n/10)
		must(t, err)
		pruned += got
	}
	after := number(t, side, "PRAGMA page_count")
	if pruned != n || after > before*3/4 {
		t.Errorf("pruned %d of %d; from %d pages %d are left", pruned, n, before, after)
	}
}

func TestBackupOfARunningStorage(t *testing.T) {
	db := open(t, store.Options{})
	path := filepath.Join(t.TempDir(), "copy.db")
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var accepted []relay.ID
	first := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				m := text("x", to("alice", 1), to("bob", 2))
				if err := db.Accept(context.Background(), m); err != nil {
					t.Error(err)
				}
				mu.Lock()
				accepted = append(accepted, m.ID)
				mu.Unlock()
				select {
				case first <- struct{}{}:
				default:
				}
			}
		})
	}
	<-first
	mu.Lock()
	before := len(accepted)
	mu.Unlock()
	must(t, db.Backup(t.Context(), path))
	stop()
	wg.Wait()
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %v", info.Mode())
	}
	checkInvariants(t, path)
	copied := open(t, store.Options{URL: "sqlite:" + path})
	for _, id := range accepted[:before] {
		m, err := copied.Message(t.Context(), id)
		if err != nil || len(m.Deliveries) != 2 {
			t.Errorf("%v, %v", m, err)
		}
	}
	must(t, copied.Accept(t.Context(), text("more", to("alice", 1))))
}

func TestBackupRefuses(t *testing.T) {
	db := open(t, store.Options{})
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	must(t, os.WriteFile(there, []byte("precious"), 0o600))
	if err := db.Backup(t.Context(), there); err == nil || !strings.Contains(err.Error(), "exists: remove it") {
		t.Errorf("over a file that is there: %v", err)
	}
	if data, err := os.ReadFile(there); string(data) != "precious" {
		t.Errorf("the file that was there holds %q, %v", data, err)
	}
	if err := db.Backup(t.Context(), filepath.Join(dir, "absent", "x")); err == nil {
		t.Error("into a folder that is not there: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cut := filepath.Join(dir, "cut")
	if err := db.Backup(ctx, cut); err == nil {
		t.Error("a backup that was cut off: no error")
	}
	if _, err := os.Stat(cut); err == nil {
		t.Error("half a backup is left")
	}
	if err := store.Backup(t.Context(), "sqlite:"+filepath.Join(dir, "none.db"), cut); err == nil || !strings.Contains(err.Error(), "check storage.url") {
		t.Errorf("of nothing: %v", err)
	}
	if err := store.Backup(t.Context(), "postgres://x", cut); err == nil {
		t.Error("of another database: no error")
	}
}

func TestBackupBesideAndAfter(t *testing.T) {
	o := store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db")}
	db := open(t, o)
	must(t, db.Accept(t.Context(), text("x", to("alice", 1))))
	for _, when := range []string{"beside", "after"} {
		path := filepath.Join(t.TempDir(), when)
		must(t, store.Backup(t.Context(), o.URL, path))
		(&place{storage: open(t, store.Options{URL: "sqlite:" + path})}).wantTexts(t, 1, "x")
		must(t, db.Close())
	}
}
