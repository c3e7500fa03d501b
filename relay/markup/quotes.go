package markup

import "slices"

// fitQuotes bends the spans of a text to what MarkdownV2 can say. There a quote ends with a line break, which closes it
// and before which all inside must be closed. Such a quote ends before its line break here, so that what ends behind it
// stands around it. A quote without room for that is left out.
func fitQuotes(text string, spans []span) []span {
	breaks := lineBreaks{text: text}
	quote := span{to: -1} // the last one
	code := -1            // where the last code ends: a line break in it begins no line for a quote
	fitted := make([]span, 0, len(spans)+4)
	for i, s := range spans {
		if s.kind == kindCode || s.kind == kindPre || s.kind == kindPreCode {
			code = s.to
		}
		switch {
		case s.kind.isQuote():
			var ok bool
			if s, ok = breaks.fit(s, spans[i+1:]); ok && s.from != code {
				quote = s
				fitted = append(cutAt(fitted, s), s)
			}
		case s.from > quote.to || s.to <= quote.to || s.from == quote.from && s.kind.isStyle():
			fitted = append(fitted, s)
		default:
			fitted = appendAround(fitted, s, quote.to)
		}
	}
	fitted = slices.DeleteFunc(fitted, func(s span) bool { return s.empty() && !s.kind.isQuote() })
	sortSpans(fitted)
	return fitted
}

// cutAt cuts what ends together with a quote where that begins: a quote that ends with the text must be closed last.
func cutAt(spans []span, quote span) []span {
	for i, s := range spans {
		if s.to == quote.to && s.from < quote.from {
			spans[i].to = quote.from
			s.from = quote.from
			spans = append(spans, s)
		}
	}
	return spans
}

// appendAround appends what of s is before and behind a line break.
func appendAround(spans []span, s span, at int) []span {
	behind := s
	s.to, behind.from = at, at+1
	return append(spans, s, behind)
}

// lineBreaks looks at the characters around units that only grow.
type lineBreaks struct {
	text     string
	at, unit int
}

// fit is the quote without its line break; ok is false if MarkdownV2 has no such quote.
func (b *lineBreaks) fit(q span, behind []span) (span, bool) {
	if !b.starts(q.from) {
		return q, false
	}
	end := b.at + advance(b.text[b.at:], 0, q.to-q.from)
	switch {
	case end == len(b.text): // ends with the text, and needs no line break
	case b.text[end-1] == '\n':
		q.to--
	case b.text[end] != '\n':
		return q, false
	default:
		for _, s := range behind {
			if s.from >= q.to {
				return q, s.from > q.to || s.kind.isStyle() // a code or link cannot begin with the line break
			}
		}
	}
	return q, true
}

// starts reports whether a line begins at a unit.
func (b *lineBreaks) starts(unit int) bool {
	b.at = advance(b.text, b.at, unit-b.unit)
	b.unit = unit
	return b.at == 0 || b.text[b.at-1] == '\n'
}
