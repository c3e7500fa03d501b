package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

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
	Text string `json:"text"`
	URL  string `json:"url"`
}

// keyboard reads reply_markup: inline buttons that open an address.
func keyboard(o *Object) json.RawMessage {
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
			b.check(o, fmt.Sprintf("/reply_markup/inline_keyboard/%d/%d", i, j))
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

func (b button) check(o *Object, pointer string) {
	if b.Text == "" {
		o.FaultAt(pointer+"/text", "a button needs a text")
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
