package intake

import (
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// fit does with a text that is too long for one message what [delivery] long_text says. Left alone, it is sent in parts.
func fit(c *relay.Content, longText string) { fitAbove(c, longText, markup.Text{}) }

// fitAbove does so with a text that stands above a shorter one which must be seen whole.
func fitAbove(c *relay.Content, longText string, below markup.Text) {
	whole := c.Text.Append(below)
	if whole.Len() <= markup.MaxText && len(whole.Entities) <= markup.MaxEntities || longText != "document" && longText != "truncate" {
		c.Text = whole
		return
	}
	if longText == "document" {
		c.Attachment = attachment(whole)
	}
	c.Text = c.Text.Truncate(max(markup.MaxText/2, markup.MaxText-below.Len())).Append(below)
}

// attachment is the whole text as a file: as a page where there is something to be marked, else as plain text.
func attachment(t markup.Text) *relay.Attachment {
	if len(t.Entities) == 0 {
		return &relay.Attachment{Name: "message.txt", Content: t.Text + "\n"}
	}
	const head = "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>Message</title>\n<body style=\"white-space: pre-wrap\">"
	return &relay.Attachment{Name: "message.html", Content: head + t.HTML() + "</body>\n"}
}
