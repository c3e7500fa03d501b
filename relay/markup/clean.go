package markup

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean does what Telegram does to an accepted text before it is sent: control characters and TABs become spaces, CR and
// a few characters that hide or reverse others vanish, entities are sorted, and those that cannot stand together are cut,
// joined or dropped. Types that Telegram finds by itself (mention, url, ...) and unknown ones go. A text of nothing but
// spaces and line breaks becomes empty. Nothing is trimmed: see Normalize.
func (t Text) Clean() Text {
	spans := spansOf(t)
	spans = tidy(spans)
	text := cleanText(t.Text, spans)
	if strings.Trim(text, " \n") == "" {
		return Text{}
	}
	if len(text) != len(t.Text) {
		spans = tidy(slices.DeleteFunc(spans, span.empty)) // some may touch or share an end now
	}
	return Text{Text: text, Entities: entitiesOf(spans, t.Entities)}
}

// Normalize is Clean and then Telegram's trimming: spaces and line breaks go at the end, entities shrink with them, and at
// the start up to the first entity. A text of only invisible characters, which Telegram refuses as empty, becomes empty.
func (t Text) Normalize() Text {
	t = t.Clean()
	if invisible(t.Text) {
		return Text{}
	}
	end := len(strings.TrimRight(t.Text, " \n"))
	if cut := len(t.Text) - end; cut > 0 {
		t.Text = t.Text[:end]
		t.Entities = clip(t.Entities, 0, t.Len())
		sortEntities(t.Entities)
	}
	start := len(t.Text) - len(strings.TrimLeft(t.Text, " \n"))
	if len(t.Entities) > 0 {
		start = min(start, t.Entities[0].Offset) // what is trimmed is ASCII, so bytes are units
	}
	if start > 0 {
		t.Text = t.Text[start:]
		for i := range t.Entities {
			t.Entities[i].Offset -= start
		}
	}
	return t
}

// clip cuts entities, in place, to the units from start to end, and moves them to start at 0.
func clip(entities []Entity, start, end int) []Entity {
	kept := entities[:0]
	for _, e := range entities {
		from, to := max(e.Offset, start), min(e.Offset+e.Length, end)
		if from < to {
			e.Offset, e.Length = from-start, to-from
			kept = append(kept, e)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// invisible reports whether nothing of s can be seen, so that Telegram takes it for empty.
func invisible(s string) bool {
	for _, r := range s {
		switch {
		case unicode.IsSpace(r), r >= 0x200B && r <= 0x200F, r >= 0x2028 && r <= 0x202E, r < ' ':
		case r == 0x180E, r == 0x2800, r == 0xFEFF, r == 0xFFFC:
		default:
			return false
		}
	}
	return true
}

// What cleanText does with a byte.
const (
	keep = iota
	blank
	drop
	look // depends on the bytes behind it
)

var cleaning = cleaningBytes()

func cleaningBytes() (t [256]uint8) {
	for c := range byte(' ') {
		t[c] = blank
	}
	t['\n'], t['\r'] = keep, drop
	t[0xCC], t[0xE2] = look, look
	return t
}

// cleanText cleans the characters of a text and moves the spans, which are in order and do not cross.
func cleanText(s string, spans []span) string {
	i := 0
	for i < len(s) && cleaning[s[i]] == keep {
		i++
	}
	if i == len(s) {
		return s
	}
	c := cleaner{src: s, spans: spans, out: make([]byte, 0, len(s)), mark: -1}
	c.run()
	return string(c.out)
}

// cleaner copies a text without what does not belong there.
type cleaner struct {
	src   string
	out   []byte
	spans []span
	next  int   // the first span not begun
	open  []int // spans begun and not ended, innermost last
	unit  int   // in src
	gone  int   // units dropped so far
	mark  int   // where the last direction mark stands in out, if nothing is behind it
}

func (c *cleaner) run() {
	for i := 0; i < len(c.src); {
		c.move()
		switch n := c.rune(i); cleaning[c.src[i]] {
		case keep:
			i = c.keep(i, i+n)
		case blank:
			c.out = append(c.out, ' ')
			c.unit++
			i++
		case drop:
			c.drop()
			i++
		default:
			c.look(c.src[i : i+n])
			i += n
		}
	}
	c.move()
	for _, s := range c.open {
		c.end(s)
	}
}

func (c *cleaner) rune(i int) int {
	if c.src[i] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(c.src[i:])
	return n
}

// keep copies what needs no looking at, up to where the next span begins or ends.
func (c *cleaner) keep(i, to int) int {
	stop := c.stop()
	c.unit += unitWidth(c.src[i])
	j := to
	for j < len(c.src) && c.unit < stop && cleaning[c.src[j]] == keep {
		if utf8.RuneStart(c.src[j]) {
			c.unit += unitWidth(c.src[j])
		}
		j++
	}
	for j < len(c.src) && !utf8.RuneStart(c.src[j]) {
		j++
	}
	c.out = append(c.out, c.src[i:j]...)
	return j
}

// stop is the unit at which the next span begins or ends.
func (c *cleaner) stop() int {
	stop := len(c.src) + 1
	if c.next < len(c.spans) {
		stop = c.spans[c.next].from
	}
	if n := len(c.open); n > 0 {
		stop = min(stop, c.spans[c.open[n-1]].to)
	}
	return stop
}

// move ends and begins the spans at the current unit.
func (c *cleaner) move() {
	for n := len(c.open); n > 0 && c.unit >= c.spans[c.open[n-1]].to; n-- {
		c.end(c.open[n-1])
		c.open = c.open[:n-1]
	}
	for c.next < len(c.spans) && c.unit >= c.spans[c.next].from {
		c.spans[c.next].from -= c.gone
		c.open = append(c.open, c.next)
		c.next++
	}
}

func (c *cleaner) end(s int) { c.spans[s].to = min(c.spans[s].to, c.unit) - c.gone }

func (c *cleaner) drop() {
	c.unit++
	c.gone++
}

// look drops U+2028-U+202E, which break lines and turn the direction, and U+0333, U+033F, U+030A, which draw over
// neighbours. Of a run of U+200E and U+200F all but the last become U+200C.
func (c *cleaner) look(r string) {
	switch r {
	case "\u2028", "\u2029", "\u202A", "\u202B", "\u202C", "\u202D", "\u202E", "\u0333", "\u033F", "\u030A":
		c.drop()
		return
	case "\u200E", "\u200F":
		if c.mark >= 0 && c.mark == len(c.out)-len(r) {
			copy(c.out[c.mark:], "\u200C")
		}
		c.mark = len(c.out)
	}
	c.out = append(c.out, r...)
	c.unit++
}
