package markup

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Wrap puts inner into an entity of e's type, with e's URL, language, user and so on; Offset and Length are not used.
// It is how template functions (bold, link, code) make markup that works in every mode, nested too, legacy Markdown
// included. Inner is data and not markup; it may hold Values and other Wraps, and whatever is neither is shown as it is.
// ParseTemplate leaves out an entity without content; a link that Telegram would not take becomes text.
func Wrap(e Entity, inner string) string {
	k := kindOf(&e)
	if k == kindUnknown {
		return inner
	}
	b := make([]byte, 0, len(inner)+len(e.URL)+len(e.Language)+32)
	b = append(appendWrapHead(b, &e, k), inner...)
	return string(utf8.AppendRune(b, wrapEnd))
}

// firstKind stands for the first kind, the characters behind it for the others: none of them is a letter, so that functions which
// change the case of a text leave them alone.
const firstKind = '0'

// appendWrapHead writes what stands before the content.
func appendWrapHead(b []byte, e *Entity, k kind) []byte {
	b = utf8.AppendRune(b, wrapOpen)
	b = append(b, firstKind+byte(k))
	b = appendClean(b, wrapArgument(e, k))
	return utf8.AppendRune(b, wrapBody)
}

func wrapArgument(e *Entity, k kind) string {
	switch k {
	case kindLink:
		return e.URL
	case kindPreCode:
		return e.Language
	case kindEmoji:
		return e.CustomEmojiID
	case kindMention:
		if e.User != nil {
			return strconv.FormatInt(e.User.ID, 10)
		}
	case kindDateTime:
		return strconv.FormatInt(e.UnixTime, 10) + " " + e.DateTimeFormat
	}
	return ""
}

// wrapHead reads what wrapOpen at i begins, up to and with wrapBody; n is its length.
func wrapHead(s string, i int) (e Entity, n int, ok bool) {
	from := i + borderLen
	end := nextBorder(s, from)
	if end == from || borderAt(s, end) != byteWrapBody {
		return e, 0, false
	}
	k, argument := kind(s[from]-firstKind), s[from+1:end]
	if k >= kindUnknown {
		return e, 0, false
	}
	e.Type = kindTypes[k]
	e.setArgument(k, argument)
	return e, end + borderLen - i, true
}

// Addresses are the URLs of the links in ready-made markup.
func Addresses(s string) (urls []string) {
	for i := nextBorder(s, 0); i < len(s); i = nextBorder(s, i+borderLen) {
		if borderAt(s, i) != byteWrapOpen {
			continue
		}
		if e, _, ok := wrapHead(s, i); ok && e.Type == TextLink {
			urls = append(urls, e.URL)
		}
	}
	return urls
}

func (e *Entity) setArgument(k kind, argument string) {
	switch k {
	case kindLink:
		e.URL = argument
	case kindPreCode:
		e.Language = argument
	case kindEmoji:
		e.CustomEmojiID = argument
	case kindMention:
		id, _ := strconv.ParseInt(argument, 10, 64)
		e.User = &User{ID: id}
	case kindDateTime:
		unix, format, _ := strings.Cut(argument, " ")
		e.UnixTime, _ = strconv.ParseInt(unix, 10, 64)
		e.DateTimeFormat = format
	}
}
