package simulator

import (
	"math"
	"time"
)

// Limits are how fast the bot may send before it is answered 429. Zero ones are not enforced.
type Limits struct {
	Global int // messages in any second, whole bot
	Chat   int // messages in any second, one private chat
	Group  int // messages in any minute, one group or channel
}

// rates remembers when something was sent lately. Their windows slide; what was refused lengthens nothing.
type rates struct {
	bot        window
	chats      map[int64]*window
	violations int
}

type window struct {
	sent   []time.Time
	closed time.Time // until then everything is refused
}

// take counts n messages that are sent together, or tells for how many seconds none may be sent.
func (r *rates) take(l Limits, c *chat, now time.Time, n int) (seconds int) {
	if l == (Limits{}) {
		return 0
	}
	if r.chats == nil {
		r.chats = map[int64]*window{}
	}
	w := r.chats[c.id]
	if w == nil {
		w = &window{}
		r.chats[c.id] = w
	}
	limit, span := l.Chat, time.Second
	if c.kind != "private" {
		limit, span = l.Group, time.Minute
	}
	wait := max(w.wait(limit, span, now), r.bot.wait(l.Global, time.Second, now))
	if wait > 0 {
		r.violations++
		return int(math.Ceil(wait.Seconds()))
	}
	for range n {
		w.sent, r.bot.sent = append(w.sent, now), append(r.bot.sent, now)
	}
	return 0
}

// wait is how long the window is closed. Reaching the limit closes it, at least for a second.
func (w *window) wait(limit int, span time.Duration, now time.Time) time.Duration {
	for len(w.sent) > 0 && now.Sub(w.sent[0]) >= span {
		w.sent = w.sent[1:]
	}
	if limit == 0 {
		return 0
	}
	if now.Before(w.closed) {
		return w.closed.Sub(now)
	}
	if len(w.sent) < limit {
		return 0
	}
	wait := max(time.Second, span-now.Sub(w.sent[0]))
	w.closed = now.Add(wait)
	return wait
}

// Violations is how often the bot ran into a limit.
func (s *Server) Violations() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rates.violations
}
