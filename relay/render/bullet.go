package render

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxIndent is how deep lists within lists are shown.
const maxIndent = 6

// bullet is what stands before an item of a list: a point or its number, indented by the lists around it.
func bullet(item *html.Node) string {
	depth := 0
	for n := item.Parent; n != nil; n = n.Parent {
		if n.DataAtom == atom.Ul || n.DataAtom == atom.Ol {
			depth++
		}
	}
	mark := "• "
	if item.Parent != nil && item.Parent.DataAtom == atom.Ol {
		mark = strconv.Itoa(itemNumber(item)) + ". "
	}
	return strings.Repeat("  ", min(max(depth-1, 0), maxIndent)) + mark
}

func itemNumber(item *html.Node) int {
	n, err := strconv.Atoi(attribute(item.Parent, "start"))
	if err != nil {
		n = 1
	}
	for s := item.PrevSibling; s != nil; s = s.PrevSibling {
		if s.DataAtom == atom.Li {
			n++
		}
	}
	return n
}
