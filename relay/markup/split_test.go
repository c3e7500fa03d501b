package markup_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay/markup"
)

func texts(parts []markup.Text) (all []string) {
	for _, p := range parts {
		all = append(all, p.Text)
	}
	return all
}

func TestSplitPlaces(t *testing.T) {
	for _, c := range []struct {
		text        string
		first, rest int
		want        []string
	}{
		{"short", 10, 10, []string{"short"}},
		{" \n ", 10, 10, nil},
		{"one para.\nIt goes on.\n\nTwo paras here", 30, 30, []string{"one para.\nIt goes on.", "Two paras here"}},
		{"a line here\nand more words that follow", 30, 30, []string{"a line here", "and more words that follow"}},
		{"A sentence here. And words that go on", 30, 30, []string{"A sentence here.", "And words that go on"}},
		{"words and words and words", 12, 12, []string{"words and", "words and", "words"}},
		{"exactly ten", 7, 4, []string{"exactly", "ten"}},
		{"unbreakable", 4, 5, []string{"unbr", "eakab", "le"}},
		{"👍🏽👍🏽👍🏽", 5, 9, []string{"👍🏽", "👍🏽👍🏽"}},
		{"🇺🇦🇺🇦🇺🇦", 6, 6, []string{"🇺🇦", "🇺🇦", "🇺🇦"}},
		{"e\u0301e\u0301e\u0301", 3, 3, []string{"e\u0301", "e\u0301", "e\u0301"}},
		{"e\u0301\u0302\u0301\u0302x", 3, 3, []string{"e\u0301\u0302", "\u0301\u0302x"}}, // longer than a part
		{"日本語文章", 2, 2, []string{"日本", "語文", "章"}},
		{"a\u200b\u200b\u200b\u200b\u200bb", 2, 2, []string{"a\u200b", "b"}},
	} {
		if diff := cmp.Diff(c.want, texts(markup.Text{Text: c.text}.Split(c.first, c.rest))); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", c.text, diff)
		}
	}
}

func TestSplitKeepsPre(t *testing.T) {
	var trace strings.Builder
	for i := range 400 {
		fmt.Fprintf(&trace, "    at com.example.Service%d.call(Service.java:%d)\n", i, i)
	}
	s := "Boom\n" + trace.String()
	text := markup.Text{Text: s, Entities: []markup.Entity{{Type: markup.Pre, Language: "java", Offset: 5, Length: len(s) - 5}}}
	parts := text.Split(markup.MaxText, markup.MaxText)
	if want := len(s)/markup.MaxText + 1; len(parts) != want {
		t.Errorf("%d parts, want %d", len(parts), want)
	}
	for i, p := range parts {
		pre := slices.IndexFunc(p.Entities, func(e markup.Entity) bool { return e.Type == markup.Pre && e.Language == "java" })
		if pre < 0 || p.Entities[pre].Offset+p.Entities[pre].Length != p.Len() {
			t.Fatalf("part %d is no pre to its end: %+v", i, p.Entities)
		}
		if i > 0 && (p.Entities[pre].Offset != 0 || !strings.HasPrefix(p.Text, "    at ")) {
			t.Errorf("part %d begins with %.20q", i, p.Text)
		}
	}
}

func TestSplitKeepsLinksWhole(t *testing.T) {
	text := markup.ParseTemplate(markup.HTML, `some words here <a href="http://e.com">a link of words</a> end`)
	parts := text.Split(20, 20)
	if diff := cmp.Diff([]string{"some words here", "a link of words end"}, texts(parts)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	long := markup.ParseTemplate(markup.HTML, `<a href="http://e.com">a link that is longer than a part</a>`)
	for _, p := range long.Split(20, 20) {
		if len(p.Entities) != 1 || p.Entities[0].URL != "http://e.com/" || p.Entities[0].Length != p.Len() {
			t.Errorf("%q has entities %+v", p.Text, p.Entities)
		}
	}
}

func TestSplitByEntities(t *testing.T) {
	text := markup.ParseTemplate(markup.HTML, strings.Repeat("<b>a</b> <code>b</code> ", 150))
	parts := text.Split(markup.MaxText, markup.MaxText)
	if len(parts) != 3 {
		t.Errorf("%d parts", len(parts))
	}
	total := 0
	for _, p := range parts {
		total += len(p.Entities)
		if len(p.Entities) > markup.MaxEntities {
			t.Errorf("%d entities", len(p.Entities))
		}
	}
	if total != 300 {
		t.Errorf("%d entities in all", total)
	}
}

func TestSplitLaw(t *testing.T) {
	words := rapid.SampledFrom([]string{"word", " ", "\n", "\n\n", ". ", "👨\u200d👩\u200d👧", "🇺🇦", "e\u0301", "日本", "longerword", "a", "\t", "\r\n"})
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t, words)
		limit := rapid.IntRange(12, 60).Draw(t, "limit")
		checkSplitRapid(t, text, limit)
	})
}

// drawText draws a text with any entities, valid or not.
func drawText(t *rapid.T, words *rapid.Generator[string]) markup.Text {
	text := markup.Text{Text: strings.Join(rapid.SliceOfN(words, 0, 60).Draw(t, "words"), "")}
	types := rapid.SampledFrom([]markup.Entity{
		{Type: markup.Bold},
		{Type: markup.Italic},
		{Type: markup.Underline},
		{Type: markup.Spoiler},
		{Type: markup.Code},
		{Type: markup.Pre, Language: "go"},
		{Type: markup.TextLink, URL: "http://e.com/"},
		{Type: markup.Blockquote},
		{Type: markup.ExpandableBlockquote},
		{Type: markup.CustomEmoji, CustomEmojiID: "5"},
		{Type: markup.DateTime, UnixTime: 5},
		{Type: markup.TextMention, User: &markup.User{ID: 5}},
		{Type: "hashtag"},
	})
	for range rapid.IntRange(0, 8).Draw(t, "entities") {
		e := types.Draw(t, "type")
		e.Offset = borderUnit(text.Text, rapid.IntRange(0, max(text.Len(), 1)).Draw(t, "from"))
		e.Length = borderUnit(text.Text, e.Offset+rapid.IntRange(0, 30).Draw(t, "length")) - e.Offset
		text.Entities = append(text.Entities, e)
	}
	return text
}

// borderUnit moves a unit out of the middle of a character.
func borderUnit(s string, unit int) int {
	at := 0
	for _, r := range s {
		if at >= unit {
			break
		}
		at++
		if r > 0xFFFF {
			at++
		}
	}
	return at
}

func checkSplitRapid(t *rapid.T, text markup.Text, limit int) {
	parts := text.Split(limit, limit)
	whole := text.Normalize()
	var joined strings.Builder
	rest := whole.Text
	for _, p := range parts {
		if p.Len() > limit || p.Text == "" {
			t.Fatalf("%d units in %q", p.Len(), p.Text)
		}
		i := strings.Index(rest, p.Text)
		if i < 0 {
			t.Fatalf("%q is not in %q", p.Text, rest)
		}
		rest = rest[i+len(p.Text):]
		joined.WriteString(p.Text)
		if again := p.Normalize(); !cmp.Equal(again, p) {
			t.Fatalf("Normalize changes a part: %s", cmp.Diff(p, again))
		}
		if g, _, _, _ := uniseg.FirstGraphemeClusterInString(p.Text, -1); !strings.Contains(whole.Text, g) {
			t.Fatalf("%q begins within a cluster", p.Text)
		}
	}
	if got, want := seen(joined.String()), seen(whole.Text); got != want {
		t.Fatalf("joined %q, want %q", got, want)
	}
}

func TestTruncate(t *testing.T) {
	text := markup.ParseTemplate(markup.MarkdownV2, "*"+strings.Repeat("words ", 100)+"*")
	for limit, want := range map[int]string{
		1000: strings.TrimSpace(strings.Repeat("words ", 100)),
		40:   "words words words… (582 more characters)",
		3:    "…",
	} {
		got := text.Truncate(limit)
		if got.Text != want || got.Len() > limit {
			t.Errorf("Truncate(%d) = %q", limit, got.Text)
		}
	}
	if e := text.Truncate(40).Entities; len(e) != 1 || e[0].Length != len("words words words") {
		t.Errorf("entities %+v", e)
	}
}
