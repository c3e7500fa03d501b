package render_test

import (
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// Markdown and HTML of others become what Telegram has of them. Wanted is Telegram's HTML.
func TestForeignMarkup(t *testing.T) {
	for _, c := range []struct{ function, source, want string }{
		{"markdown", "**bold** and *italic*, `code` and ~~gone~~", "<b>bold</b> and <i>italic</i>, <code>code</code> and <s>gone</s>"},
		{"markdown", "# Title\n\nfirst\nsecond\n\nthird", "<b>Title</b>\n\nfirst\nsecond\n\nthird"},
		{"markdown", "- one\n- two\n  1. in\n  2. it\n- [x] done", "• one\n• two\n  1. in\n  2. it\n• ☑ done"},
		{"markdown", "```go\nif x {\n\ty()\n}\n```", "<pre><code class=\"language-go\">if x {\n    y()\n}</code></pre>"},
		{"markdown", "> quoted\n\n[site](https://example.org) [local](http://nas:80/x)", "<blockquote>quoted</blockquote>\n\n<a href=\"https://example.org/\">site</a> local (http://nas:80/x)"},
		{"markdown", "| a | b |\n|---|---|\n| 1 | 2 |", "<b>a</b> <b>b</b>\n1 2"},
		{"markdown", "a_b*c [x <b>html</b> & <script>alert(1)</script>", "a_b*c [x <b>html</b> &amp;"},
		{"markdown", "![chart](https://example.org/c.png)", "<a href=\"https://example.org/c.png\">chart</a>"},
		{"markdown", "", ""},
		{"webHtml", "<h1>Disk</h1><p>91&nbsp;% of <b>sda</b><br>now</p><ul><li>a<li>b</ul>", "<b>Disk</b>\n\n91\u00a0% of <b>sda</b>\nnow\n\n• a\n• b"},
		{"webHtml", "<a href='javascript:x'>no</a><style>b{}</style> <unknown>x", "no (javascript:x) x"},
		{"webHtml", strings.Repeat("<div>", 300) + "deep", "deep"},
		{"markdown", strings.Repeat("> ", 500) + "deep", strings.Repeat("&gt; ", 500) + "deep"},
		{"markdown", strings.Repeat("*a* ", 5000) + "*", strings.Repeat("*a* ", 5000) + "*"},
	} {
		data := map[string]any{"x": c.source}
		for _, mode := range []markup.Mode{markup.MarkdownV2, markup.HTML, markup.Markdown, markup.Plain} {
			set, err := render.New(render.Options{Files: []render.File{{Name: "t.tmpl", Text: `{{ define "t" }}{{ ` + c.function + ` .x }}{{ end }}`}}})
			if err != nil {
				t.Fatal(err)
			}
			text, err := set.Execute("t", mode, data)
			if err != nil {
				t.Fatal(err)
			}
			text = text.ExpandTabs().Normalize()
			if err := markup.Check(text); err != nil && text.Text != "" {
				t.Errorf("%s: Telegram would refuse it: %v", c.source, err)
			}
			if got := text.HTML(); got != c.want {
				t.Errorf("%s %q in %s:\n got %q\nwant %q", c.function, c.source, mode, got, c.want)
			}
		}
	}
}

// Whatever the bytes are, the message is one that Telegram takes.
func FuzzForeignMarkup(f *testing.F) {
	for _, seed := range []string{"**a** [b](c) `d`\n- e\n\n> f", "<p>a<b>b</p>c</b><pre>d</pre>", "\uFDD0a\uFDD1\uFDD2c\x00", "| a |\n|--|\n", "<table><tr><td>x"} {
		f.Add(seed)
	}
	set, err := render.New(render.Options{Files: []render.File{{Name: "t.tmpl", Text: `{{ define "t" }}{{ markdown . }}|{{ webHtml . }}{{ end }}`}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, err := set.Execute("t", markup.MarkdownV2, source)
		if err != nil {
			t.Skip(err) // too large, or too slow
		}
		if text = text.ExpandTabs().Normalize(); text.Text != "" {
			if err := markup.Check(text); err != nil {
				t.Errorf("%q: %v", source, err)
			}
		}
	})
}

// div takes numbers as documents have them, and escapemd leaves a value as it is.
func TestInletFunctions(t *testing.T) {
	data := map[string]any{"amount": int64(1250), "text": "a_b*"}
	if got := execute(t, markup.Markdown, `{{ div .amount 100 }} {{ escapemd .text }}`, data); got != "12.5 a_b*" {
		t.Errorf("got %q", got)
	}
}
