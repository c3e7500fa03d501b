package delivery

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

// startRounds does what is done from time to time.
func (s *scheduler) startRounds(now time.Time) {
	if due(&s.recallAt, now) {
		s.recall(now)
	}
	if due(&s.lanesAt, now) {
		s.findLanes(now)
	}
	if due(&s.expireAt, now) {
		s.expire(now)
		s.forget(now)
	}
	if due(&s.probeAt, now) {
		s.probe()
	}
}

// due takes a moment that has come, so that what it is for starts once.
func due(at *time.Time, now time.Time) bool {
	if at.IsZero() || at.After(now) {
		return false
	}
	*at = time.Time{}
	return true
}

// findLanes asks the outbox which chats have something, at the start and when something becomes due.
func (s *scheduler) findLanes(asked time.Time) {
	s.workers.Go(func() {
		chats, next, err := s.o.Outbox.Lanes(s.working, s.o.Bot, asked)
		s.note(func(now time.Time) {
			s.lanesTook, s.lanesDone = now.Sub(asked), now
			if err != nil {
				s.broken++
				s.lanesAt = now.Add(storageBackoff(s.broken))
				s.storage("read which chats have something waiting; trying again", err)
				return
			}
			s.storage("", nil)
			s.broken = 0
			s.lanesAt = s.orSooner(now.Add(s.lookAfter()))
			if !next.IsZero() {
				s.lanesAt = earlier(s.lanesAt, later(next, now))
			}
			s.takeUp(chats, now)
		})
	})
}

// lookAfter is for how long the outbox is not asked for lanes.
func (s *scheduler) lookAfter() time.Duration {
	if s.o.Hears() {
		return lanesEvery
	}
	return max(deafEvery, 20*s.lanesTook)
}

// orSooner is when the outbox is asked for lanes: at a moment, or sooner where that was wanted while it was being asked.
func (s *scheduler) orSooner(at time.Time) time.Time {
	if s.lanesAt.IsZero() {
		return at
	}
	return earlier(at, s.lanesAt)
}

// catchUp asks the outbox for lanes at once, and for what comes first in those that are at work.
func (s *scheduler) catchUp(now time.Time) {
	s.lanesAt = now
	for chatID, l := range s.lanes {
		if l.current != nil {
			s.wake(chatID, now)
		}
	}
}

// takeUp wakes lanes, as many as there is room for. It begins anywhere, so that no chat is always the last.
func (s *scheduler) takeUp(chats []int64, now time.Time) {
	if len(chats) == 0 {
		return
	}
	if len(s.lanes)+len(chats) > lanesInAll {
		s.forget(now)
	}
	first := rand.IntN(len(chats))
	for i := range chats {
		chatID := chats[(first+i)%len(chats)]
		if s.crowded(chatID, now) {
			return
		}
		if l := s.lane(chatID); l != nil && l.current == nil && !l.busy {
			s.wake(chatID, now)
		}
	}
}

// crowded reports whether there is no room for a chat's lane; the outbox is then asked for lanes again before long.
func (s *scheduler) crowded(chatID int64, now time.Time) bool {
	if s.lanes[chatID] != nil || len(s.lanes)+len(s.pending) < lanesInAll {
		return false
	}
	if !s.lanesAt.IsZero() {
		s.lanesAt = earlier(s.lanesAt, now.Add(max(crowdedFor, 20*s.lanesTook)))
	}
	return true
}

// expire ends what is too old, of all bots at once: the first one's engine does it for the others.
func (s *scheduler) expire(asked time.Time) {
	if s.o.Bot != "" {
		s.expireAt = asked.Add(expireEvery)
		return
	}
	if s.clock.owed != 0 {
		s.expireAt = asked.Add(time.Second)
		return
	}
	s.workers.Go(func() {
		ended, err := s.o.Outbox.Expire(s.working, asked, expireStep)
		for _, d := range ended {
			s.o.Failed(d)
		}
		s.note(func(now time.Time) {
			s.expireAt = now.Add(expireEvery)
			if len(ended) == expireStep {
				s.expireAt = now
			}
			s.storage("end deliveries that are too old; trying again", err)
		})
	})
}

// forget drops lanes that have nothing and whose pace is a new one's.
func (s *scheduler) forget(now time.Time) {
	if now.Sub(s.recentAt) > groupWindow {
		clear(s.recent)
	}
	for chatID, l := range s.lanes {
		if l.idle(now) {
			l.leave()
			delete(s.lanes, chatID)
		}
	}
}

// stop sends nothing more until Telegram takes the token.
func (s *scheduler) stop(failed *telegram.Error, now time.Time) {
	if !s.stopped {
		s.o.Log.Error("sending stops until this is mended; nothing is lost", "error", failed)
	}
	s.stopped = true
	s.probeAt = now.Add(probeEvery)
}

// probe asks whether the token is taken again.
func (s *scheduler) probe() {
	s.workers.Go(func() {
		timed, cancel := context.WithTimeout(s.working, probeEvery)
		defer cancel()
		_, err := s.o.Client.GetMe(timed)
		s.note(func(now time.Time) {
			if e := telegram.ReasonOf(err); err != nil && (reactions[e] == stop || telegram.Unreachable(err)) {
				s.probeAt = now.Add(probeEvery)
				return
			}
			if failed, ok := errors.AsType[*telegram.Error](err); ok && failed.RetryAfter > 0 {
				s.bot.shut(now, now.Add(failed.RetryAfter))
			}
			s.stopped = false
			s.o.Log.Info("Telegram takes the bot's token again: sending goes on")
		})
	})
}
