package markup

import "errors"

// errGuess ends the first reading of a template's output: some mark stays open, so that the strict rule (only the
// innermost can be closed) would give nothing.
var errGuess = errors.New("a mark stays open")

// guesser reads MarkdownV2 in which marks stay open. A mark closes the entity it belongs to even if others were opened
// inside; those are text then. It never fails and is linear: every mark is opened and closed at most once.
type guesser struct {
	markdownV2
	last    [kinds]int32 // the innermost open of each kind, as index into open plus 1
	before  []int32      // for each in open, the one of its kind before it
	marks   []int32      // for each in open, its hint; -1 if it needs none
	quote   int          // index of the open quote plus 1: what stands outside cannot be closed inside
	noTick  bool         // no ` follows
	noFence bool         // no ``` follows
}

func newGuesser(s string) *guesser {
	g := &guesser{markdownV2: *newMarkdownV2(s, true)}
	for {
		g.ordinary()
		if g.pos == len(s) {
			break
		}
		g.character(s[g.pos])
	}
	if g.quote > 0 {
		g.endQuote()
	}
	return g
}

// character reads one that may be a mark.
func (g *guesser) character(c byte) {
	switch c {
	case '\\':
		g.escape()
	case borderLead:
		g.border()
	case '\n':
		g.newline()
	case '>':
		g.beginQuote()
	case '*':
		g.toggle(kindBold, 1)
	case '~':
		g.toggle(kindStrike, 1)
	case '_':
		g.underscore()
	case '[':
		g.start(kindLink, 1)
	case '`':
		g.backtick()
	case '|', '!':
		g.pair(c)
	case ']':
		g.bracket()
	default:
		g.literal(c)
	}
}

func (g *guesser) start(k kind, size int) {
	if len(g.open) == maxOpen {
		g.text(g.src[g.pos : g.pos+size])
		g.pos += size
		return
	}
	g.marks = append(g.marks, int32(g.hint(g.src[g.pos:g.pos+size])))
	g.before = append(g.before, g.last[k])
	g.push(k, size)
	g.last[k] = int32(len(g.open))
}

// toggle closes the open entity of the kind, or opens one.
func (g *guesser) toggle(k kind, size int) {
	i := int(g.last[k])
	if i <= g.quote {
		g.start(k, size)
		return
	}
	g.pos += size
	g.take(int(g.marks[i-1]), size)
	g.mark(g.closeTo(i-1), k)
}

// closeTo closes the i-th open entity. What was opened in it has no end, so that its marks stay text.
func (g *guesser) closeTo(i int) place {
	for j := len(g.open) - 1; j >= i; j-- {
		if k := g.open[j].kind; k < kinds {
			g.last[k] = g.before[j]
		}
	}
	p := g.open[i].place
	g.open, g.before, g.marks = g.open[:i], g.before[:i], g.marks[:i]
	return p
}

// underscore prefers __ to _, but for ___ that ends an italic in an underline.
func (g *guesser) underscore() {
	double := g.peek(1) == '_'
	if double && g.peek(2) == '_' && len(g.open) > 0 && g.open[len(g.open)-1].kind == kindItalic && int(g.last[kindUnderline]) > g.quote {
		double = false
	}
	if double {
		g.toggle(kindUnderline, 2)
	} else {
		g.toggle(kindItalic, 1)
	}
}

func (g *guesser) pair(c byte) {
	switch next := g.peek(1); {
	case c == '|' && next == '|':
		g.toggle(kindSpoiler, 2)
	case c == '!' && next == '[':
		g.start(kindLink, 2)
	default:
		g.literal(c)
	}
}

func (g *guesser) newline() {
	if g.quote > 0 && g.peek(1) != '>' {
		g.endQuote()
		return
	}
	g.ascii('\n')
	g.pos++
	g.lineStart = true
}

func (g *guesser) beginQuote() {
	switch {
	case !g.lineStart:
		g.literal('>')
	case g.quote > 0:
		g.pos++
	default:
		g.marks = append(g.marks, -1)
		g.before = append(g.before, 0)
		g.push(kindQuote, 1)
		g.last[kindQuote] = int32(len(g.open))
		g.quote = len(g.open)
	}
}

// endQuote ends the quote with its line or with the text.
func (g *guesser) endQuote() {
	k := kindQuote
	if top := len(g.open) - 1; g.dangling() {
		k = kindExpandable
		g.take(int(g.marks[top]), 2)
	}
	if g.pos < len(g.src) {
		g.ascii('\n')
		g.pos++
	}
	g.mark(g.closeTo(g.quote-1), k)
	g.quote, g.lineStart = 0, true
}

// bracket ends a label. Without a URL the brackets are text, unless the label is a URL itself.
func (g *guesser) bracket() {
	i := int(g.last[kindLink]) - 1
	if i < g.quote {
		g.literal(']')
		return
	}
	o := g.open[i]
	pos := g.pos
	g.pos++
	url, state := g.targets.read(&g.pos)
	if e, ok := emojiOrTime(url); ok && g.src[o.at] == '!' {
		g.take(int(g.marks[i]), 2)
		g.add(g.closeTo(i), e)
		return
	}
	if state != targetRead {
		label, own := g.since(o.place)
		if _, reason := checkURL(label); !own || reason != "" {
			g.pos = pos
			g.literal(']')
			g.last[kindLink] = g.before[i]
			if g.open[i].kind = kinds; i == len(g.open)-1 { // its end was found, and it is text
				g.closeTo(i)
			}
			return
		}
		url = label
	}
	hint := g.marks[i]
	p := g.closeTo(i)
	if !g.empty(p) {
		g.link(p, url)
	}
	g.take(int(hint), 1)
}

// backtick reads code or pre to its end, if it has one.
func (g *guesser) backtick() {
	if g.fence() {
		if !g.noFence {
			if end := g.codeEnd(g.pos+3, "```"); end >= 0 {
				g.fenced(end)
				return
			}
			g.noFence = true
		}
		for range 3 {
			g.literal('`')
		}
		return
	}
	if !g.noTick {
		if end := g.codeEnd(g.pos+1, "`"); end >= 0 {
			p := g.inside(g.pos+1, end)
			g.pos = end + 1
			g.mark(p, kindCode)
			return
		}
		g.noTick = true
	}
	g.literal('`')
}

// codeEnd is where the closing mark stands, outside of values and not escaped; -1 if there is none.
func (g *guesser) codeEnd(i int, mark string) int {
	for i < len(g.src) {
		switch c := g.src[i]; {
		case c == '\\':
			i++
			if i < len(g.src) && g.src[i] > 0 && g.src[i] <= 126 {
				i++
			}
		case c == '`' && len(g.src)-i >= len(mark) && g.src[i:i+len(mark)] == mark:
			return i
		case borderAt(g.src, i) != 0:
			i = inlayEnd(g.src, i)
		default:
			i++
		}
	}
	return -1
}

// fenced reads a pre whose closing marks stand at end.
func (g *guesser) fenced(end int) {
	language, from := preHead(g.src[:end+1], g.pos+3, true)
	p := g.inside(from, end)
	g.pos = end + 3
	g.pre(p, language)
}

// inside writes what is between the marks of code.
func (g *guesser) inside(from, end int) place {
	p := g.here()
	g.lineStart = false
	for g.pos = from; g.pos < end; {
		switch c := g.src[g.pos]; c {
		case '\\':
			g.escape()
		case borderLead:
			g.border()
		default:
			i := g.pos + 1
			for i < end && g.src[i] != '\\' && g.src[i] != borderLead {
				i++
			}
			g.text(g.src[g.pos:i])
			g.pos = i
		}
	}
	return p
}
