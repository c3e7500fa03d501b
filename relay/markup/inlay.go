package markup

import "slices"

// inlay writes the value or ready-made markup whose border is at i, and returns where it ends.
func (b *builder) inlay(s string, i int) int {
	type wrapped struct {
		place
		e Entity
	}
	var room [2]wrapped // few are within others
	open := room[:0]
	b.inlays++
	defer func(units int) { b.inlaid += b.units - units }(b.units)
	for depth := 0; ; {
		width := borderLen
		switch borderAt(s, i) {
		case byteValueStart:
			depth++
		case byteValueEnd:
			depth = max(depth-1, 0)
		case byteWrapOpen:
			if depth == 0 {
				e, n, ok := wrapHead(s, i)
				if ok {
					width = n
				}
				open = append(open, wrapped{b.here(), e})
			}
		case byteWrapEnd:
			if depth == 0 && len(open) > 0 {
				top := open[len(open)-1]
				open = open[:len(open)-1]
				b.wrapped(top.place, top.e)
			}
		}
		i += width
		if depth == 0 && len(open) == 0 {
			return i
		}
		j := nextBorder(s, i)
		b.text(s[i:j])
		if i = j; j == len(s) {
			for _, w := range slices.Backward(open) {
				b.wrapped(w.place, w.e)
			}
			return j
		}
	}
}

// wrapped notes the entity of ready-made markup, if what it says makes sense.
func (b *builder) wrapped(p place, e Entity) {
	switch {
	case e.Type == "",
		e.Type == CustomEmoji && decimal(e.CustomEmojiID) == 0,
		e.Type == TextMention && !validUser(e.User.ID),
		e.Type == DateTime && e.UnixTime <= 0:
	case e.Type == TextLink:
		b.link(p, e.URL)
	default:
		b.add(p, e)
	}
}
