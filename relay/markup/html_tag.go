package markup

import "strings"

// tagName is one of the tags that Telegram knows.
type tagName uint8

const (
	tagA tagName = iota
	tagB
	tagStrong
	tagI
	tagEm
	tagS
	tagStrike
	tagDel
	tagU
	tagIns
	tagSpoiler
	tagSpan
	tagPre
	tagCode
	tagQuote
	tagEmoji
	tagTime
	tags
)

var tagNames = [tags]string{
	"a", "b", "strong", "i", "em", "s", "strike", "del", "u", "ins", "tg-spoiler", "span", "pre", "code", "blockquote", "tg-emoji", "tg-time",
}

// tagKinds has the kinds of the tags that need no attribute.
var tagKinds = [tags]kind{
	tagB: kindBold, tagStrong: kindBold, tagI: kindItalic, tagEm: kindItalic, tagS: kindStrike, tagStrike: kindStrike, tagDel: kindStrike,
	tagU: kindUnderline, tagIns: kindUnderline, tagSpoiler: kindSpoiler, tagSpan: kindSpoiler, tagPre: kindPre,
}

func tagByName(s string) (tagName, bool) {
	for i, name := range tagNames {
		if len(name) == len(s) && strings.EqualFold(name, s) {
			return tagName(i), true
		}
	}
	return 0, false
}

// tag is a start tag.
type tag struct {
	name     tagName
	argument string // href, language, emoji-id, unix, or anything for an expandable quote
	format   string // of tg-time
	data     bool   // argument holds a value of a template
}

// readTag reads the start tag at pos; end is behind it.
func (p *html) readTag() (t tag, end int, err *ParseError) {
	i := p.nameEnd(p.pos + 1)
	if p.at(i) == 0 {
		return t, 0, p.unclosed("")
	}
	name, ok := tagByName(p.src[p.pos+1 : i])
	if !ok {
		return t, 0, failureAt(`Unsupported start tag "`+lowerASCII(p.src[p.pos+1:i])+`"`, p.pos, "")
	}
	t.name = name
	for {
		if i = p.skipSpace(i); p.at(i) == '>' {
			break
		}
		if p.runaways > maxRunaways {
			return t, 0, p.unclosed("")
		}
		if i, err = p.attribute(&t, i); err != nil {
			return t, 0, err
		}
	}
	if t.name == tagSpan && t.argument != "tg-spoiler" {
		return t, 0, failureAt(`Tag "span" must have class "tg-spoiler"`, p.pos, "")
	}
	return t, i + 1, nil
}

// at is the byte at i, 0 after the end, as Telegram's parser sees it.
func (p *html) at(i int) byte {
	if i < len(p.src) {
		return p.src[i]
	}
	return 0
}

// maxName is longer than any tag's name. A lenient parser reads no further for one.
const maxName = 16

// nameEnd is where the tag name ends that begins at i.
func (p *html) nameEnd(i int) int {
	end := len(p.src)
	if p.lenient {
		end = min(end, i+maxName)
	}
	for i < end && !isSpace(p.src[i]) && p.src[i] != '>' {
		i++
	}
	return i
}

func (p *html) skipSpace(i int) int {
	for i < len(p.src) && isSpace(p.src[i]) && p.src[i] != 0 {
		i++
	}
	return i
}

// unclosed is the error of a tag in which the text ends; which of two messages depends on where it does.
func (p *html) unclosed(name string) *ParseError {
	p.runaways++
	message := "Unclosed start tag"
	if name != "" {
		message += ` "` + name + `"`
	}
	return failureAt(message, p.pos, "")
}

// element notes the entity of an element that is not empty.
func (p *html) element(e *element) error {
	switch e.name {
	case tagA:
		p.anchor(e)
	case tagCode:
		p.add(e.place, Entity{Type: Code, Language: e.argument}) // the language goes, or makes a pre of it
	case tagQuote:
		if e.argument != "" {
			p.mark(e.place, kindExpandable)
		} else {
			p.mark(e.place, kindQuote)
		}
	case tagEmoji:
		if decimal(e.argument) == 0 {
			return p.invalid("Invalid custom emoji identifier specified", e)
		}
		p.add(e.place, Entity{Type: CustomEmoji, CustomEmojiID: e.argument})
	case tagTime:
		format, ok := dateTimeFormat(e.format)
		if !ok {
			return p.invalid("Invalid date format used", e)
		}
		if unix := wrapping(e.argument); unix > 0 {
			p.add(e.place, Entity{Type: DateTime, UnixTime: int64(unix), DateTimeFormat: format})
		}
	default:
		p.mark(e.place, tagKinds[e.name])
	}
	return nil
}

func (p *html) anchor(e *element) {
	url := e.argument
	if url == "" {
		label, own := p.since(e.place)
		if p.lenient && (!own || e.data) {
			return // the author wrote an address that is empty, or a label that is data
		}
		url = label
	}
	p.link(e.place, url)
}

// invalid is an error, or in a template no entity.
func (p *html) invalid(message string, e *element) error {
	if p.lenient {
		return nil
	}
	return failure(message, int(e.at))
}

// wrapping reads a number up to the first character that is no digit, in 32 bits that wrap around.
func wrapping(s string) (n int32) {
	s, negative := strings.CutPrefix(s, "-")
	for i := 0; i < len(s) && isDigit(s[i]); i++ {
		n = n*10 + int32(s[i]-'0')
	}
	if negative {
		return -n
	}
	return n
}
