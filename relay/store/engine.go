package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// engine is what databases do not have in common. The queries are one text for all of them: $1 for parameters, times as integers, JSON as
// text, and of functions and clauses only what all know.
type engine interface {
	// name says in logs which storage it is. It holds no secret.
	name() string
	// open makes the pool of which one connection is the writer's, brings the schema up to date, and makes the readers' pool.
	open(ctx context.Context) (writers, readers *sql.DB, err error)
	// text is a query as the driver wants it.
	text(query string) string
	// strict reports whether text may hold no NUL and nothing but UTF-8.
	strict() bool
	// snapshot are the options of a transaction that sees one state of the storage.
	snapshot() *sql.TxOptions

	// settle sets what a connection string cannot, on a new connection of the writer.
	settle(ctx context.Context, conn *sql.Conn) error
	// begin starts a transaction in which nothing can fail for another writer's sake: it waits for its turn here.
	// It returns the time by the clock by which times are kept; zero: that is ours.
	begin(ctx context.Context, w *writer) (time.Time, error)
	// commit returns nil if the transaction is kept, however that became known. With it other storages on the same database hear of it.
	commit(ctx context.Context, t *tx) error
	// remote reports whether each command takes a way to a server and back, and whether a transaction may fail for another's sake after all: then
	// batches are run again, and messages have to be as they were.
	remote() bool
	// abandon ends what is open on a connection that is thrown away.
	abandon(w *writer)

	// leases are those of this opened storage.
	leases(db *DB) relay.Leases
	// resume puts in order, when the storage was opened, what the last process left.
	resume(ctx context.Context, db *DB) error
	// others reports whether another process lives that shares the storage.
	others(ctx context.Context, t *tx) (bool, error)
	// fences are the numbers of the leases that this opened storage has.
	fences(ctx context.Context, t *tx) (map[int64]bool, error)

	// sound notices what a write does not: that it goes where nobody finds it again.
	sound() error
	// shorten gives a little of free space back.
	shorten(ctx context.Context, t *tx) error
	// filled comes before the commit that makes a storage a copy of another.
	filled(ctx context.Context, tx *sql.Tx) error
	// scrub takes what was forgotten out of where it stands beside the tables. It reports whether nothing is left to do.
	scrub(ctx context.Context, w *writer) (bool, error)
}

// engineOf chooses by the scheme of the address, which is not repeated in errors: it may hold a password.
func engineOf(o Options) (engine, error) {
	switch {
	case isPostgres(o.URL):
		return newPostgres(o)
	case strings.HasPrefix(o.URL, "sqlite:"):
		return newSQLite(o)
	}
	return nil, errors.New(`open storage: storage.url must be "sqlite:PATH", the path of a file, or "postgres://USER@HOST/DATABASE"`)
}

// conflicting reports whether err says that a row is there already.
func conflicting(err error) bool { return sqliteConflicting(err) || postgresConflicting(err) }

// broken reports whether err came from the database and concerns the whole transaction, not one caller's rows.
func broken(err error) bool { return lost(err) || sqliteBroken(err) || postgresBroken(err) }

// interrupted reports whether a reader's ctx ended in the midst of a query.
func interrupted(err error) bool { return sqliteInterrupted(err) || postgresInterrupted(err) }

// reason tells a fault in a person's words.
func reason(err error) string {
	for _, words := range []func(error) string{sqliteReason, postgresReason} {
		if s := words(err); s != "" {
			return s
		}
	}
	return "the storage failed: see the log"
}
