package delivery

import (
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	longestLife = 5 * time.Second // of a slice, however slow the storage is
	paceBackoff = 2 * time.Second // between questions, at most, while the storage fails
	lifeShare   = 2. / 5          // how much of its life a slice's messages take at the bot's rate, if that many are ready: a tenth of a second
)

// allowance is what the bot may send, all chats together: by a pace of its own, or where replicas share the bot in slices of theirs. A slice is asked for
// when something is ready, or about to be, and what is not sent in time is lost. All fields belong to the scheduler.
type allowance struct {
	pace              // of one relay alone; what is shared uses closed only
	shared relay.Pace // nil: nobody shares the bot
	rate   float64
	slices []slice // in the order in which they were taken
	asking bool
	turn   int           // grows when what was asked for before is not wanted any more
	life   time.Duration // of the next slice
	broken int           // failures in a row
	again  time.Time     // not before then, after a failure
	owed   time.Time     // the others are to be told that the bot is closed until then; zero: they were
}

// slice is what is left of a relay.Slice, by our clock.
type slice struct {
	left        int
	from, until time.Time
}

func newAllowance(rate float64, shared relay.Pace) allowance {
	a := allowance{pace: newPace(rate), shared: shared, rate: rate}
	a.life = a.leastLife()
	return a
}

// shares reports whether slices are needed. Without a limit they are not.
func (a *allowance) shares() bool { return a.shared != nil && a.rate > 0 }

func (a *allowance) leastLife() time.Duration {
	if !a.shares() {
		return 0
	}
	return relay.LifeOf(a.rate)
}

// become takes over another rate.
func (a *allowance) become(rate float64, now time.Time) {
	a.pace.become(newPace(rate), now)
	if rate == a.rate {
		return
	}
	a.rate = rate
	a.life = a.leastLife()
	a.discard()
}

// share is how many messages a slice has where others wait.
func (a *allowance) share() int {
	return max(int(min(a.rate*a.life.Seconds()*lifeShare, a.burst)), 1)
}

// discard drops what was taken, and what is about to be.
func (a *allowance) discard() {
	a.slices = nil
	a.turn++
}

// shut closes the bot until then, for all who share it.
func (a *allowance) shut(now, until time.Time) {
	a.pace.shut(now, until)
	if a.shares() {
		a.discard()
		a.owed = later(a.owed, until)
	}
}

// next is the first moment at which n messages may go together, like pace.next; false: as far as is known there is none, so a slice must be asked for.
func (a *allowance) next(n int, now time.Time) (time.Time, bool) {
	if !a.shares() {
		return a.pace.next(n), true
	}
	a.slices = slices.DeleteFunc(a.slices, func(s slice) bool { return s.left == 0 || s.over(now) })
	at := now
	for _, s := range a.slices {
		at = later(at, s.from)
		if n -= s.left; n <= 0 {
			return at, true
		}
	}
	return time.Time{}, false
}

// over reports whether nothing of a slice may go any more, by either clock: one of them stands still while a machine sleeps.
func (s slice) over(now time.Time) bool {
	return !now.Before(s.until) || !now.Round(0).Before(s.until.Round(0))
}

// take counts n messages that go now. What is left of a slice larger than a burst is lost: it was given for an album.
func (a *allowance) take(now time.Time, n int) {
	if !a.shares() {
		a.pace.take(now, n)
		return
	}
	for i := range a.slices {
		s := &a.slices[i]
		some := min(n, s.left)
		n -= some
		s.left -= some
		if some > 0 && float64(s.left+some) > a.burst {
			s.left = 0
		}
	}
}

// got adds a slice. One that came too late is lost, and the next ones live longer.
func (a *allowance) got(s relay.Slice, life time.Duration, asked, answered time.Time) {
	one := slice{left: s.Messages, from: answered.Add(s.Wait), until: asked.Add(s.Wait + life)}
	switch took := answered.Sub(asked); {
	case took >= life:
		a.life = min(2*life, longestLife)
		return
	case 4*took < life:
		a.life = max(life/2, a.leastLife())
	}
	a.slices = append(a.slices, one)
}

// mayGo reports whether the bot may send what a lane has. If not, it asks for a slice: for as much as is ready, but of what has to be waited for only a
// share, so that all get theirs in turn.
func (s *scheduler) mayGo(l *lane, now time.Time) bool {
	n := l.current.size()
	at, known := s.bot.next(n, now)
	if known && at.After(now) && !now.Before(l.readBefore(at)) {
		l.leave()
		s.ask(l)
	}
	if known {
		return !at.After(now)
	}
	ready := s.ready.Len()
	least := max(n, min(ready, s.bot.share()))
	s.draw(least, max(least, min(ready, s.rates.Concurrency-s.sending)), now)
	return false
}

// refreshBefore is how long before a slice begins heads are read that will be too old by then: it may be over before they are read.
const refreshBefore = time.Second

// readBefore is when the outbox should be asked for a lane's heads, which is not too often, for a slice that begins at some moment.
func (l *lane) readBefore(at time.Time) time.Time {
	if !l.hungry(at) {
		return at
	}
	return earlier(at, later(at.Add(-refreshBefore), l.fetched.Add(lookAgain)))
}

// mayGoAt is the first moment at which the bot may send what a lane has, or has to do something for that.
func (s *scheduler) mayGoAt(l *lane, now time.Time) time.Time {
	at, known := s.bot.next(l.current.size(), now)
	switch {
	case known:
		return l.readBefore(at)
	case s.bot.asking:
		return now.Add(time.Minute)
	}
	return s.bot.again
}

// drawAhead asks for a slice while a lane is read, so that its message does not wait for one after the other. It takes nothing for which others wait.
func (s *scheduler) drawAhead(l *lane, now time.Time) {
	if _, has := s.bot.next(1, now); has || !s.free() || s.ready.Len() > 0 || l.pace.next(1).After(now) {
		return
	}
	s.draw(0, min(s.reading+len(s.urgent)+len(s.errands), s.rates.Concurrency-s.sending), now)
}

// tell has the others know of a 429 even if nothing is ready here.
func (s *scheduler) tell(now time.Time) {
	if !s.bot.owed.IsZero() {
		s.draw(0, 0, now)
	}
}

// draw asks for a slice.
func (s *scheduler) draw(least, most int, now time.Time) {
	b := &s.bot
	if b.asking || now.Before(b.again) {
		return
	}
	ask := relay.Ask{Rate: b.rate, Least: least, Most: most, Life: b.life}
	if b.owed.After(now) {
		ask.Shut = b.owed.Sub(now)
	}
	b.asking = true
	shared, turn, owed := b.shared, b.turn, b.owed
	s.workers.Go(func() {
		asked := time.Now()
		got, err := shared.Take(s.working, ask)
		answered := time.Now()
		s.note(func(now time.Time) {
			b.asking = false
			if err != nil {
				s.notDrawn(err, now)
				return
			}
			s.fails(paceFails, "", nil)
			b.broken, b.again = 0, time.Time{}
			if b.owed.Equal(owed) {
				b.owed = time.Time{}
			}
			if b.turn == turn {
				b.got(got, ask.Life, asked, answered)
			}
		})
	})
}

// notDrawn waits: 1, 2, 2 s and so on.
func (s *scheduler) notDrawn(err error, now time.Time) {
	if s.working.Err() != nil {
		return // the end
	}
	s.bot.broken++
	s.bot.again = now.Add(min(storageBackoff(s.bot.broken), paceBackoff))
	s.fails(paceFails, "find out how much the bot may send; trying again", err)
}
