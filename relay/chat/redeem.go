package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// welcome is the data of the welcome's template.
type welcome struct {
	Recipient string
	Private   bool
	Held      int64 // messages that waited and follow now
	Already   bool  // this link had connected this chat before
	Data      any   // the application's, with a template of its own
}

// redeem connects the chat of m by a token. The answer is stored in one step with the binding, so that a crash
// leaves either both or none, and what was held arrives after the welcome.
func (b *Bot) redeem(ctx context.Context, m *telegram.Message, token string) error {
	if !b.allowed(m.From) {
		b.Log.Warn("a person who is not in allowed_users tried to connect a chat", "chat_id", m.Chat.ID)
		return b.answer(ctx, m, "chat.not_allowed", nil)
	}
	var composed error
	redemption := relay.Redemption{Chat: b.place(m), Place: target(m), At: time.Now()}
	redemption.Answer = func(r relay.Redeemed) *relay.Message {
		if r.Already && !b.mayTell(m, true) {
			return nil
		}
		data := welcome{Recipient: r.Link.Recipient, Private: m.Chat.Type == "private", Held: r.Held, Already: r.Already}
		var answer *relay.Message
		if answer, composed = b.welcome(m, r.Link.Welcome, data); answer != nil {
			answer.Request = nextAnswer(ctx)
		}
		return answer
	}
	redeemed, err := b.Desk.Redeem(ctx, token, sender(m), redemption)
	if err != nil {
		return b.explain(ctx, m, err)
	}
	if composed != nil {
		b.Log.Error("the welcome could not be rendered; the chat is connected without one", "error", render.WithoutValues(composed))
	}
	if !redeemed.Already {
		b.Log.Info("a chat was connected", "recipient", redeemed.Link.Recipient, "chat_id", m.Chat.ID, "type", m.Chat.Type, "released", redeemed.Held)
	}
	return nil
}

// welcome is what whoever opened a link is told. Many may open theirs at once, which is to delay nobody's messages: it is of low priority,
// and the storage puts it before what was held for the recipient.
func (b *Bot) welcome(m *telegram.Message, own *relay.Welcome, data welcome) (answer *relay.Message, err error) {
	if own != nil {
		if answer, err = b.ownWelcome(m, own, data); err != nil {
			b.Log.Error("the welcome of a link could not be rendered; the usual one stands in", "template", own.Template, "error", render.WithoutValues(err))
		}
	}
	if answer == nil {
		answer, err = b.compose(m, "chat.welcome", data)
	}
	if err != nil {
		return nil, err
	}
	setPriority(answer, relay.Low)
	return answer, nil
}

// ownWelcome is an application's.
func (b *Bot) ownWelcome(m *telegram.Message, own *relay.Welcome, data welcome) (*relay.Message, error) {
	if len(own.Data) > 0 {
		numbers := json.NewDecoder(bytes.NewReader(own.Data))
		numbers.UseNumber()
		if err := numbers.Decode(&data.Data); err != nil {
			return nil, err
		}
		data.Data = render.Numbers(data.Data)
	}
	return b.compose(m, own.Template, data)
}

// explain answers a redemption that did not come about. Used, expired, revoked and unknown tokens are told alike.
func (b *Bot) explain(ctx context.Context, m *telegram.Message, err error) error {
	private := m.Chat.Type == "private"
	if other, is := errors.AsType[onboarding.OtherBot](err); is {
		if !private {
			return nil // the one that is meant reads it too, and answers
		}
		return b.answer(ctx, m, "chat.other_bot", other.Username)
	}
	switch relay.ErrorCode(err) {
	case relay.CodeLinkNotOpen:
		return b.answer(ctx, m, "chat.link_not_open", nil)
	case relay.CodeWrongPlace:
		return b.answer(ctx, m, "chat.wrong_place", private)
	case relay.CodeRateLimited:
		var limited *relay.Error
		errors.As(err, &limited)
		return b.answer(ctx, m, "chat.slow_down", int(limited.RetryAfter.Seconds())+1)
	}
	return err
}

// target is the kind of link that works in the chat of m. A channel is connected like a group.
func target(m *telegram.Message) relay.Target {
	if m.Chat.Type == "private" {
		return relay.TargetPrivate
	}
	return relay.TargetGroup
}

// sender is whose tries are counted: the person, or the channel.
func sender(m *telegram.Message) int64 {
	if m.From != nil {
		return m.From.ID
	}
	return m.Chat.ID
}
