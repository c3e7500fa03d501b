package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// Where several relays share the work, an engine serves the lanes that it has a lease of:
//
//   - a lane is made, and a request begun, only under a lease that has some time left; directly before each call it is looked at once more
//   - while a request is under way, and until its outcome is stored, the lease is in use and not handed over
//   - when a lease has ended, what is under way by it is broken off, and all that memory has of its lanes is forgotten, except for what is owed to the storage:
//     that decides by the number of the lease what counts
//   - after something was gained, what was sent lately is looked up first, for the pace; then which lanes there are

// mine returns the lease by which a chat's lane may be made now. Where what was sent under it is not known yet, the lane is made when it is.
func (s *scheduler) mine(chatID int64) (lease relay.Lease, ok bool) {
	lease, ok = s.o.Leases.Lane(s.o.Bot, chatID)
	known, seen := s.recalled[lease.Fence]
	if !ok || known {
		return lease, ok
	}
	if !seen {
		s.recalled[lease.Fence] = false
		s.recallSoon(time.Now())
	}
	s.pending[chatID] = true
	return lease, false
}

// regroup lets go of lanes whose lease has ended, goes on with those that waited for it to be renewed, and looks for new ones.
func (s *scheduler) regroup(now time.Time) {
	s.changed = s.o.Leases.Changed()
	for _, l := range s.lanes {
		lease, ok := s.o.Leases.Lane(s.o.Bot, l.chatID)
		switch {
		case lease.Fence != l.fence:
			s.lose(l, now)
		case ok && !l.busy:
			s.place(l, now)
		}
	}
	s.lanesAt = later(now, s.lanesDone.Add(4*s.lanesTook))
}

// lose notes that the lease of a lane has ended.
func (s *scheduler) lose(l *lane, now time.Time) {
	l.lost = true
	if l.cutOff != nil {
		l.cutOff()
	}
	if !l.busy {
		s.place(l, now)
	}
}

// drop forgets a lane. Where it is ours again it begins anew.
func (s *scheduler) drop(l *lane, now time.Time) {
	l.leave()
	l.letGo()
	delete(s.lanes, l.chatID)
	delete(s.recalled, l.fence) // its pace is forgotten with it
	s.wake(l.chatID, now)
}

// use takes a lane's lease into use for a request. If it reports false the lane was put aside.
func (s *scheduler) use(l *lane, now time.Time) bool {
	lease, ok := s.o.Leases.Lane(s.o.Bot, l.chatID)
	if lease.Fence == l.fence && !ok {
		l.leave() // regroup goes on
		return false
	}
	if ok = lease.Fence == l.fence; ok {
		l.done, ok = s.o.Leases.Use(lease)
	}
	if !ok {
		l.leave()
		s.lose(l, now)
	}
	return ok
}

// letGo ends the use of the lease.
func (l *lane) letGo() {
	if l.done != nil {
		l.done()
		l.done = nil
	}
}

// underLease is the ctx of a request, which is broken off when the lane's lease ends, if it can.
func (s *scheduler) underLease(l *lane) (context.Context, context.CancelFunc) {
	if l.fence == 0 {
		return s.working, func() {}
	}
	ctx, cancel := context.WithCancel(s.working)
	l.cutOff = cancel
	chatID, fence := l.chatID, l.fence
	return telegram.Checked(ctx, func() error {
		lease, _ := s.o.Leases.Lane(s.o.Bot, chatID)
		if lease.Fence != fence || !lease.Until.IsZero() && !time.Now().Before(lease.Until) {
			return relay.ErrLeaseLost
		}
		return nil
	}), cancel
}

// brokenOff reports whether a request failed because the lease has ended.
func (s *scheduler) brokenOff(ctx context.Context, failed *telegram.Error) bool {
	if failed == nil || s.working.Err() != nil {
		return false
	}
	unknown := failed.Reason == telegram.NotSent || failed.Reason == telegram.OutcomeUnknown
	return ctx.Err() != nil && unknown || errors.Is(failed, relay.ErrLeaseLost)
}

// recallSoon has it asked what was sent lately, at once where that is not under way.
func (s *scheduler) recallSoon(at time.Time) {
	if !s.recalling {
		s.recallAt = at
	}
}

// recall asks what was sent lately by whoever had lanes before, this engine's last run for one. What comes to be ours meanwhile it says nothing of.
func (s *scheduler) recall(asked time.Time) {
	var about []int64
	for fence, known := range s.recalled {
		if !known {
			about = append(about, fence)
		}
	}
	if s.rates.ChatRate <= 0 && s.rates.GroupRate <= 0 && s.rates.GlobalRate <= 0 {
		s.remembers(nil, about, asked)
		s.wakeUp() // for the lanes that were made
		return
	}
	s.recalling = true
	since := asked.Add(-max(groupWindow, newGroupPace(s.rates.GroupRate).span))
	s.workers.Go(func() {
		sent, err := s.o.Outbox.Recent(s.working, s.o.Bot, since)
		s.note(func(now time.Time) {
			s.recalling = false
			if err != nil {
				s.forgot++
				s.recallSoon(now.Add(storageBackoff(s.forgot)))
				s.storage("read what was sent lately; trying again", err)
				return
			}
			s.storage("", nil)
			s.forgot = 0
			s.remembers(sent, about, now)
		})
	})
}

// remembers notes what was sent lately under leases, and makes the lanes that waited for that.
func (s *scheduler) remembers(sent []relay.Arrival, about []int64, now time.Time) {
	for i := range sent { // on the clock that does not jump
		sent[i].At = now.Add(min(0, sent[i].At.Sub(now)))
	}
	first := s.recent == nil
	s.recent, s.recentAt = map[int64][]relay.Arrival{}, now
	for _, a := range sent {
		s.recent[a.ChatID] = append(s.recent[a.ChatID], a)
		if first {
			s.bot.take(a.At, a.Messages)
		}
	}
	if len(s.recalled) > 100*relay.Shards {
		clear(s.recalled) // most are long over
	}
	for _, fence := range about {
		s.recalled[fence] = true
	}
	for _, known := range s.recalled {
		if !known { // gained meanwhile
			s.recallSoon(now)
		}
	}
	pending := s.pending
	s.pending = map[int64]bool{}
	for chatID := range pending {
		s.wake(chatID, now)
	}
}

// remember has the pace of a new lane go on from what was sent in its chat.
func (s *scheduler) remember(l *lane) {
	for _, a := range s.recent[l.chatID] {
		l.pace.take(a.At, a.Messages)
	}
	delete(s.recent, l.chatID)
}
