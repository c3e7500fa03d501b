package delivery

import (
	"container/heap"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// lane is one chat's queue: its heads, its pace, and what is under way. Only the scheduler touches it, but for now's parts
// while a request is under way.
//
//	idle ──wake──▶ loading ──▶ waiting (rate, back-off) ──▶ ready ──▶ busy (request, then outcome) ──▶ loading, waiting, idle
type lane struct {
	chatID int64
	limit  limiter
	heads  []relay.Job // in the order of sending
	loaded time.Time   // when heads were read
	more   bool        // there may be more in the outbox
	dirty  bool        // something came since heads were read
	closed time.Time   // retry_after or back-off: nothing before
	soft   bool        // the last delivery failed for want of rights: the next is tried once only
	now    *attempt    // what was sent last and did not end

	busy, loading bool
	changed       bool   // among the engine's changed
	turn          bool   // it was its turn when it had to be loaded: it goes before the others
	ready         uint64 // ticket of its place among the ready; 0: it has none
	queue         relay.Priority

	at    time.Time // with index >= 0: when it is looked at again
	index int       // in timers; -1: not there
}

// attempt is a delivery under way.
type attempt struct {
	job      relay.Job
	parts    []markup.Text // of the text; nil until the first request
	dropped  extras
	failures int // in a row
	sent     time.Time
}

// take replaces the heads by what the outbox has now.
func (l *lane) take(jobs []relay.Job, limit int, now time.Time) {
	l.heads, l.loaded, l.more = jobs, now, len(jobs) >= limit
	// A message of which parts have arrived is completed first.
	i := slices.IndexFunc(l.heads, func(j relay.Job) bool { return len(j.TelegramMessageIDs) > 0 })
	if i > 0 {
		begun := l.heads[i]
		copy(l.heads[1:i+1], l.heads[:i])
		l.heads[0] = begun
	}
	for i := range l.heads {
		l.closed = later(l.closed, l.heads[i].NotBefore)
	}
	switch {
	case l.now == nil:
	case len(l.heads) > 0 && l.heads[0].ID == l.now.job.ID:
		l.now.job = l.heads[0]
	default:
		l.now = nil
	}
}

// stale reports whether the heads have to be read again before one is sent.
func (l *lane) stale(now time.Time) bool { return l.dirty || now.Sub(l.loaded) > maxAge }

// current is the attempt at the first head.
func (l *lane) current() *attempt {
	if l.now == nil || l.now.job.ID != l.heads[0].ID {
		l.now = &attempt{job: l.heads[0]}
	}
	return l.now
}

// done takes the first head off.
func (l *lane) done() {
	l.heads[0] = relay.Job{} // frees its text
	l.heads, l.now = l.heads[1:], nil
}

// priority is the first head's.
func (l *lane) priority() relay.Priority { return min(max(l.heads[0].Priority, relay.Low), relay.High) }

// opens is the first moment at which the chat may get a message.
func (l *lane) opens(now time.Time) time.Time { return later(l.limit.next(now), l.closed) }

// timers are lanes by the moment at which they are to be looked at.
type timers []*lane

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

// Push implements heap.Interface.
func (t *timers) Push(x any) {
	l := x.(*lane)
	l.index = len(*t)
	*t = append(*t, l)
}

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	old := *t
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	l.index = -1
	return l
}

// set puts a lane's next look at a moment.
func (t *timers) set(l *lane, at time.Time) {
	l.at = at
	if l.index >= 0 {
		heap.Fix(t, l.index)
		return
	}
	heap.Push(t, l)
}

// due takes off a lane whose moment has come; nil: there is none.
func (t *timers) due(now time.Time) *lane {
	if len(*t) == 0 || (*t)[0].at.After(now) {
		return nil
	}
	return heap.Pop(t).(*lane)
}

// ready are the lanes that could send at once, first come first served within a priority.
type ready struct {
	queues [3]queue // low, normal, high
	last   uint64
	len    int
}

// queue is first in, first out, but for lanes that had their turn and come back to it.
type queue struct {
	front, back []ticket // front's last is the first of all
}

// ticket is a place in a queue. A lane that moved elsewhere has another one.
type ticket struct {
	lane   *lane
	number uint64
}

func (q *queue) pop() (t ticket, ok bool) {
	if n := len(q.front); n > 0 {
		t, q.front = q.front[n-1], q.front[:n-1]
		return t, true
	}
	if len(q.back) > 0 {
		t, q.back[0], q.back = q.back[0], ticket{}, q.back[1:]
		return t, true
	}
	return t, false
}

func (r *ready) push(l *lane) {
	r.remove(l)
	r.last++
	r.len++
	l.ready, l.queue = r.last, l.priority()
	q := &r.queues[l.queue+1]
	if l.turn {
		q.front = append(q.front, ticket{l, l.ready})
	} else {
		q.back = append(q.back, ticket{l, l.ready})
	}
}

func (r *ready) remove(l *lane) {
	if l.ready != 0 {
		l.ready = 0
		r.len--
	}
}

// pop is the lane whose turn it is; nil: there is none.
func (r *ready) pop() *lane {
	for i := len(r.queues) - 1; i >= 0; i-- {
		for t, ok := r.queues[i].pop(); ok; t, ok = r.queues[i].pop() {
			if t.lane.ready == t.number {
				r.remove(t.lane)
				return t.lane
			}
		}
	}
	return nil
}
