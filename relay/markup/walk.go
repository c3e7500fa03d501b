package markup

import (
	"math"
	"slices"
)

// visitor writes a text with its entities as something else. Calls to begin and end nest.
type visitor interface {
	begin(s span, e *Entity)
	end(s span, e *Entity)
	text(s string)
}

// walk hands a text to v. Styles that cross others are ended and begun again.
func walk(text string, spans []span, entities []Entity, v visitor) {
	w := walker{visitor: v, rest: text, spans: spans, entities: entities}
	for {
		at := w.next()
		w.write(at)
		if at == math.MaxInt {
			return
		}
		w.turn(at)
	}
}

type walker struct {
	visitor
	rest     string // of the text
	unit     int    // where rest begins
	spans    []span // not begun yet
	entities []Entity
	open     []span // innermost last
}

// next is the next unit at which something begins or ends.
func (w *walker) next() int {
	at := math.MaxInt
	if len(w.spans) > 0 {
		at = w.spans[0].from
	}
	for _, s := range w.open {
		at = min(at, s.to)
	}
	return at
}

func (w *walker) write(to int) {
	if n := advance(w.rest, 0, to-w.unit); n > 0 {
		w.text(w.rest[:n])
		w.rest = w.rest[n:]
	}
	w.unit = to
}

// turn ends and begins what does so at a unit.
func (w *walker) turn(at int) {
	n := 0
	for n < len(w.spans) && w.spans[n].from <= at {
		n++
	}
	begin := w.spans[:n:n]
	w.spans = w.spans[n:]
	for _, s := range w.endTo(w.lowest(at, begin)) {
		if s.to > at {
			s.from = at
			begin = append(begin, s)
		}
	}
	slices.SortStableFunc(begin, compareSpans)
	for _, s := range begin {
		w.open = append(w.open, s)
		w.begin(s, &w.entities[s.origin])
	}
}

// lowest is the index of the outermost open span that must end at a unit: because it does, or because it ends inside of
// something other than a style that begins here.
func (w *walker) lowest(at int, begin []span) int {
	until := at
	for _, s := range begin {
		if !s.kind.isStyle() {
			until = max(until, s.to-1)
		}
	}
	for i, s := range w.open {
		if s.to <= at || s.kind.isStyle() && s.to <= until {
			return i
		}
	}
	return len(w.open)
}

func (w *walker) endTo(n int) []span {
	ended := slices.Clone(w.open[n:])
	for _, s := range slices.Backward(ended) {
		w.end(s, &w.entities[s.origin])
	}
	w.open = w.open[:n]
	return ended
}

// printSpans are the spans of a text for printing: tidy, and styles that were only cut whole again. Over code, which takes
// no style, they go on too.
func printSpans(t Text) []span {
	spans := tidy(spansOf(t))
	var last [kindSpoiler + 1]int // index of the last of each style plus 1
	var bare span                 // the last run of code
	kept := spans[:0]
	for _, s := range spans {
		switch {
		case s.kind.isStyle():
			if i := last[s.kind] - 1; i >= 0 && (kept[i].to == s.from || kept[i].to == bare.from && bare.to == s.from) {
				kept[i].to = s.to
				continue
			}
			last[s.kind] = len(kept) + 1
		case s.kind.isBare() && bare.to == s.from:
			bare.to = s.to
		case s.kind.isBare():
			bare = s
		}
		kept = append(kept, s)
	}
	sortSpans(kept)
	return kept
}
