package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/doctor"
)

type doctorCommand struct {
	configFlag
	JSON   bool     `name:"json" help:"Print findings as JSON, one a line."`
	Checks []string `arg:"" optional:"" enum:"${checks}" help:"Look at these only; all by default: ${enum}."`
}

func (c *doctorCommand) Run(ctx context.Context, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	rules, err := daemon.Rules(cfg)
	if err != nil {
		return misconfigured(err)
	}
	var warnings []string
	for _, w := range lint(cfg, rules) {
		warnings = append(warnings, w.Error())
	}
	findings := doctor.Examine(ctx, doctor.Options{Config: cfg, Server: listener(cfg), Warnings: warnings, Only: c.Checks})
	if ctx.Err() != nil {
		return errors.New("ended before all was looked at")
	}
	failures := 0
	for _, f := range findings {
		if f.State == doctor.Failure {
			failures++
		}
	}
	if c.JSON {
		err = printJSON(std.out, findings...)
	} else {
		printFindings(std, findings)
	}
	if err == nil && failures > 0 {
		err = fmt.Errorf("%s; what is said above mends it", count(failures, "failure"))
	}
	return err
}

// signs are the states as they are drawn: a word besides the colour, for those who see none.
var signs = map[doctor.State]struct{ word, color string }{
	doctor.OK: {"ok", "32"}, doctor.Note: {"note", "36"}, doctor.Warning: {"warning", "33"}, doctor.Failure: {"FAILURE", "1;31"},
}

// printFindings draws a line for each, cut between words where the terminal ends; what to do stands below.
func printFindings(std *streams, findings []doctor.Finding) {
	const names, states = 15, 9
	columns := width(std.out)
	for _, f := range findings {
		sign := signs[f.State]
		word := pad(sign.word, states)
		if colored(std.out) {
			word = "\x1b[" + sign.color + "m" + word + "\x1b[0m"
		}
		indent := strings.Repeat(" ", names+states)
		fmt.Fprintf(std.out, "%s%s%s\n", pad(f.Check, names), word, wrap(f.Found, columns-names-states, indent))
		if f.Remedy != "" {
			fmt.Fprintf(std.out, "%s→ %s\n", indent, wrap(f.Remedy, columns-names-states-2, indent+"  "))
		}
	}
}
