package markup_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// data writes «value» as markup.Value would.
func data(s string) string {
	return strings.NewReplacer("«", string(markup.ValueStart), "»", string(markup.ValueEnd)).Replace(s)
}

// show writes a text with its entities in short: type(text|argument), in the order of the entities.
func show(t markup.Text) string {
	parts := []string{fmt.Sprintf("%q", t.Text)}
	for _, s := range shape(t, "") {
		parts = append(parts, fmt.Sprintf("%q", s))
	}
	for _, e := range t.Entities {
		if e.URL+e.Language+e.CustomEmojiID != "" {
			parts = append(parts, "<"+e.URL+e.Language+e.CustomEmojiID+">")
		}
		if e.User != nil {
			parts = append(parts, fmt.Sprintf("<%d>", e.User.ID))
		}
	}
	return strings.Join(parts, " ")
}

func TestParseTemplate(t *testing.T) {
	for _, c := range []struct {
		mode     markup.Mode
		template string
		want     string
	}{
		// Characters that start nothing.
		{mode: "MarkdownV2", template: "v1.2! a-b #1 (x) {y} 5 > 3 = a|b + c ] )", want: `"v1.2! a-b #1 (x) {y} 5 > 3 = a|b + c ] )"`},
		{mode: "MarkdownV2", template: "*Alert* snake_case *x*", want: `"Alert snake_case x" "bold Alert" "bold x"`},
		{mode: "MarkdownV2", template: "*a snake_case b*", want: `"a snake_case b" "bold a snake_case b"`},
		{mode: "MarkdownV2", template: "[FIRING:2] *x*", want: `"[FIRING:2] x" "bold x"`},
		{mode: "MarkdownV2", template: "[e\\.com]", want: `"e.com" "text_link e.com" <http://e.com/>`},
		{mode: "MarkdownV2", template: "[a](b", want: `"[a](b"`},
		{mode: "MarkdownV2", template: "`a *b*", want: `"` + "`a b" + `" "bold b"`},
		{mode: "MarkdownV2", template: "```a *b*", want: "\"```a b\" \"bold b\""},
		{mode: "MarkdownV2", template: ">*a\nb*", want: `"*a\nb*" "blockquote *a\n"`},
		{mode: "MarkdownV2", template: ">a_b||\nc", want: `"a_b\nc" "expandable_blockquote a_b\n"`},
		{mode: "MarkdownV2", template: "_a *b_ c* ![p](http://e.com) ![q]", want: `"a *b c* !p ![q]" "italic a *b" "text_link p" <http://e.com/>`},
		{mode: "MarkdownV2", template: "![👍](tg://emoji?id=5) _", want: `"👍 _" "custom_emoji 👍" <5>`},
		{mode: "MarkdownV2", template: "__a _b___ [x](e.com) ~", want: `"a b x ~" "italic b" "text_link x" "underline a b" <http://e.com/>`},
		{mode: "HTML", template: "a < b & c <br> <b>x <i>y</b> </u> <a href=", want: `"a < b & c <br> x <i>y </u> <a href=" "bold x <i>y"`},
		{mode: "HTML", template: "<pre>\n<code class=\"language-go\">x</code></pre><pre><code class=\"language-go\">y</code></pre><b>", want: `"\nxy<b>" "code x" "pre \nx" "pre y" <go>`},
		{mode: "HTML", template: "<b><i></i></b><tg-emoji emoji-id=x>y</tg-emoji></>", want: `"y</>"`},
		{mode: "Markdown", template: "snake_case [x] *b* `c", want: "\"snake_case [x] b `c\" \"bold b\""},
		{mode: "Markdown", template: "[a](b", want: `"[a](b"`},

		// Links that Telegram would drop.
		{mode: "MarkdownV2", template: "[graph](http://prometheus:9090/x)", want: `"graph (http://prometheus:9090/x)"`},
		{mode: "HTML", template: "<a href=\"http://prometheus:9090/x\">graph</a>", want: `"graph (http://prometheus:9090/x)"`},
		{mode: "Markdown", template: "[graph](http://prometheus:9090/x)", want: `"graph (http://prometheus:9090/x)"`},
		{mode: "MarkdownV2", template: "[http://prometheus:9090](http://prometheus:9090/)", want: `"http://prometheus:9090"`},
		{mode: "MarkdownV2", template: "*[graph](«http://a:1/»)*", want: `"graph (http://a:1/)" "bold graph (http://a:1/)"`},
		{mode: "MarkdownV2", template: "[graph](«»)", want: `"graph"`},
		{mode: "HTML", template: "<a href=\"«»\">e.com</a>", want: `"e.com"`},

		// Telegram would show the code and lose the link.
		{mode: "MarkdownV2", template: "[`«x»`](http://e.com)", want: `"x" "text_link x" <http://e.com/>`},
		{mode: "HTML", template: `<code><a href="http://e.com">x</a></code> <a href="e.com"><code>y</code>!</a>`, want: `"x y!" "code y" "text_link x" "text_link y!" <http://e.com/> <http://e.com/>`},

		// Values where they stand.
		{mode: "MarkdownV2", template: "[«a]b*c»](https://e.com/«x)y z\\»/q)", want: `"a]b*c" "text_link a]b*c" <https://e.com/x)y%20z\/q>`},
		{mode: "HTML", template: "<a href=\"https://e.com/«\">&amp;»\">«<b>&lt;»</a>", want: `"<b>&lt;" "text_link <b>&lt;" <https://e.com/">&amp;>`},
		{mode: "HTML", template: "<a href=«https://e.com/x y»>z</a>", want: `"z" "text_link z" <https://e.com/x%20y>`},
		{mode: "HTML", template: "<«b»>x</«b»> &l«t»;", want: `"<b>x</b> &lt;"`},
		{mode: "Markdown", template: "[«a]b»](https://e.com/«x)y»)", want: `"a]b" "text_link a]b" <https://e.com/x)y>`},
		{mode: "Markdown", template: "*«a*b»* _«c_d»_ `«e`f»`", want: "\"a*b c_d e`f\" \"bold a*b\" \"code e`f\" \"italic c_d\""},
		{mode: "MarkdownV2", template: ">a «b\nc» d\ne", want: `"a b\nc d\ne" "blockquote a b\nc d\n"`},
		{mode: "MarkdownV2", template: "«>a»\n«>b»", want: `">a\n>b"`},
		{mode: "MarkdownV2", template: "```«go»\n«x```y»```", want: "\"x```y\" \"pre x```y\" <go>"},
		{mode: "MarkdownV2", template: "```«stack» *trace*```", want: `"stack *trace*" "pre stack *trace*"`},
		{mode: "Markdown", template: "```«stack»\ttrace ```", want: `"stack\ttrace " "pre stack\ttrace "`},
		{mode: "MarkdownV2", template: "```«stack *trace*»\n```", want: `"stack *trace*" "pre stack *trace*"`},
		{mode: "MarkdownV2", template: "`«a`b\\»`", want: "\"a`b\\\\\" \"code a`b\\\\\""},
		{mode: "MarkdownV2", template: "[«e.com»]", want: `"[e.com]"`},
		{mode: "MarkdownV2", template: "||«a||b»||", want: `"a||b" "spoiler a||b"`},
		{mode: "MarkdownV2", template: "\\«.»", want: `"\\."`},
		{mode: "", template: "*a* «*b*»", want: `"*a* *b*"`},

		// Empty values.
		{mode: "MarkdownV2", template: "*«»* _«»_ __«»__ ~«»~ ||«»|| `«»` ```«»``` ```\n«»\n``` [«»](http://a:1/) ![«»](tg://emoji?id=1).", want: `"         ."`},
		{mode: "MarkdownV2", template: ">a ||«»||\nb", want: `"a \nb" "blockquote a \n"`},
		{mode: "HTML", template: "<b>«»</b><a href=\"http://a:1/\">«»</a><pre>«»</pre>.", want: `"."`},
		{mode: "Markdown", template: "*«»*_«»_`«»`[«»](http://a:1/)```\n«»\n```.", want: `"."`},

		// Borders that are not in pairs.
		{mode: "MarkdownV2", template: "a» *b* «c *d*", want: `"a b c *d*" "bold b"`},
		{mode: "MarkdownV2", template: "«a «*b*» *c*» *d*", want: `"a *b* *c* d" "bold d"`},
	} {
		got := markup.ParseTemplate(c.mode, data(c.template))
		if show(got) != c.want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.mode, c.template, show(got), c.want)
		}
		checkText(t, got)
	}
}

func TestValue(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "«»",
		"plain *text*":          "«plain *text*»",
		"a\x00b":                "«a b»",
		"a\xffb":                "«a\uFFFDb»",
		"«a»b\uFDD4\uFDEFc":     "«abc»",
		"ﷺ and \uFDF0":          "«ﷺ and \uFDF0»",
		"\uFDD2 no argument":    "« no argument»",
		"\uFDD26a\uFDD3b\uFDD4": "«6ab»", // nobody's ready-made markup
	} {
		if got := markup.Value(data(in)); got != data(want) {
			t.Errorf("Value(%q) = %q, want %q", in, got, want)
		}
		if got := string(markup.AppendValue([]byte("x"), data(in))); got != "x"+data(want) {
			t.Errorf("AppendValue(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestStrictParseKnowsNoBorders(t *testing.T) {
	s := "\uFDD0a\uFDD1\uFDD26x\uFDD3\uFDD4"
	for _, mode := range modes {
		got, err := markup.Parse(mode, s)
		if err != nil || got.Text != s || got.Entities != nil {
			t.Errorf("%s: %+v, %v", mode, got, err)
		}
	}
}

func TestWrap(t *testing.T) {
	link := func(url, inner string) string {
		return markup.Wrap(markup.Entity{Type: markup.TextLink, URL: url}, inner)
	}
	bold := func(inner string) string { return markup.Wrap(markup.Entity{Type: markup.Bold}, inner) }
	for _, c := range []struct{ in, want string }{
		{bold("a*b"), `"a*b" "bold a*b"`},
		{bold(markup.Value("a*b")), `"a*b" "bold a*b"`},
		{bold(link("https://e.com/)\"", "x") + " y"), `"x y" "bold x y" "text_link x" <https://e.com/)">`},
		{link("http://prometheus:9090/", "x"), `"x (http://prometheus:9090/)"`},
		{bold(""), `""`},
		{link("https://e.com", markup.Value("")), `""`},
		{markup.Wrap(markup.Entity{Type: markup.Pre, Language: "go"}, "a`b"), "\"a`b\" \"pre a`b\" <go>"},
		{markup.Wrap(markup.Entity{Type: markup.TextMention, User: &markup.User{ID: 7}}, "Bo"), `"Bo" "text_mention Bo" <7>`},
		{markup.Wrap(markup.Entity{Type: markup.TextMention}, "Bo"), `"Bo"`},
		{markup.Wrap(markup.Entity{Type: markup.CustomEmoji, CustomEmojiID: "5"}, "x"), `"x" "custom_emoji x" <5>`},
		{markup.Wrap(markup.Entity{Type: markup.DateTime, UnixTime: 5, DateTimeFormat: "r"}, "x"), `"x" "date_time x"`},
		{markup.Wrap(markup.Entity{Type: "hashtag"}, "x"), `"x"`},
		{strings.Replace(bold("x"), "\uFDD3", "", 1), `"8x"`}, // no head
		{strings.TrimSuffix(bold("never closed"), "\uFDD4"), `"never closed" "bold never closed"`},
	} {
		for _, mode := range modes {
			if got := show(markup.ParseTemplate(mode, c.in)); got != c.want {
				t.Errorf("%q %q:\n got %s\nwant %s", mode, c.in, got, c.want)
			}
		}
	}
	for mode, template := range map[markup.Mode]string{"MarkdownV2": "*a § b*", "HTML": "<b>a § b</b>", "Markdown": "*a § b*"} {
		got := markup.ParseTemplate(mode, strings.ReplaceAll(template, "§", link("http://e.com", "x")))
		if want := `"a x b" "bold a x b" "text_link x" <http://e.com/>`; show(got) != want {
			t.Errorf("%s: got %s\nwant %s", mode, show(got), want)
		}
	}
}

// templates draws templates of nested marks, with the value in any place.
func templates(mode markup.Mode) *rapid.Generator[string] {
	marks := map[markup.Mode][]string{
		markup.MarkdownV2: {"*§*", "_§_", "__§__", "~§~", "||§||", "`§`", "```go\n§```", "[§](http://e.com)", "\n>§\n", "**>§||", "[§]"},
		markup.HTML:       {"<b>§</b>", "<i>§</i>", "<code>§</code>", "<pre>§</pre>", "<a href=\"http://e.com\">§</a>", "<blockquote>§</blockquote>", "<u>§"},
		markup.Markdown:   {"*§*", "_§_", "`§`", "```\n§```", "[§](http://e.com)", "[§]"},
		markup.Plain:      {"(§)"},
	}[mode]
	leaf := rapid.SampledFrom([]string{"§", "text", " ", "\n", "a_b", "1 < 2 & 3", "v1.2!"})
	var node func(depth int) *rapid.Generator[string]
	node = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			var b strings.Builder
			for range rapid.IntRange(1, 3).Draw(t, "parts") {
				if depth == 0 || rapid.Bool().Draw(t, "leaf") {
					b.WriteString(leaf.Draw(t, "text"))
				} else {
					b.WriteString(strings.Replace(rapid.SampledFrom(marks).Draw(t, "mark"), "§", node(depth-1).Draw(t, "inside"), 1))
				}
			}
			return b.String()
		})
	}
	return node(3)
}

// TestValueLaw: with a value the text holds it exactly where it holds another value, and the entities are the same.
func TestValueLaw(t *testing.T) {
	values := rapid.OneOf(
		rapid.StringMatching("[*_`~|>\\[\\]()<>&\\\\\n.!#a ]{1,12}"),
		rapid.SampledFrom([]string{"</b>", "&lt;", "](http://x.y)", "||\n", "```", "\n>", "*", "_", "👨\u200d👩\u200d👧", "«", "\r\n", "http://e.com"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom(modes).Draw(t, "mode")
		template := templates(mode).Draw(t, "template")
		v := values.Draw(t, "value")
		with := func(v string) markup.Text {
			return markup.ParseTemplate(mode, strings.ReplaceAll(template, "§", markup.Value(v)))
		}
		want, got := with(token), with(v)
		if w := strings.ReplaceAll(want.Text, token, v); w != got.Text {
			t.Fatalf("%s %q: %q, want %q", mode, template, got.Text, w)
		}
		if diff := cmp.Diff(shape(want, v), shape(got, "")); diff != "" {
			t.Fatalf("%s %q: (-token +value)\n%s", mode, template, diff)
		}
	})
}

func TestInlineHTMLInMarkdownV2(t *testing.T) {
	inner := markup.ParseTemplate(markup.HTML, `<i>x</i> <a href="http://e.com">y</a>`)
	got := markup.ParseTemplate(markup.MarkdownV2, "*a "+inner.Inline()+"*")
	want := markup.Text{Text: "a x y", Entities: []markup.Entity{
		{Type: markup.Bold, Length: 5},
		{Type: markup.Italic, Offset: 2, Length: 1},
		{Type: markup.TextLink, Offset: 4, Length: 1, URL: "http://e.com/"},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
