// Package store keeps messages, deliveries, recipients, links and what was seen of Telegram's updates: it is the relay's
// Outbox, Directory, Links, Updates, Events, Senders and Topics.
//
// It promises that what a method has answered without an error survives the loss of power. On disk it keeps one SQLite
// file with its -wal and -shm beside it, readable by their owner only; tokens of links are kept as hashes.
//
// All writes go through one committer: calls that arrive together share one transaction and one fsync. When the disk is
// full, locked, read-only or gone, exactly the calls that waited for that commit fail, with relay.CodeStorageUnavailable, and
// nothing of them is kept; the committer goes on by itself as soon as the fault ends. Reads have connections of their own and
// never wait for a write.
package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
)

var (
	_ relay.Outbox    = (*DB)(nil)
	_ relay.Directory = (*DB)(nil)
	_ relay.Links     = (*DB)(nil)
	_ relay.Updates   = (*DB)(nil)
	_ relay.Events    = (*DB)(nil)
	_ relay.Senders   = (*DB)(nil)
	_ relay.Threads   = (*DB)(nil)
	_ relay.Topics    = (*DB)(nil)
	_ relay.Notes     = (*DB)(nil)
)

// Options say where to keep things and whom to tell.
type Options struct {
	URL         string                // "sqlite:PATH", whose folder must exist, or "postgres://…"
	CacheSize   int                   // recipients held in memory; 0: none
	BusyTimeout time.Duration         // how long a lock held by another program is waited for; 0: 5 s
	Log         *slog.Logger          // nil: slog.Default
	Registerer  prometheus.Registerer // nil: nothing is counted; two storages must not share one

	// Queued is called after a commit that queued something, once for each chat, before the writing call returns; and, by Listen, for what other
	// storages on the same database commit. Migrated is called after a commit that moved a group to its supergroup. Both run in the committer: they
	// must return at once and must not write to the store.
	// What is queued with priority stands behind all that waits with the same one; relay.Reordered says that it may not, or that less waits than before.
	Queued   func(bot string, chatID int64, priority relay.Priority)
	Migrated func(bot string, from, to int64)
	// Ended is called after a commit in which deliveries failed for what became of their chat. It runs in the committer too.
	Ended func([]relay.Delivery)
	// Sends reports whether somebody sends by a bot: what another one cannot bring to a chat goes by none else; nil: by all. It runs in the committer too.
	Sends func(bot string) bool
	// Events reports whether what happens is to be noted as events; nil: it is not. Happened is called after a commit after which events
	// may be told, also of another storage. Both run in the committer too.
	Events   func() bool
	Happened func()
	// Missed is called by Listen when commits of other storages may have gone unheard: Queued was not called for what they queued. That is when it hears
	// nothing any more, and when it hears again.
	Missed func()
}

// DB is an open storage. Its methods are safe for concurrent use.
type DB struct {
	options   Options
	engine    engine
	writers   *sql.DB
	readers   *sql.DB
	paces     *sql.DB // of Pace; nil where nobody shares the storage
	read      *statements
	committer *committer
	cache     *cache   // nil: none
	channel   *channel // nil: nobody else writes
	metrics   *metrics
	leases    relay.Leases
	looked    int64        // see the constant
	ahead     atomic.Int64 // by how much the clock by which times are kept is ahead of ours, as a time.Duration
	running   sync.WaitGroup

	recipientCount count[int64]
	bindingCount   count[map[relay.ChatState]int64]
}

// Open opens a storage, making or migrating it as needed.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := &DB{options: o.withDefaults(), looked: looked}
	if err := db.open(ctx); err != nil {
		return nil, errors.Join(err, db.closePools())
	}
	db.metrics = newMetrics(o.Registerer)
	db.leases = db.engine.leases(db)
	db.cache = newCache(o.CacheSize, db.metrics)
	if p, shared := db.engine.(*postgres); shared {
		db.channel = newChannel(p, db)
		db.cache.believe(db.channel.fresh)
	}
	db.committer = newCommitter(db)
	db.running.Go(db.committer.run)
	if err := db.engine.resume(ctx, db); relay.ErrorCode(err) == relay.CodeStorageUnavailable {
		db.options.Log.Warn("what was being sent when tgrelay ended could not be put back; it is sent all the same", "error", err)
	} else if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Name says which storage it is, without a password: the file's path, or the server and its database.
func (db *DB) Name() string { return db.engine.name() }

// SetCacheSize changes how many recipients are held in memory, where some are; at least one.
func (db *DB) SetCacheSize(n int) { db.cache.resize(n) }

func (o Options) withDefaults() Options {
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Queued == nil {
		o.Queued = func(string, int64, relay.Priority) {}
	}
	if o.Ended == nil {
		o.Ended = func([]relay.Delivery) {}
	}
	if o.Sends == nil {
		o.Sends = func(string) bool { return true }
	}
	if o.Events == nil {
		o.Events = func() bool { return false }
	}
	if o.Happened == nil {
		o.Happened = func() {}
	}
	if o.Missed == nil {
		o.Missed = func() {}
	}
	if o.Migrated == nil {
		o.Migrated = func(string, int64, int64) {}
	}
	return o
}

func (db *DB) open(ctx context.Context) (err error) {
	if db.engine, err = engineOf(db.options); err != nil {
		return err
	}
	if db.writers, db.readers, err = db.engine.open(ctx); err != nil {
		return err
	}
	db.read = newStatements(db.engine, db.readers.PrepareContext)
	if p, ok := db.engine.(*postgres); ok {
		db.paces = p.openPaces()
	}
	return nil
}

// Close ends the storage after everything that was handed in before has been written. Calls after it fail with
// CodeStorageUnavailable.
func (db *DB) Close() error {
	db.committer.close()
	db.running.Wait()
	return db.closePools()
}

// closePools closes the writer last: the last connection empties the log into the file.
func (db *DB) closePools() error {
	var err error
	if db.read != nil {
		err = db.read.close()
	}
	for _, pool := range []*sql.DB{db.paces, db.readers, db.writers} {
		if pool != nil {
			err = errors.Join(err, pool.Close())
		}
	}
	return err
}
