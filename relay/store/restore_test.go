package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
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
