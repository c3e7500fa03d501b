package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print it as JSON."`
}

func (c versionCommand) Run(std *streams) error {
	if c.JSON {
		return printJSON(std.out, map[string]string{"version": versionText(), "commit": commit(), "go": runtime.Version()})
	}
	_, err := fmt.Fprintf(std.out, "tgrelay %s (commit %s, %s)\n", versionText(), commit(), runtime.Version())
	return err
}

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func commit() string {
	if revision != "" {
		return revision
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}
