// Package delivery brings what waits in the outbox to Telegram.
//
// It promises: within a chat the order of the outbox holds, with one request under way at a time; the rates are never
// exceeded; retry_after is obeyed; what one chat does holds up no other. Each delivery ends as sent, failed or expired, or
// waits for another try; its outcome is stored before its chat goes on.
//
// It keeps nothing on disk itself: the outbox does. Memory holds the heads of the lanes, not the backlog. After a crash what
// was under way is sent again, at most one message a chat: Telegram has no idempotency key. While the storage fails,
// outcomes are kept in memory and written when it works again. While the token is refused nothing is sent and nothing lost.
package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// Options are what an Engine needs.
type Options struct {
	Bot        string // whose chats these are: its name; empty for the first
	Outbox     relay.Outbox
	Client     *telegram.Client
	Log        *slog.Logger // nil: none
	Registerer prometheus.Registerer
	Rates
	// Pace is what the bot may send, GlobalRate, where replicas share the bot; nil: this engine has all of it.
	Pace relay.Pace
	// Leases say which lanes are this engine's; nil: all.
	Leases relay.Leases
	// Hears reports whether Wake is called for what other relays queue; nil: it is. While it is not, the outbox is asked for lanes every 2 s.
	Hears func() bool
	// AllowPrivate reports whether files of messages may be fetched from private addresses too; nil: they may not.
	AllowPrivate func() bool
	Drain        time.Duration // how long requests that are under way may take at the end
	// SurgeAfter is how much delay a chat may pile up before Surge is asked to merge what waits there; nil or 0: it never is.
	SurgeAfter func() time.Duration
	// Surge merges what it can if more than limit messages wait for a chat, and reports whether it did.
	Surge func(ctx context.Context, bot string, chatID int64, limit int) (bool, error)
	// Silent reports whether a delivery that is sent now makes no sound, beside what its content says; nil: none.
	Silent func(ctx context.Context, d *relay.Delivery) bool
	// Topics remembers the topics that messages name; nil: all go to where they are addressed.
	Topics relay.Topics
	// TopicGone is told of a delivery whose topic is closed or deleted: it goes to the chat's general topic; nil: nobody is.
	TopicGone func(ctx context.Context, d *relay.Delivery)
	// ClockSet makes the storage follow a clock that was set ahead by so much, or back by less than nothing; nil: it does not.
	ClockSet func(ctx context.Context, by time.Duration) error
	// Failed is told of each delivery that ended as failed or expired, after that was stored; nil: nobody is.
	Failed func(relay.Delivery)
}

// Rates are how fast messages may go; 0 is no limit.
type Rates struct {
	GlobalRate float64 // messages per second, whole bot
	ChatRate   float64 // messages per second, one chat
	GroupRate  float64 // messages per minute, one group or channel

	Concurrency int // requests under way at once; 0: 32
}

// Engine delivers.
type Engine struct {
	rates   atomic.Pointer[Rates] // in force
	o       Options
	metrics *metrics

	questions chan chan<- error // of Alive, for the scheduler

	mu     sync.Mutex
	woken  map[int64]relay.Priority
	missed bool          // something may have been queued of which nobody said so
	signal chan struct{} // holds one: woken has something, or missed
}

// New makes an engine. It sends nothing before Run.
func New(o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Leases == nil {
		o.Leases = relay.Alone{}
	}
	if o.Hears == nil {
		o.Hears = func() bool { return true }
	}
	if o.AllowPrivate == nil {
		o.AllowPrivate = func() bool { return false }
	}
	if o.SurgeAfter == nil || o.Surge == nil {
		o.SurgeAfter = func() time.Duration { return 0 }
	}
	if o.Silent == nil {
		o.Silent = func(context.Context, *relay.Delivery) bool { return false }
	}
	if o.TopicGone == nil {
		o.TopicGone = func(context.Context, *relay.Delivery) {}
	}
	if o.ClockSet == nil {
		o.ClockSet = func(context.Context, time.Duration) error { return nil }
	}
	if o.Failed == nil {
		o.Failed = func(relay.Delivery) {}
	}
	e := &Engine{o: o, metrics: newMetrics(o.Registerer, &o), questions: make(chan chan<- error), woken: map[int64]relay.Priority{}, signal: make(chan struct{}, 1)}
	e.SetRates(o.Rates)
	return e
}

// SetRates puts other rates in force, also for chats that wait.
func (e *Engine) SetRates(r Rates) {
	if r.Concurrency <= 0 {
		r.Concurrency = 32
	}
	e.metrics.limit.Set(float64(r.Concurrency))
	e.rates.Store(&r)
	e.wakeUp()
}

// Wake says that something was queued for a chat, behind all that waits there with the same priority; relay.Reordered: the order
// of what waits may have changed. It never blocks.
func (e *Engine) Wake(chatID int64, priority relay.Priority) {
	e.mu.Lock()
	if known, woken := e.woken[chatID]; !woken || priority > known {
		e.woken[chatID] = priority
	}
	e.mu.Unlock()
	e.wakeUp()
}

// Missed says that something may have been queued for any chat without a Wake: the outbox is asked at once. It never blocks.
func (e *Engine) Missed() {
	e.mu.Lock()
	e.missed = true
	e.mu.Unlock()
	e.wakeUp()
}

func (e *Engine) wakeUp() {
	select {
	case e.signal <- struct{}{}:
	default: // there is a signal already
	}
}

// takeWoken empties the set of chats that were woken.
func (e *Engine) takeWoken() map[int64]relay.Priority {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.woken) == 0 {
		return nil
	}
	woken := e.woken
	e.woken = map[int64]relay.Priority{}
	return woken
}

// takeMissed reports whether something may have been missed since it was asked last.
func (e *Engine) takeMissed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	missed := e.missed
	e.missed = false
	return missed
}

// Run delivers until ctx ends. Then it starts nothing more, lets what is under way finish (at most Drain), and returns nil.
// What was cut off after that is sent again by the next Run.
func (e *Engine) Run(ctx context.Context) error {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s := newScheduler(e, working)
	s.loop(ctx)
	s.drain(cancel)
	return nil
}

// Ended tells of deliveries that failed for what became of their chat. It never blocks.
func (e *Engine) Ended(all []relay.Delivery) {
	for _, d := range all {
		e.o.Failed(d)
	}
}

// finish stores the outcome of w and tells of it. What was sent is stored also by one who lost the lease.
func (e *Engine) finish(ctx context.Context, w *work) error {
	o := w.outcome
	err := e.o.Outbox.Finish(ctx, *o)
	if relay.ErrorCode(err) == relay.CodeNotFound { // what was forgotten meanwhile needs no outcome
		err = nil
	}
	if o.State == relay.Queued || err != nil && (o.State != relay.Sent || !errors.Is(err, relay.ErrLeaseLost)) {
		return err
	}
	if o.State == relay.Sent {
		e.metrics.sent(&w.job.Delivery, o)
		e.o.Log.Debug("delivered", "delivery", w.job.ID, "message", w.job.MessageID, "recipient", w.job.Recipient, "chat_id", w.job.ChatID,
			"attempts", o.Attempts, "after", o.At.Sub(w.job.CreatedAt).Round(time.Millisecond))
	}
	if o.ChatState == "" && (o.State == relay.Failed || o.State == relay.Expired) { // else another bot may have it now: the storage tells (Ended)
		d := w.job.Delivery
		d.State, d.Reason, d.LastError, d.Attempts = o.State, o.Reason, o.LastError, o.Attempts
		e.o.Failed(d)
	}
	return err
}
