package telegram

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// backoff is the pause between attempts: 1 s at first, then 2, 4, ... 60 s, each with a jitter of a quarter.
type backoff struct {
	next time.Duration
}

const (
	backoffMin = time.Second
	backoffMax = time.Minute
)

func newBackoff() *backoff { return &backoff{next: backoffMin} }

func (b *backoff) reset() { b.next = backoffMin }

// after waits after a failure, no shorter than Telegram asks for. It reports false when ctx ended first.
func (b *backoff) after(ctx context.Context, err error) bool {
	d := b.next - b.next/4 + rand.N(b.next/2)
	d = min(max(d, backoffMin), backoffMax)
	b.next = min(b.next*2, backoffMax)
	if e, ok := errors.AsType[*Error](err); ok {
		d = max(d, e.RetryAfter)
	}
	return sleep(ctx, d)
}
