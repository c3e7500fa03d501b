package trouble

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
)

// Outbox is that messages wait too long although Telegram takes some.
type Outbox struct {
	Bot       string // whose lanes are watched; empty: the first's
	Outbox    relay.Outbox
	Directory relay.Directory
	Fallback  func() string        // the recipient who is told: what waits for that one's chats is told in vain
	After     func() time.Duration // how long is too long; 0: nothing is
	Healthy   func() error         // telegram.Client's

	reached time.Time // since when Telegram has taken messages, as far as is known
}

// atOnce is how long what waits too long may have done so in vain: what is on its way just then is no trouble.
const atOnce = time.Minute

// Kind is what to watch for.
func (o *Outbox) Kind() Kind {
	return Kind{
		Name: ofBot("outbox", o.Bot), Start: func() { o.reached = time.Now() }, Check: o.check, Patience: func() time.Duration { return min(o.After()/2, atOnce) },
		Begin: func(c Case) string {
			return fmt.Sprintf("⏳ Messages%s wait too long: %s.\n`tgrelay deliveries --state queued` lists them.", o.whose(), c.Detail)
		},
		End: func(c Case) string {
			return fmt.Sprintf("✅ No message%s waits too long any more, after %s.", o.whose(), c.For())
		},
	}
}

// whose says which bot's messages are meant.
func (o *Outbox) whose() string {
	if o.Bot == "" {
		return ""
	}
	return " of " + theBot(o.Bot)
}

// check looks for one delivery that waits too long. A trouble that stands is over when none waits half as long. After an outage of
// Telegram time counts anew: what has piled up is sent then.
func (o *Outbox) check(ctx context.Context, standing bool) error {
	now, limit := time.Now(), o.After()
	if o.Healthy() != nil {
		o.reached = now
		return ErrUnknown
	}
	if standing {
		limit /= 2
	}
	if limit <= 0 || !standing && now.Sub(o.reached) < limit {
		return nil
	}
	backlog, err := o.Outbox.Backlog(ctx)
	if err != nil {
		return ErrUnknown
	}
	if backlog.Oldest.IsZero() || now.Sub(backlog.Oldest) < limit {
		return nil
	}
	late, since, err := o.late(ctx, now, now.Add(-limit))
	if err != nil {
		return ErrUnknown
	}
	if late == nil {
		return nil
	}
	return errors.New(describe(late, now.Sub(later(since, o.reached)), backlog.Waiting()))
}

// late is a delivery that has waited since before a moment, at the head of another lane than those of the fallback.
func (o *Outbox) late(ctx context.Context, now, before time.Time) (*relay.Job, time.Time, error) {
	chats, _, err := o.Outbox.Lanes(ctx, o.Bot, now)
	if err != nil {
		return nil, now, err
	}
	own, err := o.own(ctx)
	if err != nil {
		return nil, now, err
	}
	for _, chat := range chats {
		if own[chat] {
			continue
		}
		heads, err := o.Outbox.Heads(ctx, o.Bot, chat, now, 1)
		if err != nil {
			return nil, now, err
		}
		for i := range heads {
			since, err := o.since(ctx, &heads[i], before)
			if err != nil || !since.After(before) {
				return &heads[i], since, err
			}
		}
	}
	return nil, now, nil
}

// own are the chats of the fallback.
func (o *Outbox) own(ctx context.Context) (map[int64]bool, error) {
	chats := map[int64]bool{}
	if o.Fallback() == "" {
		return chats, nil
	}
	r, err := o.Directory.Recipient(ctx, o.Fallback())
	if relay.ErrorCode(err) == relay.CodeUnknownRecipient {
		return chats, nil
	}
	if err != nil {
		return nil, err
	}
	for _, b := range r.Chats {
		if b.Bot == o.Bot {
			chats[b.ChatID] = true
		}
	}
	return chats, nil
}

// since is since when a delivery could have been sent: it was accepted, its time had come, what held it back was over, its recipient had
// this chat. The last is asked for only where it matters.
func (o *Outbox) since(ctx context.Context, j *relay.Job, before time.Time) (time.Time, error) {
	at := later(j.CreatedAt, j.SendAt)
	if j.Attempts == 0 { // else it is a back-off
		at = later(at, j.NotBefore)
	}
	if at.After(before) || j.Recipient == "" {
		return at, nil
	}
	r, err := o.Directory.Recipient(ctx, j.Recipient)
	if relay.ErrorCode(err) == relay.CodeUnknownRecipient {
		return at, nil
	}
	if err != nil {
		return at, err
	}
	for _, b := range r.Chats {
		if b.Takes(&j.Delivery) {
			at = later(at, b.LinkedAt)
		}
	}
	return at, nil
}

func describe(j *relay.Job, waited time.Duration, all int64) string {
	whom := j.Recipient
	if whom == "" {
		whom = fmt.Sprintf("chat %d", j.ChatID)
	}
	text := fmt.Sprintf("one for %s has waited for %s", whom, model.Duration(waited.Truncate(time.Second)))
	if j.LastError != "" {
		text += " (" + j.LastError + ")"
	}
	return text + fmt.Sprintf("; %d wait in all", all)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
