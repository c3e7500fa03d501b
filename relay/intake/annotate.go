package intake

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// Annotate adds a line to a message that is in a chat, which stays as it is otherwise, buttons included. One with a file, or with a secret,
// is left alone: it could not be told again. Errors: those of the storage.
func (d *Door) Annotate(ctx context.Context, of *relay.Delivery, line string) error {
	key, err := d.keyOf(ctx, of)
	if err != nil {
		return err
	}
	for try := 1; ; try++ { // each line is added to what has the one before
		err := d.annotate(ctx, of, key, line)
		if err == nil || relay.ErrorCode(err) != relay.CodeConflict || try == maxTries {
			return err
		}
	}
}

func (d *Door) annotate(ctx context.Context, of *relay.Delivery, key, line string) error {
	newest, err := d.outbox.Newest(ctx, of, key)
	if err != nil {
		return err
	}
	was, err := d.outbox.Message(ctx, newest.MessageID)
	if err != nil || was.Content.Media != nil || was.Content.Secret {
		return err
	}
	rules, now := d.Rules(), time.Now().UTC().Truncate(time.Millisecond)
	m := &relay.Message{
		ID: relay.NewID(), CreatedAt: now, Receiver: was.Receiver, Owner: was.Owner, Priority: relay.High, ExpiresAt: now.Add(rules.MaxAge),
		Key: key, OnUpdate: relay.Edit, Follows: newest.ID, Content: was.Content,
	}
	m.Content.Attachment = nil
	m.Content.Text = tidy(was.Content.Text.Append(markup.Text{Text: "\n"}, markup.Text{Text: line}))
	fit(&m.Content, rules.LongText)
	m.Deliveries = []relay.Delivery{deliveryLike(m, of)}
	return d.accept(ctx, []*relay.Message{m})
}

// keyOf is the key of a message that is in a chat. One that stood alone is a live message from now on.
func (d *Door) keyOf(ctx context.Context, of *relay.Delivery) (string, error) {
	if of.Key != "" {
		return of.Key, nil
	}
	key := "changed " + of.ID.String()
	return key, d.outbox.Adopt(ctx, of, key)
}

// deliveryLike goes where another went.
func deliveryLike(m *relay.Message, of *relay.Delivery) relay.Delivery {
	to := delivery(m, of.Recipient, relay.Queued)
	to.Bot, to.ChatID, to.MessageThreadID = of.Bot, of.ChatID, of.MessageThreadID
	return to
}
