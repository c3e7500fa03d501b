package markup

import "unicode/utf8"

// Inline writes t so that ParseTemplate gives it back wherever it stands, in every mode: text in one language inside of a
// template in another.
func (t Text) Inline() string {
	p := inlinePrinter{out: make([]byte, 0, len(t.Text)+16)}
	walk(t.Text, printSpans(t), t.Entities, &p)
	return string(p.out)
}

type inlinePrinter struct {
	out   []byte
	depth int
}

func (p *inlinePrinter) begin(s span, e *Entity) {
	p.out = appendWrapHead(p.out, e, s.kind)
	p.depth++
}

func (p *inlinePrinter) end(span, *Entity) {
	p.out = utf8.AppendRune(p.out, wrapEnd)
	p.depth--
}

func (p *inlinePrinter) text(s string) {
	if p.depth == 0 {
		p.out = AppendValue(p.out, s)
	} else {
		p.out = appendClean(p.out, s)
	}
}
