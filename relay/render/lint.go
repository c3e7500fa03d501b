package render

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// Lint executes a template and says what would surprise whoever wrote it: marks that are never closed, links that Telegram does not
// take, tabs in code, more entities than Telegram shows. The error is Execute's.
func (s *Set) Lint(name string, mode markup.Mode, data any) ([]string, error) {
	if !s.Has(name) {
		return nil, fmt.Errorf("there is no template %q", name)
	}
	out, err := s.execute(name, mode, data)
	if err != nil {
		return nil, err
	}
	text := markup.ParseTemplate(mode, out)
	var warnings []string
	warnings = append(warnings, openMarks(mode, out)...)
	warnings = append(warnings, deadLinks(mode, out)...)
	return append(warnings, Surprises(text)...), nil
}

// Surprises says what Telegram would do to a text that its writer may not expect.
func Surprises(text markup.Text) []string {
	var warnings []string
	if n := len(text.Clean().Entities); n > markup.MaxEntities {
		warnings = append(warnings, fmt.Sprintf("it has %d marks and links; Telegram shows %d in a message, so that it is sent in parts", n, markup.MaxEntities))
	}
	for _, e := range text.Entities {
		if (e.Type == markup.Pre || e.Type == markup.Code) && strings.Contains(part(text, e), "\t") {
			warnings = append(warnings, "there is a tab in code: Telegram would show one space, so four are sent")
			break
		}
	}
	return warnings
}

// part is the stretch of an entity.
func part(text markup.Text, e markup.Entity) string {
	one := markup.Text{Text: text.Text, Entities: nil}
	units, from, to := 0, len(one.Text), len(one.Text)
	for i, r := range one.Text {
		if units == e.Offset {
			from = i
		}
		if units == e.Offset+e.Length {
			to = i
			break
		}
		units++
		if r > 0xFFFF {
			units++
		}
	}
	return one.Text[min(from, to):to]
}

var (
	// values are the stretches that actions printed, and what functions built: none of the template's own marks are in there.
	values  = regexp.MustCompile("\uFDD0[^\uFDD1]*\uFDD1|\uFDD2[^\uFDD3]*\uFDD3|\uFDD4")
	escaped = regexp.MustCompile(`\\[[:punct:]]`)
	// What would be a mark if it were closed.
	marks = map[markup.Mode]*regexp.Regexp{
		markup.MarkdownV2: regexp.MustCompile("```|`|\\*|__|~|\\|\\||_"),
		markup.Markdown:   regexp.MustCompile("```|`|\\*|_"),
		markup.HTML:       regexp.MustCompile(`</?[a-zA-Z][^<>]*>?`),
	}
	// Addresses of the template's own links, with what values add to them; values that stand elsewhere are passed over.
	links = map[markup.Mode]*regexp.Regexp{
		markup.MarkdownV2: regexp.MustCompile(values.String() + "|\\]\\(((?:\uFDD0[^\uFDD1]*\uFDD1|[^()\n\uFDD0])*)\\)"),
		markup.Markdown:   regexp.MustCompile(values.String() + "|\\]\\(((?:\uFDD0[^\uFDD1]*\uFDD1|[^()\n\uFDD0])*)\\)"),
		markup.HTML:       regexp.MustCompile(values.String() + "|<a\\s+href=\"((?:\uFDD0[^\uFDD1]*\uFDD1|[^\"\uFDD0])*)\""),
	}
)

// openMarks finds marks of the template's own that stay visible, because nothing closes them.
func openMarks(mode markup.Mode, out string) []string {
	find := marks[mode]
	if find == nil {
		return nil
	}
	own := markup.Own(out, "x")
	if mode != markup.HTML {
		own = escaped.ReplaceAllString(own, "x")
	}
	left := find.FindString(markup.ParseTemplate(mode, own).Text)
	if left == "" {
		return nil
	}
	return []string{fmt.Sprintf("the mark %s is never closed, or is none of Telegram's: it is shown as it is", left)}
}

// deadLinks finds links that Telegram would drop.
func deadLinks(mode markup.Mode, out string) []string {
	urls := markup.Addresses(out)
	if find := links[mode]; find != nil {
		borders := strings.NewReplacer(string(markup.ValueStart), "", string(markup.ValueEnd), "")
		for _, found := range find.FindAllStringSubmatch(out, -1) {
			urls = append(urls, borders.Replace(found[1]))
		}
	}
	var warnings []string
	for _, url := range urls {
		if _, err := markup.CheckURL(url); err != nil && url != "" {
			warnings = append(warnings, fmt.Sprintf("Telegram takes no link to %.200s (%s): it is shown as text", url, err))
		}
	}
	return warnings
}
