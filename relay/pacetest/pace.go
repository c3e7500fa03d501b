// Package pacetest is a relay.Pace in memory, by the same rules as the one in the storage: tests of the engine use it, and those of the storage
// compare.
package pacetest

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Row is the bucket of one bot. Times are microseconds.
type Row struct {
	Empty  float64 // when it runs empty
	Closed float64 // nothing before then
	Step   float64 // from one message to the next at the full rate, when somebody last asked; 0: nobody has
	Factor float64 // of the full rate that is in force
	Seen   float64 // when somebody last asked
}

// Take is relay.Pace's at a moment. wait is in microseconds.
func (r *Row) Take(now float64, a relay.Ask) (messages int, wait float64) {
	b := a.Bucket()
	if r.Step == 0 {
		*r = Row{Step: b.Step, Factor: 1, Seen: now}
	}
	r.follow(now)
	r.slow(now, a, b)
	n, step := float64(a.Least), b.Step/r.Factor
	if r.Closed <= now {
		n = max(n, min(float64(a.Most), math.Floor(b.Burst), math.Floor((now-r.Empty)/step+b.Depth)))
	}
	if n > 0 {
		start := max(now, r.Closed, r.Empty-(b.Depth-min(n, b.Burst))*step)
		r.Empty = math.Ceil(max(r.Empty, start) + n*step + b.Extra)
		wait = start - now
	}
	r.Factor = min(1, r.Factor+n*relay.PaceRecovery/b.Burst)
	return int(n), wait
}

// follow goes along with a clock that was set back.
func (r *Row) follow(now float64) {
	back := max(r.Seen-now, 0)
	r.Empty, r.Closed, r.Seen = r.Empty-back, r.Closed-back, now
}

// slow puts a rate in force, after a 429 half of it, but not again for what was under way when the bucket closed. What was taken ahead then counts in
// messages. No burst follows a 429.
func (r *Row) slow(now float64, a relay.Ask, b relay.Bucket) {
	longer, open := b.Step/r.Step, max(now, r.Closed)
	if a.Shut > 0 && r.Closed <= now {
		halved := max(r.Factor/2, relay.PaceFloor)
		longer, r.Factor = longer*(r.Factor/halved), halved
	}
	if r.Empty > open {
		r.Empty = math.Ceil(open + (r.Empty-open)*longer)
	}
	r.Step = b.Step
	if a.Shut > 0 {
		r.Closed = max(r.Closed, now+float64(a.Shut.Microseconds()))
		r.Empty = max(r.Empty, math.Ceil(r.Closed+(b.Depth-1)*b.Step/r.Factor))
	}
}

// Pace is one that replicas in a process share.
type Pace struct {
	mu    sync.Mutex
	row   Row
	away  error
	way   func() time.Duration
	asked []relay.Ask
}

// New returns one whose storage is as far as way says, each time there and each time back; nil: it is here.
func New(way func() time.Duration) *Pace {
	if way == nil {
		way = func() time.Duration { return 0 }
	}
	return &Pace{way: way}
}

// Away has Take fail from now on; nil: it does not any more.
func (p *Pace) Away(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = err
}

// Asked is what was asked so far.
func (p *Pace) Asked() []relay.Ask {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[:len(p.asked):len(p.asked)]
}

// Take implements relay.Pace.
func (p *Pace) Take(ctx context.Context, a relay.Ask) (relay.Slice, error) {
	if err := p.walk(ctx); err != nil {
		return relay.Slice{}, err
	}
	s, err := p.take(a)
	if err != nil {
		return s, err
	}
	return s, p.walk(ctx)
}

func (p *Pace) take(a relay.Ask) (relay.Slice, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, a)
	if p.away != nil {
		return relay.Slice{}, p.away
	}
	n, wait := p.row.Take(float64(time.Now().UnixMicro()), a)
	return relay.Slice{Messages: n, Wait: time.Duration(math.Ceil(wait)) * time.Microsecond}, nil
}

func (p *Pace) walk(ctx context.Context) error {
	p.mu.Lock()
	way := p.way()
	p.mu.Unlock()
	if way <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(way):
		return nil
	case <-ctx.Done():
		return &relay.Error{Code: relay.CodeStorageUnavailable, Err: ctx.Err()}
	}
}
