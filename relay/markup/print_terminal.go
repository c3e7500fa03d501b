package markup

import (
	"strings"
	"unicode/utf8"
)

// Terminal is t for a terminal: with color in ANSI colours and OSC 8 links, without it in characters only, where the
// address of a link stands behind its label. Quotes have a bar before each line, pres are indented. Characters that
// would steer the terminal are shown as U+FFFD.
func (t Text) Terminal(color bool) string {
	p := terminalPrinter{color: color, lineStart: true}
	walk(t.Text, printSpans(t), t.Entities, &p)
	return p.out.String()
}

type terminalPrinter struct {
	out       strings.Builder
	color     bool
	open      []kind
	labels    []int // for each open link, where its label begins
	lineStart bool
}

// terminalCodes are SGR parameters (ECMA-48 8.3.117).
var terminalCodes = [kinds]string{
	kindCode: "36", kindPre: "2", kindPreCode: "2", kindBold: "1", kindItalic: "3", kindUnderline: "4", kindStrike: "9", kindSpoiler: "2;7",
	kindMention: "35", kindLink: "4",
}

func (p *terminalPrinter) begin(s span, e *Entity) {
	switch {
	case s.kind.isQuote() || s.kind == kindPre || s.kind == kindPreCode:
		p.breakLine()
	case s.kind == kindLink && p.color:
		p.margin()
		p.out.WriteString("\x1b]8;;" + harmless(e.URL) + "\x1b\\")
	case s.kind == kindLink:
		p.margin()
		p.labels = append(p.labels, p.out.Len())
	case s.kind == kindSpoiler && !p.color:
		p.margin()
		p.out.WriteString("▒")
	}
	p.open = append(p.open, s.kind)
	p.style()
}

func (p *terminalPrinter) end(s span, e *Entity) {
	p.open = p.open[:len(p.open)-1]
	switch {
	case s.kind == kindLink && p.color:
		p.out.WriteString("\x1b]8;;\x1b\\")
	case s.kind == kindLink:
		n := len(p.labels) - 1
		label := p.out.String()[p.labels[n]:]
		p.labels = p.labels[:n]
		if strings.TrimSuffix(label, "/") != strings.TrimSuffix(e.URL, "/") {
			p.out.WriteString(" (" + harmless(e.URL) + ")")
		}
	case s.kind == kindSpoiler && !p.color:
		p.out.WriteString("▒")
	}
	p.style()
	if s.kind.isQuote() || s.kind == kindPre || s.kind == kindPreCode {
		p.breakLine()
	}
}

// breakLine begins a new line for what needs one of its own.
func (p *terminalPrinter) breakLine() {
	if !p.lineStart {
		p.text("\n")
	}
}

// style sets the colours of all that is open.
func (p *terminalPrinter) style() {
	if !p.color || p.lineStart {
		return
	}
	p.sgr()
}

func (p *terminalPrinter) sgr() {
	p.out.WriteString("\x1b[0")
	for _, k := range p.open {
		if code := terminalCodes[k]; code != "" {
			p.out.WriteString(";" + code)
		}
	}
	p.out.WriteByte('m')
}

func (p *terminalPrinter) text(s string) {
	for line := range strings.Lines(s) {
		line, ended := strings.CutSuffix(line, "\n")
		if line != "" || len(p.open) > 0 {
			p.margin()
		}
		p.out.WriteString(harmless(line))
		if ended {
			if p.color && len(p.open) > 0 {
				p.out.WriteString("\x1b[0m")
			}
			p.out.WriteByte('\n')
			p.lineStart = true
		}
	}
}

// margin writes what a line begins with, once.
func (p *terminalPrinter) margin() {
	if !p.lineStart {
		return
	}
	p.lineStart = false
	for _, k := range p.open {
		switch {
		case k.isQuote():
			p.out.WriteString("▌ ")
		case k == kindPre || k == kindPreCode:
			p.out.WriteString("    ")
		}
	}
	if p.color && len(p.open) > 0 {
		p.sgr()
	}
}

// harmless replaces what a terminal would obey: C0 controls but TAB, DEL and C1 controls.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r >= 0x7F && r < 0xA0 {
			return utf8.RuneError
		}
		return r
	}, s)
}
