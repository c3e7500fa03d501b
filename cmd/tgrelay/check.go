package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/intake"
)

type checkCommand struct {
	configFlag
}

func (c *checkCommand) Run(std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	rules, err := daemon.Rules(cfg)
	if err != nil {
		return misconfigured(err)
	}
	for _, warning := range lint(cfg, rules) {
		fmt.Fprintln(std.err, warning)
	}
	_, err = fmt.Fprintf(std.out, "%s is right: %d receivers, %d tokens, %s\n", cfg.File, len(cfg.Receivers), len(cfg.Auth.Tokens), listening(cfg))
	return err
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
