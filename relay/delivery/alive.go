package delivery

import (
	"context"
	"fmt"
	"time"
)

// tooLong is longer than whatever a worker does for a chat may take: a file that is fetched, calls of at most 75 s each, a write.
const tooLong = 10 * time.Minute

// Alive asks a running engine whether it still decides and its workers still come back. It does not matter whether Telegram answers, or the
// storage takes writes: both let a call fail in time. Errors: ctx's, where the scheduler does not answer; one that names a chat whose worker
// does not come back.
func (e *Engine) Alive(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case e.questions <- answer:
		return <-answer
	case <-ctx.Done():
		return fmt.Errorf("the scheduler does not answer: %w", ctx.Err())
	}
}

// overdue names a chat that a worker has had for too long.
func (s *scheduler) overdue(now time.Time) error {
	for _, l := range s.lanes {
		if !l.began.IsZero() && now.Sub(l.began) > tooLong {
			return fmt.Errorf("what is under way for chat %d does not end since %s", l.chatID, l.began.UTC().Format(time.RFC3339))
		}
	}
	return nil
}
