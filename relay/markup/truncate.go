package markup

import (
	"strconv"
	"unicode/utf8"
)

// Truncate normalizes t and, if it is longer than limit units or has more than MaxEntities entities, cuts it as Split does
// and says behind an ellipsis how many characters are missing.
func (t Text) Truncate(limit int) Text {
	t = t.Normalize()
	s := newSplitter(t)
	if s.total <= limit && len(t.Entities) <= MaxEntities {
		return t
	}
	room := limit - unitLen(missing(utf8.RuneCountInString(t.Text)))
	if room < 1 {
		return Text{Text: "…"}
	}
	end := s.cut(room, room)
	part := s.take(end)
	if part.Len() > room {
		return Text{Text: "…"}
	}
	part.Text += missing(utf8.RuneCountInString(t.Text[end:]))
	return part
}

func missing(characters int) string {
	return "… (" + strconv.Itoa(characters) + " more characters)"
}
