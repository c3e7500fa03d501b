package telegram

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// quietAfter is how long a success counts without another; then getMe is asked.
	quietAfter = 10 * time.Second
	// downAfter is how long a success outweighs later failures: one slow send does not make Telegram unreachable. With
	// quietAfter and probeTimeout an outage shows within 15 to 18 s.
	downAfter = 15 * time.Second
	// probeWhenDown is the pause between two probes of an outage; with probeTimeout its end shows within 11 s.
	probeWhenDown = 3 * time.Second
)

// health is what the calls told about Telegram.
type health struct {
	mu         sync.Mutex
	answeredAt time.Time // when the Bot API last answered to this token, with whatever
	failed     *Error    // the outage since; nil: none
	down       bool      // as it was told in the log
}

// note takes in the outcome of a call; nil means success.
func (h *health) note(now time.Time, failed *Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if failed != nil && failed.Outage() {
		h.failed = failed
		return
	}
	h.answeredAt, h.failed = now, nil
}

func (h *health) check(now time.Time) *Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.failed == nil && h.answeredAt.IsZero():
		return &Error{Method: "getMe", Reason: OutcomeUnknown, Description: "Telegram has not answered yet"}
	case h.failed == nil:
		return nil
	case h.failed.Reason != Unauthorized && !h.answeredAt.IsZero() && now.Sub(h.answeredAt) < downAfter:
		return nil
	}
	return h.failed
}

func (h *health) quiet(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return now.Sub(h.answeredAt)
}

// Healthy tells why Telegram is out of reach or refuses the token, and what to do; nil when it answers. It is true to
// what happens within 20 s while Watch runs, and to the end of an outage within 11 s.
func (c *Client) Healthy() error {
	failed := c.health.check(time.Now())
	if failed == nil {
		return nil
	}
	if remedy := failed.Remedy(); remedy != "" {
		return fmt.Errorf("%s (%w)", remedy, failed)
	}
	return failed
}

// Watch keeps Healthy true until ctx ends: it asks getMe when no other call has succeeded for 10 s, and every 3 s during
// an outage, and logs the beginning and the end of one. It returns nil.
func (c *Client) Watch(ctx context.Context) error {
	for {
		if quiet := c.health.quiet(time.Now()); quiet < quietAfter && c.health.outage() == nil {
			if !sleep(ctx, quietAfter-quiet) {
				return nil
			}
			continue
		}
		_, err := c.getMe(ctx, probeTimeout)
		c.tell()
		pause := time.Duration(0)
		if e, ok := errors.AsType[*Error](err); ok {
			pause = max(probeWhenDown, e.RetryAfter)
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

func (h *health) outage() *Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed
}

// tell logs a change of health.
func (c *Client) tell() {
	err := c.Healthy()
	h := &c.health
	h.mu.Lock()
	changed := h.down != (err != nil)
	h.down = err != nil
	h.mu.Unlock()
	switch {
	case changed && err != nil:
		c.log.Error("no message gets through; all of them wait", "error", err)
	case changed:
		c.log.Info("Telegram answers again")
	}
}

// sleep reports whether it slept to the end; false: ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
