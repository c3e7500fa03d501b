package render

import "text/template/parse"

// valueFunc is the function at the end of every printing action.
const valueFunc = "_value"

// rewrite puts the marking function behind every action that prints, and an empty text into every loop and at the beginning,
// so that the bounded writer is asked even by a template that loops without printing.
func rewrite(tree *parse.Tree) {
	rewriteList(tree, tree.Root)
	tree.Root.Nodes = append([]parse.Node{breath(tree)}, tree.Root.Nodes...)
}

func breath(tree *parse.Tree) parse.Node {
	return &parse.TextNode{NodeType: parse.NodeText, Pos: tree.Root.Pos}
}

func rewriteList(tree *parse.Tree, list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			mark(tree, n)
		case *parse.IfNode:
			rewriteBranch(tree, &n.BranchNode)
		case *parse.WithNode:
			rewriteBranch(tree, &n.BranchNode)
		case *parse.RangeNode:
			rewriteBranch(tree, &n.BranchNode)
			n.List.Nodes = append([]parse.Node{breath(tree)}, n.List.Nodes...)
		}
	}
}

func rewriteBranch(tree *parse.Tree, b *parse.BranchNode) {
	rewriteList(tree, b.List)
	rewriteList(tree, b.ElseList)
}

// mark makes {{ X }} into {{ X | _value }}. An action that sets a variable prints nothing.
func mark(tree *parse.Tree, action *parse.ActionNode) {
	if len(action.Pipe.Decl) > 0 {
		return
	}
	pipe := action.Pipe
	pipe.Cmds = append(pipe.Cmds, &parse.CommandNode{
		NodeType: parse.NodeCommand, Pos: pipe.Pos,
		Args: []parse.Node{parse.NewIdentifier(valueFunc).SetTree(tree).SetPos(pipe.Pos)},
	})
}
