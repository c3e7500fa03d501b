package console

import (
	"encoding/json"
	"html/template"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/look"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// bubble is a message as it looks in Telegram. Pictures are named, not fetched: a page loads nothing from elsewhere.
type bubble struct {
	Parts  []template.HTML // each a message of its own
	Files  []file
	Rows   [][]button
	Silent bool
}

type file struct{ Kind, Name string }

// button is one below a message. It does nothing here.
type button struct{ Text, URL string }

// bubbleOf shows what is sent of a content.
func bubbleOf(c relay.Content) bubble {
	b := bubble{Silent: c.DisableNotification, Rows: buttonsOf(c.ReplyMarkup)}
	if c.Secret {
		c.Text = markup.Text{Text: "(a secret)", Entities: []markup.Entity{{Type: markup.Italic, Length: len("(a secret)")}}}
	}
	media := c.Album
	if c.Media != nil {
		media = append([]relay.Media{*c.Media}, media...)
	}
	first := markup.MaxText
	for _, m := range media {
		first = markup.MaxCaption
		b.Files = append(b.Files, fileOf(m))
	}
	for _, part := range c.Text.Split(first, markup.MaxText) {
		b.Parts = append(b.Parts, look.HTML(part))
	}
	if c.Attachment != nil {
		b.Files = append(b.Files, file{"document", c.Attachment.Name})
	}
	return b
}

func fileOf(m relay.Media) file {
	name := m.Name
	if name == "" {
		name = m.URL
	}
	return file{string(m.Kind), name}
}

func buttonsOf(replyMarkup json.RawMessage) (rows [][]button) {
	var m struct {
		InlineKeyboard [][]struct {
			Text string `json:"text"`
			URL  string `json:"url"`
		} `json:"inline_keyboard"`
	}
	if json.Unmarshal(replyMarkup, &m) != nil {
		return nil // there are none
	}
	for _, row := range m.InlineKeyboard {
		var shown []button
		for _, b := range row {
			shown = append(shown, button{b.Text, b.URL})
		}
		rows = append(rows, shown)
	}
	return rows
}
