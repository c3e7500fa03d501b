package store

import (
	"context"
	"database/sql"
	"time"
)

const (
	linkNotes   = 30 * 24 * time.Hour // how long links are listed after they expired
	linkStep    = 500                 // links looked at in one step
	vacuumAbove = 1024                // free pages (of 4 KiB) that stay in the file for what comes in
)

// linkCursor is how far pruning has looked through the links; at their end it begins anew. It is lost with the process.
type linkCursor struct{ after int64 }

// Prune implements relay.Outbox. Age counts from when a delivery was finished. Each call also lets go of a few links that
// expired a month ago, of notes on updates, and gives free pages back to the file system.
func (db *DB) Prune(ctx context.Context, before time.Time, limit int) (int64, error) {
	var n int64
	err := db.write(ctx, "prune", func(t *tx) (err error) {
		ctx, before := context.Background(), t.stored(before)
		if n, err = t.deleteDeliveries(ctx, `finished_at > 0 AND finished_at < $1 ORDER BY finished_at`, millis(before), limit); err != nil {
			return err
		}
		return t.pruneRest(ctx, before, limit, t.stored(time.Now()))
	})
	return n, err
}

func (t *tx) pruneRest(ctx context.Context, before time.Time, limit int, now time.Time) error {
	err := t.run(ctx, `DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE deliveries = 0 AND created_at < $1 LIMIT $2)`, millis(before), limit)
	if err != nil {
		return err
	}
	err = t.run(ctx, `DELETE FROM updates WHERE (bot, update_id) IN (SELECT bot, update_id FROM updates WHERE at < $1 LIMIT $2)`, millis(now.Add(-updateNotes)), limit)
	if err != nil {
		return err
	}
	err = t.run(ctx, `DELETE FROM live WHERE (recipient, bot, chat_id, message_thread_id, live_key) IN
		(SELECT recipient, bot, chat_id, message_thread_id, live_key FROM live WHERE updated_at < $1 LIMIT $2)`, millis(before), limit)
	if err != nil {
		return err
	}
	if err := t.pruneTwice(ctx, limit, now); err != nil {
		return err
	}
	if err := t.pruneThreads(ctx, before, limit, now); err != nil {
		return err
	}
	if err := t.pruneNotes(ctx, limit, now); err != nil {
		return err
	}
	if err := t.pruneLinks(ctx, now); err != nil {
		return err
	}
	if err := t.pruneTallies(ctx, now); err != nil {
		return err
	}
	return t.writer.engine.shorten(ctx, t)
}

// pruneLinks looks at some links. One whose binding stands is kept: its chat may start it again and is told so.
func (t *tx) pruneLinks(ctx context.Context, now time.Time) error {
	seqs, err := list(ctx, t, value[int64], `SELECT seq FROM links WHERE seq > $1 ORDER BY seq LIMIT $2`, t.links.after, linkStep)
	if err != nil {
		return err
	}
	from := t.links.after
	t.links.after = 0
	if len(seqs) == 0 {
		return nil
	}
	last := seqs[len(seqs)-1]
	if len(seqs) == linkStep {
		t.links.after = last
	}
	return t.run(ctx, `DELETE FROM links WHERE seq > $1 AND seq <= $2 AND expires_at > 0 AND expires_at < $3
		AND NOT EXISTS (SELECT 1 FROM redemptions r WHERE r.recipient = links.recipient AND r.link = links.id)`, from, last, millis(now.Add(-linkNotes)))
}

// drain steps through a statement that does its work row by row.
func drain(rows *sql.Rows) error {
	defer rows.Close()
	for rows.Next() {
		continue
	}
	return rows.Err()
}
