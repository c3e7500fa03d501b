package chat

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// selfService is the data of the template chat.self.
type selfService struct {
	Recipient string
	Token     string
	URL       string // of the relay
}

// serves reports whether the writer of m may have a recipient and token of one's own.
func (b *Bot) serves(m *telegram.Message) bool {
	return b.SelfService() && m.Chat.Type == "private" && m.From != nil && b.allowed(m.From)
}

// welcomeSelf makes a recipient and a token for somebody who starts the bot without a link; who has both is told what is connected. Who has them
// by another bot keeps the token, which would be lost to whatever sends with it.
func (b *Bot) welcomeSelf(ctx context.Context, m *telegram.Message, bindings []relay.Binding) error {
	own := relay.OwnRecipient(m.Chat.ID)
	if slices.ContainsFunc(bindings, func(c relay.Binding) bool { return c.Recipient == own }) {
		return b.answer(ctx, m, "chat.status", bindings)
	}
	elsewhere, err := b.atAnother(ctx, m)
	if err != nil {
		return err
	}
	if elsewhere {
		return b.joinSelf(ctx, m)
	}
	if !b.mayTell(m, len(bindings) > 0) {
		return nil
	}
	// The token comes first: once the chat is connected, one that was lost on the way would not be missed.
	if err := b.newToken(ctx, m); err != nil {
		return err
	}
	b.Log.Info("a person made a recipient of one's own", "recipient", own)
	return b.Directory.Bind(ctx, own, b.place(m), time.Now())
}

// atAnother reports whether the writer of m has a recipient of one's own by another bot.
func (b *Bot) atAnother(ctx context.Context, m *telegram.Message) (bool, error) {
	own, err := b.Directory.Recipient(ctx, relay.OwnRecipient(m.Chat.ID))
	if relay.ErrorCode(err) == relay.CodeUnknownRecipient {
		return false, nil
	}
	return err == nil && slices.ContainsFunc(own.Chats, func(c relay.Binding) bool { return c.Bot != b.Bot && c.ChatID == m.Chat.ID }), err
}

// joinSelf connects the chat to the recipient that its person has by another bot.
func (b *Bot) joinSelf(ctx context.Context, m *telegram.Message) error {
	if err := b.Directory.Bind(ctx, relay.OwnRecipient(m.Chat.ID), b.place(m), time.Now()); err != nil {
		return err
	}
	bindings, err := b.bindings(ctx, m)
	if err != nil {
		return err
	}
	return b.answer(ctx, m, "chat.status", bindings)
}

// token makes a new token; the old one works no longer.
func (b *Bot) token(ctx context.Context, m *telegram.Message, _ string) error {
	if !b.serves(m) {
		return b.unknown(ctx, m)
	}
	bindings, err := b.Directory.Bindings(ctx, b.Bot, m.Chat.ID, 0)
	if err != nil {
		return err
	}
	own := relay.OwnRecipient(m.Chat.ID)
	here := slices.ContainsFunc(bindings, func(c relay.Binding) bool { return c.Recipient == own })
	elsewhere := false
	if !here {
		if elsewhere, err = b.atAnother(ctx, m); err != nil {
			return err
		}
	}
	if !here && !elsewhere {
		return b.welcomeSelf(ctx, m, bindings)
	}
	if !b.mayTell(m, true) {
		return nil
	}
	if err := b.newToken(ctx, m); err != nil || here {
		return err
	}
	return b.Directory.Bind(ctx, own, b.place(m), time.Now())
}

// newToken tells the token in the chat, the only time that it is seen; its message is taken out of the storage once it was sent.
func (b *Bot) newToken(ctx context.Context, m *telegram.Message) error {
	random := make([]byte, 24)
	rand.Read(random) // never fails: crypto/rand
	token := base64.RawURLEncoding.EncodeToString(random)
	own := relay.OwnRecipient(m.Chat.ID)
	answer, err := b.compose(m, "chat.self", selfService{own, token, b.BaseURL()})
	if err != nil {
		return err
	}
	answer.Content.Secret = true
	return b.Senders.SetSender(ctx, own, onboarding.Hash(token), time.Now(), once(ctx, answer))
}
