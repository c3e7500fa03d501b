package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

type renderCommand struct {
	configFlag
	Receiver  string      `xor:"what" required:"" help:"Receiver whose webhook FILE holds."`
	Template  string      `xor:"what" required:"" help:"Template to execute, with the JSON of FILE as its data."`
	ParseMode markup.Mode `enum:"MarkdownV2,HTML,Markdown,none" default:"MarkdownV2" help:"With --template: what it writes."`
	JSON      bool        `name:"json" help:"Print text, entities, parts and warnings as JSON."`
	File      string      `arg:"" optional:"" default:"-" help:"JSON to render; - is standard input."`
}

func (c *renderCommand) Run(std *streams) error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	rules, err := daemon.Rules(cfg)
	if err != nil {
		return misconfigured(err)
	}
	body, err := readFile(c.File, std)
	if err != nil {
		return err
	}
	preview, err := c.preview(rules, body)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, preview)
	}
	color := isTerminal(std.out) && os.Getenv("NO_COLOR") == ""
	for i, part := range preview.Parts {
		if i > 0 {
			fmt.Fprintln(std.out, "────────")
		}
		fmt.Fprintln(std.out, part.Terminal(color))
	}
	for _, warning := range preview.Warnings {
		fmt.Fprintln(std.err, "warning:", warning)
	}
	return nil
}

// configuration is relay.toml, or the defaults where there is none. Rendering needs no bot and no secrets, which the daemon's user alone
// may be able to read: only what is wrong with receivers and templates matters.
func (c *renderCommand) configuration() (*config.Config, error) {
	path := config.Find(c.Config)
	if path == "" {
		return config.Default(), nil
	}
	cfg, err := config.Load(path)
	faults, ok := errors.AsType[config.Faults](err)
	if !ok && err != nil || cfg == nil {
		return nil, misconfigured(err)
	}
	faults = slices.DeleteFunc(faults, func(f config.Fault) bool {
		return !strings.HasPrefix(f.Key, "receivers") && !strings.HasPrefix(f.Key, "templates")
	})
	if len(faults) > 0 {
		return nil, misconfigured(faults)
	}
	return cfg, nil
}

func (c *renderCommand) preview(rules *intake.Rules, body []byte) (*intake.Preview, error) {
	if c.Receiver != "" {
		return intake.PreviewHook(rules, c.Receiver, body)
	}
	var data any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&data); err != nil {
		return nil, fmt.Errorf("read the template's data as JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the template's data as JSON: there is more behind the value that ends at byte %d", dec.InputOffset())
	}
	mode, known := markup.ParseMode(string(c.ParseMode))
	if !known {
		return nil, usageError{errors.New("unknown parse mode")}
	}
	return intake.PreviewTemplate(rules, c.Template, mode, render.Numbers(data))
}

// readFile reads a file, or standard input for "-".
func readFile(name string, std *streams) ([]byte, error) {
	if name == "-" {
		b, err := io.ReadAll(std.in)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return b, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, usageError{err}
	}
	return b, nil
}
