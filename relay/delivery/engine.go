// Package delivery brings deliveries from the outbox to Telegram.
//
// It promises that each is sent at least once and hardly ever twice, in the order of its chat (priorities excepted), at no
// more than the configured pace, and never while Telegram asked to wait (retry_after). One chat is one lane with one
// request under way at a time, so that a slow chat holds up nobody else; what waits stays in the outbox, and a lane holds
// only its next few deliveries.
//
// What fails is tried again, sent with less, or given up, by the reason of the failure (retry.go). While the storage takes
// no outcomes, the lanes concerned stand still, so that nothing is sent twice. While Telegram refuses the bot token nothing
// is sent but a try now and then, and nothing is lost.
package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// Options are what an Engine needs. Outbox and Client are required; a rate of zero means the default.
type Options struct {
	Outbox      relay.Outbox
	Client      *telegram.Client
	Log         *slog.Logger          // nil: none
	Registerer  prometheus.Registerer // nil: the metrics are not registered
	GlobalRate  float64               // messages per second, whole bot; default 30
	ChatRate    float64               // messages per second, one private chat; default 1
	GroupRate   float64               // messages per minute, one group or channel; default 20
	Concurrency int                   // requests under way at once; default 32
	Drain       time.Duration         // how long requests that are under way at the end may take; default 10 s
	// Failed is told of each delivery that ended as failed or expired by itself, once that is stored. Deliveries that expire
	// unseen in the outbox, or fail together with the first of a chat that is gone, are not told. It may be called from several
	// goroutines.
	Failed func(relay.Delivery)
}

const (
	maxPage  = 64      // deliveries that a lane reads at once
	maxHeads = 100_000 // deliveries in memory, all lanes
	maxLanes = 100_000
	// maxAge is how long what a lane has read is believed: meanwhile somebody may have unbound the chat.
	maxAge    = 2 * time.Second
	maxLoads  = 4   // reads of heads at once
	maxStores = 512 // outcomes being written at once; the storage commits them together
	// maxTurns is how many lanes may be read again at once because it was their turn.
	maxTurns = 4
	// recheck is how long a ready lane to which something was added waits for its place among the priorities to be looked at anew.
	recheck = 50 * time.Millisecond
	// expireEvery is how often the outbox is asked to expire what nobody looks at, held deliveries for instance.
	expireEvery = 10 * time.Second
	// sweepEvery is how often the outbox is asked for chats that have something due; sweepPause is the least time between two.
	sweepEvery = time.Minute
	sweepPause = time.Second
)

// Engine sends deliveries. Make one with New; Run may be called once.
type Engine struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	woken   woken
	events  chan event // what tasks bring to the scheduler; nobody closes it
	tasks   sync.WaitGroup
	reads   trouble
	writes  trouble

	// The rest belongs to the scheduler, the goroutine of Run.
	lanes    map[int64]*lane
	parked   map[int64]struct{} // chats that wait for a lane
	timers   timers
	ready    ready
	toLoad   queue
	changed  []*lane // ready lanes to which something was added, looked at anew at changedAt
	heads    int     // in memory
	loads    int     // reads of heads under way
	turns    int     // of them for lanes whose turn it is
	requests int     // under way
	stores   int     // outcomes being written
	gate     gate
	sweeps   sweeps

	changedAt time.Time
}

// New returns an Engine and registers its metrics.
func New(o Options) *Engine {
	o.GlobalRate, o.ChatRate, o.GroupRate = orDefault(o.GlobalRate, 30), orDefault(o.ChatRate, 1), orDefault(o.GroupRate, 20)
	o.Concurrency, o.Drain = orDefault(o.Concurrency, 32), orDefault(o.Drain, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		o: o, log: o.Log, metrics: newMetrics(o.Registerer, o.Outbox), woken: newWoken(), events: make(chan event, 1024),
		lanes: map[int64]*lane{}, parked: map[int64]struct{}{}, gate: newGate(o.GlobalRate),
	}
	e.reads.log, e.writes.log = e.log, e.log
	return e
}

func orDefault[T int | float64 | time.Duration](v, instead T) T {
	if v <= 0 {
		return instead
	}
	return v
}

// Wake tells that a chat's part of the outbox changed: something was queued, or what waited was taken away. It never blocks
// and may be called at any time, before Run too.
func (e *Engine) Wake(chatID int64) { e.woken.add(chatID) }

// woken are the chats to look at.
type woken struct {
	mu    sync.Mutex
	chats map[int64]struct{}
	bell  chan struct{} // of one place: rung when chats are no longer empty
}

func newWoken() woken { return woken{chats: map[int64]struct{}{}, bell: make(chan struct{}, 1)} }

func (w *woken) add(chat int64) {
	w.mu.Lock()
	w.chats[chat] = struct{}{}
	w.mu.Unlock()
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

func (w *woken) take() map[int64]struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.chats) == 0 {
		return nil
	}
	chats := w.chats
	w.chats = map[int64]struct{}{}
	return chats
}

// event is run by the scheduler when a task has ended. ctx is the tasks'.
type event func(ctx context.Context, now time.Time)

// Run sends until ctx ends. Then it begins nothing new, waits for what is under way up to Options.Drain, and returns nil;
// what is left stays queued in the outbox. What was cut off counts as queued: it is sent again at the next start.
func (e *Engine) Run(ctx context.Context) error {
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	e.sweeps = sweeps{due: time.Now(), expireAt: time.Now()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(time.Until(e.advance(work)))
		select {
		case ev := <-e.events:
			ev(work, time.Now())
		case <-e.woken.bell:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	e.drain(work, cut)
	return nil
}

// advance does all that can be done now and returns when to look again.
func (e *Engine) advance(ctx context.Context) time.Time {
	now := time.Now()
	for n := len(e.events); n > 0; n-- {
		(<-e.events)(ctx, now)
	}
	for chat := range e.woken.take() {
		e.touch(chat, now)
	}
	for l := e.timers.due(now); l != nil; l = e.timers.due(now) {
		e.settle(ctx, l, now)
	}
	e.recheck(now)
	e.sweep(ctx, now)
	e.dispatch(ctx, now)
	e.load(ctx)
	return e.nextLook(now)
}

// drain waits for what is under way, and cuts it off when the time is up.
func (e *Engine) drain(ctx context.Context, cut context.CancelFunc) {
	if e.requests+e.stores > 0 {
		e.log.Info("finishing what is under way", "requests", e.requests, "outcomes_to_store", e.stores)
	}
	limit := time.AfterFunc(e.o.Drain, cut)
	defer limit.Stop()
	for e.requests+e.stores > 0 {
		(<-e.events)(ctx, time.Now())
	}
	cut() // reads need not finish
	for e.loads > 0 || e.sweeps.running || e.sweeps.expiring {
		(<-e.events)(ctx, time.Now())
	}
	e.tasks.Wait()
}
