package delivery

import "time"

// gate is the whole bot's pace.
type gate struct {
	limit  limiter
	closed time.Time // retry_after that concerns the bot: nothing before

	// The last 429 of a chat: another chat's within togetherness means that the bot is meant.
	chat  int64
	at    time.Time
	until time.Time

	refused time.Duration // pause between two tries while the token is refused; 0: it is accepted
	try     time.Time     // with refused: the next
}

const (
	togetherness = time.Second
	refusedMin   = 5 * time.Second
	refusedMax   = time.Minute
)

func newGate(rate float64) gate {
	g := gate{limit: newLimiter(rate, time.Second, 0)}
	g.limit.window += slack
	return g
}

// opens is the first moment at which the bot may send. closed is what Telegram asked for outside of sending.
func (g *gate) opens(now, closed time.Time) time.Time {
	at := later(g.limit.next(now), later(g.closed, closed))
	if g.refused > 0 {
		at = later(at, g.try)
	}
	return at
}

// limited notes a chat's 429, and reports whether it closed the bot.
func (g *gate) limited(chat int64, now, until time.Time) bool {
	both := g.chat != 0 && g.chat != chat && now.Sub(g.at) <= togetherness
	if both {
		g.closed = later(g.closed, later(until, g.until))
		g.limit.slow(now)
	}
	g.chat, g.at, g.until = chat, now, until
	return both
}

// refuse notes that the token was refused, and reports whether that is news. The pauses are 5, 10, 20, ... 60 s.
func (g *gate) refuse(now time.Time) bool {
	news := g.refused == 0
	switch {
	case news:
		g.refused = refusedMin
	case !now.Before(g.try):
		g.refused = min(2*g.refused, refusedMax)
	default:
		return false // of a request that began before
	}
	g.try = now.Add(g.refused)
	return news
}

// accept notes that the token was accepted, and reports whether that is news.
func (g *gate) accept() bool {
	news := g.refused > 0
	g.refused = 0
	return news
}
