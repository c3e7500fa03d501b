package markup

import "unicode/utf8"

// Telegram counts text in UTF-16 code units (MessageEntity.offset and length): one for a character of up to three
// bytes in UTF-8, two for one of four.

// Len is the length of t's text in UTF-16 code units, the unit of Telegram's limits and offsets.
func (t Text) Len() int { return unitLen(t.Text) }

// unitLen counts UTF-16 code units. Of invalid UTF-8 it counts what is no continuation byte.
func unitLen(s string) int {
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c < utf8.RuneSelf:
		case c < 0xC0:
			n--
		case c >= 0xF0:
			n++
		}
	}
	return n
}

// unitWidth is the number of code units of the character that begins with byte c.
func unitWidth(c byte) int {
	if c >= 0xF0 {
		return 2
	}
	return 1
}

// advance is the byte offset that lies units code units after byte offset i, at most len(s). Where that is the middle of
// a surrogate pair, it is the offset before the character.
func advance(s string, i, units int) int {
	for i < len(s) && units > 0 {
		w := unitWidth(s[i])
		if w > units {
			break
		}
		units -= w
		i++
		for i < len(s) && !utf8.RuneStart(s[i]) {
			i++
		}
	}
	return i
}
