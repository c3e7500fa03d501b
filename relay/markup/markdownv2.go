package markup

import "strings"

// MarkdownV2, read as Telegram's parser does: a stack of open entities, of which only the innermost can be closed.
// With lenient it reads values and takes stray marks as text, and gives up (errGuess) where a mark stays open: guess.go
// then reads the text once more. So whatever Telegram accepts means the same in a template.

// What a byte can be in MarkdownV2.
const (
	inText    = 1 << iota // special outside code
	inCode                // special in code and pre
	inLenient             // may begin a border
)

var special = specialBytes()

func specialBytes() (t [256]uint8) {
	for _, c := range []byte("\\_*[]()~`>#+-=|{}.!\n") {
		t[c] = inText
	}
	t['\\'] |= inCode
	t['`'] |= inCode
	t[borderLead] = inLenient
	return t
}

// markdownV2 is the state of a parser.
type markdownV2 struct {
	builder
	src       string
	pos       int
	open      []opened
	quoted    bool // a quote is open
	lineStart bool // a > here opens a quote
	language  string
	mask      uint8
	targets   targets
}

// opened is an open entity.
type opened struct {
	place
	kind kind
	at   int32 // byte offset of its opener in the source
}

func newMarkdownV2(s string, lenient bool) *markdownV2 {
	p := &markdownV2{builder: newBuilder(len(s), lenient), src: s, lineStart: true, mask: inText, targets: targets{src: s, lenient: lenient}}
	if lenient {
		p.mask |= inLenient
	}
	return p
}

func (p *markdownV2) parse() error {
	for {
		p.ordinary()
		if p.pos == len(p.src) {
			return p.end()
		}
		if err := p.step(p.src[p.pos]); err != nil {
			return err
		}
	}
}

// ordinary copies characters that mean nothing here.
func (p *markdownV2) ordinary() {
	i := p.pos
	for i < len(p.src) && special[p.src[i]]&p.mask == 0 {
		i++
	}
	if i == p.pos {
		return
	}
	run := p.src[p.pos:i]
	if p.lineStart {
		p.lineStart = strings.Trim(run, "\r") == ""
	}
	p.text(run)
	p.pos = i
}

func (p *markdownV2) step(c byte) error {
	if len(p.open) == maxOpen {
		return p.tooDeep()
	}
	switch {
	case c == '\\':
		p.escape()
	case c == borderLead:
		p.border()
	case p.closes(c):
		return p.close(c)
	default:
		return p.begin(c)
	}
	return nil
}

func (p *markdownV2) escape() {
	c := p.peek(1)
	if c == 0 || c > 126 {
		p.literal('\\')
		return
	}
	p.pos += 2
	p.ascii(c)
	if c != '\r' {
		p.lineStart = c == '\n'
	}
}

// border reads what a template printed; other characters begin with the same byte.
func (p *markdownV2) border() {
	p.lineStart = false
	if borderAt(p.src, p.pos) != 0 {
		p.pos = p.inlay(p.src, p.pos)
		return
	}
	p.ascii(p.src[p.pos])
	p.pos++
	for p.pos < len(p.src) && p.src[p.pos] >= 0x80 && p.src[p.pos] < 0xC0 {
		p.out = append(p.out, p.src[p.pos])
		p.pos++
	}
}

// literal takes one ASCII character as it is.
func (p *markdownV2) literal(c byte) {
	p.ascii(c)
	p.pos++
	p.lineStart = false
}

// stray is a reserved character that neither opens nor closes.
func (p *markdownV2) stray(c byte) error {
	if !p.lenient {
		return reserved(c, p.pos)
	}
	p.literal(c)
	return nil
}

// peek is the byte n after the current one, 0 after the end.
func (p *markdownV2) peek(n int) byte {
	if p.pos+n < len(p.src) {
		return p.src[p.pos+n]
	}
	return 0
}

func (p *markdownV2) fence() bool { return p.peek(1) == '`' && p.peek(2) == '`' }

// closes reports whether the mark c closes the innermost open entity. A quote ends with its line, whatever is open in it.
func (p *markdownV2) closes(c byte) bool {
	if len(p.open) == 0 {
		return false
	}
	if c == '\n' && p.quoted && p.peek(1) != '>' {
		return true
	}
	switch p.open[len(p.open)-1].kind {
	case kindBold:
		return c == '*'
	case kindItalic:
		return c == '_' && p.peek(1) != '_'
	case kindUnderline:
		return c == '_' && p.peek(1) == '_'
	case kindStrike:
		return c == '~'
	case kindSpoiler:
		return c == '|' && p.peek(1) == '|'
	case kindCode:
		return c == '`'
	case kindPre, kindPreCode:
		return c == '`' && p.fence()
	case kindLink, kindEmoji:
		return c == ']'
	}
	return false
}

func (p *markdownV2) begin(c byte) error {
	switch c {
	case '\n':
		p.ascii(c)
		p.pos++
		p.lineStart = true
	case '>':
		return p.beginQuote()
	case '_':
		if p.peek(1) == '_' {
			p.push(kindUnderline, 2)
		} else {
			p.push(kindItalic, 1)
		}
	case '*':
		p.push(kindBold, 1)
	case '~':
		p.push(kindStrike, 1)
	case '[':
		p.push(kindLink, 1)
	case '|':
		return p.beginPair('|', kindSpoiler)
	case '!':
		return p.beginPair('[', kindEmoji)
	case '`':
		p.beginCode()
	default:
		return p.stray(c)
	}
	return nil
}

func (p *markdownV2) push(k kind, size int) {
	p.open = append(p.open, opened{p.here(), k, int32(p.pos)})
	p.pos += size
}

// beginPair opens k with two characters, the second of which is given.
func (p *markdownV2) beginPair(second byte, k kind) error {
	if p.peek(1) != second {
		return p.stray(p.src[p.pos])
	}
	p.push(k, 2)
	return nil
}

func (p *markdownV2) beginQuote() error {
	switch {
	case !p.lineStart:
		return p.stray('>')
	case p.quoted:
		p.pos++
	default:
		p.quoted = true
		p.push(kindQuote, 1)
	}
	return nil
}

func (p *markdownV2) beginCode() {
	if !p.fence() {
		p.push(kindCode, 1)
	} else {
		k, end := kindPre, 0
		if p.language, end = preHead(p.src, p.pos+3, p.lenient); p.language != "" {
			k = kindPreCode
		}
		p.push(k, end-p.pos)
	}
	p.mask = p.mask&inLenient | inCode
}
