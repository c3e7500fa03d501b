package store

import (
	"context"
	"time"
)

// setBack is how far behind what the storage has seen a clock may be at the start without having been set back.
const setBack = time.Minute

// ClockSet follows the clock on the wall, which was set ahead by so much, or back by less than nothing: what waits expires after as long a
// wait as before, and what is to be tried again waits no longer than it would have. What was wished for a moment that is still to come
// stays there.
func (db *DB) ClockSet(ctx context.Context, by time.Duration) error {
	return db.write(ctx, "follow the clock", func(t *tx) error {
		return t.clockSet(context.Background(), by, time.Now())
	})
}

func (t *tx) clockSet(ctx context.Context, by time.Duration, now time.Time) error {
	// What came on the clock as it is now is right: after the other clock's now, or where that is ahead, not after ours.
	from, to := int64(0), millis(now.Add(-by))
	if by < 0 {
		from = millis(now)
	}
	err := t.run(ctx, `UPDATE deliveries SET expires_at = max(expires_at + $1, 1)
		WHERE state IN (0, 1, 2) AND expires_at > 0 AND created_at > $2 AND created_at <= $3 AND send_at <= $3`, by.Milliseconds(), from, to)
	if err == nil && by < 0 {
		err = t.run(ctx, `UPDATE deliveries SET not_before = max(not_before + $1, 1) WHERE state IN (1, 2) AND not_before > 0`, by.Milliseconds())
	}
	if err == nil && by < 0 {
		err = t.run(ctx, `UPDATE events SET not_before = max(not_before + $1, 1) WHERE not_before > 0`, by.Milliseconds())
	}
	if err != nil {
		return err
	}
	return t.setNumber(ctx, checkedAt, millis(now))
}

// clockAtStart notices that the clock was set back while nothing ran. That it was set ahead cannot be told from a long pause.
func (t *tx) clockAtStart(ctx context.Context, now time.Time) error {
	seen, known, err := first(ctx, t, value[int64], `SELECT value FROM numbers WHERE name = $1`, checkedAt)
	if err != nil {
		return err
	}
	if !known || moment(seen).Sub(now) < setBack {
		return t.setNumber(ctx, checkedAt, millis(now))
	}
	return t.clockSet(ctx, now.Sub(moment(seen)), now)
}
