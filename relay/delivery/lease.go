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

// mine returns the lease by which a chat's lane may be made now.
func (s *scheduler) mine(chatID int64) (lease relay.Lease, ok bool) {
	lease, ok = s.o.Leases.Lane(s.o.Bot, chatID)
	if !ok || s.recalling {
		return lease, false
	}
	select {
	case <-s.changed: // it may have been gained just now, and what was sent in it is not known
		return lease, false
	default:
		return lease, true
	}
}

// regroup lets go of lanes whose lease has ended, goes on with those that waited for it to be renewed, and looks for new ones.
func (s *scheduler) regroup(now time.Time) {
	s.changed = s.o.Leases.Changed()
	s.changes++
	s.recallAt, s.recalling = now, true
	for _, l := range s.lanes {
		lease, ok := s.o.Leases.Lane(s.o.Bot, l.chatID)
		switch {
		case lease.Fence != l.fence:
			s.lose(l, now)
		case ok && !l.busy:
			s.place(l, now)
		}
	}
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

// recall asks what was sent lately by whoever had the lanes before, this engine's last run for one.
func (s *scheduler) recall(asked time.Time) {
	if s.rates.ChatRate <= 0 && s.rates.GroupRate <= 0 && s.rates.GlobalRate <= 0 {
		s.recalled(nil, asked)
		return
	}
	since, changes := asked.Add(-max(groupWindow, newGroupPace(s.rates.GroupRate).span)), s.changes
	s.workers.Go(func() {
		sent, err := s.o.Outbox.Recent(s.working, s.o.Bot, since)
		s.note(func(now time.Time) {
			switch {
			case changes != s.changes: // it is asked again
			case err != nil:
				s.broken++
				s.recallAt = now.Add(storageBackoff(s.broken))
				s.storage("read what was sent lately; trying again", err)
			default:
				s.storage("", nil)
				s.broken = 0
				s.recalled(sent, now)
			}
		})
	})
}

// recalled goes on to look for lanes.
func (s *scheduler) recalled(sent []relay.Arrival, now time.Time) {
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
	s.recalling, s.lanesAt = false, now
}

// remember has the pace of a new lane go on from what was sent in its chat.
func (s *scheduler) remember(l *lane) {
	for _, a := range s.recent[l.chatID] {
		l.pace.take(a.At, a.Messages)
	}
	delete(s.recent, l.chatID)
}
