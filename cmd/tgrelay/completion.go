package main

import (
	"embed"
	"fmt"
)

//go:embed completion
var completionScripts embed.FS

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (c *completionCommand) Run(std *streams) error {
	script, err := completionScripts.ReadFile("completion/tgrelay." + c.Shell)
	if err != nil {
		return fmt.Errorf("print completions: %w", err)
	}
	_, err = std.out.Write(script)
	return err
}
