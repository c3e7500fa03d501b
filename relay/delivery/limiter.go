package delivery

import (
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// The rules of pace (contract, Pace):
//
//   - a chat may burst one second's worth of its rate, at least 1
//   - a group or channel (negative chat_id) may burst 5 but never sends more than its rate in any 60 s
//   - the bot may burst one second's worth
//   - an album counts as so many messages; one larger than a burst goes as a burst does, and the next wait the longer
//   - retry_after closes what it was said to; afterwards the rate is halved and comes back within about ten seconds' worth
//     of successes
//
// All of it is pure: the time is an argument.

const (
	groupBurst  = 5
	groupWindow = time.Minute
	maxWindow   = 6000 // messages a minute: beyond that only the burst is watched, not each minute
	leastFactor = relay.PaceFloor
	recovery    = relay.PaceRecovery
	forgive     = 10 * time.Minute // after which a 429 is forgotten
)

// pace says when the next message may go. It is a leaky bucket that keeps the moment at which it runs empty (GCRA), and
// for groups the moments of the last messages.
type pace struct {
	interval time.Duration // between messages at the full rate; 0 is no limit
	burst    float64       // messages at once, at least 1
	window   int           // messages in any span, 0 without such a limit
	span     time.Duration
	factor   float64     // of the full rate that is in force, 1/16 to 1
	gain     float64     // what a success adds to it
	empty    time.Time   // when the bucket runs empty
	sent     []time.Time // the last messages, oldest first, at most window
	closed   time.Time   // nothing before then
}

// newPace makes the pace of a chat or of the bot. rate is messages per second; 0 or less is no limit.
func newPace(rate float64) pace {
	return pace{interval: every(rate), burst: max(rate, 1), factor: 1, gain: recovery / max(rate, 1)}
}

// newGroupPace makes the pace of a group or channel. rate is messages per minute; 0 or less is no limit.
func newGroupPace(rate float64) pace {
	p := pace{interval: every(rate / 60), burst: groupBurst, factor: 1, gain: recovery}
	if rate > 0 && rate <= maxWindow {
		p.window = max(int(rate), 1)
		p.span = max(groupWindow, time.Duration(p.window)*p.interval)
		p.burst = min(p.burst, float64(p.window))
	}
	return p
}

// become takes over another rate. What is closed stays closed, and what was sent counts.
func (p *pace) become(other pace, now time.Time) {
	other.factor, other.closed = p.factor, p.closed
	other.empty = later(other.closed, now).Add(other.step()) // as after one message: no burst for a change
	other.sent = p.sent[max(0, len(p.sent)-other.window):]
	*p = other
}

func every(rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / rate)
}

// step is the interval that is in force.
func (p *pace) step() time.Duration { return time.Duration(float64(p.interval) / p.factor) }

// next is the first moment at which n messages may go together, an album that is: more than a burst as soon as a burst may. It may lie in the past.
func (p *pace) next(n int) time.Time {
	at := p.closed
	if !p.empty.IsZero() {
		at = later(at, p.empty.Add(-time.Duration((p.burst-min(float64(n), p.burst))*float64(p.step()))))
	}
	if over := len(p.sent) + n - p.window; p.window > 0 && over > 0 && len(p.sent) > 0 {
		at = later(at, p.sent[min(over, len(p.sent))-1].Add(time.Duration(float64(p.span)/p.factor)))
	}
	return at
}

// take counts n messages that go now.
func (p *pace) take(now time.Time, n int) {
	p.empty = later(p.empty, now).Add(time.Duration(n) * p.step())
	if p.window == 0 {
		return
	}
	n = min(n, p.window)
	if over := len(p.sent) + n - p.window; over > 0 {
		p.sent = p.sent[:copy(p.sent, p.sent[over:])]
	}
	for range n {
		p.sent = append(p.sent, now)
	}
}

// shut closes until then, after a 429, and halves the rate, but not again for what was under way when it closed. No burst
// follows.
func (p *pace) shut(now, until time.Time) {
	if !now.Before(p.closed) {
		p.factor = max(p.factor/2, leastFactor)
	}
	p.closed = later(p.closed, until)
	p.empty = later(p.empty, p.closed.Add(time.Duration((p.burst-1)*float64(p.step()))))
}

// ease lets the rate come back after a success.
func (p *pace) ease() { p.factor = min(p.factor+p.gain, 1) }

// idle reports whether a new pace would behave the same, so that this one can be forgotten.
func (p *pace) idle(now time.Time) bool {
	recent := len(p.sent) > 0 && now.Sub(p.sent[len(p.sent)-1]) < p.span
	recovered := p.factor == 1 || now.Sub(later(p.empty, p.closed)) > forgive
	return recovered && !recent && !p.empty.After(now) && !p.closed.After(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
