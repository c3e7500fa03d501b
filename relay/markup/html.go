package markup

import (
	"strings"
	"unicode/utf8"
)

// HTML, as Telegram knows it: a handful of tags, each of which must be closed by its own end tag.

type html struct {
	builder
	src       string
	pos       int
	open      []element
	last      [tags]int32 // the innermost open of each tag, as index into open plus 1
	surrogate bool        // a reference to half a character was decoded
	runaways  int
}

// maxRunaways bounds the tags a lenient parser reads to the end of the text in vain, which makes it linear.
const maxRunaways = 64

// element is an open tag.
type element struct {
	place
	tag
	at     int32 // byte offset in the source
	hint   int32
	before int32 // the open element of the same tag before it
}

func newHTML(s string, lenient bool) *html {
	return &html{builder: newBuilder(len(s), lenient), src: s}
}

func (p *html) parse() error {
	for p.pos < len(p.src) {
		i := p.pos
		for i < len(p.src) && !p.special(p.src[i]) {
			i++
		}
		p.text(p.src[p.pos:i])
		p.pos = i
		if i == len(p.src) {
			break
		}
		if err := p.step(p.src[i]); err != nil {
			return err
		}
	}
	return p.end()
}

func (p *html) special(c byte) bool {
	return c == '<' || c == '&' || c == borderLead && p.lenient
}

func (p *html) step(c byte) error {
	switch {
	case c == '&':
		p.reference()
	case c == borderLead:
		p.border()
	case p.pos+1 < len(p.src) && p.src[p.pos+1] == '/':
		return p.endTag()
	default:
		return p.startTag()
	}
	return nil
}

func (p *html) border() {
	if borderAt(p.src, p.pos) != 0 {
		p.pos = p.inlay(p.src, p.pos)
		return
	}
	_, n := utf8.DecodeRuneInString(p.src[p.pos:])
	p.text(p.src[p.pos : p.pos+n])
	p.pos += n
}

func (p *html) reference() {
	r, n := reference(p.src[p.pos:])
	if n == 0 {
		p.ascii('&')
		p.pos++
		return
	}
	if r >= 0xD800 && r <= 0xDFFF {
		p.surrogate = true
		r = utf8.RuneError
	}
	p.out = utf8.AppendRune(p.out, r)
	p.units++
	if r > 0xFFFF {
		p.units++
	}
	p.pos += n
}

// reference decodes the character reference that s begins with; n is its length, 0 if it is none.
func reference(s string) (r rune, n int) {
	if strings.HasPrefix(s, "&#") {
		return numeric(s)
	}
	n = 1
	for n < len(s) && isAlpha(s[n]) {
		n++
	}
	switch s[1:n] {
	case "lt":
		r = '<'
	case "gt":
		r = '>'
	case "amp":
		r = '&'
	case "quot":
		r = '"'
	default:
		return 0, 0
	}
	return r, semicolon(s, n)
}

// numeric decodes &#N; or &#xH; of at most nine characters before the semicolon.
func numeric(s string) (r rune, n int) {
	base := rune(10)
	if n = 2; n < len(s) && s[n] == 'x' {
		base = 16
		n++
	}
	for n < len(s) && n < 10 && (isDigit(s[n]) || base == 16 && isHex(s[n])) {
		r = r*base + digit(s[n])
		n++
	}
	if r == 0 || r >= utf8.MaxRune || n >= 10 {
		return 0, 0
	}
	return r, semicolon(s, n)
}

func digit(c byte) rune {
	if isDigit(c) {
		return rune(c - '0')
	}
	return rune(c|0x20-'a') + 10
}

func semicolon(s string, n int) int {
	if n < len(s) && s[n] == ';' {
		return n + 1
	}
	return n
}

func (p *html) startTag() error {
	t, end, err := p.readTag()
	if err == nil && len(p.open) == maxOpen {
		err = failureAt(tooDeep, p.pos, "")
	}
	if err != nil {
		if !p.lenient {
			return err
		}
		p.ascii('<')
		p.pos++
		return nil
	}
	e := element{tag: t, at: int32(p.pos), before: p.last[t.name]}
	if p.lenient {
		e.hint = int32(p.hint(bare(p.src[p.pos:end])))
	}
	e.place = p.here()
	p.open = append(p.open, e)
	p.last[t.name] = int32(len(p.open))
	p.pos = end
	return nil
}

func (p *html) endTag() error {
	if !p.lenient && len(p.open) == 0 {
		return failureAt("Unexpected end tag", p.pos, "")
	}
	i := p.nameEnd(p.pos + 2)
	name := p.src[p.pos+2 : i]
	i = p.skipSpace(i)
	closed := p.at(i) == '>'
	if p.lenient {
		p.lenientEnd(name, i+1, closed)
		return nil
	}
	if !closed {
		return failureAt("Unclosed end tag", p.pos, "")
	}
	top := p.open[len(p.open)-1]
	if name = lowerASCII(name); name != "" && name != tagNames[top.name] {
		return failureAt("Unmatched end tag", p.pos, `, expected "</`+tagNames[top.name]+`>", found "</`+name+`>"`)
	}
	p.pos = i + 1
	return p.close(len(p.open) - 1)
}

// lenientEnd closes the innermost element of that name; an end tag that closes nothing is text.
func (p *html) lenientEnd(name string, end int, closed bool) {
	i := len(p.open)
	if name != "" {
		if t, ok := tagByName(name); ok {
			i = int(p.last[t])
		} else {
			i = 0
		}
	}
	if !closed || i == 0 {
		p.ascii('<')
		p.pos++
		return
	}
	p.pos = end
	_ = p.close(i - 1)
}

// close closes the i-th open element, and forgets those inside that have no end.
func (p *html) close(i int) error {
	for j := len(p.open) - 1; j >= i; j-- {
		p.last[p.open[j].name] = p.open[j].before
	}
	e := p.open[i]
	p.open = p.open[:i]
	empty := p.empty(e.place)
	var err error
	if !empty {
		err = p.element(&e)
	}
	if p.lenient {
		p.take(int(e.hint), int(p.hints[e.hint].size))
	}
	return err
}

func (p *html) end() error {
	if p.lenient || len(p.open) == 0 {
		if p.surrogate && !p.lenient {
			return failure("Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units", -1)
		}
		return nil
	}
	top := p.open[len(p.open)-1]
	return failure(`Can't find end tag corresponding to start tag "`+tagNames[top.name]+`"`, int(top.at))
}
