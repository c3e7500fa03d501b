package delivery

import (
	"context"
	"time"
)

// settleEvery is how often the storage is tried for outcomes that it is owed at the end.
const settleEvery = 250 * time.Millisecond

// drain lets workers finish and stores what is owed, for at most Drain; then it cuts off the rest.
func (s *scheduler) drain(cutOff context.CancelFunc) {
	gone := make(chan struct{})
	end := time.NewTimer(s.o.Drain)
	defer end.Stop()
	retry := time.NewTicker(settleEvery)
	defer retry.Stop()
	for over := false; s.sending+s.reading > 0 || !over && s.owing() > 0; {
		s.release()
		select {
		case note := <-s.results:
			note(time.Now())
		case <-retry.C:
			s.settleAll()
		case <-s.changed:
			s.regroup(time.Now())
		case answer := <-s.questions:
			answer <- nil // the end has a time of its own
		case <-end.C:
			over = true
			s.report()
			cutOff()
		}
	}
	cutOff() // rounds that are under way
	go func() {
		s.workers.Wait()
		close(gone)
	}()
	for {
		select {
		case note := <-s.results:
			note(time.Now())
		case <-gone:
			for _, l := range s.lanes {
				l.letGo()
			}
			return
		}
	}
}

// release takes lanes back that wait for the outbox: nothing more is read.
func (s *scheduler) release() {
	for _, l := range append(s.urgent, s.errands...) {
		l.busy, l.since = false, time.Time{}
	}
	s.urgent, s.errands = nil, nil
}

// owing is how many outcomes are not stored.
func (s *scheduler) owing() int {
	n := 0
	for _, l := range s.lanes {
		if !l.busy && l.owes() {
			n++
		}
	}
	return n
}

func (s *scheduler) settleAll() {
	for _, l := range s.lanes {
		if !l.busy && l.owes() && s.reading < readers {
			l.leave()
			l.busy, l.since = true, time.Time{}
			s.reading++
			s.settle(l)
		}
	}
}

func (s *scheduler) report() {
	if n := s.sending + s.reading + s.owing(); n > 0 {
		s.o.Log.Warn("the end came before all that was under way was done; it is sent again at the next start", "deliveries", n)
	}
}
