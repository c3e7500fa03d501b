package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/intake"
)

type checkCommand struct {
	configFlag
	JSON bool `name:"json" help:"Print faults and warnings as JSON, one a line."`
}

func (c *checkCommand) Run(std *streams) error {
	cfg, err := c.load()
	var rules *intake.Rules
	if err == nil {
		rules, err = daemon.Rules(cfg)
	}
	if err != nil {
		return c.faulty(std, misconfigured(err))
	}
	warnings := lint(cfg, rules)
	if c.JSON {
		return printJSON(std.out, told(warnings, "warning")...)
	}
	for _, warning := range warnings {
		fmt.Fprintln(std.err, warning)
	}
	_, err = fmt.Fprintf(std.out, "%s is right: %d receivers, %d tokens, %s\n", cfg.File, len(cfg.Receivers), len(cfg.Auth.Tokens), listening(cfg))
	return err
}

// faulty tells the faults of a configuration, as JSON where that is wanted.
func (c *checkCommand) faulty(std *streams, err error) error {
	faults, ok := errors.AsType[config.Faults](err)
	if !ok || !c.JSON {
		return err
	}
	if err := printJSON(std.out, told(faults, "fault")...); err != nil {
		return err
	}
	return usageError{fmt.Errorf("%s", count(len(faults), "fault"))}
}

// jsonFault is a fault or warning for programs.
type jsonFault struct {
	Kind   string `json:"kind"` // fault or warning
	File   string `json:"file"`
	Line   int    `json:"line,omitzero"`
	Key    string `json:"key,omitzero"`
	Detail string `json:"detail"`
}

func told(faults []config.Fault, kind string) []jsonFault {
	var all []jsonFault
	for _, f := range faults {
		all = append(all, jsonFault{kind, f.File, f.Line, f.Key, strings.TrimPrefix(f.Detail, "warning: ")})
	}
	return all
}

// lint tries the receivers' templates on real webhooks and says what would surprise. Faults only a real document can bring out are told
// as warnings too: the daemon falls back to the built-in template then.
func lint(cfg *config.Config, rules *intake.Rules) []config.Fault {
	var warnings []config.Fault
	for _, name := range slices.Sorted(maps.Keys(cfg.Receivers)) {
		r := cfg.Receivers[name]
		if r.Template == r.Type+".message" && len(cfg.Templates.Files) == 0 {
			continue // built in, and tested
		}
		told := map[string]bool{}
		samples := receivers.Samples(r.Type)
		if len(samples) == 0 {
			for _, warning := range lintInvented(rules, rules.Receivers[name]) {
				warnings = append(warnings, cfg.Fault("receivers."+name+".template", "warning: %s: %s", r.Template, warning))
			}
		}
		for _, sample := range slices.Sorted(maps.Keys(samples)) {
			preview, err := intake.PreviewHook(rules, receivers.Request{Receiver: name, Body: samples[sample]})
			if err != nil {
				continue // not reached: the samples are of this type
			}
			for _, warning := range preview.Warnings {
				if !told[warning] {
					told[warning] = true
					warnings = append(warnings, cfg.Fault("receivers."+name+".template", "warning: %s: with %s, %s", r.Template, sample, warning))
				}
			}
		}
	}
	return warnings
}

// lintInvented tries a template whose documents are their senders' own on one with all the fields that it asks for. One that fails on it
// wants more than texts: it is for tgrelay render to try, on a real document.
func lintInvented(rules *intake.Rules, rc *intake.Receiver) []string {
	warnings, err := rules.Templates.Lint(rc.Template, rc.Mode, rules.Templates.Sample(rc.Template))
	if err != nil {
		return nil
	}
	return warnings
}

func listening(c *config.Config) string {
	text := "listening on"
	for _, address := range c.Server.Listen {
		text += " " + address
	}
	return text
}
