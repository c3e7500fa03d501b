package markup

import (
	"slices"
	"sort"
	"strings"
)

// builder is a Text in the making.
//
// A lenient parser learns late whether a mark is one. So it writes every opening mark into the text, and takes those
// that were closed out again at the end, all at once: that keeps it linear.
type builder struct {
	out     []byte
	units   int      // of out, in UTF-16
	spans   []span   // the entities, in the order in which they ended
	given   []Entity // what some have besides a kind, by their origin
	lenient bool
	inlays  int // values and ready-made markup so far
	inlaid  int // units of all inlays
	hints   []hint
	dropped int // units of all hints that are no text
}

// maxOpen is how many entities may be open at a time. Telegram takes 65,536 characters, and so never more of them; what a parser
// remembers of each must not add up where a text is nothing but openers.
const maxOpen = 1 << 16

// maxSize is the most bytes the parsers read: places are counted in 32 bits.
const maxSize = 1 << 30

// hint is an opening mark that was written as text, at a place in out.
type hint struct {
	at, units   int32
	size, width int32 // in bytes, and in units
	drop        int32 // how many bytes at its end are no text after all
}

func newBuilder(size int, lenient bool) builder {
	return builder{out: make([]byte, 0, size), lenient: lenient}
}

func (b *builder) text(s string) {
	b.out = append(b.out, s...)
	b.units += unitLen(s)
}

func (b *builder) ascii(c byte) {
	b.out = append(b.out, c)
	b.units++
}

// place is a point in the text, remembered when something opens.
type place struct {
	out, units, inlays, inlaid, hints, dropped int32
}

func (b *builder) here() place {
	return place{int32(len(b.out)), int32(b.units), int32(b.inlays), int32(b.inlaid), int32(len(b.hints)), int32(b.dropped)}
}

// length is the number of units written since p, marks included.
func (b *builder) length(p place) int { return b.units - int(p.units) }

// empty reports whether nothing but marks was written since p.
func (b *builder) empty(p place) bool { return b.length(p) == b.dropped-int(p.dropped) }

// hollow reports whether there is nothing since p but values that are empty, and white space.
func (b *builder) hollow(p place) bool {
	return b.inlays > int(p.inlays) && b.inlaid == int(p.inlaid) && strings.Trim(string(b.out[p.out:]), spaces) == ""
}

// since is the text written since p; ok is false if marks or values are in it, so that it is not the author's alone.
func (b *builder) since(p place) (s string, ok bool) {
	return string(b.out[p.out:]), b.inlays == int(p.inlays) && len(b.hints) == int(p.hints)
}

// hint writes an opening mark as text for the time being.
func (b *builder) hint(s string) int {
	h := hint{at: int32(len(b.out)), units: int32(b.units), size: int32(len(s))}
	b.text(s)
	h.width = int32(b.units) - h.units
	b.hints = append(b.hints, h)
	return len(b.hints) - 1
}

// cut takes back the text since p, in which there are no hints.
func (b *builder) cut(p place) {
	b.out = b.out[:p.out]
	b.units = int(p.units)
	for len(b.spans) > 0 && b.spans[len(b.spans)-1].from >= b.units {
		b.spans = b.spans[:len(b.spans)-1]
	}
}

// take turns the last n bytes of a hint into a mark, so that they are no text. A hint of other than ASCII is taken whole.
func (b *builder) take(i, n int) {
	h := &b.hints[i]
	h.drop = int32(n)
	b.dropped += h.gone()
}

// gone is the number of units of h that are no text.
func (h *hint) gone() int {
	if h.drop == h.size {
		return int(h.width)
	}
	return int(h.drop)
}

// plainly is the origin of a span that has nothing besides its kind.
const plainly = -1

// mark notes an entity from p to the end of the text, unless there is nothing in it.
func (b *builder) mark(p place, k kind) {
	if b.length(p) > 0 {
		b.note(span{int(p.units), b.units, k, plainly})
	}
}

// add does so for one that has more than a kind.
func (b *builder) add(p place, e Entity) {
	if e == (Entity{Type: e.Type}) {
		b.mark(p, kindOf(&e))
	} else if b.length(p) > 0 {
		b.note(span{int(p.units), b.units, kindOf(&e), int32(len(b.given))})
		b.given = append(b.given, e)
	}
}

func (b *builder) note(s span) {
	if b.spans == nil {
		b.spans = make([]span, 0, 16)
	}
	b.spans = append(b.spans, s)
}

// link notes a link from p to the end of the text. One that Telegram would drop is dropped too; a lenient parser writes
// its address behind it, so that the reader has it.
func (b *builder) link(p place, url string) {
	if id := userID(url); id != 0 {
		b.add(p, Entity{Type: TextMention, User: &User{ID: id}})
		return
	}
	checked, err := CheckURL(url)
	if err == nil {
		b.add(p, Entity{Type: TextLink, URL: checked})
		return
	}
	if b.lenient && !b.empty(p) {
		b.address(p, strings.TrimSpace(url))
	}
}

func (b *builder) address(p place, url string) {
	if label := strings.TrimSpace(string(b.out[p.out:])); url == "" || strings.TrimSuffix(label, "/") == strings.TrimSuffix(url, "/") {
		return
	}
	b.text(" (")
	b.text(url)
	b.text(")")
}

// done is the finished text, its entities in Telegram's order.
func (b *builder) done() Text {
	if b.dropped > 0 {
		b.compact()
	}
	b.joinPre()
	sortSpans(b.spans)
	if b.lenient {
		b.linksOverCode()
	}
	return Text{Text: string(b.out), Entities: b.entities()}
}

func (b *builder) entities() []Entity {
	if len(b.spans) == 0 {
		return nil
	}
	entities := make([]Entity, len(b.spans))
	for i, s := range b.spans {
		e := &entities[i]
		if s.origin != plainly {
			*e = b.given[s.origin]
		}
		e.Type, e.Offset, e.Length = kindTypes[s.kind], s.from, s.to-s.from
		if s.kind == kindCode {
			e.Language = "" // HTML's, of a code that stands alone
		}
	}
	return entities
}

// language is that of a pre or code.
func (b *builder) language(s span) string {
	if s.origin == plainly {
		return ""
	}
	return b.given[s.origin].Language
}

// joinPre makes one pre with a language of a pre and a code that has one and covers the same stretch.
func (b *builder) joinPre() {
	kept := b.spans[:0]
	for _, s := range b.spans {
		if n := len(kept) - 1; n >= 0 && kept[n].from == s.from && kept[n].to == s.to {
			last := &kept[n]
			if (s.kind == kindPre || s.kind == kindPreCode) && last.kind == kindCode && b.language(*last) != "" {
				last.kind = kindPreCode
				continue
			}
			if s.kind == kindCode && last.kind == kindPre && b.language(s) != "" {
				last.kind, last.origin = kindPreCode, s.origin
				continue
			}
		}
		kept = append(kept, s)
	}
	b.spans = kept
}

// linksOverCode leaves out code that has just the extent of a link: Telegram shows only one of them, the code, and the
// address would be lost without a word.
func (b *builder) linksOverCode() {
	kept := b.spans[:0]
	for i, code := range b.spans {
		links := func(s span) bool { return s.kind.rank() == kindLink && s.from == code.from && s.to == code.to }
		if code.kind != kindCode || !slices.ContainsFunc(b.spans[i+1:min(i+3, len(b.spans))], links) {
			kept = append(kept, code)
		}
	}
	b.spans = kept
}

// compact takes the marks out of the text and moves the entities.
func (b *builder) compact() {
	gone := make([]int, len(b.hints)+1) // units dropped before each hint
	at, w := 0, 0
	for i := range b.hints {
		h := &b.hints[i]
		end := int(h.at + h.size)
		w += copy(b.out[w:], b.out[at:end-int(h.drop)])
		at = end
		gone[i+1] = gone[i] + h.gone()
	}
	w += copy(b.out[w:], b.out[at:])
	b.out = b.out[:w]
	b.units -= b.dropped
	before := func(unit int) int {
		return gone[sort.Search(len(b.hints), func(i int) bool { return int(b.hints[i].units) >= unit })]
	}
	for i := range b.spans {
		s := &b.spans[i]
		s.from -= before(s.from)
		s.to -= before(s.to)
	}
	b.spans = slices.DeleteFunc(b.spans, span.empty)
	b.hints, b.dropped = nil, 0
}
