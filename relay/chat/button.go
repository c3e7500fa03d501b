package chat

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// press is the data of the event button.pressed.
type press struct {
	Recipient         string     `json:"recipient"` // whose message it is
	Data              string     `json:"data"`      // the button's callback
	Chat              relay.Chat `json:"chat"`
	MessageID         relay.ID   `json:"message_id"`
	DeliveryID        relay.ID   `json:"delivery_id"`
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
	d, err := b.Outbox.DeliveryOf(ctx, q.Message.Chat.ID, q.Message.MessageID)
	if relay.ErrorCode(err) == relay.CodeNotFound || err == nil && !b.EventsWanted() {
		b.Acknowledge(ctx, q.ID, "") // its message is forgotten, or nobody wants to know
		return nil
	}
	if err != nil {
		return err
	}
	from := presser{UserID: q.From.ID, Name: strings.TrimSpace(q.From.FirstName + " " + q.From.LastName), Username: q.From.Username, LanguageCode: q.From.LanguageCode}
	own, err := b.Directory.Bindings(ctx, q.From.ID, 0)
	if err != nil {
		return err
	}
	if len(own) > 0 {
		from.Recipient = own[0].Recipient
	}
	data, err := json.Marshal(press{
		Recipient: d.Recipient, Data: q.Data, Chat: place(q.Message), MessageID: d.MessageID, DeliveryID: d.ID,
		TelegramMessageID: q.Message.MessageID, From: from, CallbackQueryID: q.ID,
	})
	if err != nil {
		return err
	}
	return b.Events.AddEvent(ctx, relay.Event{ID: relay.NewID(), Type: relay.ButtonPressed, Recipient: d.Recipient, At: time.Now(), Data: data})
}

// reply is what an application may answer to the event: what the person sees for a moment, and what becomes of the message.
type reply struct {
	Text    string          `json:"text"`
	Message json.RawMessage `json:"message"`
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
	d, err := b.Outbox.DeliveryOf(ctx, p.Chat.ChatID, p.TelegramMessageID)
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
		b.Log.Error("a template failed", "error", err)
	}
	b.Acknowledge(ctx, p.CallbackQueryID, shortened(text.Text))
}

// maxToast is how many UTF-16 units answerCallbackQuery shows.
const maxToast = 200

func shortened(text string) string {
	return markup.Text{Text: text}.Truncate(maxToast).Text
}
