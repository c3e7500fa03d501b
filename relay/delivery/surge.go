package delivery

import (
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// surgeEvery is how often a lane is looked at for a surge.
const surgeEvery = 5 * time.Second

// within is how many messages may go within d, from now on, at the rate that is in force.
func (p *pace) within(d time.Duration) int {
	if p.interval == 0 {
		return maxWithin
	}
	n := int(min(float64(d)/float64(p.step())+p.burst, maxWithin))
	if p.window > 0 {
		n = min(n, int(float64(p.window)*max(1, float64(d)/float64(p.span)*p.factor)))
	}
	return max(n, 1)
}

// maxWithin stands for more than any lane can have.
const maxWithin = 1 << 30

// surges reports whether more may wait for a lane than it can send in time. How much does only the outbox know.
func (s *scheduler) surges(l *lane, now time.Time) (limit int, yes bool) {
	after := s.o.SurgeAfter()
	if after <= 0 || l.lost || now.Sub(l.surged) < surgeEvery || l.current == nil || l.current.underWay() || !l.alerts() {
		return 0, false
	}
	limit = l.pace.within(after)
	return limit, l.more || len(l.heads)+1 > limit
}

// alerts reports whether the next of a lane are about alerts, which alone are merged.
func (l *lane) alerts() bool {
	return l.current.job.Content.Alerts != nil || slices.ContainsFunc(l.heads, func(j relay.Job) bool { return j.Content.Alerts != nil })
}

// relieve lets what waits for a lane be merged. What is left is read anew.
func (s *scheduler) relieve(l *lane, limit int, now time.Time) {
	l.surged = now
	if !s.use(l, now) { // another replica would send what is being merged
		return
	}
	l.leave()
	l.busy, l.began = true, now
	s.workers.Go(func() {
		merged, err := s.o.Surge(s.working, s.o.Bot, l.chatID, limit)
		if err != nil {
			s.o.Log.Warn("alerts that wait for a chat were not merged", "chat_id", l.chatID, "error", err)
		}
		s.note(func(now time.Time) {
			l.busy, l.began = false, time.Time{}
			l.letGo()
			if merged {
				l.current, l.heads, l.woken = nil, nil, true
			}
			s.place(l, now)
		})
	})
}
