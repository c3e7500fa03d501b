package intake

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// address gives a message its deliveries: one for each chat of its recipients, held ones for recipients without a chat.
// Recipients named twice are one, and a chat that several share gets one copy, in the name of the first.
func (d *Door) address(ctx context.Context, m *relay.Message, to []string, rules *Rules) error {
	seen := map[[2]int64]bool{}
	var unlinked []string
	for _, id := range unique(to) {
		recipient, err := d.recipient(ctx, id)
		if err != nil {
			return err
		}
		if len(recipient.Chats) == 0 {
			unlinked = append(unlinked, id)
			m.Deliveries = append(m.Deliveries, delivery(m, id, relay.Held))
		}
		for _, b := range recipient.Chats {
			place := [2]int64{b.ChatID, b.MessageThreadID}
			if !seen[place] {
				seen[place] = true
				m.Deliveries = append(m.Deliveries, deliveryTo(m, recipient, b, rules))
			}
		}
	}
	if rules.Reject && len(unlinked) > 0 {
		return notLinked(to, unlinked)
	}
	return nil
}

// recipient is one without chats where the directory knows none.
func (d *Door) recipient(ctx context.Context, id string) (*relay.Recipient, error) {
	recipient, err := d.directory.Recipient(ctx, id)
	if relay.ErrorCode(err) == relay.CodeUnknownRecipient {
		return &relay.Recipient{ID: id}, nil
	}
	return recipient, err
}

func delivery(m *relay.Message, recipient string, state relay.State) relay.Delivery {
	return relay.Delivery{
		ID: relay.NewID(), MessageID: m.ID, Recipient: recipient, Receiver: m.Receiver, State: state, Priority: m.Priority,
		CreatedAt: m.CreatedAt, SendAt: m.SendAt, ExpiresAt: m.ExpiresAt, TelegramMessageIDs: []int64{},
	}
}

// deliveryTo is a delivery to a known chat. One that blocked the bot is not asked again: the delivery has failed.
func deliveryTo(m *relay.Message, recipient *relay.Recipient, b relay.Binding, rules *Rules) relay.Delivery {
	out := delivery(m, recipient.ID, relay.Queued)
	out.ChatID, out.MessageThreadID = b.ChatID, b.MessageThreadID
	switch b.State {
	case relay.Blocked:
		out.State, out.Reason, out.LastError = relay.Failed, "blocked", "the chat had blocked the bot before"
	case relay.Left:
		out.State, out.Reason, out.LastError = relay.Failed, "left", "the bot had been removed from the chat before"
	default:
		calm := recipient.Calm(b)
		keep(&out, &calm, m, rules)
	}
	return out
}

func unique(ids []string) []string {
	var out []string
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func notLinked(to, unlinked []string) error {
	e := &relay.Error{
		Code:   relay.CodeRecipientNotLinked,
		Detail: fmt.Sprintf("no chat is connected to %s; make a link with POST /api/v1/links or `tgrelay link`", strings.Join(unlinked, ", ")),
	}
	for i, id := range to {
		if slices.Contains(unlinked, id) {
			e.Fields = append(e.Fields, relay.FieldError{Pointer: fmt.Sprintf("/to/%d", i), Detail: "no chat is connected to " + id})
		}
	}
	return e
}
