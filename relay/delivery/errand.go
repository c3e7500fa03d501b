package delivery

import (
	"math/rand/v2"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// startErrands asks the outbox for heads, and gives it outcomes that it is owed.
func (s *scheduler) startErrands() {
	for s.clock.owed == 0 && s.reading < readers && len(s.urgent)+len(s.errands) > 0 {
		from := &s.urgent
		if len(s.urgent) == 0 {
			from = &s.errands
		}
		l := (*from)[0]
		(*from)[0] = nil
		*from = (*from)[1:]
		s.reading++
		if l.owes() {
			s.settle(l)
		} else {
			s.fetch(l)
		}
	}
}

// settle stores an outcome that could not be stored before.
func (s *scheduler) settle(l *lane) {
	w := l.current
	l.began = time.Now()
	s.workers.Go(func() {
		err := s.finish(s.working, w)
		s.note(func(now time.Time) {
			s.asked(l)
			s.done(l, err, now)
		})
	})
}

// fetch reads a lane's heads.
func (s *scheduler) fetch(l *lane) {
	woken, follows := l.woken, s.clock.follows
	l.woken, l.reading, l.began = false, true, time.Now()
	limit := min(headsLimit, max(1, headsInAll/len(s.lanes)))
	s.drawAhead(l, l.began)
	s.workers.Go(func() {
		jobs, err := s.o.Outbox.Heads(s.working, s.o.Bot, l.chatID, time.Now(), limit)
		s.note(func(now time.Time) {
			s.asked(l)
			l.busy, l.reading = false, false
			if err != nil {
				s.unread(l, err, now)
			} else {
				s.filled(l, jobs, limit, woken, now)
				if follows != s.clock.follows {
					l.fetched = time.Time{} // these may have the times of before
				}
				if limit, yes := s.surges(l, now); yes {
					s.relieve(l, limit, now)
					return
				}
			}
			s.place(l, now)
		})
	})
}

// asked counts an errand as done.
func (s *scheduler) asked(l *lane) {
	s.reading--
	l.began = time.Time{}
	if !l.since.IsZero() {
		s.refreshing--
	}
}

// note hands what a worker found out to the scheduler.
func (s *scheduler) note(f func(time.Time)) { s.results <- f }

func (s *scheduler) unread(l *lane, err error, now time.Time) {
	s.storage("read what waits for a chat; trying again", err)
	l.woken = true
	l.stumble(now)
}

// filled notes what the outbox has. If a lane was woken and has nothing new, what came is for later (SendAt): the outbox
// knows when.
func (s *scheduler) filled(l *lane, jobs []relay.Job, limit int, woken bool, now time.Time) {
	before := l.newest
	if n := underWay(jobs); before == 0 && n > 0 { // before the last restart, or by another replica: nobody knows when
		l.pace.take(now, n)
	}
	l.broken, l.resume = 0, time.Time{}
	l.fill(jobs, limit, now)
	if before == 0 && l.current != nil && !s.away { // what Telegram was to the last run, or to another replica, it need not be to this one
		l.hasten(now)
	}
	until := closedUntil(jobs)
	switch { // before the last restart, or by another replica: retry_after holds here too
	case !until.After(now) || !until.After(l.pace.closed):
	case s.bot.shares():
		l.pace.shut(now, until) // if it was for the whole bot, the others know
	default:
		s.refused(l, now, until)
	}
	if woken && l.newest == before && !l.more && !s.lanesAt.IsZero() {
		s.lanesAt = earlier(s.lanesAt, now.Add(max(time.Second, 20*s.lanesTook)))
	}
}

// underWay is how many parts have arrived of what is to be completed.
func underWay(jobs []relay.Job) int {
	for _, job := range jobs {
		if n := len(job.TelegramMessageIDs); n > 0 {
			return n
		}
	}
	return 0
}

// closedUntil is the end of the last retry_after that is known of what waits for a chat.
func closedUntil(jobs []relay.Job) (until time.Time) {
	for _, job := range jobs {
		if job.Reason == string(telegram.RateLimited) {
			until = later(until, job.NotBefore)
		}
	}
	return until
}

// outage is which parts of the storage fail.
type outage uint8

const (
	outboxFails outage = 1 << iota
	paceFails
)

// storage notes whether the outbox does what it is asked for.
func (s *scheduler) storage(what string, err error) { s.fails(outboxFails, what, err) }

// fails logs once when the storage begins to fail and once when all of it works again.
func (s *scheduler) fails(part outage, what string, err error) {
	before := s.outage
	s.outage &^= part
	if err != nil {
		s.outage |= part
	}
	switch {
	case before == 0 && err != nil:
		s.o.Log.Error("cannot "+what, "error", err)
	case before != 0 && s.outage == 0:
		s.o.Log.Info("the storage works again")
		s.recovered(time.Now())
	}
}

// recovered ends the back-offs that failures of the storage have earned, not all at once.
func (s *scheduler) recovered(now time.Time) {
	for _, l := range s.lanes {
		if soon := now.Add(rand.N(backWithin)); !l.busy && l.resume.After(soon) {
			l.resume = soon
			s.place(l, now)
		}
	}
	if s.broken > 0 && !s.lanesAt.IsZero() {
		s.lanesAt = earlier(s.lanesAt, now)
	}
	if s.forgot > 0 && !s.recallAt.IsZero() {
		s.recallAt = earlier(s.recallAt, now)
	}
}
