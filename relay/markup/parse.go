// Package markup turns Telegram's markup languages into text with entities, and back, and cuts texts into messages.
//
// It promises that Parse agrees with Telegram's own parser, error messages and byte offsets included, and that nothing
// here panics or takes more than linear time, whatever the bytes. ParseTemplate never fails: there, what is between the
// borders of a Value is data and is shown as it is, and a mark that makes no sense is itself.
//
// The package keeps nothing. Offsets of entities count UTF-16 code units, offsets in errors bytes.
package markup

import (
	"strings"
	"unicode/utf8"
)

// ParseMode is the mode of a parse_mode, in which case does not matter; "" and "none" are Plain.
func ParseMode(s string) (mode Mode, ok bool) {
	for _, m := range []Mode{Plain, MarkdownV2, HTML, Markdown} {
		if strings.EqualFold(s, string(m)) {
			return m, true
		}
	}
	return Plain, strings.EqualFold(s, "none")
}

// Parse reads s as Telegram does. The error is a *ParseError in Telegram's words; there is one besides for more than 65,536 entities
// that are open at once, which no text that Telegram takes has room for. Nothing is trimmed or cleaned: see
// Text.Normalize. Links that Telegram does not take leave their label as plain text, without an error.
func Parse(mode Mode, s string) (Text, error) {
	if !utf8.ValidString(s) {
		return Text{}, failure(notUTF8, -1)
	}
	if len(s) > maxSize {
		return Text{}, failure("Text is too long", -1)
	}
	switch mode {
	case MarkdownV2:
		p := newMarkdownV2(s, false)
		return finish(&p.builder, p.parse())
	case HTML:
		p := newHTML(s, false)
		return finish(&p.builder, p.parse())
	case Markdown:
		p := newMarkdown(s, false)
		return finish(&p.builder, p.parse())
	}
	return Text{Text: s}, nil
}

func finish(b *builder, err error) (Text, error) {
	if err != nil {
		return Text{}, err
	}
	return b.done(), nil
}

// ParseTemplate reads the output of a template. It never fails and takes nothing amiss:
//
//   - What is between ValueStart and ValueEnd is data, shown as it is in every context; see Value. Ready-made markup
//     (Wrap) works everywhere too.
//   - A reserved character that starts nothing is itself; so is a mark that is never closed, an unknown or unclosed tag, a & or <,
//     and a [label] without a (url) that is no URL.
//   - A link that Telegram would not take, such as one to a host without a dot, becomes its label followed by the
//     address as text.
//   - A link around code is a link; Telegram would lose its address.
//   - Marks around nothing, as around an empty value, vanish.
//
// Whatever else Parse accepts means here what it means there.
func ParseTemplate(mode Mode, s string) Text {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if len(s) > maxSize {
		mode = Plain
	}
	switch mode {
	case MarkdownV2:
		if p := newMarkdownV2(s, true); p.parse() == nil {
			return p.done()
		}
		return newGuesser(s).done()
	case HTML:
		p := newHTML(s, true)
		_ = p.parse() // a lenient parser has no errors
		return p.done()
	case Markdown:
		p := newMarkdown(s, true)
		_ = p.parse()
		return p.done()
	}
	return parsePlain(s)
}

// parsePlain knows values and ready-made markup only.
func parsePlain(s string) Text {
	b := newBuilder(len(s), true)
	for i := 0; i < len(s); {
		j := nextBorder(s, i)
		b.text(s[i:j])
		if i = j; j < len(s) {
			i = b.inlay(s, j)
		}
	}
	return b.done()
}
