package markup

// targets reads the (url) behind a [label].
type targets struct {
	src     string
	lenient bool
	legacy  bool // no escapes
	none    int  // from here on there is no closing parenthesis, if above 0
}

// What stands behind a label.
const (
	targetRead = iota
	targetNone // no parenthesis
	targetOpen // a parenthesis that is not closed
)

// read reads the target at *pos, which moves behind it. It stays where it is if there is none.
func (t *targets) read(pos *int) (url string, state int) {
	from := *pos + 1
	if from > len(t.src) || t.src[*pos:from] != "(" {
		return "", targetNone
	}
	if t.none > 0 && from >= t.none {
		return "", targetOpen
	}
	end, plain := t.find(from)
	if end == len(t.src) {
		t.none = from
		return "", targetOpen
	}
	*pos = end + 1
	if url = t.src[from:end]; plain {
		return url, targetRead
	}
	return t.unescape(url), targetRead
}

// find looks for the closing parenthesis; plain means that what is before it stands for itself.
func (t *targets) find(i int) (end int, plain bool) {
	plain = true
	for i < len(t.src) {
		switch c := t.src[i]; {
		case c == ')':
			return i, plain
		case c == '\\' && !t.legacy && t.escapes(i):
			plain = false
			i += 2
		case c == borderLead && t.lenient && borderAt(t.src, i) != 0:
			plain = false
			i = inlayEnd(t.src, i)
		default:
			i++
		}
	}
	return len(t.src), plain
}

func (t *targets) escapes(i int) bool {
	return i+1 < len(t.src) && t.src[i+1] > 0 && t.src[i+1] <= 126
}

// unescape takes the backslashes out, and the borders; in values a backslash is itself.
func (t *targets) unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		switch {
		case t.lenient && borderAt(s, i) != 0:
			end := inlayEnd(s, i)
			b = append(b, bare(s[i:end])...)
			i = end
		case s[i] == '\\' && !t.legacy && i+1 < len(s) && s[i+1] > 0 && s[i+1] <= 126:
			b = append(b, s[i+1])
			i += 2
		default:
			b = append(b, s[i])
			i++
		}
	}
	return string(b)
}
