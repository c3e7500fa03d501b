package delivery

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// touch notes that something about a chat changed.
func (e *Engine) touch(chatID int64, now time.Time) {
	l := e.laneOf(chatID)
	if l == nil {
		return
	}
	e.sweeps.soon(now)
	l.dirty = true
	switch {
	case l.busy || l.loading:
	case l.ready == 0:
		e.timers.set(l, now)
	case !l.changed:
		l.changed = true
		if len(e.changed) == 0 {
			e.changedAt = now.Add(recheck)
		}
		e.changed = append(e.changed, l)
	}
}

// laneOf returns a chat's lane, a new one if need be; nil: there are too many, and the chat waits until one goes.
func (e *Engine) laneOf(chatID int64) *lane {
	l := e.lanes[chatID]
	if l != nil {
		return l
	}
	if len(e.lanes) >= maxLanes {
		e.parked[chatID] = struct{}{}
		return nil
	}
	l = &lane{chatID: chatID, index: -1}
	if chatID < 0 {
		l.limit = newLimiter(e.o.GroupRate, time.Minute, groupBurst)
	} else {
		l.limit = newLimiter(e.o.ChatRate, time.Second, 0)
	}
	e.lanes[chatID] = l
	return l
}

// settle decides what a lane does next. It is to be called whenever a lane is neither busy nor loading nor ready.
func (e *Engine) settle(ctx context.Context, l *lane, now time.Time) {
	if l.busy || l.loading || l.ready != 0 {
		return
	}
	opens := l.opens(now)
	switch {
	case len(l.heads) > 0 && isExpired(&l.heads[0], now):
		e.expire(ctx, l, now)
	case len(l.heads) == 0 && !l.dirty && !l.more:
		e.rest(l, now)
	case opens.After(now):
		e.wait(l, opens, now)
	case len(l.heads) == 0 || l.stale(now):
		e.wantLoad(l)
	default:
		e.ready.push(l)
	}
}

// rest keeps an idle lane for as long as its pace has to be remembered.
func (e *Engine) rest(l *lane, now time.Time) {
	if until := later(l.limit.fresh(now), l.closed); until.After(now) {
		e.timers.set(l, until)
		return
	}
	delete(e.lanes, l.chatID)
	for chat := range e.parked {
		delete(e.parked, chat)
		e.touch(chat, now)
		break
	}
}

// wait puts a lane aside until it opens, or its first delivery expires. One that waits long keeps only that.
func (e *Engine) wait(l *lane, opens, now time.Time) {
	if len(l.heads) > 0 {
		if at := l.heads[0].ExpiresAt; !at.IsZero() && at.Before(opens) {
			opens = at
		}
	}
	if len(l.heads) > 1 && opens.Sub(now) > maxAge {
		e.heads -= len(l.heads) - 1
		l.heads, l.more = []relay.Job{l.heads[0]}, true
	}
	e.timers.set(l, opens)
}

// recheck reads ready lanes again to which something was added: it may be of a higher priority.
func (e *Engine) recheck(now time.Time) {
	if len(e.changed) == 0 || e.changedAt.After(now) {
		return
	}
	for _, l := range e.changed {
		l.changed = false
		if l.ready != 0 && l.dirty && !l.loading {
			e.wantLoad(l)
		}
	}
	e.changed = e.changed[:0]
}

// dispatch starts requests as long as pace and concurrency allow.
func (e *Engine) dispatch(ctx context.Context, now time.Time) {
	for e.ready.len > 0 && e.free() && !e.gate.opens(now, e.o.Client.ClosedUntil()).After(now) {
		switch l := e.ready.pop(); {
		case l.loading || l.stale(now):
			l.turn = true
			e.turns++
			e.wantLoad(l)
		case isExpired(&l.heads[0], now):
			e.expire(ctx, l, now)
		default:
			e.request(ctx, l, now)
		}
	}
}

// free reports whether another request may begin. While the token is refused that is one at a time.
func (e *Engine) free() bool {
	if e.gate.refused > 0 && e.requests > 0 {
		return false
	}
	return e.requests < e.o.Concurrency && e.stores < maxStores && e.turns < maxTurns
}

func (e *Engine) wantLoad(l *lane) {
	if l.loading {
		return
	}
	l.loading = true
	if l.turn {
		e.toLoad.front = append(e.toLoad.front, ticket{lane: l})
	} else {
		e.toLoad.back = append(e.toLoad.back, ticket{lane: l})
	}
}

// load reads lanes' heads from the outbox.
func (e *Engine) load(ctx context.Context) {
	for e.loads < maxLoads && (e.heads < maxHeads || len(e.toLoad.front) > 0) {
		t, ok := e.toLoad.pop()
		if !ok {
			return
		}
		l, limit := t.lane, e.page(t.lane)
		l.dirty = false // what comes from now on may be missed by this reading
		e.loads++
		e.tasks.Go(func() {
			jobs, err := e.o.Outbox.Heads(ctx, l.chatID, time.Now(), limit)
			e.events <- func(ctx context.Context, now time.Time) { e.loaded(ctx, l, jobs, limit, err, now) }
		})
	}
}

// page is how many deliveries to read: what may be sent in maxAge, and no more than leaves room for the other lanes.
func (e *Engine) page(l *lane) int {
	perSecond := float64(l.limit.most) / l.limit.window.Seconds()
	return min(maxPage, int(min(perSecond*maxAge.Seconds(), maxPage))+2, max(maxHeads/len(e.lanes), 1))
}

func (e *Engine) loaded(ctx context.Context, l *lane, jobs []relay.Job, limit int, err error, now time.Time) {
	e.loads--
	l.loading = false
	if l.turn {
		e.turns--
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		e.reads.begins(err)
		l.dirty, l.closed = true, later(l.closed, now.Add(storageRetry))
	} else {
		e.reads.ends()
		e.heads += len(jobs) - len(l.heads)
		l.take(jobs, limit, now)
	}
	if l.ready != 0 && len(l.heads) > 0 && l.priority() == l.queue && !l.closed.After(now) {
		return // it keeps its place
	}
	e.ready.remove(l)
	e.settle(ctx, l, now)
	l.turn = false
}

// nextLook is when something will have to be done if nothing happens before.
func (e *Engine) nextLook(now time.Time) time.Time {
	next := e.sweeps.next()
	if len(e.timers) > 0 {
		next = earlier(next, e.timers[0].at)
	}
	if len(e.changed) > 0 {
		next = earlier(next, e.changedAt)
	}
	if e.ready.len > 0 && e.free() {
		next = earlier(next, e.gate.opens(now, e.o.Client.ClosedUntil()))
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func isExpired(j *relay.Job, now time.Time) bool {
	return !j.ExpiresAt.IsZero() && !now.Before(j.ExpiresAt)
}
