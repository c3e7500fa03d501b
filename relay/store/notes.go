package store

import (
	"context"
	"time"
)

// Note implements relay.Notes.
func (db *DB) Note(ctx context.Context, name, value string, until time.Time) error {
	return db.write(ctx, "note", func(t *tx) error {
		return t.run(context.Background(), `INSERT INTO notes (name, value, ends_at) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value, ends_at = excluded.ends_at`, name, value, millis(t.stored(until)))
	})
}

// Noted implements relay.Notes.
func (db *DB) Noted(ctx context.Context, name string, now time.Time) (string, error) {
	v, _, err := first(ctx, db.read, value[string], `SELECT value FROM notes WHERE name = $1 AND ends_at > $2`, name, millis(db.stored(now)))
	return v, fault("read note", err)
}

// Unnote implements relay.Notes.
func (db *DB) Unnote(ctx context.Context, name string) error {
	return db.write(ctx, "let go of a note", func(t *tx) error {
		return t.run(context.Background(), `DELETE FROM notes WHERE name = $1`, name)
	})
}

// pruneNotes lets go of some that are over.
func (t *tx) pruneNotes(ctx context.Context, limit int, now time.Time) error {
	return t.run(ctx, `DELETE FROM notes WHERE name IN (SELECT name FROM notes WHERE ends_at < $1 LIMIT $2)`, millis(now), limit)
}
