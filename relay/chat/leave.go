package chat

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/telegram"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// What the buttons of a question say when they are pressed. ownData begins what is the bot's own among all buttons.
const (
	ownData = "tgrelay:"
	yesStop = ownData + "stop "
	yesWipe = ownData + "forget "
	no      = ownData + "no "
)

// question is asked before something is done that cannot be taken back.
type question struct {
	template string
	yes      string
	Private  bool
	Chats    []string // recipients that are connected here
}

// stop asks whether to disconnect the chat.
func (b *Bot) stop(ctx context.Context, m *telegram.Message, _ string) error {
	return b.ask(ctx, m, question{template: "chat.stop_ask", yes: yesStop})
}

// forget asks whether to delete everything about the chat.
func (b *Bot) forget(ctx context.Context, m *telegram.Message, _ string) error {
	return b.ask(ctx, m, question{template: "chat.forget_ask", yes: yesWipe})
}

// ask stores a question with two buttons. The answer to it takes its place: both are one live message, whose key is in the buttons.
// In a group it concerns everybody, so an administrator has to ask and to answer.
func (b *Bot) ask(ctx context.Context, m *telegram.Message, q question) error {
	if may, err := b.mayDecide(ctx, m); err != nil || !may {
		return b.refuse(ctx, m, err)
	}
	bindings, err := b.bindings(ctx, m)
	if err != nil {
		return err
	}
	if len(bindings) == 0 && q.yes == yesStop {
		return b.answer(ctx, m, "chat.stop", nil)
	}
	q.Private = m.Chat.Type == "private"
	for _, binding := range bindings {
		q.Chats = append(q.Chats, binding.Recipient)
	}
	asked, err := b.compose(m, q.template, q)
	if err != nil {
		return err
	}
	key := relay.NewID().String()
	asked.Key, asked.OnUpdate = key, relay.Edit
	if asked.Content.ReplyMarkup, err = b.buttons(m, q.yes+key, no+key); err != nil {
		return err
	}
	return b.tell(ctx, m, asked, len(bindings) > 0)
}

// inlineButton is the Bot API's InlineKeyboardButton.
type inlineButton struct {
	Text         string `json:"text"`
	CallbackData string `json:"callback_data"`
}

// buttons are a yes and a no, in one row.
func (b *Bot) buttons(m *telegram.Message, yes, no string) (json.RawMessage, error) {
	var row []inlineButton
	for _, button := range [][2]string{{"chat.yes", yes}, {"chat.no", no}} {
		text, err := b.text(m, button[0], nil)
		if err != nil {
			return nil, err
		}
		row = append(row, inlineButton{text.Text, button[1]})
	}
	return json.Marshal(map[string]any{"inline_keyboard": [][]inlineButton{row}})
}

// pressed acts upon a button of the bot's own. Whoever presses it must be one who may decide.
func (b *Bot) pressed(ctx context.Context, q *telegram.CallbackQuery) error {
	number, calls := intake.CallOf(q.Data)
	switch {
	case q.Message == nil:
		b.Acknowledge(ctx, q.ID, "")
		return nil
	case calls:
		return b.callButton(ctx, q, number)
	case strings.HasPrefix(q.Data, thread.OwnButton):
		return b.alertButton(ctx, q)
	case strings.HasPrefix(q.Data, listButton):
		return b.turned(ctx, q)
	case !strings.HasPrefix(q.Data, ownData):
		return b.applicationButton(ctx, q)
	}
	pressed := *q.Message
	pressed.From, pressed.SenderChat = &q.From, nil
	m := b.inLocale(ctx, &pressed)
	if may, err := b.mayPress(ctx, m); err != nil || !may {
		if err != nil {
			b.Log.Warn("cannot ask Telegram who is an administrator", "chat_id", m.Chat.ID, "error", err)
		}
		text, err := b.text(m, "chat.administrators_only", nil)
		b.Acknowledge(ctx, q.ID, text.Text)
		return err
	}
	err := b.decided(ctx, m, q.Data)
	if err == nil {
		b.Acknowledge(ctx, q.ID, "")
	}
	return err
}

// mayPress reports whether a person may answer a question of the bot's. Every reader of a channel sees its buttons.
func (b *Bot) mayPress(ctx context.Context, m *telegram.Message) (bool, error) {
	if m.Chat.Type == "private" {
		return true, nil
	}
	return b.IsAdmin(ctx, m.Chat.ID, m.From.ID)
}

func (b *Bot) decided(ctx context.Context, m *telegram.Message, data string) error {
	if key, ok := strings.CutPrefix(data, yesStop); ok {
		freed, err := b.Directory.UnbindChat(ctx, b.Bot, m.Chat.ID, topic(m))
		if err != nil {
			return err
		}
		b.Log.Info("a chat was disconnected by /stop", "chat_id", m.Chat.ID, "recipients", freed)
		return b.replace(ctx, m, key, "chat.stop", freed)
	}
	if strings.HasPrefix(data, yesWipe) {
		gone, err := b.Directory.ForgetChat(ctx, b.Bot, m.Chat.ID)
		if err != nil {
			return err
		}
		b.Log.Info("a chat was forgotten by /forget", "chat_id", m.Chat.ID, "bindings", gone.Bindings, "deliveries", gone.Deliveries)
		return b.answer(ctx, m, "chat.forget", gone) // the question is forgotten too
	}
	if key, ok := strings.CutPrefix(data, no); ok {
		return b.replace(ctx, m, key, "chat.stay", nil)
	}
	return nil
}

// replace puts an answer in the place of its question.
func (b *Bot) replace(ctx context.Context, m *telegram.Message, key, template string, data any) error {
	answer, err := b.compose(m, template, data)
	if err != nil {
		return err
	}
	answer.Key, answer.OnUpdate = key, relay.Edit
	return b.Outbox.Accept(ctx, once(ctx, answer))
}
