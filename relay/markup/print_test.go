package markup_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay/markup"
)

func TestPrint(t *testing.T) {
	for _, c := range []struct{ html, markdownV2, back string }{
		{html: `<b>a <i>b</i> c</b>`, markdownV2: `*a _b_ c*`},
		{html: `<b>a <code>b</code> c</b>`, markdownV2: "*a `b` c*"},
		{html: `<u><i>a</i> b</u>`, markdownV2: `__**_a_ b__`, back: `<u><i>a</i> b</u>`},
		{html: `<i>a</i><u>b</u>`, markdownV2: `_a_**__b__`},
		{html: `<b><i>a</i><u>b</u></b>`, markdownV2: `*_a_~~__b__*`},
		{html: `<a href="http://e.com/?a=(b)&amp;c=&quot;">v1.2!</a>`, markdownV2: `[v1\.2\!](http://e.com/?a=(b\)&c=")`},
		{html: `<pre><code class="language-go">a&lt;b</code></pre><pre>c</pre>`, markdownV2: "```go\na<b``````\nc```"},
		{html: "<blockquote>a\nb</blockquote>\nc", markdownV2: ">a\n>b\nc", back: "<blockquote>a\nb\n</blockquote>c"},
		{html: "<blockquote expandable>a\n</blockquote><blockquote>b</blockquote>", markdownV2: ">a||\n**>b"},
		{html: `x<blockquote>a</blockquote>`, markdownV2: `xa`, back: `xa`},
		{html: `<tg-emoji emoji-id="5">x</tg-emoji><tg-time unix="7" format="wd">y</tg-time>`, markdownV2: `![x](tg://emoji?id=5)![y](tg://time?unix=7&format=wd)`},
		{html: `<a href="tg://user?id=9">Bo</a><s>c</s><tg-spoiler>d</tg-spoiler>`, markdownV2: `[Bo](tg://user?id=9)~c~||d||`},
	} {
		text, err := markup.Parse(markup.HTML, c.html)
		if err != nil {
			t.Errorf("%q: %v", c.html, err)
			continue
		}
		if got := text.HTML(); got != c.html {
			t.Errorf("HTML() = %q, want %q", got, c.html)
		}
		if got := text.MarkdownV2(); got != c.markdownV2 {
			t.Errorf("MarkdownV2() of %q = %q, want %q", c.html, got, c.markdownV2)
		}
		back, err := markup.Parse(markup.MarkdownV2, c.markdownV2)
		if c.back == "" {
			c.back = c.html
		}
		if err != nil || back.HTML() != c.back {
			t.Errorf("%q is %q, %v", c.markdownV2, back.HTML(), err)
		}
	}
}

// TestPrintUnsayable: what MarkdownV2 has no words for is left out or bent, and the text is still accepted and the same.
func TestPrintUnsayable(t *testing.T) {
	for _, c := range []struct {
		text markup.Text
		want string
	}{
		{markup.Text{Text: "x", Entities: []markup.Entity{{Type: markup.Pre, Language: "a `b", Length: 1}}}, "```ab\nx```"},
		{markup.Text{Text: "\rx", Entities: []markup.Entity{{Type: markup.Pre, Length: 2}}}, "```\n\\\rx```"},
		{markup.Text{Text: "x", Entities: []markup.Entity{{Type: markup.TextMention, Length: 1}}}, "[x](tg://user)"},
		{markup.Text{Text: "ab\nc", Entities: []markup.Entity{{Type: markup.Blockquote, Length: 3}, {Type: markup.Bold, Offset: 1, Length: 3}}}, ">a*b*\n*c*"},
		{markup.Text{Text: "a\nb", Entities: []markup.Entity{{Type: markup.Blockquote, Length: 1}, {Type: markup.Code, Offset: 1, Length: 2}}}, "a`\nb`"},
	} {
		got := c.text.MarkdownV2()
		back, err := markup.Parse(markup.MarkdownV2, got)
		if got != c.want || err != nil || back.Text != c.text.Text {
			t.Errorf("%+v: %q is %q, %v, want %q", c.text, got, back.Text, err, c.want)
		}
	}
}

// TestPrintLaw: whatever entities a text has, its HTML means the same once both are clean, and its MarkdownV2 is accepted.
func TestPrintLaw(t *testing.T) {
	words := rapid.SampledFrom([]string{"word", " ", "\n", "👍🏽", "<b>", "*_`", "a", "&amp;", "\\"})
	rapid.Check(t, func(t *rapid.T) {
		want := drawText(t, words).Clean()
		got, err := markup.Parse(markup.HTML, want.HTML())
		if err != nil {
			t.Fatalf("%q: %v", want.HTML(), err)
		}
		if diff := cmp.Diff(want, got.Clean(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q: (-want +got)\n%s", want.HTML(), diff)
		}
		got, err = markup.Parse(markup.MarkdownV2, want.MarkdownV2())
		if err != nil || got.Text != want.Text {
			t.Fatalf("%q of %+v: %q, %v", want.MarkdownV2(), want, got.Text, err)
		}
		if diff := cmp.Diff(want, want.Clean(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("Clean once more: (-once +twice)\n%s", diff)
		}
	})
}

func TestTerminal(t *testing.T) {
	text, err := markup.Parse(markup.HTML, "<b>Alert</b> \x1b[31m <a href=\"http://e.com/x\">graph</a> <a href=\"e.com\">http://e.com</a>\n<blockquote>one\n\n<i>two</i></blockquote>end<tg-spoiler>s</tg-spoiler>\n<pre>x\n\ty</pre>")
	if err != nil {
		t.Fatal(err)
	}
	want := "Alert \uFFFD[31m graph (http://e.com/x) http://e.com\n▌ one\n▌ \n▌ two\nend▒s▒\n    x\n    \ty\n"
	if diff := cmp.Diff(want, text.Terminal(false)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	color := text.Terminal(true)
	for _, want := range []string{"\x1b[0;1mAlert\x1b[0m", "\x1b]8;;http://e.com/x\x1b\\", "▌ \x1b[0mone", "▌ \x1b[0;3mtwo", "    \x1b[0;2mx\x1b[0m\n"} {
		if !strings.Contains(color, want) {
			t.Errorf("%q lacks %q", color, want)
		}
	}
	if strings.Contains(color, "\x1b[31m") {
		t.Errorf("%q steers the terminal", color)
	}
}

func TestExpandTabs(t *testing.T) {
	in := markup.Text{Text: "👍\ta\tb", Entities: []markup.Entity{{Type: markup.Bold, Length: 3}, {Type: markup.Pre, Offset: 3, Length: 3}}}
	want := markup.Text{Text: "👍    a    b", Entities: []markup.Entity{{Type: markup.Bold, Length: 6}, {Type: markup.Pre, Offset: 6, Length: 6}}}
	if diff := cmp.Diff(want, in.ExpandTabs()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		in, want markup.Text
	}{
		{markup.Text{Text: " \n a \n"}, markup.Text{Text: "a"}},
		{markup.Text{Text: "\u200b\u3000\u2800\ufeff "}, markup.Text{}},
		{
			markup.Text{Text: "\n  a  ", Entities: []markup.Entity{{Type: markup.Pre, Offset: 1, Length: 5}}},
			markup.Text{Text: "  a", Entities: []markup.Entity{{Type: markup.Pre, Length: 3}}},
		},
		{
			markup.Text{Text: "ab  ", Entities: []markup.Entity{{Type: markup.Bold, Length: 1}, {Type: markup.Italic, Offset: 3, Length: 1}}},
			markup.Text{Text: "ab", Entities: []markup.Entity{{Type: markup.Bold, Length: 1}}},
		},
		{markup.Text{Text: "x\u200e\u200f\u200ey"}, markup.Text{Text: "x\u200c\u200c\u200ey"}},
	} {
		if diff := cmp.Diff(c.want, c.in.Normalize(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", c.in.Text, diff)
		}
	}
}

// What is nothing but openers must not cost many times its size.
func TestOpenEntitiesAreBounded(t *testing.T) {
	for _, c := range []struct {
		mode   markup.Mode
		text   string
		offset int
	}{
		{markup.MarkdownV2, strings.Repeat("[", 1<<20), 1 << 16},
		{markup.MarkdownV2, strings.Repeat("*_", 1<<19), 1 << 16},
		{markup.HTML, strings.Repeat("<b>", 1<<17), 3 << 16},
		{markup.HTML, strings.Repeat("<blockquote>", 100_000) + "x" + strings.Repeat("</blockquote>", 100_000), 12 << 16},
	} {
		var before, behind runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := markup.Parse(c.mode, c.text)
		runtime.ReadMemStats(&behind)
		if n := (behind.TotalAlloc - before.TotalAlloc) >> 20; n > 64 {
			t.Errorf("%.20q: %d MiB allocated on the way", c.text, n)
		}
		e, ok := errors.AsType[*markup.ParseError](err)
		if want := fmt.Sprintf("Too many entities are open at byte offset %d", c.offset); !ok || e.Error() != want || e.Offset != c.offset {
			t.Errorf("%.20q: %v, want %s", c.text, err, want)
		}
		checkText(t, markup.ParseTemplate(c.mode, c.text))
	}
	s := strings.Repeat("[x] ", 1<<16) // brackets that are no links do not stay open
	got := markup.ParseTemplate(markup.MarkdownV2, s+"*bold*")
	if got.Text != s+"bold" || len(got.Entities) != 1 {
		t.Errorf("behind many brackets: %q, %+v", got.Text[len(s)-4:], got.Entities)
	}
}

// TestHostile would not end if anything took more than linear time.
func TestHostile(t *testing.T) {
	for _, c := range hostile() {
		s := c.text[:len(c.text)/8]
		s = strings.ToValidUTF8(s, "")
		text := markup.ParseTemplate(c.mode, s)
		checkText(t, text)
		if strict, err := markup.Parse(c.mode, s); err == nil {
			checkText(t, strict)
			text = strict
		}
		if parts := text.Split(markup.MaxText, markup.MaxText); len(parts) > 0 && parts[0].Len() > markup.MaxText {
			t.Errorf("%.20q: a part of %d units", s, parts[0].Len())
		}
		if got, err := markup.Parse(markup.HTML, text.HTML()); err != nil || got.Text != text.Text {
			t.Errorf("%.20q: HTML of it: %v", s, err)
		}
	}
}
