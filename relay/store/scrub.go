package store

import (
	"context"
	"errors"
	"time"
)

// What is forgotten is overwritten in the file (secure_delete) and then taken out of the log too, which holds pages as they were before:
// the log is emptied as soon as no reader needs it any more.

// scrubEvery is how often that is tried while readers are in its way: a backup may be for minutes.
const scrubEvery = time.Second

// scrub comes after each commit. Until it is done, the next commits try again.
func (c *committer) scrub(ctx context.Context, erased bool) {
	c.erased = c.erased || erased
	if !c.erased || time.Since(c.scrubbed) < scrubEvery && !erased {
		return
	}
	c.scrubbed = time.Now()
	if emptied, err := c.db.engine.scrub(ctx, c.writer); err == nil && emptied {
		c.erased = false
	}
}

// emptyLog brings the log into the file and cuts it to nothing, without waiting for anybody. It reports whether it did.
func (w *writer) emptyLog(ctx context.Context, busyTimeout time.Duration) (bool, error) {
	if _, err := w.conn.ExecContext(ctx, `PRAGMA busy_timeout = 0`); err != nil {
		return false, err
	}
	var busy, frames, moved int
	err := w.conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	_, back := w.conn.ExecContext(ctx, `PRAGMA busy_timeout = `+milliseconds(busyTimeout))
	return busy == 0, errors.Join(err, back)
}
