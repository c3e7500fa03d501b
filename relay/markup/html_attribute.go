package markup

import (
	"strings"
	"unicode/utf8"
)

// attribute reads one attribute of t, at i.
func (p *html) attribute(t *tag, i int) (end int, err *ParseError) {
	from := i
	for i < len(p.src) && !isSpace(p.src[i]) && strings.IndexByte(`=>/"'`, p.src[i]) < 0 {
		i = p.next(i)
	}
	if i == from {
		if i == len(p.src) {
			p.runaways++
		}
		return 0, failureAt(`Empty attribute name in the tag "`+tagNames[t.name]+`"`, p.pos, "")
	}
	name := p.src[from:i]
	i = p.skipSpace(i)
	value, own := "", true
	if p.at(i) == '=' {
		if i = p.skipSpace(i + 1); p.at(i) != 0 {
			if value, own, i, err = p.value(i); err != nil {
				return 0, err
			}
			if p.at(i) == 0 {
				return 0, p.unclosed("")
			}
		}
	}
	if p.at(i) == 0 {
		return 0, p.unclosed(tagNames[t.name])
	}
	t.set(name, value, !own)
	return i, nil
}

// next is the offset behind the byte or value at i.
func (p *html) next(i int) int {
	if p.lenient && borderAt(p.src, i) != 0 {
		return inlayEnd(p.src, i)
	}
	return i + 1
}

// value reads an attribute's value at i, with or without quotes.
func (p *html) value(i int) (value string, own bool, end int, err *ParseError) {
	from := i
	if q := p.src[i]; q == '"' || q == '\'' {
		for i++; p.at(i) != q && p.at(i) != 0; {
			i = p.next(i)
		}
		value, own = p.decode(p.src[from+1 : i])
		if p.at(i) == q {
			i++
		}
		return value, own, i, nil
	}
	for isAlnum(p.at(i)) || p.at(i) == '.' || p.at(i) == '-' || p.lenient && borderAt(p.src, i) != 0 {
		i = p.next(i)
	}
	if !isSpace(p.at(i)) && p.at(i) != '>' {
		return "", false, 0, failureAt("Unexpected end of name token", from, "")
	}
	value = bare(p.src[from:i])
	if own = len(value) == i-from; own {
		value = lowerASCII(value)
	}
	return value, own, i, nil
}

// decode decodes the references of an attribute's value, but not in values of a template.
func (p *html) decode(s string) (value string, own bool) {
	own = true
	if strings.IndexByte(s, '&') < 0 && (!p.lenient || nextBorder(s, 0) == len(s)) {
		return s, own
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if p.lenient && borderAt(s, i) != 0 {
			end := inlayEnd(s, i)
			b, i, own = append(b, bare(s[i:end])...), end, false
			continue
		}
		if s[i] == '&' {
			if r, n := reference(s[i:]); n > 0 {
				b = utf8.AppendRune(b, r)
				i += n
				continue
			}
		}
		b = append(b, s[i])
		i++
	}
	return string(b), own
}

// set takes over the attributes that mean something. Names are case-sensitive.
func (t *tag) set(name, value string, data bool) {
	switch {
	case t.name == tagA && name == "href",
		t.name == tagEmoji && name == "emoji-id",
		t.name == tagSpan && name == "class",
		t.name == tagTime && name == "unix":
		t.argument = value
	case t.name == tagTime && name == "format":
		t.format = value
	case t.name == tagCode && name == "class":
		if language, ok := strings.CutPrefix(value, "language-"); ok {
			t.argument = language
		}
	case t.name == tagQuote && name == "expandable":
		t.argument = "1"
	default:
		return
	}
	t.data = data
}
