package intake

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// address gives a message its deliveries: one for each chat of its recipients, held ones for recipients without a chat.
// Recipients named twice are one, and a chat that several share gets one copy, in the name of the first whose bot can tell it. Where the message
// names a bot, only the chats at that bot count.
func (d *Door) address(ctx context.Context, m *relay.Message, to []string, rules *Rules) error {
	type place struct{ chat, thread int64 }
	type placeOfBot struct {
		place
		bot string
	}
	told, seen := map[place]bool{}, map[placeOfBot]bool{}
	var unlinked []string
	for _, id := range unique(to) {
		recipient, err := d.recipient(ctx, id)
		if err != nil {
			return err
		}
		bot := botFor(m, recipient, rules)
		chats := rules.chatsAt(recipient.Chats, bot)
		if len(chats) == 0 {
			unlinked = append(unlinked, id)
			held := delivery(m, id, relay.Held)
			held.Bot = bot
			m.Deliveries = append(m.Deliveries, held)
		}
		for _, b := range chats {
			at := place{b.ChatID, b.MessageThreadID}
			if !told[at] && !seen[placeOfBot{at, b.Bot}] {
				told[at], seen[placeOfBot{at, b.Bot}] = rules.tells(&b), true
				m.Deliveries = append(m.Deliveries, deliveryTo(m, recipient, b, rules))
			}
		}
	}
	if rules.Reject && len(unlinked) > 0 {
		return notLinked(to, unlinked, m.Bot)
	}
	return nil
}

// botFor is the bot that is asked for, for a recipient. What a receiver brings reaches the fallback by any other where it has no chat at that one.
func botFor(m *relay.Message, recipient *relay.Recipient, rules *Rules) string {
	there := slices.ContainsFunc(recipient.Chats, func(b relay.Binding) bool { return b.At(m.Bot) })
	if m.Receiver != "" && recipient.ID == rules.Fallback && !there {
		return ""
	}
	return m.Bot
}

// chatsAt are those at a bot, or at all where none is named. One that several bots have is then told by one of them: rather by one that is configured
// still, and that it takes messages of; among these by the first bot, else by the one that it was connected to first.
func (r *Rules) chatsAt(chats []relay.Binding, bot string) []relay.Binding {
	if !slices.ContainsFunc(chats, func(b relay.Binding) bool { return b.Bot != "" || !b.At(bot) }) {
		return chats // as where there is one bot only
	}
	var out []relay.Binding
	for _, b := range chats {
		if !b.At(bot) {
			continue
		}
		i := slices.IndexFunc(out, func(other relay.Binding) bool {
			return other.ChatID == b.ChatID && other.MessageThreadID == b.MessageThreadID
		})
		switch {
		case i < 0:
			out = append(out, b)
		case r.better(b, out[i]):
			out[i] = b
		}
	}
	return out
}

// better reports whether a chat is rather told by the bot of b than by that of an older binding.
func (r *Rules) better(b, older relay.Binding) bool {
	if known := r.knows(b.Bot); known != r.knows(older.Bot) {
		return known
	}
	if active := b.State == relay.Active; active != (older.State == relay.Active) {
		return active
	}
	return b.Bot == ""
}

// knows reports whether a bot is configured.
func (r *Rules) knows(bot string) bool { return bot == "" || slices.Contains(r.Bots, bot) }

// tells reports whether a chat can be told now: its bot is configured, and it takes messages of it.
func (r *Rules) tells(b *relay.Binding) bool { return r.knows(b.Bot) && b.State == relay.Active }

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
	out.Bot, out.ChatID, out.MessageThreadID = b.Bot, b.ChatID, b.MessageThreadID
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

func notLinked(to, unlinked []string, bot string) error {
	at, flag := "", ""
	if bot != "" {
		at, flag = " at the bot "+bot, " --bot "+bot
	}
	e := &relay.Error{
		Code:   relay.CodeRecipientNotLinked,
		Detail: fmt.Sprintf("no chat is connected to %s%s; make a link with POST /api/v1/links or `tgrelay link%s`", strings.Join(unlinked, ", "), at, flag),
	}
	for i, id := range to {
		if slices.Contains(unlinked, id) {
			e.Fields = append(e.Fields, relay.FieldError{Pointer: fmt.Sprintf("/to/%d", i), Detail: "no chat is connected to " + id + at})
		}
	}
	return e
}
