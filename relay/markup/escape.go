package markup

import "strings"

var escapers = map[Mode]*strings.Replacer{
	MarkdownV2: backslashes("\\_*[]()~`>#+-=|{}.!"),
	Markdown:   backslashes("_*`["),
	HTML:       strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;"),
}

func backslashes(characters string) *strings.Replacer {
	var pairs []string
	for _, c := range characters {
		pairs = append(pairs, string(c), `\`+string(c))
	}
	return strings.NewReplacer(pairs...)
}

// Escape writes s so that Parse, in mode, gives s back. In MarkdownV2 and HTML that holds inside of entities, URLs and
// attributes too (not for a language, nor for CR at the start of a pre). In legacy Markdown it holds outside of
// entities only: inside there is no escape; and not before an entity if s ends in a backslash.
func Escape(mode Mode, s string) string {
	if r, ok := escapers[mode]; ok {
		return r.Replace(s)
	}
	return s
}
