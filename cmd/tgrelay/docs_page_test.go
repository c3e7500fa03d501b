package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// root is the folder of the project.
const root = "../.."

// page is a page of the documentation.
type page struct {
	name    string // its path from root
	source  []byte
	blocks  []*block
	anchors map[string]bool
	links   []string
	codes   []string // within lines
}

// block is a block of code. Comments before it say what it is for, see docs_test.go.
type block struct {
	page     *page
	line     int
	language string
	text     string
	marks    map[string]string
}

// pages are all pages of the project, those with the most to run first.
func pages(t *testing.T) []*page {
	t.Helper()
	var all []*page
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "node_modules" || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		all = append(all, readPage(filepath.ToSlash(name), source))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(all, func(a, b *page) int { return len(b.of("sh", "console")) - len(a.of("sh", "console")) })
	return all
}

func readPage(name string, source []byte) *page {
	p := &page{name: name, source: source, anchors: map[string]bool{}}
	tree := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // no visit fails
		if entering {
			p.visit(n)
		}
		return ast.WalkContinue, nil
	})
	return p
}

func (p *page) visit(n ast.Node) {
	switch n := n.(type) {
	case *ast.FencedCodeBlock:
		p.blocks = append(p.blocks, p.block(n))
	case *ast.Heading:
		p.anchor(slug(plain(n, p.source)))
	case *ast.Link:
		p.links = append(p.links, string(n.Destination))
	case *ast.Image:
		p.links = append(p.links, string(n.Destination))
	case *ast.CodeSpan:
		p.codes = append(p.codes, plain(n, p.source))
	}
}

// anchor notes a heading's; the second of a name gets a number, as on GitHub.
func (p *page) anchor(slug string) {
	name := slug
	for i := 1; p.anchors[name]; i++ {
		name = slug + "-" + string(rune('0'+i))
	}
	p.anchors[name] = true
}

// mark is a comment that says something about the block after it: <!-- name: value -->, or <!-- name value -->.
var mark = regexp.MustCompile(`(?s)<!--\s*(not run|file|shape|POST|PUT|PATCH)\b:?\s*(.*?)\s*-->`)

func (p *page) block(n *ast.FencedCodeBlock) *block {
	b := &block{page: p, language: string(n.Language(p.source)), text: lines(n, p.source), marks: map[string]string{}}
	if n.Lines().Len() > 0 {
		b.line = strings.Count(string(p.source[:n.Lines().At(0).Start]), "\n")
	}
	for before := n.PreviousSibling(); before != nil && before.Kind() == ast.KindHTMLBlock; before = before.PreviousSibling() {
		for _, found := range mark.FindAllStringSubmatch(lines(before, p.source), -1) {
			b.marks[found[1]] = found[2]
		}
	}
	return b
}

// lines is the text of a block. What closes an HTML block stands apart from its lines.
func lines(n ast.Node, source []byte) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		b.Write(line.Value(source))
	}
	if html, ok := n.(*ast.HTMLBlock); ok && html.HasClosure() {
		b.Write(html.ClosureLine.Value(source))
	}
	return b.String()
}

// plain is the text of a heading or a code without marks.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	for c := range children(n) {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(c.Value(source))
		case *ast.String:
			b.Write(c.Value)
		default:
			b.WriteString(plain(c, source))
		}
	}
	return b.String()
}

func children(n ast.Node) func(func(ast.Node) bool) {
	return func(yield func(ast.Node) bool) {
		for c := n.FirstChild(); c != nil && yield(c); c = c.NextSibling() {
		}
	}
}

// slug is what GitHub makes of a heading's text.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// of are the blocks of some languages that are run.
func (p *page) of(languages ...string) []*block {
	return slices.DeleteFunc(slices.Clone(p.blocks), func(b *block) bool {
		_, not := b.marks["not run"]
		return not || !slices.Contains(languages, b.language)
	})
}

// runs reports whether a line of shell that is run begins a command of the program that goes on running.
func (p *page) runs(command string) bool {
	return slices.ContainsFunc(p.of("sh", "console"), func(b *block) bool { return stays(b.text, command) })
}

func stays(line, command string) bool {
	return regexp.MustCompile(`(?m)(tgrelay |^)(`+command+`)\b`).MatchString(line) && !strings.Contains(line, "--once") && !strings.Contains(line, "--help")
}

// errorf is a fault of the page, where it stands.
func (b *block) errorf(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Errorf("%s:%d: "+format, append([]any{b.page.name, b.line}, args...)...)
}
