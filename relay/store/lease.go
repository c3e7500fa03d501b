package store

import (
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// This file holds what a replica knows of its leases. It goes by two clocks: the one that does not jump stands still while the machine sleeps, and
// the one on the wall can be set. A lease ends by whichever is ahead.

const (
	leaseTime = 10 * time.Second
	// leaseRest is how much of a lease has to be left for something to be begun.
	leaseRest = 2 * time.Second
)

// Leases are what of the work is this replica's: all of it, where the storage is a file.
func (db *DB) Leases() relay.Leases { return db.leases }

// leases are those of one replica. The keeper gets and renews them.
type leases struct {
	mu      sync.Mutex
	shards  [relay.Shards]shard
	phases  [relay.Shards]phase // as Changed has told of them
	changed chan struct{}       // owned, and closed, by tell
	unused  chan struct{}       // holds one: the last use of a lease that is to be handed over has ended
	ended   int                 // leases that ended and were not reported yet
	metrics *metrics
}

// shard is a part of the work. The zero value is another replica's.
type shard struct {
	fence   int64     // 0: it is not ours
	asked   time.Time // the moment before its lease was asked for, or last renewed
	taking  bool      // it is ours, and not taken over yet
	leaving bool      // it is to be handed over
	users   int
}

// phase is how far a shard is ours.
type phase struct {
	fence int64
	begin bool // something may be begun
}

func (s *shard) phase(now time.Time) phase {
	age := max(now.Sub(s.asked), now.Round(0).Sub(s.asked.Round(0)))
	if s.fence == 0 || s.taking || age >= leaseTime {
		return phase{}
	}
	return phase{s.fence, !s.leaving && age < leaseTime-leaseRest}
}

func newLeases(m *metrics) *leases {
	return &leases{changed: make(chan struct{}), unused: make(chan struct{}, 1), metrics: m}
}

// Lane implements relay.Leases.
func (l *leases) Lane(bot string, chatID int64) (relay.Lease, bool) {
	return l.lease(relay.LaneShard(bot, chatID))
}

// Duty implements relay.Leases.
func (l *leases) Duty(name string) (relay.Lease, bool) { return l.lease(relay.DutyShard(name)) }

func (l *leases) lease(n int) (relay.Lease, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.shards[n]
	p := s.phase(time.Now())
	if p != l.phases[n] { // whoever is told no now has to hear of it when that changes
		l.ended += l.tell()
	}
	if p.fence == 0 {
		return relay.Lease{}, false
	}
	return relay.Lease{Fence: p.fence, Until: s.asked.Add(leaseTime - leaseRest)}, p.begin
}

// Use implements relay.Leases.
func (l *leases) Use(lease relay.Lease) (done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range l.shards {
		if s := &l.shards[n]; lease.Fence != 0 && s.phase(time.Now()).fence == lease.Fence {
			s.users++
			return sync.OnceFunc(func() { l.leave(n, lease.Fence) }), true
		}
	}
	return nil, false
}

// leave ends a use.
func (l *leases) leave(n int, fence int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.shards[n]
	if s.fence != fence {
		return
	}
	s.users--
	if s.users == 0 && s.leaving {
		l.wakeUp()
	}
}

func (l *leases) wakeUp() {
	select {
	case l.unused <- struct{}{}:
	default: // there is a signal already
	}
}

// Changed implements relay.Leases.
func (l *leases) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// change has a function change the shards, and tells of it. It returns how many leases are not ours any more.
func (l *leases) change(f func(all *[relay.Shards]shard)) (ended int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.shards)
	ended, l.ended = l.ended+l.tell(), 0
	return ended
}

// tell closes changed if the answers are others than they were, for what was done or for the time.
func (l *leases) tell() (ended int) {
	now, before, held := time.Now(), l.phases, 0
	for n := range l.shards {
		s := &l.shards[n]
		l.phases[n] = s.phase(now)
		if l.phases[n].fence != 0 {
			held++
		}
		if before[n].fence != 0 && l.phases[n].fence == 0 {
			ended++
		}
	}
	l.metrics.shards.Set(float64(held))
	if l.phases != before {
		close(l.changed)
		l.changed = make(chan struct{})
	}
	return ended
}
