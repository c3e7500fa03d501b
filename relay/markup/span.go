package markup

import (
	"cmp"
	"math"
	"slices"
)

// span is an entity in short: from and to in units, and which of the entities it came from.
type span struct {
	from, to int
	kind     kind
	origin   int32
}

func (s span) empty() bool { return s.to <= s.from }

func compareSpans(a, b span) int {
	return cmp.Or(a.from-b.from, b.to-a.to, int(a.kind.rank())-int(b.kind.rank()))
}

func sortSpans(s []span) {
	if !slices.IsSortedFunc(s, compareSpans) {
		slices.SortStableFunc(s, compareSpans)
	}
}

// spansOf takes a text's entities apart from those that have no meaning or no characters.
func spansOf(t Text) []span {
	if len(t.Entities) == 0 {
		return nil
	}
	end := t.Len()
	spans := make([]span, 0, len(t.Entities)+8)
	for i := range t.Entities {
		e := &t.Entities[i]
		s := span{max(e.Offset, 0), min(e.Offset+e.Length, end), kindOf(e), int32(i)}
		if !s.empty() && s.kind != kindUnknown {
			spans = append(spans, s)
		}
	}
	return spans
}

func entitiesOf(spans []span, from []Entity) []Entity {
	if len(spans) == 0 {
		return nil
	}
	entities := make([]Entity, len(spans))
	for i, s := range spans {
		e := from[s.origin]
		e.Offset, e.Length = s.from, s.to-s.from
		entities[i] = e
	}
	return entities
}

// tidy makes spans stand together as Telegram does: of solid ones (links, code, custom emoji, ...) that touch the same
// characters the first stays; quotes do not nest; styles are cut at the borders of both, joined with their neighbours,
// and taken out of code. The result is sorted and nothing in it crosses.
func tidy(spans []span) []span {
	sortSpans(spans)
	var solid, quotes, styles []span
	for _, s := range spans {
		switch {
		case s.kind.isStyle():
			styles = append(styles, s)
		case s.kind.isQuote():
			quotes = appendApart(quotes, s)
		default:
			solid = appendApart(solid, s)
		}
	}
	others := solid
	if len(quotes) > 0 {
		others = append(quotes, outsideOf(quotes, solid)...)
		sortSpans(others)
	}
	if len(styles) == 0 {
		return others
	}
	all := append(others, cutStyles(styles, others)...)
	sortSpans(all)
	return all
}

// appendApart appends s unless it overlaps the last one.
func appendApart(spans []span, s span) []span {
	if n := len(spans); n > 0 && s.from < spans[n-1].to {
		return spans
	}
	return append(spans, s)
}

// outsideOf leaves out the solid spans that cross a quote or hold one.
func outsideOf(quotes, solid []span) []span {
	kept := solid[:0]
	q := 0
	for _, s := range solid {
		for q < len(quotes) && quotes[q].to <= s.from {
			q++
		}
		if q < len(quotes) && (quotes[q].to < s.to || s.from < quotes[q].from && quotes[q].from < s.to) {
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// styleCutter holds, for each style, the stretch of it that is not written yet.
type styleCutter struct {
	styles []span // still to come
	held   [kindSpoiler + 1]span
	out    []span
}

// cutStyles cuts styles at the borders of others and joins those of a kind that touch.
func cutStyles(styles, others []span) []span {
	c := styleCutter{styles: styles, out: make([]span, 0, len(styles)+2*len(others))}
	var open []span
	closeUntil := func(at int) {
		for n := len(open); n > 0 && at >= open[n-1].to; n-- {
			top := open[n-1]
			open = open[:n-1]
			before := len(c.out)
			c.advance(top.to)
			if top.kind.isBare() {
				c.out = c.out[:before]
			}
		}
		c.advance(at)
	}
	for _, o := range others {
		closeUntil(o.from)
		open = append(open, o)
	}
	closeUntil(math.MaxInt)
	sortSpans(c.out)
	return c.out
}

// advance takes up the styles that begin before end, and writes all up to there.
func (c *styleCutter) advance(end int) {
	n := 0
	for n < len(c.styles) && c.styles[n].from < end {
		s := c.styles[n]
		if h := &c.held[s.kind]; !h.empty() && s.from <= h.to {
			h.to = max(h.to, s.to)
		} else {
			c.flush(s.from)
			*h = s
		}
		n++
	}
	c.styles = c.styles[n:]
	c.flush(end)
}

// flush writes the held styles up to end; what goes on behind it stays held.
func (c *styleCutter) flush(end int) {
	for k := kindBold; k <= kindSpoiler; k++ {
		h := &c.held[k]
		if h.empty() || h.from >= end {
			continue
		}
		s := *h
		s.to = min(s.to, end)
		c.out = append(c.out, s)
		h.from = s.to
	}
}
