package markup

import (
	"strings"
	"unicode/utf8"
)

// The borders of data in the output of a template, understood by ParseTemplate only. They are noncharacters: Unicode
// promises never to give them a meaning, so no text needs them.
const (
	ValueStart = '\uFDD0' // what follows is data and is shown as it is, in every context of every mode
	ValueEnd   = '\uFDD1'

	// Ready-made markup is wrapOpen, a character for the kind, an argument, wrapBody, the content, wrapEnd.
	wrapOpen = '\uFDD2'
	wrapBody = '\uFDD3'
	wrapEnd  = '\uFDD4'
)

// The border runes U+FDD0..U+FDD4 are the bytes EF B7 90..94 in UTF-8. All of U+FDD0..U+FDEF is kept out of values,
// so that borders can be added later.
const (
	borderLead     = 0xEF
	borderPrefix   = "\xEF\xB7"
	borderLen      = 3
	byteValueStart = 0x90
	byteValueEnd   = 0x91
	byteWrapOpen   = 0x92
	byteWrapBody   = 0x93
	byteWrapEnd    = 0x94
	byteLast       = 0xAF
)

// Value puts borders around s, so that ParseTemplate shows it as it is. What could break out or break the message is
// taken out of it first: border runes; NUL becomes a space, as at Telegram, and invalid UTF-8 U+FFFD. See Content for ready-made markup (Wrap).
func Value(s string) string {
	if clean(s) {
		return string(ValueStart) + s + string(ValueEnd)
	}
	return string(AppendValue(make([]byte, 0, len(s)+2*borderLen), s))
}

// AppendValue appends Value(s) to b.
func AppendValue(b []byte, s string) []byte {
	b = utf8.AppendRune(b, ValueStart)
	if clean(s) {
		b = append(b, s...)
	} else {
		b = appendClean(b, s)
	}
	return utf8.AppendRune(b, ValueEnd)
}

func clean(s string) bool {
	return !strings.Contains(s, borderPrefix) && strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

func appendClean(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		if s[i] == 0 {
			b = append(b, ' ')
			i++
			continue
		}
		if isBorder(s, i) {
			i += borderLen
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b = utf8.AppendRune(b, r)
		i += n
	}
	return b
}

// isBorder reports whether one of the runes that are kept out of values is at i.
func isBorder(s string, i int) bool {
	return len(s)-i >= borderLen && s[i] == borderLead && s[i+1] == borderPrefix[1] && s[i+2] >= byteValueStart && s[i+2] <= byteLast
}

// borderWidth is the length of the border at i, with letter and argument when it opens ready-made markup.
func borderWidth(s string, i int) int {
	if borderAt(s, i) == byteWrapOpen {
		if _, n, ok := wrapHead(s, i); ok {
			return n
		}
	}
	return borderLen
}

// Content is s without the borders of Values and ready-made markup: what they show, as text.
func Content(s string) string { return bare(s) }

// borderAt is the last byte of the border rune at i, or 0 if there is none.
func borderAt(s string, i int) byte {
	if len(s)-i < borderLen || s[i] != borderLead || s[i+1] != borderPrefix[1] || s[i+2] < byteValueStart || s[i+2] > byteWrapEnd {
		return 0
	}
	return s[i+2]
}

// nextBorder is the offset of the first border at or after i, or len(s).
func nextBorder(s string, i int) int {
	for {
		j := strings.Index(s[i:], borderPrefix)
		if j < 0 {
			return len(s)
		}
		i += j
		if borderAt(s, i) != 0 {
			return i
		}
		i += len(borderPrefix)
	}
}

// inlayEnd is where the value or ready-made markup ends whose border is at i.
func inlayEnd(s string, i int) int {
	var depth, wraps int
	for i < len(s) {
		switch borderAt(s, i) {
		case byteValueStart:
			depth++
		case byteValueEnd:
			depth = max(depth-1, 0)
		case byteWrapOpen:
			if depth == 0 {
				wraps++
			}
		case byteWrapEnd:
			if depth == 0 {
				wraps = max(wraps-1, 0)
			}
		}
		i += borderLen
		if depth == 0 && wraps == 0 {
			return i
		}
		i = nextBorder(s, i)
	}
	return i
}

// Own is the output of a template with another text in the place of each value and of all ready-made markup.
func Own(s, instead string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		j := nextBorder(s, i)
		b.WriteString(s[i:j])
		if i = j; j < len(s) {
			b.WriteString(instead)
			i = inlayEnd(s, j)
		}
	}
	return b.String()
}

// bare is s without borders: what is left of values and ready-made markup where only characters count, as in a URL.
func bare(s string) string {
	i := nextBorder(s, 0)
	if i == len(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for from := 0; ; i = nextBorder(s, from) {
		b = append(b, s[from:i]...)
		if i == len(s) {
			return string(b)
		}
		from = i + borderWidth(s, i)
	}
}
