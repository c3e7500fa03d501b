package store

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// checkedAt is when the storage was last seen to take writes.
const checkedAt = "checked_at"

// Check makes a small durable write. The error says in a person's words why the storage takes none.
func (db *DB) Check(ctx context.Context) error {
	if err := db.engine.sound(); err != nil {
		return &relay.Error{Code: relay.CodeStorageUnavailable, Detail: err.Error(), RetryAfter: retryAfter}
	}
	return db.touch(ctx)
}

// Alive returns nil as soon as the committer has answered for a small write, be it that the storage takes none now: a new start of the
// program would not mend that, nor that a database server is out of reach. What hangs in the disk or in the committer lets it wait, also beyond the
// end of ctx.
func (db *DB) Alive(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() { answer <- db.touch(ctx) }()
	var late <-chan time.Time
	if db.engine.remote() {
		late = time.After(answersWithin)
	}
	for {
		select {
		case err := <-answer:
			if relay.ErrorCode(err) == relay.CodeStorageUnavailable {
				return nil
			}
			return err
		case <-late:
			if !db.reachable(ctx) {
				return nil
			}
		}
	}
}

// answersWithin is how long a database server may take for a small write, and then for a sign of life, before it is held to be out of reach.
const answersWithin = 5 * time.Second

// reachable reports whether the server answers to another connection.
func (db *DB) reachable(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	return db.readers.PingContext(ctx) == nil
}

func (db *DB) touch(ctx context.Context) error {
	return db.write(ctx, "check storage", func(t *tx) error {
		return t.setNumber(context.Background(), checkedAt, millis(t.stored(time.Now())))
	})
}
