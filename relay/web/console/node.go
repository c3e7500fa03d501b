package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// node is a value of a JSON document that keeps the order of its members: what its writer put first is to be read first.
type node struct {
	members []member // of an object
	items   []*node  // of a list
	scalar  any      // string, json.Number, bool or nil
	object  bool
	list    bool
}

type member struct {
	name  string
	value *node
}

func parseNode(document []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	return readNode(d)
}

func readNode(d *json.Decoder) (*node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return readObject(d)
	case json.Delim('['):
		n := &node{list: true}
		for d.More() {
			item, err := readNode(d)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		_, err = d.Token()
		return n, err
	}
	return &node{scalar: token}, nil
}

func readObject(d *json.Decoder) (*node, error) {
	n := &node{object: true}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := readNode(d)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, member{name.(string), value})
	}
	_, err := d.Token()
	return n, err
}

// get is what lies below names, nil where there is nothing.
func (n *node) get(names ...string) *node {
	for _, name := range names {
		if n = n.child(name); n == nil {
			return nil
		}
	}
	return n
}

func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// text is a string that lies below names, empty where there is none.
func (n *node) text(names ...string) string {
	if at := n.get(names...); at != nil {
		if s, ok := at.scalar.(string); ok {
			return s
		}
	}
	return ""
}

// is reports whether what lies below a name is true.
func (n *node) is(name string) bool {
	at := n.child(name)
	return at != nil && at.scalar == true
}

// listOf are the items of a list below a name; none where there is no list.
func (n *node) listOf(name string) []*node {
	if at := n.child(name); at != nil {
		return at.items
	}
	return nil
}

// membersOf are the members of an object below a name.
func (n *node) membersOf(name string) []member {
	if at := n.child(name); at != nil {
		return at.members
	}
	return nil
}

// texts are the strings of a list below a name.
func (n *node) texts(name string) (all []string) {
	for _, item := range n.listOf(name) {
		if s, ok := item.scalar.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// String is the value as JSON on several lines, short ones on one.
func (n *node) String() string {
	var b strings.Builder
	n.write(&b, "")
	return b.String()
}

// maxLine is how long an object or list may be, in bytes, to stand on one line.
const maxLine = 72

func (n *node) write(b *strings.Builder, indent string) {
	if !n.object && !n.list {
		b.WriteString(n.literal())
		return
	}
	if short := n.line(); len(short) <= maxLine || !n.nested() && len(short) <= 2*maxLine && n.list {
		b.WriteString(short)
		return
	}
	open, end := "{", "}"
	if n.list {
		open, end = "[", "]"
	}
	b.WriteString(open)
	inner := indent + "  "
	for i, m := range n.all() {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + inner)
		if n.object {
			b.WriteString(quoted(m.name) + ": ")
		}
		m.value.write(b, inner)
	}
	b.WriteString("\n" + indent + end)
}

// all are the members, or the items without names.
func (n *node) all() []member {
	if n.object {
		return n.members
	}
	var all []member
	for _, item := range n.items {
		all = append(all, member{"", item})
	}
	return all
}

// nested reports whether there is an object or list inside.
func (n *node) nested() bool {
	for _, m := range n.all() {
		if m.value.object || m.value.list {
			return true
		}
	}
	return false
}

// line is the value on one line.
func (n *node) line() string {
	if !n.object && !n.list {
		return n.literal()
	}
	var parts []string
	for _, m := range n.all() {
		part := m.value.line()
		if n.object {
			part = quoted(m.name) + ": " + part
		}
		parts = append(parts, part)
	}
	if n.list {
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (n *node) literal() string {
	switch v := n.scalar.(type) {
	case string:
		return quoted(v)
	case nil:
		return "null"
	default:
		return fmt.Sprint(v)
	}
}

// quoted is a string of JSON in which HTML's characters stand as they are.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can be written
	return strings.TrimSuffix(b.String(), "\n")
}
