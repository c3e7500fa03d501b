package markup_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tgrelay/tgrelay/relay/markup"
)

var modes = []markup.Mode{markup.MarkdownV2, markup.HTML, markup.Markdown, markup.Plain}

// addSeeds gives a fuzz target the texts of the golden vectors, each with its mode's index.
func addSeeds(f *testing.F, add func(mode uint8, s string)) {
	f.Helper()
	for _, c := range readGolden[visible](f, "visible.jsonl") {
		add(uint8(slices.Index(modes, c.Mode)), c.Text)
	}
}

// checkText fails if entities are empty, outside of the text, in the middle of a character, or out of order.
func checkText(tb testing.TB, t markup.Text) {
	tb.Helper()
	if !utf8.ValidString(t.Text) {
		tb.Fatalf("%q is no UTF-8", t.Text)
	}
	units := utf16.Encode([]rune(t.Text))
	if t.Len() != len(units) {
		tb.Fatalf("Len() of %q is %d, want %d", t.Text, t.Len(), len(units))
	}
	border := func(i int) bool {
		return i == 0 || i == len(units) || i > 0 && i < len(units) && !(utf16.IsSurrogate(rune(units[i])) && units[i] >= 0xDC00)
	}
	last := 0
	for _, e := range t.Entities {
		if e.Length <= 0 || e.Offset < last || e.Offset+e.Length > len(units) || !border(e.Offset) || !border(e.Offset+e.Length) {
			tb.Fatalf("entity %+v does not fit %q", e, t.Text)
		}
		last = e.Offset
	}
}

func FuzzParse(f *testing.F) {
	addSeeds(f, func(mode uint8, s string) { f.Add(mode, s) })
	f.Add(uint8(0), "a\uFDD0b\uFDD1\uFDD26x\uFDD3y\uFDD4")
	f.Fuzz(func(t *testing.T, m uint8, s string) {
		mode := modes[int(m)%len(modes)]
		lenient := markup.ParseTemplate(mode, s)
		checkText(t, lenient)
		got, err := markup.Parse(mode, s)
		if err != nil {
			e, ok := errors.AsType[*markup.ParseError](err)
			if !ok || e.Message == "" || e.Offset < -1 || e.Offset > len(s) {
				t.Fatalf("error %#v", err)
			}
			return
		}
		checkText(t, got)
		checkText(t, got.Normalize())
		if err := markup.Check(got); err != nil {
			t.Fatalf("Telegram would not take what it parsed: %v", err)
		}
	})
}

// FuzzLenient: what Telegram accepts means the same in a template, but for links that it drops and brackets that it eats.
func FuzzLenient(f *testing.F) {
	addSeeds(f, func(mode uint8, s string) { f.Add(mode, s) })
	f.Fuzz(func(t *testing.T, m uint8, s string) {
		mode := modes[int(m)%len(modes)]
		want, err := markup.Parse(mode, s)
		if err != nil || strings.Contains(s, "[") || strings.Contains(s, "<a") || strings.Contains(s, "<A") || strings.Contains(s, "\uFDD0") || strings.ContainsFunc(s, isBorder) {
			return
		}
		if diff := cmp.Diff(want, markup.ParseTemplate(mode, s), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s %q: (-strict +lenient)\n%s", mode, s, diff)
		}
	})
}

func isBorder(r rune) bool { return r >= 0xFDD0 && r <= 0xFDEF }

func FuzzPrint(f *testing.F) {
	addSeeds(f, func(mode uint8, s string) { f.Add(mode, s) })
	f.Fuzz(func(t *testing.T, m uint8, s string) {
		mode := modes[int(m)%len(modes)]
		got, err := markup.Parse(mode, s)
		if err != nil {
			return
		}
		want := got.Clean()
		checkText(t, want)
		checkPrinted(t, want, markup.HTML, want.HTML())
		if mode == markup.MarkdownV2 {
			checkPrinted(t, want, mode, want.MarkdownV2())
		}
		if text := markup.ParseTemplate(mode, want.Inline()).Clean(); !strings.ContainsFunc(s, isBorder) {
			if diff := cmp.Diff(want, text, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("Inline of %+v: (-want +got)\n%s", want, diff)
			}
		}
		if diff := cmp.Diff(want, want.Clean(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("Clean once more: (-once +twice)\n%s", diff)
		}
	})
}

func checkPrinted(t *testing.T, want markup.Text, mode markup.Mode, printed string) {
	t.Helper()
	got, err := markup.Parse(mode, printed)
	if err != nil {
		t.Fatalf("%s %q of %+v: %v", mode, printed, want, err)
	}
	if diff := cmp.Diff(want, got.Clean(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s %q: (-want +got)\n%s", mode, printed, diff)
	}
}

func FuzzEscape(f *testing.F) {
	addSeeds(f, func(mode uint8, s string) { f.Add(mode, s) })
	f.Fuzz(func(t *testing.T, m uint8, s string) {
		mode := modes[int(m)%len(modes)]
		if !utf8.ValidString(s) {
			return
		}
		for _, c := range escapeContexts[mode] {
			if c.skip(s) {
				continue
			}
			got, err := markup.Parse(mode, c.before+markup.Escape(mode, s)+c.behind)
			if err != nil || got.Text != s {
				t.Fatalf("%s %q..%q: %q became %q, %v", mode, c.before, c.behind, s, got.Text, err)
			}
			if n := len(got.Entities); s != "" && n != c.entities {
				t.Fatalf("%s %q..%q: %q has entities %+v", mode, c.before, c.behind, s, got.Entities)
			}
		}
	})
}

type escapeContext struct {
	before, behind string
	entities       int
	skip           func(s string) bool
}

func never(string) bool   { return false }
func empty(s string) bool { return s == "" }

var escapeContexts = map[markup.Mode][]escapeContext{
	markup.MarkdownV2: {
		{"", "", 0, never},
		{"*", "*", 1, never},
		{"_", "_", 1, empty},
		{"__", "__", 1, never},
		{"||", "||", 1, never},
		{"`", "`", 1, empty},
		{"[", "](http://e.com)", 1, never},
		{"```\n", "```", 1, func(s string) bool { return strings.HasPrefix(s, "\r") }},
	},
	markup.HTML:     {{"", "", 0, never}, {"<b>", "</b>", 1, never}, {"<pre>", "</pre>", 1, never}, {"<blockquote>", "</blockquote>", 1, never}},
	markup.Markdown: {{"", "", 0, never}},
	markup.Plain:    {{"", "", 0, never}},
}

// token stands for a value. It holds no character that means anything.
const token = "Qq7Z"

// FuzzValues: with a value v the text holds v exactly where it holds the token with the token as value, and the entities
// are of the same types over the same characters.
func FuzzValues(f *testing.F) {
	addSeeds(f, func(mode uint8, s string) {
		if n := len(s) / 2; n > 0 {
			f.Add(mode, s[:n], s[n:], "v*_`<b>](\n>|")
		}
		f.Add(mode, "", "\n> "+s, s)
	})
	f.Fuzz(func(t *testing.T, m uint8, before, behind, v string) {
		mode := modes[int(m)%len(modes)]
		template := before + "\x01" + behind
		if v == "" || !utf8.ValidString(template) || !utf8.ValidString(before) || !utf8.ValidString(v) || strings.ContainsAny(v, "\x00") || strings.ContainsFunc(template+v, isBorder) ||
			strings.Contains(template, token) || strings.Count(template, "\x01") != 1 {
			return
		}
		if strings.Contains(template, "](") || strings.Contains(strings.ToLower(template), "<a") || strings.Contains(template, "tg-") {
			return // what a value means in an address depends on the value
		}
		with := func(v string) markup.Text { return markup.ParseTemplate(mode, before+markup.Value(v)+behind) }
		want, got := with(token), with(v)
		if w := strings.ReplaceAll(want.Text, token, v); w != got.Text {
			t.Fatalf("%s %q with %q: %q, want %q", mode, template, v, got.Text, w)
		}
		if diff := cmp.Diff(shape(want, v), shape(got, "")); diff != "" {
			t.Fatalf("%s %q with %q: (-token +value)\n%s", mode, template, v, diff)
		}
	})
}

// shape is what the entities of a text cover, with the token replaced.
func shape(t markup.Text, v string) []string {
	units := utf16.Encode([]rune(t.Text))
	var all []string
	for _, e := range t.Entities {
		s := string(utf16.Decode(units[e.Offset : e.Offset+e.Length]))
		if v != "" {
			s = strings.ReplaceAll(s, token, v)
		}
		all = append(all, string(e.Type)+" "+s)
	}
	slices.Sort(all)
	return all
}

func FuzzSplit(f *testing.F) {
	addSeeds(f, func(mode uint8, s string) { f.Add(mode, s, uint16(20), uint16(30)) })
	f.Fuzz(func(t *testing.T, m uint8, s string, first, rest uint16) {
		text := markup.ParseTemplate(modes[int(m)%len(modes)], s)
		checkSplit(t, text, max(int(first), 2), max(int(rest), 2))
	})
}

func checkSplit(t testing.TB, text markup.Text, first, rest int) {
	t.Helper()
	parts := text.Split(first, rest)
	limit := first
	var joined strings.Builder
	for _, p := range parts {
		checkText(t, p)
		joined.WriteString(p.Text)
		if p.Len() > limit || len(p.Entities) > markup.MaxEntities || seen(p.Text) == "" || p.Text != strings.TrimRight(p.Text, " \n") {
			t.Fatalf("a part of %d units and %d entities (limit %d): %q", p.Len(), len(p.Entities), limit, p.Text)
		}
		if diff := cmp.Diff(p, p.Normalize(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("a part would be changed: (-part +normalized)\n%s", diff)
		}
		limit = rest
	}
	if got, want := seen(joined.String()), seen(text.Normalize().Text); got != want {
		t.Fatalf("joined: %q, want %q", got, want)
	}
	if short := text.Truncate(first); short.Len() > first {
		t.Fatalf("Truncate(%d) gives %d units: %q", first, short.Len(), short.Text)
	}
}

// seen is s without white space and what else cannot be seen.
func seen(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r >= 0x200B && r <= 0x200F || r == 0x2800 || r == 0xFEFF || r == 0xFFFC || r == 0x180E {
			return -1
		}
		return r
	}, s)
}
