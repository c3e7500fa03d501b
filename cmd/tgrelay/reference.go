package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// referenceCommand writes docs/reference/commands.md of the table of commands.
type referenceCommand struct{}

func (referenceCommand) Run(k *kong.Context, std *streams) error {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, n := range k.Model.Leaves(true) {
		referTo(&b, n)
	}
	_, err := io.WriteString(std.out, b.String())
	return err
}

const referenceHead = "<!-- Made from the code: go test ./cmd/tgrelay -run Reference -update -->\n\n# Commands\n\n" +
	"`tgrelay COMMAND --help` says the same; `tgrelay completion` has the key Tab know it.\n\n" +
	"Exit status: 0 done, 1 it failed, 2 wrong usage or configuration. Errors go to standard error and say what to do. With `--json` answers are JSON, one object a line. Colours and cut lines are for terminals only, " +
	"and [`NO_COLOR`](https://no-color.org) and `TERM=dumb` turn colours off; progress is shown on standard error, at a terminal, of what takes longer than a moment.\n\n" +
	"Commands with `--config` read relay.toml and need no running daemon, but for [health](#tgrelay-health); those with `--server` talk to one, and need a token where it asks for tokens.\n"

func referTo(b *strings.Builder, n *kong.Node) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", n.FullPath(), n.Help)
	var rows [][2]string
	for _, p := range n.Positional {
		rows = append(rows, [2]string{p.Summary(), p.Help})
	}
	for _, flags := range n.AllFlags(true) {
		for _, f := range flags {
			if f.Name != "help" {
				rows = append(rows, [2]string{term(f), describe(f)})
			}
		}
	}
	if len(rows) > 0 {
		b.WriteString("\n| | |\n|---|---|\n")
	}
	for _, row := range rows {
		fmt.Fprintf(b, "| `%s` | %s |\n", row[0], strings.ReplaceAll(row[1], "|", `\|`))
	}
}
