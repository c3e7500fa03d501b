package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Replacement says how a storage is put in the place of another.
type Replacement struct {
	File      string // the copy, checked by Inspect, on the file system of the storage; it is moved
	Aside     bool   // a storage that is there is kept under another name; else it is an error
	NoWaiting bool   // what waits is discarded, but for what is to be sent at a later time
}

// Restored is what became of it.
type Restored struct {
	Path      string `json:"path"`
	Aside     string `json:"aside,omitempty"` // where the old storage is, or the log that was left of one; empty: there was none
	Discarded int64  `json:"discarded"`
}

// Restore puts a copy in the place of the storage at address, whose lock the caller holds. Until the copy is whole and on disk, the old storage is untouched.
func Restore(ctx context.Context, address string, r Replacement) (*Restored, error) {
	path, err := sqlitePath(address)
	if err != nil {
		return nil, err
	}
	done := &Restored{Path: path}
	if r.NoWaiting {
		if done.Discarded, err = discardWaiting(ctx, r.File, time.Now()); err != nil {
			return nil, fmt.Errorf("discard what waits: %w", err)
		}
	}
	inherit(r.File, filepath.Dir(path))
	if err := syncFile(r.File); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); err == nil {
		if !r.Aside {
			return nil, fmt.Errorf("there is a storage at %s already: with --force it is kept aside under another name", path)
		}
		inherit(r.File, path)
	}
	if done.Aside, err = setAside(path, time.Now()); err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chmod(r.File, 0o600), os.Rename(r.File, path), syncFolder(filepath.Dir(path))); err != nil {
		return nil, fmt.Errorf("%w; what was there before is %s", err, done.Aside)
	}
	return done, nil
}

// discardWaiting ends what waits in a copy. What is to be sent at a time to come cannot have been sent.
func discardWaiting(ctx context.Context, path string, now time.Time) (n int64, err error) {
	pool, err := sql.Open("sqlite3", dsn(path, url.Values{"mode": {"rw"}, "_journal_mode": {"DELETE"}}))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // nothing, after Commit
	for _, from := range waiting {
		done, err := tx.ExecContext(ctx, `UPDATE deliveries SET state = ?1, finished_at = ?2 WHERE state = ?3 AND send_at <= ?2`, code(relay.Discarded), now.UnixMilli(), code(from))
		if err != nil {
			return 0, err
		}
		moved, err := done.RowsAffected()
		if err != nil {
			return 0, err
		}
		n += moved
	}
	for _, state := range append([]relay.State{relay.Discarded}, waiting...) {
		_, err := tx.ExecContext(ctx, `INSERT INTO numbers (name, value) SELECT ?1, count(*) FROM deliveries WHERE state = ?2
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, "deliveries."+string(state), code(state))
		if err != nil {
			return 0, err
		}
	}
	return n, tx.Commit()
}

// setAside renames a storage with its log, so that it can be used from where it is then, and returns its new name; empty where there is nothing. A log that was
// left alone goes too: it is of another storage, and SQLite would bring its pages into the copy. A storage that cannot be renamed keeps its log: it needs it.
func setAside(path string, now time.Time) (name string, err error) {
	aside := path + "." + now.UTC().Format("20060102-150405.000") + ".bak"
	var moved []string
	for _, suffix := range []string{"-shm", "-journal", "-wal", ""} {
		err := os.Rename(path+suffix, aside+suffix)
		if err == nil {
			name, moved = aside+suffix, append(moved, suffix)
		} else if !errors.Is(err, fs.ErrNotExist) {
			for _, suffix := range moved {
				err = errors.Join(err, os.Rename(aside+suffix, path+suffix))
			}
			return "", fmt.Errorf("keep the old storage aside: %w", err)
		}
	}
	return name, nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Place is the folder of the storage at address and the file's name in it.
func Place(address string) (dir, name string, err error) {
	path, err := sqlitePath(address)
	if err != nil {
		return "", "", errors.New(strings.TrimPrefix(err.Error(), "open storage: "))
	}
	return filepath.Dir(path), filepath.Base(path), nil
}
