package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

func moveAway(t *testing.T, path string) {
	t.Helper()
	must(t, os.Rename(path, path+".old"))
}

// scribble overwrites a file from its second page on.
func scribble(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("scribble", int(info.Size()-4096)/8)), 4096)
	must(t, err)
	must(t, f.Close())
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("this is no database ", 300)), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	_, err := raw(t, filepath.Join(dir, "foreign")).Exec("CREATE TABLE songs (title TEXT)")
	must(t, err)
	_, err = raw(t, filepath.Join(dir, "newer")).Exec("CREATE TABLE x (y); PRAGMA user_version = 99")
	must(t, err)
	for address, want := range map[string]string{
		"mysql://user@host/db":                                  `must be "sqlite:PATH"`,
		"postgres://user:secret@host:x/":                        "is no address of a PostgreSQL database",
		"postgres://user:secret@127.0.0.1:1/db?sslmode=disable": "the database server cannot be reached",
		"postgres://user:secret@host/db?sslmode=offf":           "sslmode is invalid",
		"postgres://user@host/db?passfile=" + dir + "/nosuch":   "nosuch: no such file or directory: the user that tgrelay runs as has to",
		"sqlite:":         `must be "sqlite:PATH"`,
		"sqlite::memory:": `must be "sqlite:PATH"`,
		"sqlite:" + filepath.Join(dir, "absent", "relay.db"): "there is no folder",
		"sqlite:" + filepath.Join(dir, "text", "relay.db"):   "there is no folder",
		"sqlite:" + filepath.Join(dir, "folder"):             "no regular file",
		"sqlite:" + filepath.Join(dir, "text"):               "no SQLite database",
		"sqlite:" + filepath.Join(dir, "foreign"):            "another program's database",
		"sqlite:" + filepath.Join(dir, "newer"):              "a newer tgrelay has used it; install that one again",
	} {
		db, err := store.Open(t.Context(), store.Options{URL: address})
		if err == nil {
			must(t, db.Close())
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
	}
}

func TestFilesAreTheOwners(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077} {
		before := syscall.Umask(umask)
		db := open(t, store.Options{})
		must(t, db.Check(t.Context()))
		backup := filepath.Join(t.TempDir(), "copy.db")
		must(t, db.Backup(t.Context(), backup))
		syscall.Umask(before)
		for _, path := range []string{db.Path(), db.Path() + "-wal", db.Path() + "-shm", backup} {
			wantOwners(t, path)
		}
	}
}

func wantOwners(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", info.Name(), info.Mode())
	}
}

// A storage that was put there by cp, say, or by a program with a lax umask, becomes its owner's alone.
func TestLaxFilesAreTightened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	must(t, store.MigrateFile(t.Context(), path, fstest.MapFS{}))
	must(t, os.WriteFile(path+"-wal", nil, 0o644))
	must(t, os.Chmod(path, 0o644))
	must(t, os.Chmod(path+"-wal", 0o644))
	db := open(t, store.Options{URL: "sqlite:" + path})
	must(t, db.Check(t.Context()))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		wantOwners(t, path+suffix)
	}
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b.db", "what?mode=memory", "#1.db", "100%25.db", "Grüße.db"} {
		path := filepath.Join(t.TempDir(), name)
		db := open(t, store.Options{URL: "sqlite:" + path})
		must(t, db.Accept(t.Context(), text("x", to("alice", 1))))
		(&place{storage: db}).wantTexts(t, 1, "x")
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestMigrateStepByStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	steps := fstest.MapFS{"0001_a.sql": {Data: []byte("CREATE TABLE a (x); INSERT INTO a VALUES (1);")}}
	must(t, store.MigrateFile(t.Context(), path, steps))
	steps["0002_b.sql"] = &fstest.MapFile{Data: []byte("INSERT INTO a VALUES (2); INSERT INTO b VALUES (1);")}
	if err := store.MigrateFile(t.Context(), path, steps); err == nil || !strings.Contains(err.Error(), "0002_b.sql") {
		t.Errorf("a step that fails: %v", err)
	}
	side := raw(t, path)
	if n := number(t, side, "SELECT count(*) FROM a"); n != 1 {
		t.Errorf("half a step is left: %d rows", n)
	}
	steps["0002_b.sql"] = &fstest.MapFile{Data: []byte("INSERT INTO a VALUES (2); -- done")}
	for range 2 {
		must(t, store.MigrateFile(t.Context(), path, steps))
	}
	if n, v := number(t, side, "SELECT count(*) FROM a"), number(t, side, "PRAGMA user_version"); n != 2 || v != 2 {
		t.Errorf("%d rows at version %d, want 2 and 2", n, v)
	}
	steps["0004_gap.sql"] = &fstest.MapFile{}
	if err := store.MigrateFile(t.Context(), path, steps); err == nil || !strings.Contains(err.Error(), "number 3") {
		t.Errorf("a gap in the numbers: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	db := open(t, store.Options{Registerer: registry, CacheSize: 10})
	families := func() map[string]float64 {
		gathered, err := registry.Gather()
		must(t, err)
		out := map[string]float64{}
		for _, f := range gathered {
			for _, m := range f.GetMetric() {
				name := f.GetName()
				for _, l := range m.GetLabel() {
					name += "{" + l.GetName() + "=" + l.GetValue() + "}"
				}
				out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
		return out
	}
	before := families()
	must(t, db.Bind(t.Context(), "alice", person(1), t0))
	for range 3 {
		_, err := db.Recipient(t.Context(), "alice")
		must(t, err)
	}
	_, err := db.Recipient(t.Context(), "bob")
	wantCode(t, err, relay.CodeUnknownRecipient)
	sent, left := text("x", to("alice", 1)), text("y", to("alice", 1))
	must(t, db.Accept(t.Context(), sent, left, text("z", relay.Delivery{Recipient: "bob", ChatID: 2, State: relay.Failed, Reason: "blocked"})))
	must(t, db.Finish(t.Context(), relay.Outcome{Delivery: sent.Deliveries[0].ID, State: relay.Sent, At: t0}))
	_, err = db.UnbindChat(t.Context(), "", 1, 0)
	must(t, err)
	db.BeforeCommit(func() error { return errors.New("the disk is on strike") })
	wantCode(t, db.Finish(t.Context(), relay.Outcome{Delivery: left.Deliveries[0].ID, State: relay.Sent, At: t0}), relay.CodeStorageUnavailable)
	down := families()
	db.BeforeCommit(nil)
	must(t, db.Check(t.Context()))
	if down["tgrelay_storage_up"] != 0 || families()["tgrelay_storage_up"] != 1 {
		t.Errorf("the storage counts as up: %v", down)
	}
	after := families()
	for name, want := range map[string]float64{
		"tgrelay_recipient_cache_requests_total{result=hit}":    2,
		"tgrelay_recipient_cache_requests_total{result=miss}":   2,
		"tgrelay_recipient_cache_requests_total{result=bypass}": 0,
		"tgrelay_storage_channel_up":                            0,
		"tgrelay_storage_notifications_total":                   0,
		"tgrelay_storage_commit_seconds":                        5,
		"tgrelay_storage_batch_rows":                            5,
		"tgrelay_deliveries_total{state=sent}":                  1,
		"tgrelay_deliveries_total{state=failed}":                1,
		"tgrelay_deliveries_total{state=expired}":               0,
		"tgrelay_deliveries_total{state=discarded}":             1,
		"tgrelay_deliveries_total{state=superseded}":            0,
	} {
		if _, there := before[name]; !there || after[name]-before[name] != want {
			t.Errorf("%s: from %v to %v, want %v more", name, before[name], after[name], want)
		}
	}
	if len(after) != 17 {
		t.Errorf("there are %d metrics, want 17: %v", len(after), after)
	}
}
