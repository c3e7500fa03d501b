package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Backup writes a consistent copy of the running storage to path, readable by its owner only, and returns when it is on disk.
// It neither waits for writers nor holds them up. A file that is there already is not touched.
func (db *DB) Backup(ctx context.Context, path string) error {
	s, ok := db.engine.(*sqlite)
	if !ok {
		return errors.New("back up storage: it is a database server's: use its own tools (pg_dump, pg_basebackup)")
	}
	return backup(ctx, s.path, path)
}

// Backup copies the storage at address ("sqlite:PATH"), like DB.Backup. A daemon may be running on it.
func Backup(ctx context.Context, address, path string) error {
	from, err := sqlitePath(address)
	if err != nil {
		return err
	}
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("back up storage: %w: check storage.url", err)
	}
	return backup(ctx, from, path)
}

func backup(ctx context.Context, from, to string) (err error) {
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("back up storage: %s exists: remove it, or choose another name", to)
	}
	if err != nil {
		return fmt.Errorf("back up storage: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = fmt.Errorf("back up storage: %w", errors.Join(err, os.Remove(to)))
		}
	}()
	if err := copyInto(ctx, from, to); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// waitForLock is how long a lock held by another program is waited for by whoever copies or looks.
const waitForLock = 5 * time.Second

// copyInto has SQLite write a compact copy of one snapshot into an empty file.
func copyInto(ctx context.Context, from, to string) error {
	pool, err := openCopier(from, waitForLock)
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, `VACUUM INTO ?1`, to)
	if err != nil {
		err = fmt.Errorf("%s: %w", reason(err), err)
	}
	return errors.Join(err, pool.Close())
}

// syncFolder makes the new name durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func openCopier(path string, busy time.Duration) (*sql.DB, error) {
	return sql.Open("sqlite3", dsn(path, map[string][]string{"mode": {"ro"}, "_busy_timeout": {milliseconds(busy)}}))
}
