package store

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Tallies are kept with each commit, one row for each five minutes, so that nobody counts deliveries to draw how many there were.

// tallyNotes is how long they are kept.
const tallyNotes = 7 * 24 * time.Hour

// saveTally writes what a batch changed.
func (t *tx) saveTally(ctx context.Context, now time.Time) error {
	var moved int64
	for _, s := range waiting {
		moved += t.counts[code(s)]
	}
	sent, failed := t.endings[code(relay.Sent)], t.endings[code(relay.Failed)]+t.endings[code(relay.Expired)]
	if t.taken == 0 && sent == 0 && failed == 0 && moved == 0 {
		return nil
	}
	return t.later(ctx, `INSERT INTO tallies (at, taken, sent, failed, waiting) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (at) DO UPDATE
		SET taken = tallies.taken + excluded.taken, sent = tallies.sent + excluded.sent, failed = tallies.failed + excluded.failed, waiting = tallies.waiting + excluded.waiting`,
		millis(now.Truncate(relay.TallySpan)), t.taken, sent, failed, moved)
}

// takeBackFailure takes a delivery that was sent after all out of the tally of when it was thought to have failed.
func (t *tx) takeBackFailure(ctx context.Context, finished time.Time) error {
	return t.run(ctx, `UPDATE tallies SET failed = failed - 1 WHERE at = (SELECT min(at) FROM tallies WHERE at >= $1 AND failed > 0)`, millis(finished.Truncate(relay.TallySpan)))
}

func (t *tx) pruneTallies(ctx context.Context, now time.Time) error {
	return t.run(ctx, `DELETE FROM tallies WHERE at < $1`, millis(now.Add(-tallyNotes)))
}

// Tallies implements relay.Outbox.
func (db *DB) Tallies(ctx context.Context, since time.Time) ([]relay.Tally, error) {
	all, err := list(ctx, db.read, func(row scanner) (y relay.Tally, err error) {
		var at int64
		err = row.Scan(&at, &y.Taken, &y.Sent, &y.Failed, &y.Waiting)
		y.At = db.ours(moment(at))
		return y, err
	}, `SELECT at, taken, sent, failed, waiting FROM tallies WHERE at >= $1 ORDER BY at`, millis(db.stored(since).Truncate(relay.TallySpan)))
	return all, fault("read tallies", err)
}
