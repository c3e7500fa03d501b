package simulator

import (
	"encoding/json"
	"errors"

	"github.com/tgrelay/tgrelay/relay/markup"
)

type inlineButton struct {
	Text         string  `json:"text"`
	URL          *string `json:"url"`
	CallbackData *string `json:"callback_data"`
	CopyText     *struct {
		Text string `json:"text"`
	} `json:"copy_text"`
}

// readKeyboard checks reply_markup. Other keyboards than inline ones are taken as they are.
func readKeyboard(a *arguments) (json.RawMessage, *answer) {
	text := a.text("reply_markup")
	if text == "" {
		return nil, nil
	}
	var object struct {
		InlineKeyboard *[][]inlineButton `json:"inline_keyboard"`
	}
	if json.Unmarshal([]byte(text), &object) != nil {
		return nil, failed(400, "Bad Request: can't parse reply keyboard markup JSON object")
	}
	if object.InlineKeyboard == nil {
		return json.RawMessage(text), nil
	}
	count := 0
	for _, row := range *object.InlineKeyboard {
		for _, b := range row {
			count++
			if refusal := b.check(); refusal != nil {
				return nil, refusal
			}
		}
	}
	if count == 0 {
		return nil, nil
	}
	return json.RawMessage(text), nil
}

func (b inlineButton) check() *answer {
	switch {
	case b.Text == "":
		return failed(400, "Bad Request: inline keyboard button text must be non-empty")
	case b.URL != nil:
		return b.checkURL()
	case b.CallbackData != nil:
		if n := len(*b.CallbackData); n < 1 || n > maxData {
			return failed(400, "Bad Request: BUTTON_DATA_INVALID")
		}
		return nil
	case b.CopyText != nil:
		if n := units(b.CopyText.Text); n < 1 || n > 256 {
			return failed(400, "Bad Request: BUTTON_COPY_TEXT_INVALID")
		}
		return nil
	}
	return failed(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
}

func (b inlineButton) checkURL() *answer {
	_, err := markup.CheckURL(*b.URL)
	if err == nil {
		return nil
	}
	var why *markup.URLError
	if errors.As(err, &why) {
		return failed(400, "Bad Request: %s", why.For("inline keyboard button"))
	}
	return failed(400, "Bad Request: BUTTON_URL_INVALID")
}
