package render

import (
	"maps"
	"slices"
	"text/template/parse"
)

// sampleText is every text of a sample. It is a host, so that it makes sense in addresses.
const sampleText = "example.org"

// maxSampled is how many calls of templates are followed: they may call each other without an end.
const maxSampled = 100

// Sample invents a document with all the fields that a template and those it calls ask for: what is ranged over is a list of one,
// everything else a text. It is for trying a template whose documents are their senders' own; one that wants numbers or times fails on it.
func (s *Set) Sample(name string) any {
	root := &field{}
	w := sampler{set: s, variables: map[string]*field{"$": root}}
	w.call(name, root)
	return root.value()
}

// field is what templates ask of a value.
type field struct {
	fields map[string]*field // of the value, or of what a list holds
	list   bool
	absent bool // it is only asked for where templates that call themselves are followed no further
}

// at is a field of a field: .alert.name.
func (f *field) at(path []string) *field {
	for _, name := range path {
		if f.fields == nil {
			f.fields = map[string]*field{}
		}
		if f.fields[name] == nil {
			f.fields[name] = &field{}
		}
		f = f.fields[name]
	}
	return f
}

func (f *field) value() any {
	var v any = sampleText
	if len(f.fields) > 0 {
		object := map[string]any{}
		for name, of := range f.fields {
			if !of.absent || len(of.fields) > 0 {
				object[name] = of.value()
			}
		}
		v = object
	}
	if f.list {
		return []any{v}
	}
	return v
}

// sampler walks templates and notes what they ask of their dot and of variables.
type sampler struct {
	set       *Set
	variables map[string]*field
	calls     int
}

func (w *sampler) call(name string, dot *field) {
	t := w.set.fast.set.Lookup(name)
	if t == nil || t.Tree == nil || w.calls == maxSampled {
		dot.absent = true
		return
	}
	outer := w.variables
	w.variables = map[string]*field{"$": dot}
	w.calls++
	w.list(t.Tree.Root, dot)
	w.variables = outer
}

func (w *sampler) list(list *parse.ListNode, dot *field) {
	if list == nil {
		return
	}
	outer := maps.Clone(w.variables)
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			w.pipe(n.Pipe, dot)
		case *parse.TemplateNode:
			w.call(n.Name, w.pipe(n.Pipe, dot))
		case *parse.IfNode:
			w.pipe(n.Pipe, dot)
			w.list(n.List, dot)
			w.list(n.ElseList, dot)
		case *parse.WithNode:
			w.list(n.List, w.pipe(n.Pipe, dot))
			w.list(n.ElseList, dot)
		case *parse.RangeNode:
			of := w.pipe(n.Pipe, dot)
			of.list = true
			w.list(n.List, of)
			w.list(n.ElseList, dot)
		}
	}
	w.variables = outer
}

// pipe notes what is asked in a pipeline, and returns the field that it is; one of nothing where it computes something.
func (w *sampler) pipe(p *parse.PipeNode, dot *field) *field {
	is := &field{}
	if p == nil {
		return is
	}
	for _, command := range p.Cmds {
		for i, argument := range command.Args {
			of := w.argument(argument, dot)
			if of != nil && i == 0 && len(command.Args) == 1 && len(p.Cmds) == 1 {
				is = of
			}
		}
	}
	if n := len(p.Decl); n > 0 { // of two, as range has them, the second is the value
		w.variables[p.Decl[n-1].Ident[0]] = is
	}
	return is
}

// argument is the field that stands there; nil if it is none.
func (w *sampler) argument(n parse.Node, dot *field) *field {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return dot.at(n.Ident)
	case *parse.VariableNode:
		if of := w.variables[n.Ident[0]]; of != nil {
			return of.at(n.Ident[1:])
		}
	case *parse.PipeNode:
		return w.pipe(n, dot)
	case *parse.ChainNode:
		if of := w.argument(n.Node, dot); of != nil {
			return of.at(slices.Clone(n.Field))
		}
	}
	return nil
}
