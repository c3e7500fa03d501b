package markup

import "strings"

// Legacy Markdown: an entity runs to the next closing character, nothing nests, and nothing is escaped inside.

type markdown struct {
	builder
	src     string
	pos     int
	targets targets
	endless [4]int // for each of endings, the offset from which on it is known not to come, plus 1
}

func newMarkdown(s string, lenient bool) *markdown {
	return &markdown{builder: newBuilder(len(s), lenient), src: s, targets: targets{src: s, lenient: lenient, legacy: true}}
}

func (p *markdown) parse() error {
	for p.pos < len(p.src) {
		i := p.pos
		for i < len(p.src) && !p.special(i) {
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
	return nil
}

func (p *markdown) special(i int) bool {
	switch p.src[i] {
	case '_', '*', '`', '[':
		return true
	case '\\':
		return i+1 < len(p.src) && strings.IndexByte("_*`[", p.src[i+1]) >= 0
	case borderLead:
		return p.lenient && borderAt(p.src, i) != 0
	}
	return false
}

func (p *markdown) step(c byte) error {
	switch c {
	case '\\':
		p.ascii(p.src[p.pos+1])
		p.pos += 2
		return nil
	case borderLead:
		p.pos = p.inlay(p.src, p.pos)
		return nil
	}
	from, language, ending := p.head(c)
	end := p.find(from, ending)
	if end == len(p.src) {
		if !p.lenient {
			return failureAt("Can't find end of the entity starting", p.pos, "")
		}
		p.ascii(c)
		p.pos++
		return nil
	}
	p.entity(c, from, end, language, ending)
	return nil
}

// endings are the characters that end entities; the last stands for ```.
const endings = "_*`]"

// head reads the opening mark, where c stands: where the inside begins, and what ends it.
func (p *markdown) head(c byte) (from int, language, ending string) {
	switch {
	case c == '[':
		return p.pos + 1, "", "]"
	case c == '`' && strings.HasPrefix(p.src[p.pos:], "```"):
		language, from = preHead(p.src, p.pos+3, p.lenient)
		return from, language, "```"
	}
	return p.pos + 1, "", p.src[p.pos : p.pos+1]
}

// find is where the ending stands, outside of values; len(src) if it does not come.
func (p *markdown) find(i int, ending string) int {
	n := strings.Index(endings, ending[:1])
	if len(ending) == 1 && p.endless[n] > 0 && i+1 >= p.endless[n] {
		return len(p.src)
	}
	from := i
	for i < len(p.src) {
		switch {
		case p.src[i] == ending[0] && strings.HasPrefix(p.src[i:], ending):
			return i
		case p.lenient && borderAt(p.src, i) != 0:
			i = inlayEnd(p.src, i)
		default:
			i++
		}
	}
	if len(ending) == 1 {
		p.endless[n] = from + 1
	}
	return i
}

func (p *markdown) entity(c byte, from, end int, language, ending string) {
	start := p.pos
	place := p.here()
	p.inside(from, end)
	p.pos = end + len(ending)
	switch {
	case c == '[':
		p.label(place, start, end)
	case len(ending) == 3:
		p.pre(place, language)
	case c == '_':
		p.mark(place, kindItalic)
	case c == '*':
		p.mark(place, kindBold)
	default:
		p.mark(place, kindCode)
	}
}

// inside copies what is taken as it is, but for values.
func (p *markdown) inside(from, end int) {
	for p.lenient {
		i := from + nextBorder(p.src[from:end], 0)
		p.text(p.src[from:i])
		if from = i; i == end {
			return
		}
		from = p.inlay(p.src, i)
	}
	p.text(p.src[from:end])
}

// label makes a link of the text from place on; its brackets stand at start and end.
func (p *markdown) label(place place, start, end int) {
	if p.lenient {
		p.lenientLabel(place)
		return
	}
	var url string
	switch {
	case p.length(place) == 0:
		return // the (url) stays as text
	case p.pos < len(p.src) && p.src[p.pos] == '(':
		rest := p.src[p.pos+1:]
		url, _, _ = strings.Cut(rest, ")")
		p.pos = min(p.pos+1+len(url)+1, len(p.src))
	default:
		url = p.shifted(start+1, end)
	}
	p.link(place, url)
}

// shifted is the URL that Telegram takes from a [label] alone: it reads it from a buffer whose beginning it has
// overwritten with the text found so far.
func (p *markdown) shifted(from, end int) string {
	written := string(p.out[min(from, len(p.out)):min(end, len(p.out))])
	return written + p.src[from+len(written):end]
}

func (p *markdown) lenientLabel(place place) {
	url, state := p.targets.read(&p.pos)
	if state == targetRead {
		if !p.empty(place) {
			p.link(place, url)
		}
		return
	}
	label, own := p.since(place)
	if _, reason := checkURL(label); own && reason == "" {
		p.link(place, label)
		return
	}
	p.brackets(place)
}

// brackets puts the brackets around a label that is none.
func (p *markdown) brackets(at place) {
	p.out = append(p.out, 0)
	copy(p.out[at.out+1:], p.out[at.out:])
	p.out[at.out] = '['
	p.units++
	for i := len(p.spans) - 1; i >= 0 && p.spans[i].from >= int(at.units); i-- {
		p.spans[i].from++
		p.spans[i].to++
	}
	p.ascii(']')
}
