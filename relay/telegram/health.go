package telegram

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Telegram counts as failing after 10 s of failed calls. With a probe every 10 s that takes at most 5 s, an outage is known
// after at most 25 s, and its end after at most 15 s.
const (
	probeEvery   = 10 * time.Second
	probeTimeout = 5 * time.Second
	failingAfter = 10 * time.Second
)

// health is what the calls tell about Telegram.
type health struct {
	mu    sync.Mutex
	good  time.Time // the last answer that only Telegram gives; zero before the first
	since time.Time // start of the first call that failed after it; zero while all is well
	last  *Error    // the last failure
}

func (h *health) answered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.good, h.since, h.last = time.Now(), time.Time{}, nil
}

// failed notes a failed call that began at start.
func (h *health) failed(start time.Time, err *Error) {
	if !Unreachable(err) && err.Reason != BadToken && err.Reason != Misdirected {
		h.answered()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if start.Before(h.good) {
		return // a later call has been answered meanwhile
	}
	if h.since.IsZero() || start.Before(h.since) {
		h.since = start
	}
	h.last = err
}

// Unreachable reports whether a call failed on the way, whatever it asked for: another call would have failed too.
func Unreachable(err error) bool {
	switch ReasonOf(err) {
	case ServerError, BadAnswer, NotSent, OutcomeUnknown:
		return true
	}
	return false
}

// quiet reports whether no call has succeeded for a while.
func (h *health) quiet() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.good) >= probeEvery/2 // the answer to the last probe came a little after its moment
}

// Healthy returns nil while Telegram answers, else an error that says why not and what to do.
func (c *Client) Healthy() error {
	h := &c.health
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.last == nil && h.good.IsZero():
		return errors.New("telegram has not been reached yet")
	case h.last == nil:
		return nil
	case h.last.Reason == BadToken || h.last.Reason == Misdirected:
		return fmt.Errorf("telegram refuses the bot: %w", h.last)
	case h.good.IsZero() || time.Since(h.since) >= failingAfter:
		return fmt.Errorf("telegram cannot be reached since %s: %w", h.since.UTC().Format(time.RFC3339), h.last)
	}
	return nil
}

// LastUpdate is when the last update was received; zero before the first.
func (c *Client) LastUpdate() time.Time {
	if ms := c.metrics.updated.Load(); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// Watch asks Telegram whether it is there (getMe) while nothing else shows it, so that Healthy knows. It logs each change
// once and returns nil at the end of ctx.
func (c *Client) Watch(ctx context.Context) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	well := true
	for {
		if c.health.quiet() {
			c.probe(ctx)
		}
		if ctx.Err() == nil {
			well = c.report(well)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *Client) probe(ctx context.Context) {
	timed, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, _ = c.GetMe(timed) // the call itself notes how it went
}

// report logs a change of state and returns the state.
func (c *Client) report(well bool) bool {
	err := c.Healthy()
	switch {
	case err != nil && well:
		c.log.Error("Telegram does not work", "error", err)
	case err == nil && !well:
		c.log.Info("Telegram works again")
	}
	return err == nil
}

// Bot asks who the bot is (getMe), again and again until Telegram answers. The error is that of ctx.
func (c *Client) Bot(ctx context.Context) (*User, error) {
	var wait backoff
	for {
		user, err := c.GetMe(ctx)
		if err == nil {
			return user, nil
		}
		if err := wait.sleep(ctx, retryAfterOf(err)); err != nil {
			return nil, err
		}
	}
}
