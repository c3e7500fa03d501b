package markup

import (
	"net/url"
	"strings"
)

// Browser is t in HTML for a web page, as a Telegram client shows it: formatting as elements of HTML or with a class tg-…, links that a click may follow
// (http, https, mailto and tg; others are shown as their label), and what Telegram finds by itself (addresses, mentions, commands) as such. The text is escaped.
// The page has to keep white space (white-space: pre-wrap).
func (t Text) Browser() string {
	entities := make([]Entity, len(t.Entities))
	for i, e := range t.Entities {
		entities[i] = t.found(e)
	}
	t.Entities = entities
	p := browserPrinter{}
	walk(t.Text, printSpans(t), t.Entities, &p)
	return string(p.out)
}

// found makes of what Telegram found by itself the link or mention that it looks like.
func (t Text) found(e Entity) Entity {
	if kindOf(&e) != kindUnknown {
		return e
	}
	from := advance(t.Text, 0, e.Offset)
	label := t.Text[from : from+advance(t.Text[from:], 0, e.Length)]
	switch e.Type {
	case "url":
		if !strings.Contains(label, "://") {
			label = "http://" + label
		}
		e.Type, e.URL = TextLink, label
	case "email":
		e.Type, e.URL = TextLink, "mailto:"+label
	case "mention", "hashtag", "cashtag", "bot_command", "phone_number":
		e.Type = TextMention
	}
	return e
}

type browserPrinter struct {
	out   []byte
	block bool // a block ended just now: the line break behind it is the block's own
}

// browserTags are what each kind opens and closes with; links are made by themselves.
var browserTags = [kinds][2]string{
	kindQuote:      {"<blockquote>", "</blockquote>"},
	kindExpandable: {`<blockquote class="tg-expandable" tabindex="0">`, "</blockquote>"},
	kindPre:        {"<pre>", "</pre>"}, kindPreCode: {"<pre>", "</pre>"}, kindCode: {"<code>", "</code>"},
	kindDateTime: {`<span class="tg-time">`, "</span>"}, kindMention: {`<span class="tg-mention">`, "</span>"},
	kindBold: {"<b>", "</b>"}, kindItalic: {"<i>", "</i>"}, kindUnderline: {"<u>", "</u>"}, kindStrike: {"<s>", "</s>"},
	kindSpoiler: {`<span class="tg-spoiler" tabindex="0">`, "</span>"},
	kindEmoji:   {`<span class="tg-emoji">`, "</span>"},
}

func (p *browserPrinter) begin(s span, e *Entity) {
	switch {
	case s.kind == kindLink && followed(e.URL):
		p.out = append(p.out, `<a rel="noopener noreferrer nofollow" target="_blank" href="`...)
		p.out = append(appendHTML(p.out, e.URL), `">`...)
	case s.kind == kindLink:
		p.out = append(p.out, `<span class="tg-mention">`...)
	case s.kind == kindPreCode:
		p.out = append(p.out, `<pre data-language="`...)
		p.out = append(appendHTML(p.out, e.Language), `">`...)
	default:
		p.out = append(p.out, browserTags[s.kind][0]...)
	}
}

func (p *browserPrinter) end(s span, e *Entity) {
	switch {
	case s.kind == kindLink && followed(e.URL):
		p.out = append(p.out, "</a>"...)
	case s.kind == kindLink:
		p.out = append(p.out, "</span>"...)
	default:
		p.out = append(p.out, browserTags[s.kind][1]...)
	}
	p.block = s.kind.isQuote() || s.kind == kindPre || s.kind == kindPreCode
}

func (p *browserPrinter) text(s string) {
	if p.block {
		s, p.block = strings.TrimPrefix(s, "\n"), false
	}
	p.out = appendHTML(p.out, s)
}

// followed tells whether a click may follow an address: none that would run a script.
func followed(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https", "mailto", "tg":
		return true
	}
	return false
}
