package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// Telegram takes at most 100 buttons in a keyboard, eight in a row.
const (
	maxButtons = 100
	maxRow     = 8
)

type inlineKeyboard struct {
	InlineKeyboard [][]button `json:"inline_keyboard"`
}

type button struct {
	Text         string    `json:"text"`
	URL          string    `json:"url,omitempty"`
	Callback     string    `json:"callback,omitempty"` // our name for it: whoever hears of the press is the application
	CallbackData string    `json:"callback_data,omitempty"`
	CopyText     *copyText `json:"copy_text,omitempty"`
}

// copyText is the Bot API's CopyTextButton.
type copyText struct {
	Text string `json:"text"`
}

// OwnButton begins the data of the bot's own buttons.
const OwnButton = "tgrelay:"

// maxCopy is Telegram's limit of what a button copies, in UTF-16 units.
const maxCopy = 256

// maxCallback is Telegram's limit, in bytes.
const maxCallback = 64

// keyboard reads reply_markup: inline buttons that open an address, or whose press the application hears of (event button.pressed).
func keyboard(o *Object, rules *Rules) json.RawMessage {
	raw := o.Raw("reply_markup")
	if raw == nil {
		return nil
	}
	var k inlineKeyboard
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&k); err != nil {
		o.Fault("reply_markup", `{"inline_keyboard": [[{"text": "…", "url": "https://…"}]]} is wanted: %s`, wanted(err))
		return nil
	}
	count := 0
	for i, row := range k.InlineKeyboard {
		for j, b := range row {
			count++
			b.check(o, rules, fmt.Sprintf("/reply_markup/inline_keyboard/%d/%d", i, j))
			row[j].Callback, row[j].CallbackData = "", b.Callback
		}
		if len(row) > maxRow {
			o.FaultAt(fmt.Sprintf("/reply_markup/inline_keyboard/%d", i), fmt.Sprintf("a row has at most %d buttons", maxRow))
		}
	}
	if count == 0 || count > maxButtons {
		o.Fault("reply_markup", "1 to %d buttons are wanted", maxButtons)
	}
	out, err := json.Marshal(k)
	if err != nil {
		o.Fault("reply_markup", "%s", err)
	}
	return out
}

func (b button) check(o *Object, rules *Rules, pointer string) {
	if b.Text == "" {
		o.FaultAt(pointer+"/text", "a button needs a text")
	}
	switch {
	case b.CallbackData != "":
		o.FaultAt(pointer+"/callback_data", "callback is wanted: its press becomes an event button.pressed")
	case b.CopyText != nil:
		if n := (markup.Text{Text: b.CopyText.Text}).Len(); n < 1 || n > maxCopy {
			o.FaultAt(pointer+"/copy_text/text", fmt.Sprintf("1 to %d characters are wanted", maxCopy))
		}
		if b.URL != "" || b.Callback != "" {
			o.FaultAt(pointer+"/copy_text", "copy_text excludes url and callback")
		}
		return
	case b.Callback == "":
	case b.URL != "":
		o.FaultAt(pointer+"/callback", "url and callback exclude each other")
	case len(b.Callback) > maxCallback || strings.HasPrefix(b.Callback, OwnButton):
		o.FaultAt(pointer+"/callback", fmt.Sprintf("1 to %d bytes are wanted, not beginning with %s", maxCallback, OwnButton))
	case !rules.Events:
		o.FaultAt(pointer+"/callback", "nobody would hear of the press: set url and secret_file in [events] of relay.toml")
	}
	if b.Callback != "" || b.CallbackData != "" {
		return
	}
	if _, err := markup.CheckURL(b.URL); err != nil {
		o.FaultAt(pointer+"/url", fmt.Sprintf("Telegram takes no link to %.200q: %s", b.URL, err))
	}
}

// previewOptions are the Bot API's LinkPreviewOptions.
type previewOptions struct {
	IsDisabled       bool   `json:"is_disabled,omitempty"`
	URL              string `json:"url,omitempty"`
	PreferSmallMedia bool   `json:"prefer_small_media,omitempty"`
	PreferLargeMedia bool   `json:"prefer_large_media,omitempty"`
	ShowAboveText    bool   `json:"show_above_text,omitempty"`
}

func linkPreview(o *Object) json.RawMessage {
	raw := o.Raw("link_preview_options")
	if raw == nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var options previewOptions
	if err := dec.Decode(&options); err != nil {
		o.Fault("link_preview_options", "the Bot API's LinkPreviewOptions are wanted: %s", wanted(err))
		return nil
	}
	return slices.Clone(raw)
}
