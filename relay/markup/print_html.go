package markup

import "strconv"

// HTML is t in Telegram's HTML. Parse gives t back; with Clean on both sides if t was not clean.
func (t Text) HTML() string {
	p := htmlPrinter{out: make([]byte, 0, len(t.Text)+len(t.Text)/4)}
	walk(t.Text, printSpans(t), t.Entities, &p)
	return string(p.out)
}

type htmlPrinter struct{ out []byte }

// htmlTags has the tags that need no attributes.
var htmlTags = [kinds]string{
	kindQuote: "blockquote", kindExpandable: "blockquote", kindPre: "pre", kindPreCode: "pre", kindCode: "code", kindDateTime: "tg-time",
	kindLink: "a", kindMention: "a", kindBold: "b", kindItalic: "i", kindUnderline: "u", kindStrike: "s", kindSpoiler: "tg-spoiler", kindEmoji: "tg-emoji",
}

func (p *htmlPrinter) begin(s span, e *Entity) {
	p.out = append(append(p.out, '<'), htmlTags[s.kind]...)
	switch s.kind {
	case kindLink:
		p.attribute("href", e.URL)
	case kindMention:
		p.attribute("href", mentionURL(e))
	case kindExpandable:
		p.out = append(p.out, " expandable"...)
	case kindPreCode:
		p.out = append(p.out, "><code"...)
		p.attribute("class", "language-"+e.Language)
	case kindEmoji:
		p.attribute("emoji-id", e.CustomEmojiID)
	case kindDateTime:
		p.attribute("unix", strconv.FormatInt(e.UnixTime, 10))
		if e.DateTimeFormat != "" {
			p.attribute("format", e.DateTimeFormat)
		}
	}
	p.out = append(p.out, '>')
}

func (p *htmlPrinter) attribute(name, value string) {
	p.out = append(append(append(p.out, ' '), name...), `="`...)
	p.out = append(appendHTML(p.out, value), '"')
}

func (p *htmlPrinter) end(s span, _ *Entity) {
	if s.kind == kindPreCode {
		p.out = append(p.out, "</code>"...)
	}
	p.out = append(append(append(p.out, "</"...), htmlTags[s.kind]...), '>')
}

func (p *htmlPrinter) text(s string) { p.out = appendHTML(p.out, s) }

func mentionURL(e *Entity) string {
	if e.User == nil {
		return "tg://user"
	}
	return "tg://user?id=" + strconv.FormatInt(e.User.ID, 10)
}

func appendHTML(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '"':
			b = append(b, "&quot;"...)
		default:
			b = append(b, c)
		}
	}
	return b
}
