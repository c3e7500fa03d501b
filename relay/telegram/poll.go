package telegram

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
)

// pollTimeout is how long getUpdates waits for an update, in seconds: the most that Telegram allows.
const pollTimeout = 50

// Offsets keeps getUpdates' offset over restarts; relay.Updates does. SetOffset returns when it is on disk.
type Offsets interface {
	Offset(ctx context.Context) (int64, error)
	SetOffset(ctx context.Context, offset int64) error
}

// Handler acts upon an update. It returns nil when the effect is stored, and for an update that means nothing to it; after an
// error the same update comes again, and the later ones wait.
type Handler func(ctx context.Context, u Update) error

// Poller gets updates by long polling.
//
// Updates go to Handle one after the other, and their offset is confirmed to Telegram only after Handle returned nil for
// them and SetOffset returned. A panic in Handle is logged and counts as handled. A crash brings the last updates again, with
// the same update_id: whether they were handled before is Handle's business.
type Poller struct {
	Client  *Client
	Updates Offsets
	Handle  Handler
	Log     *slog.Logger // nil: none
}

// Run polls until ctx ends, and returns nil then. A webhook that is set is deleted. Whatever fails is tried again, 1 s to
// 60 s apart, and logged when it begins and when it ends.
func (p *Poller) Run(ctx context.Context) error {
	r := &polling{Poller: *p, wait: newBackoff(), webhook: true}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	for ctx.Err() == nil {
		if err := r.step(ctx); err != nil && ctx.Err() == nil {
			r.trouble(err)
			r.wait.after(ctx, err)
			continue
		}
		r.fine(ctx)
	}
	return nil
}

// polling is one Run.
type polling struct {
	Poller
	offset  int64
	loaded  bool
	webhook bool // one may be set
	pending []Update
	done    bool // all of pending were handled
	wait    *backoff
	told    string // the trouble that was logged; empty: none
}

// step does what is next: after an error it is to be called again, and goes on where it failed.
func (r *polling) step(ctx context.Context) error {
	if !r.loaded {
		offset, err := r.Updates.Offset(ctx)
		if err != nil {
			return fmt.Errorf("read how far updates were handled: %w", err)
		}
		r.offset, r.loaded = offset, true
	}
	if r.webhook {
		if err := r.clearWebhook(ctx); err != nil {
			return err
		}
		r.webhook = false
	}
	if err := r.work(ctx); err != nil {
		return err
	}
	return r.fetch(ctx)
}

func (r *polling) clearWebhook(ctx context.Context) error {
	info, err := r.Client.GetWebhookInfo(ctx)
	if err != nil || info.URL == "" {
		return err
	}
	r.Log.Warn("a webhook is set at Telegram; it is deleted, since telegram.mode is polling", "url", r.Client.Redact(webhookHost(info.URL)))
	return r.Client.DeleteWebhook(ctx, DeleteWebhook{})
}

// work handles what was fetched and then stores the offset.
func (r *polling) work(ctx context.Context) error {
	for len(r.pending) > 0 {
		u := r.pending[0]
		if err := handle(ctx, r.Client, r.Log, r.Handle, u); err != nil {
			return fmt.Errorf("handle update %d: %w", u.UpdateID, err)
		}
		// Not the highest so far: Telegram may begin to count anew, and then lower.
		r.offset, r.done = u.UpdateID+1, true
		r.pending = r.pending[1:]
	}
	if r.done {
		if err := r.Updates.SetOffset(ctx, r.offset); err != nil {
			return fmt.Errorf("store how far updates were handled: %w", err)
		}
		r.done = false
	}
	return nil
}

func (r *polling) fetch(ctx context.Context) error {
	updates, err := r.Client.GetUpdates(ctx, GetUpdates{Offset: r.offset, Timeout: pollTimeout, AllowedUpdates: AllowedUpdates})
	if e, ok := errors.AsType[*Error](err); ok && e.Reason == Conflict && strings.Contains(strings.ToLower(e.Description), "webhook") {
		r.webhook = true
	}
	for i := range updates {
		r.Client.metrics.update(&updates[i])
	}
	r.pending = updates
	return err
}

// trouble logs a failure, unless the one before was of the same kind.
func (r *polling) trouble(err error) {
	kind, remedy := err.Error(), ""
	if e, ok := errors.AsType[*Error](err); ok {
		kind, remedy = string(e.Reason), e.Remedy()
	}
	if kind == r.told {
		return
	}
	r.told = kind
	r.Log.Error("updates of Telegram are not received or not handled; it is tried again", "error", r.Client.redact.error(err), "remedy", remedy)
}

func (r *polling) fine(ctx context.Context) {
	r.wait.reset()
	if r.told != "" && ctx.Err() == nil {
		r.Log.Info("updates of Telegram are received again")
		r.told = ""
	}
}

// handle calls h and turns a panic into a log entry: an update that panics would do so for ever.
func handle(ctx context.Context, c *Client, log *slog.Logger, h Handler, u Update) (err error) {
	defer func() {
		if v := recover(); v != nil {
			log.Error("handling an update panicked; the update is skipped", "update_id", u.UpdateID, "kind", u.Kind(),
				"panic", c.Redact(fmt.Sprint(v)), "stack", c.Redact(string(debug.Stack())))
			err = nil
		}
	}()
	return h(ctx, u)
}
