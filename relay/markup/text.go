package markup

import "slices"

// Text is what a person sees: characters without markup, and the entities over them.
// It is what is stored and what is sent (sendMessage's text and entities), so Telegram has nothing to parse.
type Text struct {
	Text     string   `json:"text"`
	Entities []Entity `json:"entities,omitempty"`
}

// Append puts other texts behind one another.
func (t Text) Append(others ...Text) Text {
	at := t.Len()
	t.Entities = slices.Clip(t.Entities)
	for _, o := range others {
		for _, e := range o.Entities {
			e.Offset += at
			t.Entities = append(t.Entities, e)
		}
		t.Text += o.Text
		at += o.Len()
	}
	return t
}

// Mode names a markup language by Telegram's parse_mode.
type Mode string

// The modes. Plain is the absence of markup: "" in the Bot API, "none" in relay.toml.
const (
	Plain      Mode = ""
	MarkdownV2 Mode = "MarkdownV2"
	HTML       Mode = "HTML"
	Markdown   Mode = "Markdown"
)
