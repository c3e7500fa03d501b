package markup_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// message is a typical alert in MarkdownV2, repeated to size bytes.
func message(size int) string {
	const one = "*\\[FIRING:2\\] HighErrorRate*\n_payments_ on `web-01:9100` in [Grafana](https://grafana.example.org/d/abc?orgId=1)\n" +
		"The error rate is above 5 percent for more than ten minutes, and customers notice\\.\n>see the __runbook__ first\n\n"
	return strings.Repeat(one, size/len(one)+1)[:size/len(one)*len(one)]
}

func prose(size int) string {
	const one = "the quick brown fox jumps over the lazy dog while nobody looks, and then again "
	return strings.Repeat(one, size/len(one)+1)[:size]
}

func benchmark(b *testing.B, s string, f func(s string)) {
	b.Helper()
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		f(s)
	}
}

func parser(b *testing.B, mode markup.Mode) func(string) {
	return func(s string) {
		if _, err := markup.Parse(mode, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseMarkdownV2(b *testing.B) {
	benchmark(b, message(4096), parser(b, markup.MarkdownV2))
}

func BenchmarkParseUnmarked(b *testing.B) { benchmark(b, prose(4096), parser(b, markup.MarkdownV2)) }

func BenchmarkParseHTML(b *testing.B) {
	text, err := markup.Parse(markup.MarkdownV2, message(4096))
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, text.HTML(), parser(b, markup.HTML))
}

func BenchmarkParseTemplate(b *testing.B) {
	s := strings.ReplaceAll(message(4096), "web-01:9100", markup.Value("web-01:9100"))
	benchmark(b, s, func(s string) { markup.ParseTemplate(markup.MarkdownV2, s) })
}

// A template in which a mark stays open is read twice.
func BenchmarkParseTemplateGuess(b *testing.B) {
	s := strings.ReplaceAll(message(4096), "payments", markup.Value("payments")) + "[x] _"
	benchmark(b, s, func(s string) { markup.ParseTemplate(markup.MarkdownV2, s) })
}

func BenchmarkValue(b *testing.B) {
	benchmark(b, prose(256), func(s string) { markup.Value(s) })
}

func BenchmarkNormalize(b *testing.B) {
	text := markup.ParseTemplate(markup.MarkdownV2, message(4096))
	benchmark(b, text.Text, func(string) { text.Normalize() })
}

// large has 1 MiB of text and 10,000 entities.
func large() markup.Text {
	t := markup.Text{Text: prose(1 << 20)}
	for i := range 10000 {
		t.Entities = append(t.Entities, markup.Entity{Type: markup.Bold, Offset: i * 104, Length: 50})
	}
	return t
}

func BenchmarkSplit(b *testing.B) {
	text := large()
	benchmark(b, text.Text, func(string) { text.Split(markup.MaxText, markup.MaxText) })
}

func BenchmarkSplitCJK(b *testing.B) {
	text := markup.Text{Text: strings.Repeat("日本語の長い文章", 1<<20/24)}
	benchmark(b, text.Text, func(string) { text.Split(markup.MaxText, markup.MaxText) })
}

func BenchmarkSplitEmoji(b *testing.B) {
	text := markup.Text{Text: strings.Repeat("👨\u200d👩\u200d👧🇺🇦👍🏽", 1<<20/34)}
	benchmark(b, text.Text, func(string) { text.Split(markup.MaxText, markup.MaxText) })
}

// BenchmarkHostile has what is slow in parsers that look ahead or back.
func BenchmarkHostile(b *testing.B) {
	for _, c := range hostile() {
		b.Run(fmt.Sprintf("%s %.12q", c.mode, c.text), func(b *testing.B) {
			benchmark(b, c.text, func(s string) {
				markup.ParseTemplate(c.mode, s)
				_, _ = markup.Parse(c.mode, s)
			})
		})
	}
}

type hostileText struct {
	mode markup.Mode
	text string
}

// hostile texts have 1 MiB of one thing.
func hostile() (all []hostileText) {
	for mode, units := range map[markup.Mode][]string{
		markup.MarkdownV2: {
			"[", "![", "[a](", "`", "```", "`\\", "_", "__", "*_", ">", "\n>", "||", "\\", "[*_~", "*a_b", "](", "[]", "[e.com]", "*[a*](x)",
			"\uFDD0", "\uFDD1", "\uFDD0\uFDD1", "\uFDD2", "\uFDD28\uFDD3", "\uFDD3", "\uFDD4", "\uFDD28\uFDD3x\uFDD4", "\uFDDF", "[\uFDD0](", "```\uFDD0",
		},
		markup.HTML: {
			"<b>", "<", "</", "</b>", "<b></b>", "<a href=\"", "<a b=\"<a b='", "<a x ", "&", "&#", "&#1", "&l", "<blockquote>", "<pre><code>",
			"<b \uFDD0", "<a href=x>", "<aaaaaaaaaaaaaaaaaaaaaaaaa", "</a ",
		},
		markup.Markdown: {"[", "[a](", "[a]", "_", "*_", "`", "```", "\\_", "[\uFDD0\uFDD1]", "[a]("},
		markup.Plain:    {"\uFDD0", "\uFDD28\uFDD3", "\xEF\xB7\xB0"},
	} {
		for _, u := range units {
			all = append(all, hostileText{mode, strings.Repeat(u, 1<<20/len(u))})
		}
	}
	all = append(all, hostileText{markup.HTML, strings.Repeat("<blockquote>", 100000) + strings.Repeat("</blockquote>", 100000)})
	return all
}
