package delivery

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// errEmpty is of a text that shows nothing, which Telegram would refuse.
var errEmpty = &telegram.Error{Method: "sendMessage", Reason: telegram.EmptyText, Description: "the text is empty"}

// next is the part to be sent: as many have arrived as there are message IDs. Splitting is the same at each start, so a
// restart goes on where it was.
func (a *attempt) next() (part markup.Text, last bool, err error) {
	if a.parts == nil {
		a.parts = a.job.Content.Text.Split(markup.MaxText, markup.MaxText)
	}
	i := len(a.job.TelegramMessageIDs)
	switch {
	case len(a.parts) == 0:
		return part, false, errEmpty
	case i >= len(a.parts):
		return part, true, nil // not reached: what has all its parts is sent
	}
	return a.parts[i], i == len(a.parts)-1, nil
}

// extras are those that the message has and that were not dropped.
func (a *attempt) extras() extras {
	var has extras
	c := &a.job.Content
	if len(c.Text.Entities) > 0 {
		has |= entities
	}
	if len(c.ReplyMarkup) > 0 {
		has |= replyMarkup
	}
	if len(c.LinkPreviewOptions) > 0 {
		has |= linkPreview
	}
	if a.job.MessageThreadID != 0 {
		has |= thread
	}
	return has &^ a.dropped
}

// params are sendMessage's for a part; the buttons stand under the last.
func (a *attempt) params(part markup.Text, last bool) telegram.SendMessage {
	c, left := &a.job.Content, a.extras()
	p := telegram.SendMessage{
		ChatID: a.job.ChatID, Text: part.Text,
		DisableNotification: c.DisableNotification, ProtectContent: c.ProtectContent,
	}
	if left&entities != 0 {
		p.Entities = part.Entities
	}
	if left&linkPreview != 0 {
		p.LinkPreviewOptions = c.LinkPreviewOptions
	}
	if left&thread != 0 {
		p.MessageThreadID = a.job.MessageThreadID
	}
	if left&replyMarkup != 0 && last {
		p.ReplyMarkup = usableMarkup(c.ReplyMarkup)
	}
	return p
}

// send makes the request for the next part, once. whole reports whether it was the last.
func (e *Engine) send(ctx context.Context, a *attempt) (messageID int64, whole bool, failed *telegram.Error) {
	part, last, err := a.next()
	var m *telegram.Message
	if err == nil {
		e.o.Outbox.Sending(a.job.ID)
		m, err = e.o.Client.SendMessage(ctx, a.params(part, last))
	}
	if err == nil {
		return m.MessageID, last, nil
	}
	failed, ok := errors.AsType[*telegram.Error](err)
	if !ok {
		failed = &telegram.Error{Method: "sendMessage", Reason: telegram.OutcomeUnknown, Description: "failed", Err: err} // not reached
	}
	return 0, false, failed
}

// usableMarkup is a reply_markup without the buttons that Telegram would refuse, and with them the whole message; nil if
// none is left. What is no inline keyboard stays as it is.
func usableMarkup(raw json.RawMessage) json.RawMessage {
	var keyboard map[string]json.RawMessage
	var rows [][]json.RawMessage
	if json.Unmarshal(raw, &keyboard) != nil || json.Unmarshal(keyboard["inline_keyboard"], &rows) != nil {
		return raw
	}
	var kept [][]json.RawMessage
	dropped := false
	for _, row := range rows {
		var usable []json.RawMessage
		for _, b := range row {
			if usableButton(b) {
				usable = append(usable, b)
			} else {
				dropped = true
			}
		}
		if len(usable) > 0 {
			kept = append(kept, usable)
		}
	}
	switch {
	case len(kept) == 0:
		return nil
	case !dropped:
		return raw
	}
	keyboard["inline_keyboard"], _ = json.Marshal(kept) // raw JSON that was read
	raw, _ = json.Marshal(keyboard)
	return raw
}

// maxCallbackData is InlineKeyboardButton.callback_data's limit, in bytes.
const maxCallbackData = 64

func usableButton(raw json.RawMessage) bool {
	var b struct {
		Text         string  `json:"text"`
		URL          *string `json:"url"`
		CallbackData *string `json:"callback_data"`
	}
	if json.Unmarshal(raw, &b) != nil || b.Text == "" {
		return false
	}
	if b.URL != nil {
		_, err := markup.CheckURL(*b.URL)
		return err == nil
	}
	return b.CallbackData == nil || len(*b.CallbackData) >= 1 && len(*b.CallbackData) <= maxCallbackData
}
