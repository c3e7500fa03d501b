package markup

import (
	"slices"
	"strings"
)

// Telegram's limits for one message. Telegram counts code points; counting UTF-16 units is safe under either reading.
const (
	MaxText     = 4096  // UTF-16 units of a message's text
	MaxCaption  = 1024  // UTF-16 units of a caption
	MaxEntities = 100   // entities of a message; more are dropped without an error
	MaxMarkup   = 32768 // bytes of a text with a parse_mode, markup and all
)

// Split normalizes t and cuts it into parts of at most first units, and rest units for all but the first, with at most
// MaxEntities each. It cuts between paragraphs, else lines, sentences, words, and never inside of a grapheme cluster (but
// one that is longer than a part). Entities that span a cut go on in the next part; a link, mention, custom emoji or
// date that fits into a part is not cut. No part is empty, and none begins or ends with space, but for the indent of
// code. Limits below 2 count as 2, the width of one character.
func (t Text) Split(first, rest int) []Text {
	t = t.Normalize()
	if t.Text == "" {
		return nil
	}
	s := newSplitter(t)
	if s.total <= first && len(t.Entities) <= MaxEntities {
		return []Text{t}
	}
	limit := max(first, 2)
	var parts []Text
	for s.skip(); s.pos < len(s.text); s.skip() {
		from := s.pos
		end := s.cut(limit, max(rest, 2))
		if part := s.take(end); !invisible(part.Text) {
			parts = append(parts, part)
			limit = max(rest, 2)
		}
		s.move(end - from)
	}
	return parts
}

// splitter stands at a place of a text.
type splitter struct {
	text     string
	entities []Entity // in order
	total    int      // units
	pos      int      // bytes
	unit     int
	next     int      // the first entity that begins behind unit
	open     []Entity // those that do not
}

func newSplitter(t Text) *splitter {
	s := &splitter{text: t.Text, entities: t.Entities, total: t.Len()}
	s.move(0)
	return s
}

// move goes n bytes on.
func (s *splitter) move(n int) {
	s.unit += unitLen(s.text[s.pos : s.pos+n])
	s.pos += n
	s.open = slices.DeleteFunc(s.open, func(e Entity) bool { return e.Offset+e.Length <= s.unit })
	for s.next < len(s.entities) && s.entities[s.next].Offset <= s.unit {
		if e := s.entities[s.next]; e.Offset+e.Length > s.unit {
			s.open = append(s.open, e)
		}
		s.next++
	}
}

// skip passes white space; in code only line breaks, since an indent means something there.
func (s *splitter) skip() {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c != '\n' && (c != ' ' || s.inCode()) {
			return
		}
		s.move(1)
	}
}

func (s *splitter) inCode() bool {
	return slices.ContainsFunc(s.open, func(e Entity) bool { return e.Type == Pre || e.Type == Code })
}

// cut is the byte at which a part of at most limit units that begins here should end.
func (s *splitter) cut(limit, rest int) int {
	until := min(s.unit+limit, s.fullAt())
	if until >= s.total {
		return len(s.text)
	}
	end := advance(s.text, s.pos, until-s.unit)
	at := lastBreak(s.text, s.pos, end)
	if start, ok := s.atom(at, rest); ok {
		at = start
	}
	if at = graphemeFloor(s.text, s.pos, at); at > s.pos {
		return at
	}
	if at = graphemeFloor(s.text, s.pos, end); at > s.pos {
		return at
	}
	if end > s.pos {
		return end
	}
	return advance(s.text, s.pos, 2)
}

// fullAt is the unit at which the first entity begins that is too many for a part.
func (s *splitter) fullAt() int {
	room := max(MaxEntities-len(s.open), 0)
	if i := s.next + room; i < len(s.entities) {
		return max(s.entities[i].Offset, s.unit+1)
	}
	return s.total
}

// atom is where the entity begins that should stay whole and has the byte at inside, if it does fit into a part of limit.
func (s *splitter) atom(at, limit int) (start int, ok bool) {
	unit := s.unit + unitLen(s.text[s.pos:at])
	for i := s.next; i < len(s.entities) && s.entities[i].Offset < unit; i++ {
		e := &s.entities[i]
		if e.Offset+e.Length > unit && e.Length <= limit && isAtom(e.Type) {
			return advance(s.text, s.pos, e.Offset-s.unit), true
		}
	}
	return 0, false
}

func isAtom(t Type) bool {
	return t == TextLink || t == TextMention || t == CustomEmoji || t == DateTime
}

// take is the part from here to the byte end, without white space at its end.
func (s *splitter) take(end int) Text {
	text := strings.TrimRight(s.text[s.pos:end], " \n")
	to := s.unit + unitLen(text)
	entities := slices.Clone(s.open)
	for i := s.next; i < len(s.entities) && s.entities[i].Offset < to; i++ {
		entities = append(entities, s.entities[i])
	}
	entities = clip(entities[:min(len(entities), MaxEntities)], s.unit, to)
	sortEntities(entities)
	return Text{Text: text, Entities: entities}
}
