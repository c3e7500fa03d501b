package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/tgrelay/tgrelay/relay"
)

// This file holds what is SQLite's own: the file, the connections, the meaning of errors.

type sqlite struct {
	path string
	busy time.Duration
	file fs.FileInfo // as it was at the start
}

func newSQLite(o Options) (*sqlite, error) {
	path, err := sqlitePath(o.URL)
	return &sqlite{path: path, busy: o.BusyTimeout}, err
}

func (s *sqlite) name() string { return s.path }

func (s *sqlite) open(ctx context.Context) (writers, readers *sql.DB, err error) {
	if s.file, err = makeFile(s.path); err != nil {
		return nil, nil, err
	}
	if writers, err = openWriter(s.path, s.busy); err != nil {
		return nil, nil, err
	}
	if err := s.migrate(ctx, writers); err != nil {
		return writers, nil, err
	}
	readers, err = openReaders(s.path, s.busy)
	return writers, readers, err
}

func (s *sqlite) migrate(ctx context.Context, writers *sql.DB) error {
	steps, err := migrations(schema, "schema/sqlite")
	if err != nil {
		return err
	}
	conn, err := writers.Conn(ctx)
	if err != nil {
		return fmt.Errorf("open storage %s: %s: %w", s.path, reason(err), err)
	}
	return errors.Join(migrate(ctx, conn, steps), conn.Close())
}

func (*sqlite) text(query string) string                         { return numbered(query) }
func (*sqlite) strict() bool                                     { return false }
func (*sqlite) snapshot() *sql.TxOptions                         { return nil } // every transaction sees one
func (*sqlite) settle(ctx context.Context, conn *sql.Conn) error { return settle(ctx, conn) }

func (*sqlite) begin(ctx context.Context, w *writer) (time.Time, error) {
	return time.Time{}, w.exec(ctx, "BEGIN IMMEDIATE")
}

func (*sqlite) commit(ctx context.Context, t *tx) error { return t.writer.exec(ctx, "COMMIT") }

func (*sqlite) remote() bool { return false }

// leases are all there are: the lock keeps others out.
func (*sqlite) leases(db *DB) relay.Leases {
	db.metrics.shards.Set(relay.Shards)
	db.metrics.replicas.Set(1)
	return relay.Alone{}
}

func (*sqlite) resume(ctx context.Context, db *DB) error { return db.requeue(ctx) }

func (*sqlite) others(context.Context, *tx) (bool, error) { return false, nil }

func (*sqlite) fences(context.Context, *tx) (map[int64]bool, error) { return nil, nil }

// filled has nothing to do: SQLite numbers rows from the highest on.
func (*sqlite) filled(context.Context, *sql.Tx) error { return nil }

// abandon fails where SQLite has rolled back by itself.
func (*sqlite) abandon(w *writer) { _ = w.exec(context.Background(), "ROLLBACK") }

// sound notices that the file was moved or deleted under the running daemon: writes would go on into what nobody finds again.
func (s *sqlite) sound() error {
	info, err := os.Stat(s.path)
	if err == nil && os.SameFile(info, s.file) {
		return nil
	}
	return errors.New("the file of the storage was moved, replaced or deleted while in use: put it back, or restart tgrelay")
}

// shorten cuts the file a little where much of it is free.
func (*sqlite) shorten(ctx context.Context, t *tx) error {
	free, _, err := first(ctx, t, value[int64], `PRAGMA freelist_count`)
	if err != nil || free <= vacuumAbove {
		return err
	}
	rows, err := t.writer.conn.QueryContext(ctx, shorten)
	if err != nil {
		return err
	}
	return drain(rows)
}

func (s *sqlite) scrub(ctx context.Context, w *writer) (bool, error) { return w.emptyLog(ctx, s.busy) }

// sqlitePath takes "sqlite:PATH" apart.
func sqlitePath(address string) (string, error) {
	if isPostgres(address) {
		return "", errors.New("open storage: it is in PostgreSQL and no file of its own: use the server's tools for this (pg_dump, pg_restore, pg_basebackup)")
	}
	path, ok := strings.CutPrefix(address, "sqlite:")
	if !ok || path == "" || strings.HasPrefix(path, ":memory:") {
		return "", errors.New(`open storage: storage.url must be "sqlite:PATH", the path of a file`)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("open storage: %w", err)
	}
	return abs, nil
}

// makeFile creates the file if there is none, readable by its owner only. SQLite gives -wal and -shm the same mode.
func makeFile(path string) (fs.FileInfo, error) {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("open storage: there is no folder %s: create it, owned by the user that tgrelay runs as, or change storage.url", dir)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
		inherit(path, dir)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("open storage: %w: check who owns the folder", err)
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err == nil {
		err = tighten(path, info)
	}
	if err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	return info, nil
}

// tighten takes what others may do with the storage from them: it holds what people were told. SQLite gives files that it makes the mode of
// the first one.
func tighten(path string, info fs.FileInfo) error {
	const others = 0o077
	if info.Mode().Perm()&others == 0 {
		return nil
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(path+suffix, info.Mode().Perm()&^others); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("others may read the storage: %w: run chmod 600 on it as its owner", err)
		}
	}
	return nil
}

// dsn names the file for go-sqlite3. The path stands in a URI, in which these three characters have a meaning.
func dsn(path string, params url.Values) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + "?" + params.Encode()
}

// openWriter opens the pool of which one connection is the writer's. WAL with synchronous=FULL syncs the log at each commit:
// go-sqlite3's default in WAL, NORMAL, loses commits with the power. secure_delete overwrites what is forgotten.
func openWriter(path string, busy time.Duration) (*sql.DB, error) {
	pool, err := sql.Open("sqlite3", dsn(path, url.Values{
		"mode": {"rw"}, "_mutex": {"no"}, "_auto_vacuum": {"incremental"}, "_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_secure_delete": {"true"},
		"_busy_timeout": {milliseconds(busy)}, "_cache_size": {"-8192"}, // KiB; what does not fit is in the system's cache
	}))
	if err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	pool.SetMaxOpenConns(1)
	return pool, nil
}

// openReaders opens connections that cannot write. In WAL they neither wait for the writer nor hold it up.
func openReaders(path string, busy time.Duration) (*sql.DB, error) {
	pool, err := sql.Open("sqlite3", dsn(path, url.Values{
		"mode": {"ro"}, "_mutex": {"no"}, "_query_only": {"true"}, "_busy_timeout": {milliseconds(busy)}, "_cache_size": {"-1024"},
	}))
	if err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	n := max(4, 2*runtime.GOMAXPROCS(0))
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	return pool, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// numbered turns $1, which SQLite counts by first appearance, into ?1, which it takes by its number.
func numbered(text string) string { return strings.ReplaceAll(text, "$", "?") }

// settle sets what a connection string cannot. 64 MiB is what the log may keep on disk after a long reader let it grow.
func settle(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864")
	return err
}

func sqliteConflicting(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && e.Code == sqlite3.ErrConstraint
}

// lost reports whether err says that the connection is gone.
func lost(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

func sqliteBroken(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && e.Code != sqlite3.ErrConstraint
}

func sqliteInterrupted(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && e.Code == sqlite3.ErrInterrupt
}

// reasons are what a person can do about a fault.
var reasons = map[sqlite3.ErrNo]string{
	sqlite3.ErrFull:     "the disk of the storage is full: free some space",
	sqlite3.ErrBusy:     "another program keeps the storage locked: end it (a sqlite3 shell, a second tgrelay)",
	sqlite3.ErrLocked:   "another program keeps the storage locked: end it (a sqlite3 shell, a second tgrelay)",
	sqlite3.ErrReadonly: "the storage cannot be written: check the owner and mode of the file and of its folder, and whether the disk is mounted read-only",
	sqlite3.ErrPerm:     "the storage may not be used: check the owner and mode of the file and of its folder",
	sqlite3.ErrCantOpen: "the storage cannot be opened: check that its folder exists and who owns it",
	sqlite3.ErrIoErr:    "reading or writing the storage failed: check the disk and the system's log",
	sqlite3.ErrCorrupt:  "the storage is damaged: stop tgrelay and put a backup in its place",
	sqlite3.ErrNotADB:   "the storage is no SQLite database, or is damaged: put a backup in its place, or change storage.url",
}

func sqliteReason(err error) string {
	e, _ := errors.AsType[sqlite3.Error](err)
	return reasons[e.Code]
}

// shorten gives free pages at the end of the file back, one a row.
const shorten = `PRAGMA incremental_vacuum(256)`
