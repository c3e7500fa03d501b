package telegram

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Waits between tries: 1, 2, 4, 8, 10, 10 s, each up to a fifth shorter so that many do not come back at once. Telegram keeps the press of a button for 150 s
// only, and people wait for their answer: after failures that had nothing to do with each other a bot must not be deaf for minutes.
const (
	firstWait = time.Second
	lastWait  = 10 * time.Second
)

// backoff counts the tries that failed in a row.
type backoff struct{ tries int }

// sleep waits for its turn, atLeast as long as told. The error is that of ctx.
func (b *backoff) sleep(ctx context.Context, atLeast time.Duration) error {
	wait := min(firstWait<<min(b.tries, 4), lastWait)
	b.tries++
	wait -= rand.N(wait / 5)
	return sleep(ctx, max(wait, atLeast))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfterOf is how long an error asks to wait, zero for most.
func retryAfterOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
