package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

func TestLockKeepsASecondOff(t *testing.T) {
	address := "sqlite:" + filepath.Join(t.TempDir(), "relay.db")
	first, err := store.Acquire(address)
	must(t, err)
	if _, err := store.Acquire(address); !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), "storage.url") {
		t.Errorf("a second lock: %v", err)
	}
	must(t, first.Release())
	again, err := store.Acquire(address)
	must(t, err)
	must(t, again.Release())
	if _, err := store.Acquire("sqlite:" + filepath.Join(t.TempDir(), "absent", "relay.db")); err == nil || !strings.Contains(err.Error(), "create the folder") {
		t.Errorf("without a folder: %v", err)
	}
}

// What waited is discarded in the copy before it takes the storage's place, but for what is to be sent later; the numbers agree with it.
func TestRestoreWithoutWaiting(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	address := "sqlite:" + filepath.Join(dir, "relay.db")
	db, err := store.Open(ctx, store.Options{URL: address})
	must(t, err)
	later := knownText(20, "later", to("alice", 1001))
	later.SendAt = time.Now().Add(time.Hour)
	later.Deliveries[0].SendAt = later.SendAt
	must(t, db.Accept(ctx, knownText(10, "waits", to("alice", 1001)), later))
	file := filepath.Join(dir, "copy.db")
	must(t, db.Backup(ctx, file))
	must(t, db.Close())
	before, err := store.Inspect(ctx, file)
	must(t, err)
	if before.Waiting() != 2 || before.Messages != 2 || before.Newest.IsZero() {
		t.Errorf("in the copy: %+v", before)
	}
	if _, err := store.Restore(ctx, address, store.Replacement{File: file}); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("over a storage: %v", err)
	}
	done, err := store.Restore(ctx, address, store.Replacement{File: file, Aside: true, NoWaiting: true})
	must(t, err)
	if _, err := os.Stat(done.Aside); done.Discarded != 1 || err != nil {
		t.Errorf("restored: %+v, %v", done, err)
	}
	db, err = store.Open(ctx, store.Options{URL: address})
	must(t, err)
	defer db.Close()
	backlog, err := db.Backlog(ctx)
	must(t, err)
	if backlog.Count[relay.Queued] != 1 || backlog.Count[relay.Discarded] != 1 {
		t.Errorf("the numbers: %+v", backlog.Count)
	}
	aside, err := store.Inspect(ctx, done.Aside)
	must(t, err)
	if aside.Waiting() != 2 {
		t.Errorf("kept aside: %+v", aside)
	}
}

// A log that lies where there is no storage belongs to one that is gone: SQLite would bring its pages into the copy.
func TestRestoreWhereALogWasLeft(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	address, path := "sqlite:"+filepath.Join(dir, "relay.db"), filepath.Join(dir, "relay.db")
	db, err := store.Open(ctx, store.Options{URL: address})
	must(t, err)
	must(t, db.Accept(ctx, knownText(10, "in the copy", to("alice", 1001))))
	file := filepath.Join(dir, "copy.db")
	must(t, db.Backup(ctx, file))
	must(t, db.Accept(ctx, knownText(20, "only in the log", to("alice", 1001))))
	log, err := os.ReadFile(path + "-wal")
	must(t, err)
	must(t, db.Close())
	must(t, os.Remove(path)) // as somebody does who wants to begin anew
	must(t, os.WriteFile(path+"-wal", log, 0o600))
	done, err := store.Restore(ctx, address, store.Replacement{File: file})
	must(t, err)
	if _, err := os.Stat(done.Aside); err != nil || !strings.HasSuffix(done.Aside, "-wal") {
		t.Errorf("the log is kept as %q: %v", done.Aside, err)
	}
	db, err = store.Open(ctx, store.Options{URL: address})
	must(t, err)
	defer db.Close()
	backlog, err := db.Backlog(ctx)
	must(t, err)
	if n := backlog.Count[relay.Queued]; n != 1 {
		t.Errorf("%d deliveries are there, want that of the copy", n)
	}
}

// A storage that cannot be kept aside stays where it is, with its log: without it, it lacks what came last.
func TestRestoreThatFailsLeavesTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		must(t, os.WriteFile(path+suffix, []byte("x"), 0o600))
	}
	now := time.Now()
	must(t, os.Mkdir(path+"."+now.UTC().Format("20060102-150405.000")+".bak", 0o700)) // nothing can be renamed to it
	if _, err := store.SetAside(path, now); err == nil {
		t.Fatal("it was set aside")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if _, err := os.Stat(path + suffix); err != nil {
			t.Errorf("%v", err)
		}
	}
}

// Where root opens a storage, the daemon's own user has to be able to use it; and no file elsewhere becomes that user's by a link of this name.
func TestFilesMadeByRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const daemon = 4321
	dir := t.TempDir()
	must(t, os.Chown(dir, daemon, daemon))
	path := filepath.Join(dir, "relay.db")
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + path})
	must(t, err)
	must(t, db.Close())
	if got := owner(t, path); got != daemon {
		t.Errorf("the storage belongs to %d", got)
	}
	victim := filepath.Join(t.TempDir(), "victim")
	must(t, os.WriteFile(victim, nil, 0o600))
	must(t, os.Symlink(victim, path+".lock"))
	if lock, err := store.Acquire("sqlite:" + path); err == nil {
		must(t, lock.Release())
		t.Error("a link was taken for the lock")
	}
	if got := owner(t, victim); got != 0 {
		t.Errorf("a file of root's belongs to %d now", got)
	}
}

func owner(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Sys().(*syscall.Stat_t).Uid
}
