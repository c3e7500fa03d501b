package delivery

import (
	"math"
	"time"
)

const (
	// groupBurst is how many messages a group may get at once.
	groupBurst = 5
	// slack widens the bot's window: requests that leave a second apart may arrive a little closer.
	slack = 20 * time.Millisecond
	// slowest is the least share of its rate that 429s leave to a limiter, and recovery is how long it then takes to the whole rate.
	slowest  = 1.0 / 8
	recovery = 5 * time.Minute
)

// limiter keeps a rate: at most most messages in any window, at most burst at once, and evenly after a burst.
type limiter struct {
	most   int
	window time.Duration
	burst  float64

	tokens float64
	at     time.Time   // of tokens; may lie ahead
	log    []time.Time // of the last messages, within the window, oldest first

	share  float64 // of the rate that is in force, 1 unless Telegram slowed us down
	slowed time.Time
}

// newLimiter is for rate messages per period. A period's worth may go at once, but no more than burst if that is not 0.
func newLimiter(rate float64, period time.Duration, burst int) limiter {
	most := max(int(rate), 1)
	if burst == 0 || burst > most {
		burst = most
	}
	window := time.Duration(math.Min(float64(most)/rate*float64(period), float64(24*time.Hour)))
	return limiter{most: most, window: window, burst: float64(burst), tokens: float64(burst), share: 1}
}

// pace is the window and the time between two messages, as slowed.
func (l *limiter) pace(now time.Time) (window, gap time.Duration) {
	if l.share < 1 {
		l.share = min(l.share+(1-slowest)*float64(now.Sub(l.slowed))/float64(recovery), 1)
		l.slowed = now
	}
	window = time.Duration(float64(l.window) / l.share)
	return window, window / time.Duration(l.most)
}

// next is the first moment at which a message may go.
func (l *limiter) next(now time.Time) time.Time {
	window, gap := l.pace(now)
	l.refill(now, gap)
	at := now
	if l.tokens < 1 {
		at = l.at.Add(time.Duration(math.Ceil((1 - l.tokens) * float64(gap))))
	}
	if len(l.log) >= l.most {
		at = later(at, l.log[len(l.log)-l.most].Add(window))
	}
	return at
}

func (l *limiter) refill(now time.Time, gap time.Duration) {
	if passed := now.Sub(l.at); passed > 0 {
		l.tokens = min(l.tokens+float64(passed)/float64(max(gap, 1)), max(l.burst*l.share, 1))
		l.at = now
	}
}

// take counts a message. When that fills the window, the next ones go evenly instead of in another burst.
func (l *limiter) take(now time.Time) {
	window, gap := l.pace(now)
	l.refill(now, gap)
	l.tokens--
	old := 0
	for old < len(l.log) && now.Sub(l.log[old]) >= window {
		old++
	}
	l.log = append(l.log[old:], now)
	if len(l.log) >= l.most {
		l.tokens, l.at = 0, l.log[len(l.log)-l.most].Add(window-gap)
	}
}

// answered moves the last message to when its answer came, for it may have reached Telegram as late as that. A slow answer
// is taken for Telegram holding it back.
func (l *limiter) answered(sent, now time.Time) {
	if took := now.Sub(sent); took > 0 && took < 250*time.Millisecond && len(l.log) > 0 {
		l.log[len(l.log)-1] = now
		l.at = l.at.Add(took)
	}
}

// slow halves the rate, after a 429.
func (l *limiter) slow(now time.Time) {
	l.pace(now)
	l.share, l.slowed = max(l.share/2, slowest), now
}

// fresh is when the limiter will be as good as new.
func (l *limiter) fresh(now time.Time) time.Time {
	window, _ := l.pace(now)
	if l.share < 1 {
		return now.Add(recovery)
	}
	if len(l.log) == 0 {
		return now
	}
	return l.log[len(l.log)-1].Add(window)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
