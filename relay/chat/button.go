package chat

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// press is the data of the event button.pressed.
type press struct {
	Recipient         string     `json:"recipient"` // whose message it is
	Data              string     `json:"data"`      // the button's callback
	Chat              relay.Chat `json:"chat"`
	MessageID         relay.ID   `json:"message_id,omitzero"` // absent for what is forgotten already
	DeliveryID        relay.ID   `json:"delivery_id,omitzero"`
	TelegramMessageID int64      `json:"telegram_message_id"`
	From              presser    `json:"from"`
	CallbackQueryID   string     `json:"callback_query_id"`
}

// presser is who pressed.
type presser struct {
	UserID       int64  `json:"user_id"`
	Name         string `json:"name"`
	Username     string `json:"username,omitzero"`
	LanguageCode string `json:"language_code,omitzero"`
	Recipient    string `json:"recipient,omitzero"` // whom this person's private chat is connected to
}

// applicationButton makes the press of an application's button an event.
func (b *Bot) applicationButton(ctx context.Context, q *telegram.CallbackQuery) error {
	d, err := b.pressedOf(ctx, q.Message)
	if err != nil {
		return err
	}
	if d == nil || !b.EventsWanted() {
		b.Acknowledge(ctx, q.ID, "") // nobody is connected, or nobody wants to know
		return nil
	}
	from := presser{UserID: q.From.ID, Name: strings.TrimSpace(q.From.FirstName + " " + q.From.LastName), Username: q.From.Username, LanguageCode: q.From.LanguageCode}
	own, err := b.Directory.Bindings(ctx, b.Bot, q.From.ID, 0)
	if err != nil {
		return err
	}
	from.Recipient = b.ownOf(own, d.Recipient)
	data, err := json.Marshal(press{
		Recipient: d.Recipient, Data: q.Data, Chat: b.place(q.Message), MessageID: d.MessageID, DeliveryID: d.ID,
		TelegramMessageID: q.Message.MessageID, From: from, CallbackQueryID: q.ID,
	})
	if err != nil {
		return err
	}
	return b.Events.AddEvent(ctx, relay.Event{ID: eventID(ctx), Type: relay.ButtonPressed, Recipient: d.Recipient, At: time.Now(), Data: data})
}

// ownOf is the one of a person's own recipients that an application knows: whom its message is for, else the oldest of its namespace.
func (b *Bot) ownOf(own []relay.Binding, messages string) (recipient string) {
	for _, c := range own {
		switch {
		case c.Recipient == messages:
			return messages
		case recipient == "" && b.Namespace(c.Recipient) == b.Namespace(messages):
			recipient = c.Recipient
		}
	}
	return recipient
}

const (
	pressTries = 5
	pressWait  = 50 * time.Millisecond
)

// pressedOf is the delivery that a message is of. A quick finger may be there before the delivery's outcome is stored: that is waited for a
// moment. Of a message that is forgotten already only the chat's recipient is known; nil where there is none.
func (b *Bot) pressedOf(ctx context.Context, m *telegram.Message) (*relay.Delivery, error) {
	for try := 1; ; try++ {
		d, err := b.Outbox.DeliveryOf(ctx, b.Bot, m.Chat.ID, m.MessageID)
		if relay.ErrorCode(err) != relay.CodeNotFound || err == nil {
			return d, err
		}
		if try == pressTries {
			break
		}
		select {
		case <-time.After(pressWait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	bindings, err := b.Directory.Bindings(ctx, b.Bot, m.Chat.ID, topic(m))
	if err != nil || len(bindings) == 0 {
		return nil, err
	}
	return &relay.Delivery{Recipient: bindings[0].Recipient}, nil
}

// reply is what an application may answer to the event: what the person sees for a moment, and what becomes of the message.
type reply struct {
	Text    string          `json:"text"`
	Message json.RawMessage `json:"message"`
}

// PressedAt is the bot in whose chat the button of a button.pressed was pressed.
func PressedAt(e relay.Event) (bot string) {
	var p press
	_ = json.Unmarshal(e.Data, &p) // other events are nobody's
	return p.Chat.Bot
}

// EventAnswered acts upon an application's answer to a button.pressed. An answer that says nothing just ends the button's waiting sign.
func (b *Bot) EventAnswered(ctx context.Context, e relay.Event, body []byte) {
	var p press
	if e.Type != relay.ButtonPressed || json.Unmarshal(e.Data, &p) != nil {
		return
	}
	var r reply
	if err := json.Unmarshal(body, &r); err != nil && len(strings.TrimSpace(string(body))) > 0 {
		b.Log.Debug("the application's answer to button.pressed is no JSON object", "event", e.ID, "error", err)
	}
	b.Acknowledge(ctx, p.CallbackQueryID, shortened(r.Text))
	if len(r.Message) == 0 || string(r.Message) == "null" {
		return
	}
	d, err := b.Outbox.DeliveryOf(ctx, b.Bot, p.Chat.ChatID, p.TelegramMessageID)
	if err == nil {
		err = b.Change(ctx, d, r.Message)
	}
	if err != nil {
		b.Log.Warn("the application's new text for a message is not taken", "event", e.ID, "delivery", p.DeliveryID, "error", err)
	}
}

// EventMissed tells a person who pressed that the application does not answer now.
func (b *Bot) EventMissed(ctx context.Context, e relay.Event) {
	var p press
	if e.Type != relay.ButtonPressed || json.Unmarshal(e.Data, &p) != nil {
		return
	}
	m := &telegram.Message{From: &telegram.User{LanguageCode: p.From.LanguageCode}}
	text, err := b.text(m, "chat.button_later", nil)
	if err != nil {
		b.Log.Error("a template failed", "error", render.WithoutValues(err))
	}
	b.Acknowledge(ctx, p.CallbackQueryID, shortened(text.Text))
}

// maxToast is how many UTF-16 units answerCallbackQuery shows.
const maxToast = 200

func shortened(text string) string {
	return markup.Text{Text: text}.Truncate(maxToast).Text
}
