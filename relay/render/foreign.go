package render

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	unsafe "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// What others write is not Telegram's: Markdown as CommonMark and GitHub have it, and the HTML of pages and mails. Of both the looks that
// Telegram knows are kept, lists get bullets, tables and what else is left become text. Nothing in them is an error.

// commonMark knows GitHub's extensions. What it makes is read by hypertext alone, so HTML within may pass.
var commonMark = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(unsafe.WithUnsafe(), unsafe.WithHardWraps()))

// maxMarkdown is how much Markdown is read, in bytes: four messages. What marks mean takes time that grows with the square of their number, at
// worst a tenth of a second for this much.
const maxMarkdown = 16 << 10

// markdown takes a value for Markdown of the common kind: {{ markdown .Message }}. A longer text is shown as it is.
func markdown(v any) string {
	source := Cut(textOf(v), MaxOutput/2)
	if len(source) > maxMarkdown || nested(source) {
		return built(content(source))
	}
	var page bytes.Buffer
	if err := commonMark.Convert([]byte(source), &page); err != nil {
		return built(content(source))
	}
	return built(hypertext(page.String()))
}

// webHTML takes a value for HTML as pages and mails have it: {{ webHtml .Message }}.
func webHTML(v any) string { return built(hypertext(Cut(textOf(v), MaxOutput/2))) }

// maxDepth is how many quotes or lists within each other are looked at: no person writes more, and the time to read them grows faster
// than their number.
const maxDepth = 50

// nested finds what is too deep: a line that begins with many quotes, bullets or spaces, or a run of brackets.
func nested(source string) bool {
	for _, marks := range []string{"[", "]", "*", "_", "<", "!", "`", "~"} {
		if strings.Contains(source, strings.Repeat(marks, 20*maxDepth)) {
			return true
		}
	}
	for line := range strings.Lines(source) {
		head := line[:len(line)-len(strings.TrimLeft(line, " \t>*+-0123456789.)"))]
		if strings.Count(head, ">")+len(head)/4 > maxDepth {
			return true
		}
	}
	return false
}

// hypertext turns HTML into ready-made markup.
func hypertext(page string) string {
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(page), body)
	if err != nil { // elements too deep within each other
		return content(page)
	}
	var w writer
	for _, n := range nodes {
		w.node(n, 0)
	}
	return strings.Trim(w.String(), "\n")
}

// looks are the elements that Telegram has, too.
var looks = map[atom.Atom]markup.Type{
	atom.B: markup.Bold, atom.Strong: markup.Bold, atom.I: markup.Italic, atom.Em: markup.Italic, atom.U: markup.Underline, atom.Ins: markup.Underline,
	atom.S: markup.Strikethrough, atom.Strike: markup.Strikethrough, atom.Del: markup.Strikethrough, atom.Code: markup.Code, atom.Kbd: markup.Code, atom.Samp: markup.Code,
	atom.H1: markup.Bold, atom.H2: markup.Bold, atom.H3: markup.Bold, atom.H4: markup.Bold, atom.H5: markup.Bold, atom.H6: markup.Bold, atom.Th: markup.Bold,
	atom.Pre: markup.Pre, atom.Blockquote: markup.Blockquote,
}

// blocks stand apart by as many line ends.
var blocks = map[atom.Atom]int{
	atom.P: 2, atom.H1: 2, atom.H2: 2, atom.H3: 2, atom.H4: 2, atom.H5: 2, atom.H6: 2, atom.Pre: 2, atom.Blockquote: 2, atom.Table: 2, atom.Ul: 1, atom.Ol: 1,
	atom.Div: 1, atom.Section: 1, atom.Article: 1, atom.Header: 1, atom.Footer: 1, atom.Li: 1, atom.Tr: 1, atom.Dt: 1, atom.Dd: 1, atom.Hr: 1, atom.Figure: 1,
}

// frames hold other elements and no text.
var frames = map[atom.Atom]bool{atom.Table: true, atom.Thead: true, atom.Tbody: true, atom.Tr: true, atom.Ul: true, atom.Ol: true}

// unseen elements show nothing.
var unseen = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Head: true, atom.Title: true, atom.Template: true, atom.Iframe: true, atom.Object: true}

// writer writes markup, with no more line ends than asked for.
type writer struct {
	strings.Builder
	pending int    // line ends that are due before the next text
	seen    bool   // there is text already
	gap     bool   // a space is due, unless a line ends here
	space   bool   // the last character is white space
	pre     bool   // white space counts
	mark    string // of the list item that begins
}

func (w *writer) node(n *html.Node, depth int) {
	switch {
	case n.Type == html.TextNode && n.Parent != nil && frames[n.Parent.DataAtom]: // only the source's own line ends
	case n.Type == html.TextNode:
		w.text(n.Data)
	case n.Type != html.ElementNode || unseen[n.DataAtom] || depth > 10*maxDepth:
	case n.DataAtom == atom.Br:
		w.pending = min(w.pending+1, 2)
	case n.DataAtom == atom.Hr:
		w.due(1)
		w.text("———")
		w.due(1)
	case n.DataAtom == atom.Img:
		w.wrapped(markup.Entity{Type: markup.TextLink, URL: attribute(n, "src")}, func() { w.text(attributeOr(n, "alt", attribute(n, "src"))) })
	case n.DataAtom == atom.Input: // a task of GitHub's
		w.text(map[bool]string{true: "☑", false: "☐"}[has(n, "checked")])
	default:
		w.element(n, depth)
	}
}

func (w *writer) element(n *html.Node, depth int) {
	w.due(blocks[n.DataAtom])
	switch {
	case n.DataAtom == atom.Li:
		w.mark = bullet(n)
	case n.DataAtom == atom.Td || n.DataAtom == atom.Th:
		w.text(" ") // none at the beginning of a line
	}
	children := func() {
		for c := range n.ChildNodes() {
			w.node(c, depth+1)
		}
	}
	look, known := looks[n.DataAtom]
	switch {
	case n.DataAtom == atom.A:
		w.wrapped(markup.Entity{Type: markup.TextLink, URL: attribute(n, "href")}, children)
	case w.pre || !known:
		children()
	case look == markup.Pre:
		w.pre = true
		w.wrapped(markup.Entity{Type: look, Language: language(n)}, children)
		w.pre = false
	default:
		w.wrapped(markup.Entity{Type: look}, children)
	}
	w.due(blocks[n.DataAtom])
}

// wrapped writes what stands within an entity. The line ends before it stay outside.
func (w *writer) wrapped(e markup.Entity, inner func()) {
	w.flush()
	outer := w.Builder.String()
	w.Builder = strings.Builder{}
	inner()
	inside := w.Builder.String()
	w.Builder = strings.Builder{}
	w.WriteString(outer)
	if inside != "" {
		w.WriteString(markup.Wrap(e, inside))
	}
}

func (w *writer) due(lines int) { w.pending = max(w.pending, lines) }

func (w *writer) flush() {
	switch {
	case w.pending > 0 && w.seen:
		w.WriteString(strings.Repeat("\n", w.pending))
		w.space = true
	case w.gap:
		w.WriteString(markup.Value(" "))
	}
	w.pending, w.gap = 0, false
	if w.mark != "" {
		w.WriteString(markup.Value(w.mark))
		w.mark, w.seen, w.space = "", true, true
	}
}

func (w *writer) text(s string) {
	gap := false
	if !w.pre {
		s = collapse(s, w.gap || w.space || w.pending > 0 || !w.seen)
		s, gap = strings.CutSuffix(s, " ")
	}
	if s != "" {
		w.flush()
		w.WriteString(markup.Value(s))
		w.seen, w.space = true, strings.HasSuffix(s, "\n")
	}
	w.gap = w.gap || gap
}

// collapse makes one space of white space, none at the beginning of a line.
func collapse(s string, atStart bool) string {
	var b strings.Builder
	space := atStart
	for _, r := range s {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\f' {
			if !space {
				b.WriteByte(' ')
			}
			space = true
			continue
		}
		b.WriteRune(r)
		space = false
	}
	return b.String()
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func attributeOr(n *html.Node, name, fallback string) string {
	if v := attribute(n, name); v != "" {
		return v
	}
	return fallback
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// language is that of a block of code, as CommonMark's renderer notes it: <pre><code class="language-go">.
func language(pre *html.Node) string {
	if pre.FirstChild == nil {
		return ""
	}
	lang, _ := strings.CutPrefix(attribute(pre.FirstChild, "class"), "language-")
	return lang
}
