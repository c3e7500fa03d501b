package markup

// preHead reads what follows the opening ``` of a pre: a language, if white space follows it, and one line break.
func preHead(s string, i int, lenient bool) (language string, end int) {
	j := i
	for j < len(s) && !isSpace(s[j]) && s[j] != '`' {
		if lenient && borderAt(s, j) != 0 {
			j = inlayEnd(s, j)
		} else {
			j++
		}
	}
	if j > i && j < len(s) && s[j] != '`' {
		language, i = s[i:j], j
	}
	if i < len(s) && (s[i] == '\n' || s[i] == '\r') {
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
	b.add(p, Entity{Type: Pre, Language: language})
}
