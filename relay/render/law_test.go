package render_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// token is a value that means nothing anywhere.
const token = "Qq7Z"

// lawMarks are the marks of each mode, with § where more may stand.
var lawMarks = map[markup.Mode][]string{
	markup.MarkdownV2: {
		"*§*", "_§_", "__§__", "~§~", "||§||", "`§`", "```\n§```", "```go\n§\n```", "[§](https://e.com/)", "[`§`](https://e.com/)",
		"![§](tg://emoji?id=5)", "![§](tg://time?unix=5&format=wDT)", "\n>§\n", "\n>§\n>§\n", "\n>§||\n", "\n**>§||\n", "[§]", "+ § =", "*§", "_§", "||§", "`§", "[§", "\\*§\\*",
	},
	markup.HTML: {
		"<b>§</b>", "<strong>§</strong>", "<i>§</i>", "<em>§</em>", "<u>§</u>", "<ins>§</ins>", "<s>§</s>", "<strike>§</strike>", "<del>§</del>", "<tg-spoiler>§</tg-spoiler>",
		"<span class=\"tg-spoiler\">§</span>", "<code>§</code>", "<pre>§</pre>", "<pre><code class=\"language-go\">§</code></pre>", "<a href=\"https://e.com/\">§</a>",
		"<blockquote>§</blockquote>", "<blockquote expandable>§</blockquote>", "<tg-emoji emoji-id=\"5\">§</tg-emoji>",
		"<tg-time unix=\"5\" format=\"r\">§</tg-time>", "<p>§</p>", "<b>§", "§</i>", "<§>", "&§;",
	},
	markup.Markdown: {"*§*", "_§_", "`§`", "```\n§```", "```go\n§\n```", "[§](https://e.com/)", "[§]", "*§", "_§", "`§", "\\*§"},
	markup.Plain:    {"(§)", "*§*", "<b>§</b>"},
}

// lawActions are ways to print the value, and marks that functions make of it.
var lawActions = []string{
	"{{ .v }}", "{{ .v }}", "{{ .v }}", "{{- .v -}}", "{{ with .v }}{{ . }}{{ end }}", "{{ if .v }}{{ .v }}{{ end }}", "{{ range .list }}{{ . }}{{ end }}", "{{ template \"inner\" .v }}",
	"{{ $x := .v }}{{ $x }}", "{{ .v | print }}", "{{ printf \"%s%v\" .v .v }}", "{{ join \"\" .list }}", "{{ .v | html }}", "{{ .nested.v }}", "{{ index .list 0 }}", "{{ template \"marked\" . }}",
	"{{ bold .v }}", "{{ italic (bold .v) }}", "{{ code .v }}", "{{ pre \"go\" .v }}", "{{ quote .v }}", "{{ spoiler .v }}", "{{ link .v \"https://e.com/\" }}", "{{ mention .v 7 }}",
}

// lawLost are marks that leave something without a value too: a link's address if it is no link, a pre without a language.
var lawLost = map[markup.Mode][]string{
	markup.MarkdownV2: {"```§\ntext```", "[§](http://dotless:9090/x)", "§](https://e.com/)"},
	markup.HTML:       {"<a href='http://dotless:9090/'>§</a>", "<a>§</a>", "<pre><code class=\"language-§\">text</code></pre>", "<b §>text</b>", "</§>"},
	markup.Markdown:   {"```§\ntext```", "[§](http://dotless:9090/)", "§](https://e.com/)"},
}

var lawTexts = []string{"text", " ", "\n", "\r\n", "a_b", "1 < 2 & 3", "v1.2!", "\\.", "\\", "\\\\", "-", "{{ if .v }}", "|", "&amp;", "👍🏽"}

// lawTemplate draws a template with marks in marks and the value in any place.
func lawTemplate(marks []string) *rapid.Generator[string] {
	var node func(depth int) *rapid.Generator[string]
	node = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			var b strings.Builder
			for range rapid.IntRange(1, 3).Draw(t, "parts") {
				kind := rapid.IntRange(0, 4).Draw(t, "kind")
				switch {
				case kind == 0:
					text := rapid.SampledFrom(lawTexts).Draw(t, "text")
					if text == "{{ if .v }}" {
						text = "{{ if .yes }}" + node(max(depth-1, 0)).Draw(t, "then") + "{{ else }}never{{ end }}"
					}
					b.WriteString(text)
				case kind == 1 || depth == 0:
					b.WriteString(rapid.SampledFrom(lawActions).Draw(t, "action"))
				default:
					for i, piece := range strings.Split(rapid.SampledFrom(marks).Draw(t, "mark"), "§") {
						if i > 0 {
							b.WriteString(node(depth-1).Draw(t, "inside"))
						}
						b.WriteString(piece)
					}
				}
			}
			return b.String()
		})
	}
	return node(3)
}

var lawValues = rapid.OneOf(
	rapid.StringOfN(rapid.SampledFrom([]rune("*_`~|>[]()<>&\\\n\r\t\x00\x01 .!#-={}a\"'\uFDD0\uFDD1\uFDD3\uFDD4\uFDD5\uFDEA\uFDEFﷺ\u202E\u200F👍é")), 1, 12, -1),
	rapid.SampledFrom([]string{
		"</b>", "<b>", "&lt;", "&#60;", "](http://x.y)", "](", ")", "||\n", "```", "```go\n", "\n>", "\n>a\n>b||\n", "*", "_", "__", "\\", "\\\\", " ", "  \n ", "\t", "\n", "\r", "<no value>", "<nil>",
		"👨\u200d👩\u200d👧", "\u0301", "\u202Eabc", "\r\n", "http://e.com", "e.com", "tg://user?id=5", "a\xffb", "\xEF\xB7", "\xEF", "\xF0\x9F", "{{ .v }}", "Q", "\uFDD28abc\uFDD3x\uFDD4", "\uFDD26x\uFDD3", "\u2028", "\u200B",
	}),
	rapid.String(),
)

// visible is a value as it may show: NUL is a space, the noncharacters that are borders are taken out, what is no UTF-8 is replaced.
func visibleOf(v string) string {
	var b strings.Builder
	for v != "" {
		r, n := utf8.DecodeRuneInString(v)
		if r == 0 {
			r = ' '
		}
		if r < 0xFDD0 || r > 0xFDEF {
			b.WriteRune(r)
		}
		v = v[n:]
	}
	return b.String()
}

func lawData(v string) map[string]any {
	return map[string]any{"v": v, "list": []string{v}, "nested": map[string]any{"v": v}, "yes": true}
}

func lawSet(t interface{ Fatal(...any) }, text, marked string) *render.Set {
	text = `{{ define "law" }}` + text + `{{ end }}{{ define "inner" }}{{ . }}{{ end }}{{ define "marked" }}` + marked + `{{ end }}`
	set, err := render.New(render.Options{Files: []render.File{{Name: "law.tmpl", Text: text}}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// replaced is what a text with the token becomes with a value in its place, entities and all.
func replaced(t markup.Text, v string) markup.Text {
	units := utf16.Encode([]rune(t.Text))
	length := func(unit int) int {
		s := strings.ReplaceAll(string(utf16.Decode(units[:unit])), token, v)
		return len(utf16.Encode([]rune(s)))
	}
	out := markup.Text{Text: strings.ReplaceAll(t.Text, token, v)}
	for _, e := range t.Entities {
		end := length(e.Offset + e.Length)
		e.Offset = length(e.Offset)
		e.Length = end - e.Offset
		e.Language = strings.ReplaceAll(e.Language, token, v)
		out.Entities = append(out.Entities, e)
	}
	return out
}

// TestLawOfValues: with value v a text holds v exactly where it holds x with x, and the entities are the same, whatever the template and the value.
func TestLawOfValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]markup.Mode{markup.MarkdownV2, markup.HTML, markup.Markdown, markup.Plain}).Draw(t, "mode")
		text := lawTemplate(slices.Concat(lawMarks[mode], lawLost[mode])).Draw(t, "template")
		set := lawSet(t, text, strings.ReplaceAll(rapid.SampledFrom(lawMarks[mode]).Draw(t, "marked"), "§", "{{ .v }}"))
		v := lawValues.Filter(func(v string) bool { return visibleOf(v) != "" && !strings.Contains(v, token) }).Draw(t, "value")
		with := func(v string) markup.Text {
			out, err := set.Execute("law", mode, lawData(v))
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		x := with(token)
		want, got := replaced(x, visibleOf(v)), with(v)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s %q with %q: (-want +got)\n%s", mode, text, v, diff)
		}
		if err := markup.Check(got.Normalize()); err != nil {
			t.Fatalf("%s %q with %q: Telegram refuses it: %v", mode, text, v, err)
		}
	})
}

// TestLawOfEmptyValues: an empty value takes the marks around it along; all else is as with x.
func TestLawOfEmptyValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]markup.Mode{markup.MarkdownV2, markup.HTML, markup.Markdown, markup.Plain}).Draw(t, "mode")
		text := lawTemplate(lawMarks[mode]).Draw(t, "template")
		if strings.Contains(text, ">") { // a || that becomes the last of a quote's line, for what followed is empty, makes the quote expandable
			text = strings.ReplaceAll(text, "||", "~")
		}
		text = strings.ReplaceAll(text, "```", "` `") // of what stands behind ``` the language may be what is left
		set := lawSet(t, text, "{{ .v }}")
		empty := rapid.SampledFrom([]string{"", "\uFDD0", "\uFDD1\uFDEF"}).Draw(t, "value")
		with := func(v string) markup.Text {
			out, err := set.Execute("law", mode, lawData(v))
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		want, got := shapes(replaced(with(token), "")), shapes(with(empty))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s %q: (-want +got)\n%s", mode, text, diff)
		}
	})
}

// TestLawOfAddresses: a value in an address is part of it to its last character, and an address that Telegram would not take is shown.
func TestLawOfAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]markup.Mode{markup.MarkdownV2, markup.HTML, markup.Markdown}).Draw(t, "mode")
		before, behind := rapid.SampledFrom([]string{"", "https://e.com/", "https://", "http://dotless/?q=", "tg://user?id="}).Draw(t, "before"), rapid.SampledFrom([]string{"", "/x", ".com/"}).Draw(t, "behind")
		v := rapid.OneOf(lawValues, rapid.SampledFrom([]string{"https://e.com/)", "https://e.com/a b", "https://e.com/?a=\"b\"&c=<d>", "e.com", "7", "javascript:alert(1)"})).Draw(t, "value")
		text := rapid.SampledFrom(map[markup.Mode][]string{
			markup.MarkdownV2: {"*[a §](URL)*", "[a §](URL)", "{{ link (print \"a \" .v) (print BEFORE .v BEHIND) }}"},
			markup.HTML:       {"<a href=\"URL\">a §</a>", "<a href='URL'>a §</a>"},
			markup.Markdown:   {"[a §](URL)"},
		}[mode]).Draw(t, "template")
		text = strings.NewReplacer("URL", before+"{{ .v }}"+behind, "§", "{{ .v }}", "BEFORE", strconv.Quote(before), "BEHIND", strconv.Quote(behind)).Replace(text)
		got, err := lawSet(t, text, "").Execute("law", mode, lawData(v))
		if err != nil {
			t.Fatal(err)
		}
		got.Entities = slices.DeleteFunc(got.Entities, func(e markup.Entity) bool { return e.Type == markup.Bold })
		label, url := "a "+visibleOf(v), before+visibleOf(v)+behind
		want := markup.Text{Text: label, Entities: []markup.Entity{{Length: len(utf16.Encode([]rune(label)))}}}
		checked, err := markup.CheckURL(url)
		user, ok := strings.CutPrefix(url, "tg://user?id=")
		switch id, _ := strconv.ParseInt(user, 10, 40); {
		case ok && id > 0 && user == strconv.FormatInt(id, 10):
			want.Entities[0].Type, want.Entities[0].User = markup.TextMention, &markup.User{ID: id}
		case err == nil:
			want.Entities[0].Type, want.Entities[0].URL = markup.TextLink, checked
		default:
			want.Entities = nil
			if shown := strings.TrimSpace(url); shown != "" {
				want.Text += " (" + shown + ")"
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s %q with %q: (-want +got)\n%s", mode, text, v, diff)
		}
	})
}

// shapes are the visible characters of a text and of each entity.
func shapes(t markup.Text) []string {
	seen := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return -1
			}
			return r
		}, s)
	}
	units := utf16.Encode([]rune(t.Text))
	all := []string{seen(t.Text)}
	for _, e := range t.Entities {
		s := seen(string(utf16.Decode(units[e.Offset : e.Offset+e.Length])))
		if s != "" && !(e.Type == markup.Code && slices.ContainsFunc(t.Entities, func(link markup.Entity) bool {
			return link.Type == markup.TextLink && link.Offset <= e.Offset && link.Offset+link.Length >= e.Offset+e.Length
		})) {
			all = append(all, fmt.Sprintf("%s %s %s", e.Type, e.Language+e.URL, s))
		}
	}
	slices.Sort(all[1:])
	return all
}
