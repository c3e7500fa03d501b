package render

import (
	"crypto/rand"
	"reflect"
	"slices"
	"text/template/parse"
)

// Tails stand behind the end of a template's own texts, within the capacity of their slices. By them the writer knows texts from
// values, and no value can pass for a text: what is printed never holds a tail, nor does it show.
var (
	ofText  = newTail() // the template's text
	ofEnter = newTail() // the beginning of a template
	ofLeave = newTail() // its end
)

const tailLen = 16

type tail [tailLen]byte

func newTail() (t tail) {
	_, _ = rand.Read(t[:]) // it does not fail
	return t
}

// behind is the tail of p, if it has one.
func behind(p []byte) (t tail, ok bool) {
	if cap(p)-len(p) < tailLen {
		return t, false
	}
	return tail(p[len(p) : len(p)+tailLen]), true
}

// node is a text with its tail.
func node(pos parse.Pos, b []byte, t tail) parse.Node {
	b = append(slices.Clip(b), t[:]...)
	return &parse.TextNode{NodeType: parse.NodeText, Pos: pos, Text: b[:len(b)-tailLen]}
}

// rewriteFast prepares a template for the bounded writer.
func rewriteFast(tree *parse.Tree) { rewrite(tree, func(*parse.PipeNode) {}) }

// rewriteExact does, and puts a function at the end of every action that prints.
func rewriteExact(tree *parse.Tree) {
	rewrite(tree, func(p *parse.PipeNode) {
		f := parse.NewIdentifier(exactFunction).SetTree(tree).SetPos(p.Pos)
		p.Cmds = append(p.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: p.Pos, Args: []parse.Node{f}})
	})
}

// exactFunction is no name that a template can write.
const exactFunction = "_exact"

// exact is a value, or a text without any where there is none.
func exact(v any) any {
	if v == nil {
		return ""
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
		return ""
	}
	return v
}

// rewrite gives the texts their tails. Loops get an empty one, so that the writer is asked even by one that prints nothing.
func rewrite(tree *parse.Tree, end func(*parse.PipeNode)) {
	rewriteList(tree.Root, end)
	nodes := append([]parse.Node{node(tree.Root.Pos, nil, ofEnter)}, tree.Root.Nodes...)
	tree.Root.Nodes = append(nodes, node(tree.Root.Pos, nil, ofLeave))
}

// nothing is an action that prints nothing.
func nothing(pos parse.Pos) parse.Node {
	empty := &parse.StringNode{NodeType: parse.NodeString, Pos: pos, Quoted: `""`}
	command := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{empty}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{command}}}
}

func rewriteList(list *parse.ListNode, end func(*parse.PipeNode)) {
	if list == nil {
		return
	}
	for i, child := range list.Nodes {
		switch n := child.(type) {
		case *parse.TextNode:
			list.Nodes[i] = node(n.Pos, n.Text, ofText)
		case *parse.ActionNode:
			if len(n.Pipe.Decl) == 0 { // one that sets a variable prints nothing
				dropEscaper(n.Pipe)
				end(n.Pipe)
			}
		case *parse.IfNode:
			rewriteBranch(&n.BranchNode, end)
		case *parse.WithNode:
			rewriteBranch(&n.BranchNode, end)
		case *parse.RangeNode:
			rewriteBranch(&n.BranchNode, end)
			n.List.Nodes = append([]parse.Node{node(n.Pos, nil, ofText)}, n.List.Nodes...)
		}
	}
}

func rewriteBranch(b *parse.BranchNode, end func(*parse.PipeNode)) {
	rewriteList(b.List, end)
	rewriteList(b.ElseList, end)
}

// dropEscaper makes "| html" at the end of an action print its value as it is: values are data already, and one that was escaped
// would show its escapes. html/template treats it alike.
func dropEscaper(p *parse.PipeNode) {
	last := p.Cmds[len(p.Cmds)-1]
	if f, ok := last.Args[0].(*parse.IdentifierNode); ok && f.Ident == "html" {
		f.Ident = "print"
	}
}

// calls reports whether a template calls one of some functions.
func calls(tree *parse.Tree, functions ...string) (found bool) {
	walk(tree.Root, func(n parse.Node) {
		f, ok := n.(*parse.IdentifierNode)
		for _, name := range functions {
			found = found || ok && f.Ident == name
		}
	})
	return found
}

// includes reports whether a template includes another.
func includes(tree *parse.Tree) (found bool) {
	walk(tree.Root, func(n parse.Node) {
		_, ok := n.(*parse.TemplateNode)
		found = found || ok
	})
	return found
}

// walk visits a node and all below it.
func walk(node parse.Node, visit func(parse.Node)) {
	visit(node)
	switch n := node.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			walk(child, visit)
		}
	case *parse.ActionNode:
		walk(n.Pipe, visit)
	case *parse.IfNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.WithNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.RangeNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			walk(n.Pipe, visit)
		}
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			walk(command, visit)
		}
	case *parse.CommandNode:
		for _, argument := range n.Args {
			walk(argument, visit)
		}
	case *parse.ChainNode:
		walk(n.Node, visit)
	}
}

func walkBranch(b *parse.BranchNode, visit func(parse.Node)) {
	walk(b.Pipe, visit)
	walk(b.List, visit)
	if b.ElseList != nil {
		walk(b.ElseList, visit)
	}
}
