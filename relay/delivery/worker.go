package delivery

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// start makes the next request of a lane in a worker.
func (s *scheduler) start(l *lane) {
	l.busy, l.since, l.began = true, time.Time{}, time.Now()
	s.sending++
	s.metrics.inFlight.Inc()
	w := l.current
	s.o.Outbox.Sending(w.job.ID)
	ctx, cancel := s.underLease(l)
	s.workers.Go(func() {
		defer cancel()
		a, failed := s.sender.send(ctx, w)
		brokenOff := s.brokenOff(ctx, failed)
		if brokenOff {
			w.outcome = nil // nobody knows: whoever has the lane next sends it
		}
		var stored error
		if w.outcome != nil {
			stored = s.finish(s.working, w)
		}
		s.results <- func(now time.Time) {
			s.sending--
			s.metrics.inFlight.Dec()
			l.began, l.cutOff = time.Time{}, nil
			if l.lost = l.lost || brokenOff; !brokenOff {
				s.judge(l, a, failed, now)
			}
			s.done(l, stored, now)
		}
	})
}

// judge lets the answer to a request act on the rates.
func (s *scheduler) judge(l *lane, a action, failed *telegram.Error, now time.Time) {
	if failed != nil {
		s.metrics.failures.WithLabelValues(string(failed.Reason)).Inc()
	}
	switch {
	case failed == nil:
		l.pace.ease()
		s.bot.ease()
		s.back(now)
	case troubled(failed.Reason):
		s.away = true
	case a == wait:
		s.refused(l, now, now.Add(failed.RetryAfter))
	case a == stop:
		s.stop(failed, now)
	}
}

// troubled are reasons of Telegram's, not of a message or chat.
func troubled(r telegram.Reason) bool {
	return r == telegram.NotSent || r == telegram.OutcomeUnknown || r == telegram.ServerError || r == telegram.BadAnswer
}

// backWithin is how long after an outage all lanes have tried again: not all at once.
const backWithin = 2 * time.Second

// back ends the back-offs of all lanes when Telegram answers again.
func (s *scheduler) back(now time.Time) {
	if !s.away {
		return
	}
	s.away = false
	for _, l := range s.lanes {
		if !l.busy && l.current != nil && !l.owes() && l.hasten(now) {
			s.place(l, now)
		}
	}
}

// hasten ends the back-off of what comes first, where it waits for Telegram. It reports whether it did.
func (l *lane) hasten(now time.Time) bool {
	soon := now.Add(rand.N(backWithin))
	if !troubled(telegram.Reason(l.current.job.Reason)) || !l.current.job.NotBefore.After(soon) {
		return false
	}
	l.current.job.NotBefore = soon
	return true
}

// refused closes the lane after a 429, and the bot if another chat had one within the last second.
func (s *scheduler) refused(l *lane, now, until time.Time) {
	l.pace.shut(now, until)
	if s.last.chatID != 0 && s.last.chatID != l.chatID && now.Sub(s.last.at) <= time.Second {
		s.bot.shut(now, later(until, s.last.until))
		s.o.Log.Warn("Telegram limits the whole bot: sending pauses", "until", s.bot.closed.UTC())
	}
	s.last = refusal{l.chatID, now, until}
}

// done takes a lane back from a worker. stored is the storage's error for its outcome.
func (s *scheduler) done(l *lane, stored error, now time.Time) {
	l.busy = false
	switch {
	case errors.Is(stored, relay.ErrLeaseLost):
		s.storage("", nil)
		l.current.outcome, l.lost = nil, true
	case stored != nil:
		s.storage("store what became of a delivery; it is kept in memory and its chat waits", stored)
		l.stumble(now)
	case l.owes():
		s.storage("", nil)
		to := l.current.outcome.MigrateTo
		l.settled()
		if to != 0 {
			s.wake(to, now)
		}
	}
	if !l.owes() {
		l.letGo()
	}
	s.place(l, now)
}
