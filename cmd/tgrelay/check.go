package main

import (
	"fmt"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
)

type checkCommand struct {
	configFlag
}

func (c *checkCommand) Run(std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := daemon.Check(cfg); err != nil {
		return misconfigured(err)
	}
	_, err = fmt.Fprintf(std.out, "%s is right: %d receivers, %d tokens, %s\n", cfg.File, len(cfg.Receivers), len(cfg.Auth.Tokens), listening(cfg))
	return err
}

func listening(c *config.Config) string {
	text := "listening on"
	for _, address := range c.Server.Listen {
		text += " " + address
	}
	return text
}
