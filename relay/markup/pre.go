package markup

// preHead reads what follows the opening ``` of a pre: a language, if white space follows it, and one line break. A language in which
// there is a value stands alone on its line, or the value was meant to be seen.
func preHead(s string, i int, lenient bool) (language string, end int) {
	j, valued := i, false
	for j < len(s) && !isSpace(s[j]) && s[j] != '`' {
		if lenient && borderAt(s, j) != 0 {
			j, valued = inlayEnd(s, j), true
		} else {
			j++
		}
	}
	if j > i && j < len(s) && s[j] != '`' && (!valued || isBreak(s[j])) {
		language, i = s[i:j], j
	}
	if i < len(s) && isBreak(s[i]) {
		if i+1 < len(s) && s[i]^s[i+1] == '\n'^'\r' {
			i++
		}
		i++
	}
	return language, i
}

// pre notes a pre from p to the end of the text. In a template, a value that stands alone after the marks was meant as
// text and not as language, and a pre around nothing but an empty value vanishes.
func (b *builder) pre(p place, language string) {
	raw := language
	if b.lenient {
		language = bare(raw)
	}
	switch {
	case b.lenient && b.hollow(p):
		b.cut(p)
	case language != raw && b.empty(p):
		b.text(language)
		language = ""
	}
	if language == "" {
		b.mark(p, kindPre)
	} else {
		b.add(p, Entity{Type: Pre, Language: language})
	}
}

func isBreak(c byte) bool { return c == '\n' || c == '\r' }
