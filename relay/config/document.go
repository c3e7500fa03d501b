package config

import (
	"cmp"
	"errors"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// node is a value of a parsed file with its line.
type node struct {
	value any              // string, int64, float64, bool, time.Time, []any or []map[string]any; a table's is a map[string]any
	line  int              // from 1
	table map[string]*node // nil for what is no table
}

// document reads nodes out of what the library parsed.
type document struct {
	text string
	md   toml.MetaData
}

// readDocument parses a file. The error is a toml.ParseError.
func readDocument(data []byte) (*node, error) {
	d := document{text: strings.TrimPrefix(string(data), "\ufeff")}
	var members map[string]toml.Primitive
	md, err := toml.Decode(d.text, &members)
	if err != nil {
		return nil, err
	}
	d.md = md
	return d.tableNode(&node{line: 1}, members), nil
}

// probe takes a value as it is and answers with an error, because that is how the library gives away a key's place:
// it wraps the error of an Unmarshaler into a ParseError with the position.
type probe struct{ value any }

var errProbe = errors.New("tell me the position")

func (p *probe) UnmarshalTOML(v any) error {
	p.value = v
	return errProbe
}

func (d *document) node(p toml.Primitive) *node {
	var seen probe
	n := &node{}
	var at toml.ParseError
	if errors.As(d.md.PrimitiveDecode(p, &seen), &at) && at.Position.Line > 0 {
		// Start, not Line: of a multi-line string the library tells the line where it ends.
		n.line = 1 + strings.Count(d.text[:min(at.Position.Start, len(d.text))], "\n")
	}
	n.value = seen.value
	if _, isTable := seen.value.(map[string]any); isTable {
		var members map[string]toml.Primitive
		_ = d.md.PrimitiveDecode(p, &members) // a table always fits a map
		d.tableNode(n, members)
	}
	return n
}

// tableNode fills a table's node. A table that has no header of its own ([a.b] implies a) begins with its first member.
func (d *document) tableNode(n *node, members map[string]toml.Primitive) *node {
	n.table = make(map[string]*node, len(members))
	first := 0
	for name, p := range members {
		m := d.node(p)
		n.table[name] = m
		if m.line > 0 && (first == 0 || m.line < first) {
			first = m.line
		}
	}
	n.line = cmp.Or(n.line, first)
	return n
}

// addLines notes the line of everything below a table.
func (n *node) addLines(lines map[string]int, key string) {
	for name, m := range n.table {
		at := child(key, name)
		lines[at] = cmp.Or(m.line, n.line)
		m.addLines(lines, at)
	}
}

// child is the dotted key of a table's member, quoted where TOML would.
func child(key, name string) string {
	if key == "" {
		return toml.Key{name}.String()
	}
	return key + "." + toml.Key{name}.String()
}

// parent is the dotted key of the table that a key stands in. It does not know quotes: names with dots are no valid names here.
func parent(key string) string {
	return key[:max(0, strings.LastIndexByte(key, '.'))]
}

var words = regexp.MustCompile(`[A-Za-z0-9]{3,}`)

// syntaxFaults is the one fault of a file that is no TOML. The library quotes what it cannot read, and a token without
// its quotation marks would be just that: where the detail repeats the value, it is left out.
func syntaxFaults(file string, data []byte, err error) Faults {
	f := Fault{File: file, Detail: err.Error()}
	var at toml.ParseError
	if !errors.As(err, &at) {
		return Faults{f}
	}
	f.Line, f.Key, f.Detail = max(1, at.Position.Line), at.LastKey, "not valid TOML: "+strings.TrimSuffix(at.Message, ".")
	if strings.Contains(at.Message, `got '\n'`) && f.Line > 1 {
		f.Line-- // the line that ended too early
	}
	lines := strings.Split(string(data), "\n")
	if strings.HasPrefix(at.Message, "Key '") || f.Line > len(lines) {
		return Faults{f}
	}
	_, value, _ := strings.Cut(lines[f.Line-1], "=")
	for _, word := range words.FindAllString(value, -1) {
		if strings.Contains(at.Message, word) {
			f.Detail = `not valid TOML: text stands in quotation marks, as in key = "text"`
		}
	}
	return Faults{f}
}
