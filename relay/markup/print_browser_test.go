package markup_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay/markup"
)

func TestBrowser(t *testing.T) {
	for _, test := range []struct {
		text     string
		entities []markup.Entity
		want     string
	}{
		{"a < b & c", nil, "a &lt; b &amp; c"},
		{"bold", []markup.Entity{{Type: markup.Bold, Length: 4}}, "<b>bold</b>"},
		{
			"see docs",
			[]markup.Entity{{Type: markup.TextLink, Offset: 4, Length: 4, URL: `https://example.org/?a=1&b="`}},
			`see <a rel="noopener noreferrer nofollow" target="_blank" href="https://example.org/?a=1&amp;b=&quot;">docs</a>`,
		},
		{"tap", []markup.Entity{{Type: markup.TextLink, Length: 3, URL: "javascript:alert(1)"}}, `<span class="tg-mention">tap</span>`},
		{
			"😀 example.org",
			[]markup.Entity{{Type: "url", Offset: 3, Length: 11}},
			`😀 <a rel="noopener noreferrer nofollow" target="_blank" href="http://example.org">example.org</a>`,
		},
		{"/start", []markup.Entity{{Type: "bot_command", Length: 6}}, `<span class="tg-mention">/start</span>`},
		{"x\nq\ny", []markup.Entity{{Type: markup.Blockquote, Offset: 2, Length: 1}}, "x\n<blockquote>q</blockquote>y"},
		{"a()", []markup.Entity{{Type: markup.Pre, Length: 3, Language: "go"}}, `<pre data-language="go">a()</pre>`},
		{"secret", []markup.Entity{{Type: markup.Spoiler, Length: 6}}, `<span class="tg-spoiler" tabindex="0">secret</span>`},
	} {
		if got := (markup.Text{Text: test.text, Entities: test.entities}).Browser(); got != test.want {
			t.Errorf("%q %v:\n got %s\nwant %s", test.text, test.entities, got, test.want)
		}
	}
}

// Whatever the entities are, a page shows all of the text and nothing that was not meant as markup.
func TestBrowserShowsTheText(t *testing.T) {
	types := []markup.Type{markup.Bold, markup.Italic, markup.Spoiler, markup.Code, markup.TextLink, markup.TextMention, markup.CustomEmoji, "url", "hashtag", "nonsense"}
	rapid.Check(t, func(t *rapid.T) {
		text := markup.Text{Text: rapid.StringMatching(`[a-z<>&"' 😀é]{0,40}`).Draw(t, "text")}
		n := text.Len()
		for range rapid.IntRange(0, 6).Draw(t, "entities") {
			from := rapid.IntRange(0, n).Draw(t, "from")
			text.Entities = append(text.Entities, markup.Entity{
				Type: rapid.SampledFrom(types).Draw(t, "type"), Offset: from, Length: rapid.IntRange(0, n-from).Draw(t, "length"),
				URL: rapid.SampledFrom([]string{"https://example.org/", `data:text/html,"><script>`, ""}).Draw(t, "url"),
			})
		}
		text = text.Clean()
		if got := shown(t, text.Browser()); got != text.Text {
			t.Fatalf("the page shows %q of %q", got, text.Text)
		}
	})
}

// shown is the text of a piece of HTML; an element that Browser does not write fails the test.
func shown(t *rapid.T, page string) string {
	var out strings.Builder
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return out.String()
		case html.TextToken:
			out.Write(z.Text()) // unescaped by the tokenizer
		case html.StartTagToken:
			if name, _ := z.TagName(); !strings.Contains(" a b i u s code pre span blockquote ", " "+string(name)+" ") {
				t.Fatalf("the page has an element %s", name)
			}
		}
	}
}
