// Package look shows messages in web pages as Telegram's clients do: the console's and the simulator's. Pages link the sheet CSS and put HTML into an element of class
// tg-text, within one of class tg-bubble.
package look

import (
	_ "embed"
	"html/template"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// CSS is the sheet for what stands in a bubble, by day and by night. It reads the page's colour scheme.
//
//go:embed look.css
var CSS string

// HTML is a text with its entities for a page. What the text says is escaped.
func HTML(t markup.Text) template.HTML {
	return template.HTML(t.Browser()) // Browser escapes
}
