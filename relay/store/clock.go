package store

import (
	"context"
	"time"
)

// setBack is how far behind what the storage has seen a clock may be at the start without having been set back.
const setBack = time.Minute

// followedAt is when the storage last followed a clock, by that clock.
const followedAt = "clock_followed_at"

// noticed is within which time the storage follows a clock that is set; while it fails nothing comes in.
const noticed = 2 * time.Minute

// ClockSet follows the clock on the wall, which was set ahead by so much, or back by less than nothing: what waits expires after as long a
// wait as before, and what is to be tried again waits no longer than it would have. What was wished for a moment that is still to come
// stays there. Where other replicas live it is their clocks that count: this one's was wrong, or is now.
//
// On a server times are kept by its clock: it is looked at.
func (db *DB) ClockSet(ctx context.Context, by time.Duration) error {
	if db.engine.remote() {
		return db.touch(ctx)
	}
	return db.write(ctx, "follow the clock", func(t *tx) error {
		others, err := t.writer.engine.others(context.Background(), t)
		if err != nil || others {
			return err
		}
		return t.clockSet(context.Background(), by, time.Now())
	})
}

func (t *tx) clockSet(ctx context.Context, by time.Duration, now time.Time) error {
	err := t.lifeOn(ctx, by, now)
	if err == nil && by < 0 {
		err = t.run(ctx, `UPDATE deliveries SET not_before = CASE WHEN not_before + $1 > 1 THEN not_before + $1 ELSE 1 END WHERE state IN (1, 2) AND not_before > 0`, by.Milliseconds())
	}
	if err == nil && by < 0 {
		err = t.run(ctx, `UPDATE events SET not_before = CASE WHEN not_before + $1 > 1 THEN not_before + $1 ELSE 1 END WHERE not_before > 0`, by.Milliseconds())
	}
	for _, name := range []string{followedAt, checkedAt} {
		if err == nil {
			err = t.setNumber(ctx, name, millis(now))
		}
	}
	return err
}

// lifeOn moves the ends of what waits. What came on the clock as it is now is right: on one that was set back, what is not after now; on one that was set ahead, what
// came within the last moments. Whatever else is after the other clock's now came before that one was set back, and has followed it.
func (t *tx) lifeOn(ctx context.Context, by time.Duration, now time.Time) error {
	const text = `UPDATE deliveries SET expires_at = CASE WHEN expires_at + $1 > 1 THEN expires_at + $1 ELSE 1 END WHERE state IN (0, 1, 2) AND expires_at > 0 AND `
	other, ours := millis(now.Add(-by)), millis(now)
	if by < 0 {
		return t.run(ctx, text+`created_at > $2 AND created_at <= $3 AND send_at <= $3`, by.Milliseconds(), ours, other)
	}
	return t.run(ctx, text+`(created_at <= $2 AND send_at <= $2 OR created_at > $2 AND created_at NOT BETWEEN $3 AND $4 AND send_at <= $4)`,
		by.Milliseconds(), other, millis(now.Add(-min(by, noticed))), ours)
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
