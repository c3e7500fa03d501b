package delivery

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// request sends the next part of a lane's first delivery.
func (e *Engine) request(ctx context.Context, l *lane, now time.Time) {
	a := l.current()
	e.gate.limit.take(now)
	l.limit.take(now)
	l.busy, a.sent = true, now
	e.requests++
	e.tasks.Go(func() {
		id, whole, failed := e.send(ctx, a)
		e.events <- func(ctx context.Context, now time.Time) { e.answered(ctx, l, a, id, whole, failed, now) }
	})
}

func (e *Engine) answered(ctx context.Context, l *lane, a *attempt, id int64, whole bool, failed *telegram.Error, now time.Time) {
	e.requests--
	l.limit.answered(a.sent, now)
	switch {
	case failed == nil:
		e.accepted()
		e.arrived(ctx, l, a, id, whole, now)
	case ctx.Err() != nil:
		l.busy = false // cut off at the end: the outbox has it as under way
	default:
		e.failed(ctx, l, a, failed, now)
	}
}

func (e *Engine) accepted() {
	if e.gate.accept() {
		e.log.Info("Telegram accepts the bot token again; what waited is sent")
	}
}

// arrived notes a part, or the whole.
func (e *Engine) arrived(ctx context.Context, l *lane, a *attempt, id int64, whole bool, now time.Time) {
	a.failures, l.soft = 0, false
	a.job.TelegramMessageIDs = append(slices.Clone(a.job.TelegramMessageIDs), id)
	o := e.outcome(a, relay.Queued, now)
	if whole {
		a.job.Attempts++
		o.State, o.Attempts = relay.Sent, a.job.Attempts
	}
	e.store(ctx, l, a, o)
}

func (e *Engine) outcome(a *attempt, s relay.State, now time.Time) relay.Outcome {
	return relay.Outcome{Delivery: a.job.ID, State: s, Attempts: a.job.Attempts, TelegramMessageIDs: a.job.TelegramMessageIDs, At: now}
}

// failed does what react says.
func (e *Engine) failed(ctx context.Context, l *lane, a *attempt, failed *telegram.Error, now time.Time) {
	a.job.Attempts++
	a.failures++
	soft := failed.Reason == telegram.NoRights || failed.Reason == telegram.PaymentAsked
	if soft && l.soft {
		a.failures = softTries
	}
	r := react(failed, l.chatID, a.failures, a.extras())
	if !failed.Outage() {
		e.accepted()
	}
	o := e.outcome(a, relay.Queued, now)
	o.Reason, o.LastError = string(failed.Reason), failed.Description
	switch r.step {
	case resend:
		e.log.Warn("Telegram refused a part of a message; it is sent without", "delivery", a.job.ID, "chat_id", l.chatID, "reason", failed.Reason, "error", failed)
		a.dropped |= r.drop
		l.busy = false
		e.settle(ctx, l, now)
		return
	case again:
		o.NotBefore = now.Add(r.after)
		e.close(l, &o, r, now)
		e.log.Debug("a delivery is tried again", "delivery", a.job.ID, "chat_id", l.chatID, "in", r.after.Round(time.Millisecond), "error", failed)
	case stop:
		if e.gate.refuse(now) {
			e.log.Error("Telegram refuses the bot token; everything waits until it is accepted", "remedy", failed.Remedy(), "error", failed)
		}
	case migrate:
		o.ChatID, o.MigrateTo = l.chatID, failed.MigrateToChatID
		e.log.Info("a group became a supergroup; what waits moves there", "chat_id", l.chatID, "to", o.MigrateTo)
	case success:
		o.State, o.Reason, o.LastError = relay.Sent, "", ""
	case goneFor:
		o.State, o.ChatID, o.ChatState = relay.Failed, l.chatID, r.chat
	case giveUp:
		o.State, l.soft = relay.Failed, soft
	}
	if o.State == relay.Failed {
		e.log.Warn("a delivery failed", "delivery", a.job.ID, "recipient", a.job.Recipient, "chat_id", l.chatID, "reason", failed.Reason, "error", failed)
	}
	e.store(ctx, l, a, o)
}

// close keeps the lane shut until the next attempt, and the bot too if Telegram limits several chats at once.
func (e *Engine) close(l *lane, o *relay.Outcome, r reaction, now time.Time) {
	l.closed = later(l.closed, o.NotBefore)
	if !r.limit {
		return
	}
	l.limit.slow(now)
	if e.gate.limited(l.chatID, now, o.NotBefore) {
		e.log.Warn("Telegram limits several chats at once; nothing is sent for a while", "until", e.gate.closed)
	}
}

// expire ends a lane's first delivery, which is too old.
func (e *Engine) expire(ctx context.Context, l *lane, now time.Time) {
	a := l.current()
	o := e.outcome(a, relay.Expired, now)
	o.Reason, o.LastError = a.job.Reason, a.job.LastError
	l.busy = true
	e.log.Warn("a delivery expired before it could be sent", "delivery", a.job.ID, "recipient", a.job.Recipient, "chat_id", l.chatID, "reason", a.job.Reason)
	e.store(ctx, l, a, o)
}

// store writes an outcome; the lane stays busy until it is on disk.
func (e *Engine) store(ctx context.Context, l *lane, a *attempt, o relay.Outcome) {
	a.job.Reason, a.job.LastError, a.job.NotBefore = o.Reason, o.LastError, o.NotBefore
	job := a.job
	e.stores++
	e.tasks.Go(func() {
		kept := e.write(ctx, o)
		if kept && o.State != relay.Queued {
			e.metrics.ended(&job, &o)
			e.tell(&job, &o)
		}
		e.events <- func(ctx context.Context, now time.Time) { e.stored(ctx, l, a, &o, kept, now) }
	})
}

// tell calls Options.Failed.
func (e *Engine) tell(job *relay.Job, o *relay.Outcome) {
	if e.o.Failed != nil && (o.State == relay.Failed || o.State == relay.Expired) {
		d := job.Delivery
		d.State = o.State
		e.o.Failed(d)
	}
}

func (e *Engine) stored(ctx context.Context, l *lane, a *attempt, o *relay.Outcome, kept bool, now time.Time) {
	e.stores--
	l.busy = false
	if ctx.Err() != nil {
		return
	}
	switch {
	case o.ChatState != "" || o.MigrateTo != 0 || !kept: // what else waited for the chat is ended or moved, or taken away
		e.heads -= len(l.heads)
		l.heads, l.now, l.dirty = nil, nil, true
		if o.MigrateTo != 0 {
			e.touch(o.MigrateTo, now)
		}
	case o.State == relay.Queued:
		l.heads[0] = a.job
	default:
		e.heads--
		l.done()
	}
	e.settle(ctx, l, now)
}

const (
	// storageRetry is the pause after a failure of the storage; for outcomes it grows to storageRetryMax.
	storageRetry    = time.Second
	storageRetryMax = 5 * time.Second
)

// write stores an outcome, however often that takes: forgetting it would send the message twice. It reports false when ctx
// ended first, or when the delivery is no longer known.
func (e *Engine) write(ctx context.Context, o relay.Outcome) bool {
	for pause := storageRetry / 10; ; pause = min(2*pause, storageRetryMax) {
		err := e.o.Outbox.Finish(ctx, o)
		switch code := relay.ErrorCode(err); {
		case err == nil:
			e.writes.ends()
			return true
		case code == relay.CodeNotFound || code == relay.CodeConflict:
			e.log.Debug("a delivery was taken away while it was under way", "delivery", o.Delivery, "error", err)
			return false
		case ctx.Err() != nil:
			e.log.Warn("the outcome of a delivery could not be stored; it may be sent again at the next start", "delivery", o.Delivery, "state", o.State)
			return false
		}
		e.writes.begins(err)
		select {
		case <-time.After(pause + rand.N(pause/4)):
		case <-ctx.Done():
		}
	}
}

// trouble logs the beginning and the end of a trouble, once. It is safe for concurrent use.
type trouble struct {
	log *slog.Logger
	on  atomic.Bool
}

func (t *trouble) begins(err error) {
	if t.on.CompareAndSwap(false, true) {
		t.log.Error("the storage does not work; what is under way is kept in memory until it does", "error", err)
	}
}

func (t *trouble) ends() {
	if t.on.CompareAndSwap(true, false) {
		t.log.Info("the storage works again")
	}
}
