package chat

import (
	"context"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/oncall"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// called is the data of the templates that tell what came of a button's call.
type called struct {
	Label string // of the button
	By    string // who pressed
	Why   string // it failed
}

// callButton makes the HTTP call of a button. Whoever is in a chat that is connected may press, allowed_users permitting.
func (b *Bot) callButton(ctx context.Context, q *telegram.CallbackQuery, number int) error {
	pressed := *q.Message
	pressed.From, pressed.SenderChat = &q.From, nil
	m := b.inLocale(ctx, &pressed)
	if !b.allowed(&q.From) {
		b.toast(ctx, q.ID, m, oncall.Answer{Template: "chat.not_allowed"})
		return nil
	}
	if may, err := b.mayAct(ctx, m); err != nil || !may {
		b.toast(ctx, q.ID, m, oncall.Answer{Template: "chat.administrators_only"})
		return nil
	}
	d, err := b.pressedOf(ctx, q.Message)
	if err != nil {
		return err
	}
	call, err := b.callOf(ctx, d, number)
	if err != nil {
		return err
	}
	if call == nil {
		b.toast(ctx, q.ID, m, oncall.Answer{Template: "chat.call.old"})
		return nil
	}
	if first, err := b.settle(ctx); err != nil || !first {
		return err
	}
	if !b.Call(*call, func(ctx context.Context, failed error) { b.called(ctx, q.ID, m, d, *call, failed) }) {
		b.toast(ctx, q.ID, m, oncall.Answer{Template: "chat.call.old"})
	}
	return nil
}

// callOf is the call of a message's button; nil where nothing is known of it any more, or the receiver does not allow it now.
func (b *Bot) callOf(ctx context.Context, d *relay.Delivery, number int) (*relay.Call, error) {
	if d == nil || d.MessageID == (relay.ID{}) {
		return nil, nil
	}
	m, err := b.Outbox.Message(ctx, d.MessageID)
	switch {
	case relay.ErrorCode(err) == relay.CodeNotFound && err != nil:
		return nil, nil
	case err != nil:
		return nil, err
	case number >= len(m.Content.Calls) || !b.MayCall(d.Receiver, m.Content.Calls[number].URL):
		return nil, nil
	}
	return &m.Content.Calls[number], nil
}

// called tells who pressed, and in the message everyone, what came of it.
func (b *Bot) called(ctx context.Context, queryID string, m *telegram.Message, d *relay.Delivery, call relay.Call, failed error) {
	data, template := called{Label: call.Label, By: person(m, nil).Name}, "chat.call.done"
	if failed != nil {
		data.Why, template = failed.Error(), "chat.call.failed"
		b.Log.Warn("the call of a button failed", "receiver", d.Receiver, "delivery", d.ID, "error", failed)
	}
	b.toast(ctx, queryID, m, oncall.Answer{Template: template, Data: data})
	line, err := b.text(m, template, data)
	if err == nil {
		err = b.Annotate(ctx, d, line.Normalize().Text)
	}
	if err != nil {
		b.Log.Warn("what came of a button's call is not in the message", "delivery", d.ID, "error", err)
	}
}
