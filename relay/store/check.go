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
// program would not mend that. What hangs in the disk or in the committer lets it wait, also beyond the end of ctx.
func (db *DB) Alive(ctx context.Context) error {
	err := db.touch(ctx)
	if relay.ErrorCode(err) == relay.CodeStorageUnavailable {
		return nil
	}
	return err
}

func (db *DB) touch(ctx context.Context) error {
	return db.write(ctx, "check storage", func(t *tx) error {
		return t.setNumber(context.Background(), checkedAt, millis(t.stored(time.Now())))
	})
}
