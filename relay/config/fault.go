package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Fault is one thing that is wrong in a configuration file.
type Fault struct {
	File   string
	Line   int    // 0: of nothing that stands in the file
	Key    string // dotted, quoted where TOML would; empty: of no key
	Detail string // what is wrong and what would be valid; never a secret
}

// Error is "relay.toml:12: receivers.ops.type: unknown type …".
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	if f.Key != "" {
		b.WriteString(": " + f.Key)
	}
	b.WriteString(": " + f.Detail)
	return b.String()
}

// Faults are all faults of a file, in the order of its lines.
type Faults []Fault

// Error is one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted puts faults into the order of lines, those without a line last.
func (f Faults) sorted() Faults {
	line := func(f Fault) int {
		if f.Line == 0 {
			return math.MaxInt
		}
		return f.Line
	}
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(line(a), line(b)), cmp.Compare(a.Key, b.Key))
	})
	return f
}
