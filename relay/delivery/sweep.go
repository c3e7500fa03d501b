package delivery

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// sweeps are the looks at the whole outbox: for chats that have something due, and for what is too old.
type sweeps struct {
	running, expiring bool
	due               time.Time // the next look
	began             time.Time // the last one
	cost              time.Duration
	asked             bool // something was accepted since; it may have a send_at
	expireAt          time.Time
}

// soon asks for a look: what came may be for later (send_at), and only the outbox knows when.
func (s *sweeps) soon(now time.Time) {
	s.asked = true
	s.due = earlier(s.due, later(now, s.began.Add(s.pause())))
}

// pause is the least time between two looks, which take at most a twentieth of it.
func (s *sweeps) pause() time.Duration { return max(sweepPause, 20*s.cost) }

func (s *sweeps) next() time.Time {
	next := s.expireAt
	if s.expiring {
		next = s.expireAt.Add(expireEvery) // the end of the present one comes first
	}
	if !s.running {
		next = earlier(next, s.due)
	}
	return next
}

func (e *Engine) sweep(ctx context.Context, now time.Time) {
	s := &e.sweeps
	if !s.running && !s.due.After(now) {
		s.running, s.asked, s.began = true, false, now
		e.tasks.Go(func() {
			chats, next, err := e.o.Outbox.Lanes(ctx, now)
			e.events <- func(_ context.Context, now time.Time) { e.swept(chats, next, err, now) }
		})
	}
	if !s.expiring && !s.expireAt.After(now) {
		s.expiring = true
		e.tasks.Go(func() {
			n, err := e.o.Outbox.Expire(ctx, now)
			e.events <- func(ctx context.Context, now time.Time) { e.expired(ctx, n, err, now) }
		})
	}
}

func (e *Engine) swept(chats []int64, next time.Time, err error, now time.Time) {
	s := &e.sweeps
	s.running, s.cost = false, now.Sub(s.began)
	s.due = now.Add(sweepEvery)
	if err != nil {
		e.reads.begins(err)
		s.due = now.Add(storageRetry)
		return
	}
	e.reads.ends()
	if !next.IsZero() {
		s.due = earlier(s.due, later(next, now.Add(recheck)))
	}
	if s.asked {
		s.due = earlier(s.due, later(now, s.began.Add(s.pause())))
	}
	for _, chat := range chats {
		e.found(chat, now)
	}
}

// found makes sure that a chat that has something due has a lane that knows.
func (e *Engine) found(chat int64, now time.Time) {
	l := e.laneOf(chat)
	if l == nil {
		return
	}
	l.more = true
	if l.index >= 0 && len(l.heads) > 0 || l.busy || l.loading || l.ready != 0 {
		return
	}
	e.timers.set(l, now)
}

func (e *Engine) expired(ctx context.Context, n int64, err error, now time.Time) {
	e.sweeps.expiring, e.sweeps.expireAt = false, now.Add(expireEvery)
	switch {
	case err == nil && n > 0:
		e.metrics.deliveries.WithLabelValues(string(relay.Expired)).Add(float64(n))
		e.log.Warn("deliveries expired before they could be sent", "count", n)
	case err != nil && ctx.Err() == nil:
		e.writes.begins(err)
	}
}
