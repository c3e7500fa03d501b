package render

import "text/template/parse"

// openValue and closeValue are written around what an action prints. The writer knows them by their address, so that no value
// can pass for one.
var (
	openValue  = []byte("<value>")
	closeValue = []byte("</value>")
)

// rewrite puts the signs around every action that prints, and an empty text into every loop and at the beginning, so that
// the bounded writer is asked even by a template that loops without printing. html/template appends a function to each action
// instead; that costs a call by reflection for every value.
func rewrite(tree *parse.Tree) {
	rewriteList(tree.Root)
	tree.Root.Nodes = append([]parse.Node{text(tree.Root.Pos, nil)}, tree.Root.Nodes...)
}

func text(pos parse.Pos, b []byte) parse.Node {
	return &parse.TextNode{NodeType: parse.NodeText, Pos: pos, Text: b}
}

func rewriteList(list *parse.ListNode) {
	if list == nil {
		return
	}
	nodes := make([]parse.Node, 0, len(list.Nodes))
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			if len(n.Pipe.Decl) == 0 { // one that sets a variable prints nothing
				nodes = append(nodes, text(n.Pos, openValue), n, text(n.Pos, closeValue))
				continue
			}
		case *parse.IfNode:
			rewriteBranch(&n.BranchNode)
		case *parse.WithNode:
			rewriteBranch(&n.BranchNode)
		case *parse.RangeNode:
			rewriteBranch(&n.BranchNode)
			n.List.Nodes = append([]parse.Node{text(n.Pos, nil)}, n.List.Nodes...)
		}
		nodes = append(nodes, node)
	}
	list.Nodes = nodes
}

func rewriteBranch(b *parse.BranchNode) {
	rewriteList(b.List)
	rewriteList(b.ElseList)
}
