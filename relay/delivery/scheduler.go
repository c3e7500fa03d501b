package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	readers     = 4                // calls of the outbox at once, those after requests not counted
	lanesEvery  = 30 * time.Second // how often the outbox is asked for lanes, if it names no earlier moment
	expireEvery = 30 * time.Second
	crowdedFor  = 5 * time.Second  // the same, where there was no room for all
	deafEvery   = 2 * time.Second  // the same, while nobody says what other relays queue
	expireStep  = 1000             // deliveries ended in one transaction
	probeEvery  = 10 * time.Second // how often Telegram is asked whether it takes the token again
)

// scheduler is one run of an engine. One goroutine owns everything in it and decides; workers report through results.
type scheduler struct {
	*Engine
	sender  sender
	working context.Context // of requests and of the storage: outlives Run's ctx by Drain
	workers sync.WaitGroup
	results chan func(now time.Time) // what a worker found out, to be noted by the scheduler

	lanes   map[int64]*lane
	waiting queue   // lanes that wait for their moment
	ready   queue   // lanes that wait for the bot's rate and a worker
	errands []*lane // lanes that wait for the outbox
	urgent  []*lane // the same, of those that were ready: they come first
	bot     allowance
	rates   Rates   // that bot and lanes go by
	last    refusal // the last 429

	sending    int // requests under way
	reading    int // errands under way
	refreshing int // lanes that were ready and ask the outbox once more

	changed   <-chan struct{}           // closed when leases have changed since they were looked at
	recalled  map[int64]bool            // leases by their numbers: whether it is known what was sent in their lanes before
	pending   map[int64]bool            // chats whose lanes wait for that
	recalling bool                      // it is looked up
	forgot    int                       // failures of that in a row
	recent    map[int64][]relay.Arrival // what was sent in chats before recentAt, until they have a lane
	recentAt  time.Time

	lanesAt, expireAt, probeAt, recallAt time.Time // zero: under way
	lanesTook                            time.Duration
	lanesDone                            time.Time
	broken                               int  // failures of Lanes in a row
	stopped                              bool // the token is refused: nothing is sent
	outage                               outage
	clock                                clock
	away                                 bool // Telegram could not be reached, or failed, at the last request
}

// refusal is a 429.
type refusal struct {
	chatID int64
	at     time.Time
	until  time.Time
}

func newScheduler(e *Engine, working context.Context) *scheduler {
	now := time.Now()
	return &scheduler{
		Engine: e, sender: sender{client: e.o.Client, log: e.o.Log, files: e.o.Outbox.File, silent: e.o.Silent, topicGone: e.o.TopicGone, topics: newTopics(e.o.Bot, e.o.Topics, e.o.Log), fetcher: newFetcher(e.o.AllowPrivate)}, working: working,
		results: make(chan func(time.Time)), lanes: map[int64]*lane{},
		waiting: queue{less: byTime}, ready: queue{less: byPriority},
		bot: newAllowance(e.rates.Load().GlobalRate, e.o.Pace), rates: *e.rates.Load(),
		changed: e.o.Leases.Changed(), recalled: map[int64]bool{}, pending: map[int64]bool{}, lanesAt: now, expireAt: now.Add(expireEvery), clock: clock{seen: now},
	}
}

// loop works until ctx ends.
func (s *scheduler) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		s.step(now)
		timer.Reset(s.next().Sub(now))
		select {
		case note := <-s.results:
			note(time.Now())
		case <-s.signal:
		case <-s.changed:
			s.regroup(time.Now())
		case answer := <-s.questions:
			answer <- s.overdue(time.Now())
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// step starts all that can be started now.
func (s *scheduler) step(now time.Time) {
	s.watchClock(now)
	if r := *s.Engine.rates.Load(); r != s.rates {
		s.retune(r, now)
	}
	if s.takeMissed() {
		s.catchUp(now)
	}
	for chatID, priority := range s.takeWoken() {
		l := s.lanes[chatID]
		if l != nil && l.appends(priority) || priority < relay.High && s.crowded(chatID, now) {
			continue
		}
		s.wake(chatID, now)
	}
	for l := s.waiting.first(); l != nil && !l.at.After(now); l = s.waiting.first() {
		s.due(l, now)
	}
	s.tell(now)
	s.startSends(now)
	s.startErrands()
	s.startRounds(now)
}

// next is the moment at which something is due without anything having happened.
func (s *scheduler) next() time.Time {
	at := time.Now().Add(time.Minute)
	if l := s.waiting.first(); l != nil {
		at = earlier(at, l.at)
	}
	if l := s.ready.first(); l != nil && s.free() {
		at = earlier(at, s.mayGoAt(l, time.Now()))
	}
	if !s.bot.owed.IsZero() && !s.bot.asking {
		at = earlier(at, s.bot.again)
	}
	for _, round := range []time.Time{s.lanesAt, s.expireAt, s.probeAt, s.recallAt, s.clock.again} {
		if !round.IsZero() {
			at = earlier(at, round)
		}
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// lane returns the lane of a chat; nil: it is not ours.
func (s *scheduler) lane(chatID int64) *lane {
	l := s.lanes[chatID]
	if l != nil {
		return l
	}
	lease, ok := s.mine(chatID)
	if !ok {
		return nil
	}
	l = &lane{chatID: chatID, fence: lease.Fence, pace: s.paceOf(chatID)}
	s.remember(l)
	s.lanes[chatID] = l
	return l
}

func (s *scheduler) paceOf(chatID int64) pace {
	if chatID < 0 {
		return newGroupPace(s.rates.GroupRate)
	}
	return newPace(s.rates.ChatRate)
}

// retune puts other rates in force.
func (s *scheduler) retune(r Rates, now time.Time) {
	s.rates = r
	s.bot.become(r.GlobalRate, now)
	for _, l := range s.lanes {
		l.pace.become(s.paceOf(l.chatID), now)
		if !l.busy {
			s.place(l, now)
		}
	}
}

// wake notes that something came for a chat. Whoever has its lane hears of it too, or finds it.
func (s *scheduler) wake(chatID int64, now time.Time) {
	l := s.lane(chatID)
	if l == nil {
		return
	}
	l.woken = true
	if s.outage&outboxFails != 0 {
		l.resume = time.Time{} // what came was stored: the storage may work again
	}
	switch {
	case l.busy:
	case l.in == &s.ready:
		if l.hungry(now) { // what came may have another priority
			s.due(l, now)
		}
	default:
		s.place(l, now)
	}
}

// place puts a lane that is not busy where it belongs.
func (s *scheduler) place(l *lane, now time.Time) {
	l.leave()
	if l.lost && !l.busy && !l.owes() {
		s.drop(l, now)
		return
	}
	if l.current == nil && !l.busy {
		l.since = time.Time{}
	}
	if l.busy || l.current == nil && !l.hungry(now) {
		return
	}
	if at := l.next(); at.After(now) {
		l.at = at
		s.waiting.add(l)
		return
	}
	s.due(l, now)
}

// due moves on a lane whose moment has come.
func (s *scheduler) due(l *lane, now time.Time) {
	l.leave()
	if l.current != nil && !l.owes() && !l.hungry(now) && s.tooOld(l.current, now) {
		l.current.expire(now)
	}
	if l.owes() || l.hungry(now) {
		s.ask(l)
		return
	}
	if at := l.next(); at.After(now) {
		l.at, l.since = at, time.Time{}
		s.waiting.add(l)
		return
	}
	if l.since.IsZero() {
		l.since = now
	}
	s.ready.add(l)
}

// ask lets a lane wait for the outbox.
func (s *scheduler) ask(l *lane) {
	l.busy = true
	if l.since.IsZero() {
		s.errands = append(s.errands, l)
		return
	}
	s.urgent = append(s.urgent, l)
	s.refreshing++
}

// free reports whether a request may be started, rates apart. A few lanes that are refreshed are waited for, so that a
// long queue is not read anew for each message.
func (s *scheduler) free() bool {
	return !s.stopped && s.sending < s.rates.Concurrency && s.refreshing < readers
}

// startSends gives lanes to workers while the bot's rate allows.
func (s *scheduler) startSends(now time.Time) {
	for s.free() {
		l := s.ready.first()
		if l == nil || !s.mayGo(l, now) {
			return
		}
		l.leave()
		if l.hungry(now) || s.tooOld(l.current, now) {
			s.due(l, now)
			continue
		}
		if !s.use(l, now) {
			continue
		}
		s.bot.take(now, l.current.size())
		l.pace.take(now, l.current.size())
		s.start(l)
	}
}
