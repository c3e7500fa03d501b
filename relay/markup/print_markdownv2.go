package markup

import (
	"strconv"
	"strings"
)

// MarkdownV2 is t in MarkdownV2. Parse gives t back, with Clean on both sides, as far as that language can say it: a
// quote must begin a line and takes the line break behind it; what is in it ends before that; a language has no space and no backtick.
func (t Text) MarkdownV2() string {
	p := v2Printer{out: make([]byte, 0, len(t.Text)+len(t.Text)/4)}
	walk(t.Text, fitQuotes(t.Text, printSpans(t)), t.Entities, &p)
	return string(p.out)
}

type v2Printer struct {
	out     []byte
	open    []kind
	quoted  bool
	mark    bool // the last byte of out is a mark
	between bool // the last character was the line break that ended a quote
}

// v2Marks has the marks that are the same at both ends.
var v2Marks = [kinds]string{
	kindPre: "```", kindPreCode: "```", kindCode: "`", kindBold: "*", kindItalic: "_", kindUnderline: "__", kindStrike: "~", kindSpoiler: "||",
}

func (p *v2Printer) begin(s span, e *Entity) {
	switch s.kind {
	case kindQuote, kindExpandable:
		if p.between {
			p.separate() // or else the quote before would go on
		}
		p.put(">")
		p.quoted = true
	case kindLink, kindMention:
		p.put("[")
	case kindEmoji, kindDateTime:
		p.put("![")
	default:
		p.put(v2Marks[s.kind])
	}
	p.open = append(p.open, s.kind)
	if s.kind == kindPreCode {
		p.put(strings.Map(inLanguage, e.Language))
	}
	if s.kind == kindPreCode || s.kind == kindPre {
		p.put("\n")
	}
}

func inLanguage(r rune) rune {
	if r == '`' || r < 0x80 && isSpace(byte(r)) {
		return -1
	}
	return r
}

func (p *v2Printer) end(s span, e *Entity) {
	p.open = p.open[:len(p.open)-1]
	switch s.kind {
	case kindQuote:
		p.quoted = false
	case kindExpandable:
		p.put("||")
		p.quoted = false
	case kindLink:
		p.target(e.URL)
	case kindMention:
		p.target(mentionURL(e))
	case kindEmoji:
		p.target("tg://emoji?id=" + e.CustomEmojiID)
	case kindDateTime:
		url := "tg://time?unix=" + strconv.FormatInt(e.UnixTime, 10)
		if e.DateTimeFormat != "" {
			url += "&format=" + e.DateTimeFormat
		}
		p.target(url)
	default:
		p.put(v2Marks[s.kind])
	}
	p.between = s.kind.isQuote()
}

// put writes a mark. An underscore behind an underscore would be read as one mark.
func (p *v2Printer) put(mark string) {
	if mark == "" {
		return
	}
	if mark[0] == '_' && p.mark && p.out[len(p.out)-1] == '_' {
		p.separate()
	}
	p.out = append(p.out, mark...)
	p.mark, p.between = true, false
}

// separate writes an entity without content: not of the innermost kind, whose end its first mark would be.
func (p *v2Printer) separate() {
	if n := len(p.open); n > 0 && p.open[n-1] == kindBold {
		p.out = append(p.out, "~~"...)
	} else {
		p.out = append(p.out, "**"...)
	}
}

func (p *v2Printer) target(url string) {
	p.put("](")
	for i := range len(url) {
		if c := url[i]; c == ')' || c == '\\' {
			p.out = append(p.out, '\\')
		}
		p.out = append(p.out, url[i])
	}
	p.put(")")
}

func (p *v2Printer) text(s string) {
	code := len(p.open) > 0 && v2Marks[p.open[len(p.open)-1]] != "" && p.open[len(p.open)-1] <= kindCode
	if code && s[0] == '\r' && p.mark {
		p.out = append(p.out, '\\') // or else it would be part of the line break after ```
	}
	ended := p.between && s == "\n"
	for i := range len(s) {
		c := s[i]
		if bits := special[c]; c != '\n' && (bits&inText != 0 && !code || bits&inCode != 0) {
			p.out = append(p.out, '\\')
		}
		p.out = append(p.out, c)
		if c == '\n' && p.quoted && !code {
			p.out = append(p.out, '>')
		}
	}
	p.mark, p.between = false, ended
}
