package telegram

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// pollTimeout is getUpdates' timeout in seconds, the longest that Telegram grants.
const pollTimeout = 50

// Offsets keeps getUpdates' offset of each bot over restarts.
type Offsets interface {
	Offset(ctx context.Context, bot string) (int64, error)
	SetOffset(ctx context.Context, bot string, offset int64) error
}

// Poller gets updates by long polling (getUpdates) and hands them on: those of a chat one after the other, those of several chats together.
//
// An update is confirmed at Telegram only after Handle returned nil for it and its offset was stored. While Handle fails
// the same update is tried again; an update that makes it panic, or that cannot be read, is logged and passed over, so
// that it does not stand in the way of the others.
//
// At the end a getUpdates that waits is broken off, and an update that is being handled is finished, so that whoever polls next need not do it again.
type Poller struct {
	Bot     string // its name, for Updates; empty for the first
	Client  *Client
	Updates Offsets
	Handle  func(context.Context, Update) error
	Log     *slog.Logger

	trouble trouble
}

// Run polls until ctx ends and returns nil then. Nothing else ends it: outages are waited out.
func (p *Poller) Run(ctx context.Context) error {
	p.trouble.log = p.Log
	if offset, ok := p.start(ctx); ok {
		p.poll(ctx, offset)
	}
	return nil
}

// start makes way (a webhook that is set would refuse getUpdates) and reads where to go on.
func (p *Poller) start(ctx context.Context) (offset int64, ok bool) {
	ok = p.insist(ctx, "remove the webhook", p.removeWebhook) && p.insist(ctx, "read the offset of updates", func(ctx context.Context) (err error) {
		offset, err = p.Updates.Offset(ctx, p.Bot)
		return err
	})
	return offset, ok
}

func (p *Poller) removeWebhook(ctx context.Context) error {
	info, err := p.Client.GetWebhookInfo(ctx)
	if err != nil || info.URL == "" {
		return err
	}
	p.Log.Info("removing the webhook, since mode is polling", "pending_update_count", info.PendingUpdateCount)
	return p.Client.DeleteWebhook(ctx, DeleteWebhook{})
}

// insist tries until do works; false means that ctx ended.
func (p *Poller) insist(ctx context.Context, what string, do func(context.Context) error) bool {
	var wait backoff
	for {
		err := do(ctx)
		if err == nil {
			p.trouble.over(what)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		p.trouble.note(what, err)
		if wait.sleep(ctx, retryAfterOf(err)) != nil {
			return false
		}
	}
}

func (p *Poller) poll(ctx context.Context, offset int64) {
	for {
		var raw []json.RawMessage
		timeout := pollTimeout
		ok := p.insist(ctx, "get updates", func(ctx context.Context) (err error) {
			if raw, err = p.Client.GetUpdates(ctx, GetUpdates{offset, timeout, AllowedUpdates}); ReasonOf(err) == Conflict {
				err = p.yield(ctx, err)
			}
			if err != nil {
				timeout = 0 // that it works again is to be known when it does, not when the next update comes
			}
			return err
		})
		if !ok {
			return
		}
		if offset, ok = p.work(ctx, offset, raw); !ok {
			return
		}
	}
}

// yield takes a webhook away that somebody has set meanwhile. If there is none another program polls: the error stays.
func (p *Poller) yield(ctx context.Context, conflict error) error {
	if err := p.removeWebhook(ctx); err != nil {
		return err
	}
	return conflict
}

// atOnce is how many chats' updates are handled together. Their writes share transactions.
const atOnce = 32

// finishWithin is for how long after the end an update may be handled.
const finishWithin = 5 * time.Second

// outlive is a ctx that ends a while after another one.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if sleep(longer, finishWithin) == nil {
			cancel()
		}
	})
	return longer, func() { stop(); cancel() }
}

// work handles what one getUpdates brought and returns the new offset; false means that ctx ended. The offset is stored once for all: what is
// cut off before comes again, and Handle knows what it has worked through.
func (p *Poller) work(ctx context.Context, offset int64, raw []json.RawMessage) (int64, bool) {
	finishing, cancel := outlive(ctx)
	defer cancel()
	next := offset
	var chats [][]Update
	place := map[int64]int{}
	for _, text := range raw {
		u, err := decode(text)
		if u.UpdateID == 0 {
			p.Log.Error("passing over an update without an ID", "error", err)
			continue
		}
		next = max(next, u.UpdateID+1)
		p.Client.metrics.received(&u)
		if err != nil {
			p.Log.Error("passing over an update that cannot be read", "update_id", u.UpdateID, "error", err)
			continue
		}
		i, known := place[u.chat()]
		if !known {
			i, chats = len(chats), append(chats, nil)
			place[u.chat()] = i
		}
		chats[i] = append(chats[i], u)
	}
	if len(raw) > 0 && next == offset {
		return offset, sleep(ctx, firstWait) == nil // they come again: do not spin
	}
	if !p.handle(ctx, finishing, chats) {
		return offset, false
	}
	return next, next == offset || p.insist(finishing, "store the offset of updates", func(ctx context.Context) error { return p.Updates.SetOffset(ctx, p.Bot, next) })
}

// handle hands on the updates of several chats; false means that ctx ended before all were. What was begun goes on until finishing ends.
func (p *Poller) handle(ctx, finishing context.Context, chats [][]Update) bool {
	var running errgroup.Group
	running.SetLimit(atOnce)
	for _, updates := range chats {
		running.Go(func() error {
			for _, u := range updates {
				if ctx.Err() != nil || !p.insist(ctx, "handle an update", func(context.Context) error { return guarded(finishing, p.Handle, u, p.Log) }) {
					return context.Canceled
				}
			}
			return nil
		})
	}
	return running.Wait() == nil
}

// decode reads an update. With an error it has at least the ID, if that can be found.
func decode(raw []byte) (Update, error) {
	var u Update
	err := json.Unmarshal(raw, &u)
	if err == nil {
		return u, nil
	}
	var id struct {
		UpdateID int64 `json:"update_id"`
	}
	_ = json.Unmarshal(raw, &id) // the first error says it
	return Update{UpdateID: id.UpdateID}, fmt.Errorf("decode an update: %w", err)
}

// guarded handles an update; a panic is logged and counts as handled, since it would come again each time.
func guarded(ctx context.Context, handle func(context.Context, Update) error, u Update, log *slog.Logger) (err error) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("passing over an update that made the bot panic: please report this", "update_id", u.UpdateID, "kind", u.Kind(),
				"panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = nil
		}
	}()
	return handle(ctx, u)
}

// trouble logs once when something begins to fail and once when it works again.
type trouble struct {
	log   *slog.Logger
	mu    sync.Mutex
	what  string // that fails; empty while nothing does
	text  string
	since time.Time
}

func (t *trouble) note(what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.what == what && t.text == string(ReasonOf(err)) {
		return
	}
	if t.what == "" {
		t.since = time.Now()
	}
	t.what, t.text = what, string(ReasonOf(err))
	t.log.Warn("cannot "+what+"; trying again", "error", err)
}

func (t *trouble) over(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.what == what {
		t.log.Info("can "+what+" again", "after", time.Since(t.since).Round(time.Second))
		t.what = ""
	}
}
