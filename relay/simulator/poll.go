package simulator

import (
	"context"
	"time"
)

const (
	maxPollLimit   = 100
	maxPollTimeout = 50 // seconds
)

// poll is a getUpdates that waits. Another one, or a webhook, ends it.
type poll struct{ end chan string }

func (s *Server) getUpdates(ctx context.Context, a *arguments) *answer {
	timeout := time.Duration(a.integer("timeout", 0, 0, maxPollTimeout)) * time.Second
	limit := int(a.integer("limit", maxPollLimit, 1, maxPollLimit))
	offset := a.id("offset")

	s.mu.Lock()
	if s.webhook != nil {
		s.mu.Unlock()
		return failed(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	}
	s.queue.allow(a)
	s.endPoll("Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
	updates := s.queue.confirm(offset)
	if len(updates) > 0 || timeout == 0 {
		defer s.mu.Unlock()
		return done(objects(updates, limit))
	}
	mine := &poll{make(chan string, 1)}
	s.queue.poll = mine
	s.mu.Unlock()
	return s.await(ctx, mine, offset, limit, time.NewTimer(timeout))
}

// await waits for an update, the timeout, or the end of the poll.
func (s *Server) await(ctx context.Context, mine *poll, offset int64, limit int, timeout *time.Timer) *answer {
	defer timeout.Stop()
	for {
		s.mu.Lock()
		updates, changed := s.queue.confirm(offset), s.changed
		if len(updates) > 0 {
			s.leave(mine)
			defer s.mu.Unlock()
			return done(objects(updates, limit))
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case why := <-mine.end:
			return failed(409, "%s", why)
		case <-timeout.C:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.leave(mine)
			return done([]any{})
		case <-ctx.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			s.leave(mine)
			return done([]any{})
		}
	}
}

func (s *Server) leave(p *poll) {
	if s.queue.poll == p {
		s.queue.poll = nil
	}
}

// endPoll answers the waiting getUpdates with a conflict: the newer one keeps waiting. The caller holds mu.
func (s *Server) endPoll(why string) {
	if s.queue.poll != nil {
		s.queue.poll.end <- why
		s.queue.poll = nil
	}
}

func objects(updates []*update, limit int) []any {
	out := []any{}
	for _, u := range updates[:min(limit, len(updates))] {
		out = append(out, u.object())
	}
	return out
}
