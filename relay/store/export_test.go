package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
)

// BeforeCommit has f decide whether commits fail; nil ends that. No write may be under way.
func (db *DB) BeforeCommit(f func() error) { db.committer.beforeCommit = f }

// Fault has each new connection of the writer begin with a text, the next write on a new one; empty ends that. No write may be under way.
func (db *DB) Fault(text string) {
	w := db.committer.writer
	w.reset()
	w.settle = func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, text)
		return errors.Join(w.engine.settle(ctx, conn), err)
	}
}

// Pragma reads a setting of the writer's connection.
func (db *DB) Pragma(ctx context.Context, name string) (string, error) {
	var v string
	err := db.committer.writer.conn.QueryRowContext(ctx, "PRAGMA "+name).Scan(&v)
	return v, err
}

// OnWriter runs a text on the writer's connection, in its transaction if there is one. The committer must be idle or held up.
func (db *DB) OnWriter(ctx context.Context, text string) error {
	return db.committer.writer.exec(ctx, text)
}

// Waiting is how many writes stand before the committer.
func (db *DB) Waiting() int { return len(db.committer.queue) }

// Texts are the SQL texts that were used, as SQLite sees them.
func (db *DB) Texts() []string {
	out := slices.Collect(maps.Keys(db.read.by))
	if w := db.committer.writer; w.conn != nil {
		out = slices.AppendSeq(out, maps.Keys(w.stmts.by))
	}
	for i := range out {
		out[i] = db.engine.text(out[i])
	}
	return out
}

// Fault is what callers are told of an error of a database's.
func Fault(operation string, err error) error { return fault(operation, err) }

// Path is where the file is.
func (db *DB) Path() string { return db.engine.name() }

// MigrateFile brings the file at path to the newest schema of files.
func MigrateFile(ctx context.Context, path string, files fs.FS) error {
	steps, err := migrations(files, ".")
	if err != nil {
		return err
	}
	if _, err := makeFile(path); err != nil {
		return err
	}
	pool, err := openWriter(path, 0)
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return migrate(ctx, conn, steps)
}

// Schema are the embedded steps of SQLite.
func Schema() (fs.FS, error) { return fs.Sub(schema, "schema/sqlite") }

// Cache is a cache alone.
type Cache struct{ c *cache }

// NewCache makes one.
func NewCache(size int) Cache { return Cache{newCache(size, newMetrics(prometheus.NewRegistry()))} }

// Get is what a look-up does.
func (c Cache) Get(ctx context.Context, id string, look func(context.Context, string) (*relay.Recipient, error)) (*relay.Recipient, error) {
	return c.c.get(ctx, id, look)
}

// Forget is what a commit does.
func (c Cache) Forget(ids ...string) { c.c.forget(ids) }

// Counted is something that is counted, as recipients are.
func Counted(again func(context.Context) (int64, error)) func(context.Context) (int64, error) {
	var c count[int64]
	return func(ctx context.Context) (int64, error) { return c.of(ctx, again) }
}

// Outdate is what is done when another storage tells of a commit.
func (c Cache) Outdate(version int64, ids ...string) { c.c.outdate(ids, version) }

// Clear is what is done when it is heard again what others commit.
func (c Cache) Clear() { c.c.clear() }

// Held is the version of a recipient that is held; 0: none is.
func (c Cache) Held(id string) int64 {
	if r, held := c.c.lru.Peek(id); held {
		return r.Version
	}
	return 0
}

// LookAmong sets among how many deliveries a page of a receiver's is looked for.
func (db *DB) LookAmong(n int64) { db.looked = n }

// SetAside renames a storage with its log.
func SetAside(path string, now time.Time) (string, error) { return setAside(path, now) }

// FreshFor is how old what the cache says can be.
const FreshFor = freshFor

// GiveBack tells others that leases were given back, in a transaction that is kept or not.
func (db *DB) GiveBack(ctx context.Context, keep bool) error {
	p := db.channel.postgres
	conn, err := pgx.ConnectConfig(ctx, p.config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if err := db.channel.announce(ctx, tx); err != nil {
		return err
	}
	if !keep {
		return tx.Rollback(ctx)
	}
	return tx.Commit(ctx)
}

// GivenBack receives when others gave leases back, or may have.
func (db *DB) GivenBack() <-chan struct{} { return db.channel.onLease() }

// PaceAt is a bot's pace for which it is always that time.
func (db *DB) PaceAt(bot string, micros int64) relay.Pace {
	return &sharedPace{pool: db.paces, bot: bot, take: strings.ReplaceAll(takeSlice, serverClock, "$9"), more: []any{float64(micros)}}
}

// SetWall sets the machine's clock on the wall ahead by so much, for this storage alone. No write may be under way.
func (db *DB) SetWall(by time.Duration) {
	db.committer.wall = func() time.Time { return time.Now().Round(0).Add(by) }
}

// Sleep has the machine of a storage have slept for so long: its clock that does not jump stood still. No write may be under way.
func (db *DB) Sleep(d time.Duration) {
	db.committer.clock.server = db.committer.clock.server.Add(-d)
}

// TestLeases are leases without a keeper.
type TestLeases struct{ *leases }

// NewTestLeases has none yet.
func NewTestLeases() TestLeases { return TestLeases{newLeases(newMetrics(prometheus.NewRegistry()))} }

// Renew notes that a shard's lease was renewed, or got, just now.
func (l TestLeases) Renew(n int, fence int64) {
	l.change(func(all *[relay.Shards]shard) { all[n].fence, all[n].asked = fence, time.Now() })
}

// Freeze begins to give all leases back, as the keeper does, and gets no further before thaw is called.
func (db *DB) Freeze(ctx context.Context) (thaw func(), err error) {
	k := db.leases.(*keeper)
	conn, err := k.dial(ctx)
	if err != nil {
		return nil, err
	}
	thaw = func() { _ = conn.Close(context.WithoutCancel(ctx)) }
	names := make([]string, relay.Shards)
	for n := range names {
		names[n] = laneName(n)
	}
	tx, err := conn.Begin(ctx)
	if err == nil {
		_, err = tx.Exec(ctx, giveText, k.p.id[:], names)
	}
	return thaw, err
}

// TakeOver puts a shard in order as after it was taken.
func (db *DB) TakeOver(ctx context.Context, n int, fence int64) error {
	return db.takeOver(ctx, []grant{{n, fence}})
}
