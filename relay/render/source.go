package render

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// With is the set with one more file over it; the set itself stays as it is. The error names file and line.
func (s *Set) With(f File) (*Set, error) {
	o := s.options
	o.Files = append(slices.Clip(o.Files), f)
	return New(o)
}

// Source is the text of a template as it was written, from its define to its end; empty for Alertmanager's own and for unknown names.
func (s *Set) Source(name string) string {
	files, err := builtin()
	if err != nil {
		return "" // not reached: they are embedded
	}
	for _, f := range slices.Backward(append(files, s.options.Files...)) {
		if text := defineOf(f.Text, name); text != "" {
			return text
		}
	}
	return ""
}

// actions finds comments, and what else stands in double braces, where texts may hold braces too.
var actions = regexp.MustCompile("(?s)\\{\\{-?\\s*(/\\*.*?\\*/|(?:\"(?:\\\\.|[^\"\\\\])*\"|`[^`]*`|'(?:\\\\.|[^'\\\\])*'|[^}\"`'])*?)\\s*-?\\}\\}")

// defineOf cuts the define of a name out of a file.
func defineOf(text, name string) string {
	depth, begin := 0, -1
	for _, at := range actions.FindAllStringSubmatchIndex(text, -1) {
		words := strings.Fields(text[at[2]:at[3]])
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "define", "block":
			if named, err := strconv.Unquote(words[min(1, len(words)-1)]); err == nil && named == name && begin < 0 {
				begin, depth = at[0], 0
			}
			depth++
		case "if", "range", "with":
			depth++
		case "end":
			if depth--; begin >= 0 && depth == 0 {
				return text[begin:at[1]]
			}
		}
	}
	return ""
}
