package daemon

import (
	"context"
	"sync"
	"time"
)

// clockStep is by how much the clock on the wall has to have moved against the one that does not jump for the storage to follow: below what engines
// notice, above what they differ by.
const clockStep = 30 * time.Second

// clock has the storage follow the clock on the wall once, although each bot's engine notices that it was set.
type clock struct {
	follow func(ctx context.Context, by time.Duration) error

	mu       sync.Mutex
	began    time.Time     // when both clocks agreed
	followed time.Duration // by how much the storage has followed since
}

func newClock(follow func(context.Context, time.Duration) error) *clock {
	return &clock{follow: follow, began: time.Now()}
}

// set is what an engine calls that noticed. How much is still to be followed is known here.
func (c *clock) set(ctx context.Context, _ time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	by := now.Round(0).Sub(c.began.Round(0)) - now.Sub(c.began) - c.followed
	if by.Abs() < clockStep {
		return nil
	}
	err := c.follow(ctx, by)
	if err == nil {
		c.followed += by
	}
	return err
}
