package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
)

type renderCommand struct {
	configFlag
	Receiver  string      `complete:"receivers" xor:"what" required:"" help:"Receiver whose webhook FILE holds."`
	Template  string      `xor:"what" required:"" help:"Template to execute, with the JSON of FILE as its data."`
	ParseMode markup.Mode `enum:"MarkdownV2,HTML,Markdown,none" default:"MarkdownV2" help:"With --template: what it writes."`
	Header    []string    `sep:"none" placeholder:"NAME: VALUE" help:"Header that the webhook came with; may be repeated."`
	Query     string      `placeholder:"NAME=VALUE&…" help:"Query of the address that the webhook was posted to."`
	JSON      bool        `name:"json" help:"Print text, entities, parts and warnings as JSON."`
	Files     []string    `arg:"" optional:"" complete:"files" name:"file" help:"JSON to render; - is standard input, as is none. Several are shown one after the other, as a chat would hear them."`
}

func (c *renderCommand) Run(ctx context.Context, std *streams) error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	rules, err := daemon.Rules(cfg)
	if err != nil {
		return misconfigured(err)
	}
	switch {
	case len(c.Files) < 2:
		return c.one(rules, std)
	case c.Receiver == "" || c.JSON:
		return usageError{errors.New("several files go with --receiver, and without --json")}
	}
	return c.rehearse(ctx, rules, std)
}

// one draws what a webhook or template becomes.
func (c *renderCommand) one(rules *intake.Rules, std *streams) error {
	body, err := readFile(append(c.Files, "-")[0], std)
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
	for i, part := range preview.Parts {
		if i > 0 {
			fmt.Fprintln(std.out, "────────")
		}
		fmt.Fprintln(std.out, part.Terminal(colored(std.out)))
		if i == 0 && len(preview.ReplyMarkup) > 0 {
			fmt.Fprintln(std.out, drawButtons(preview.ReplyMarkup))
		}
	}
	for _, warning := range preview.Warnings {
		fmt.Fprintln(std.err, "warning:", warning)
	}
	return nil
}

// rehearse draws what webhooks that come one after the other say in a chat: a conversation, where they are about alerts.
func (c *renderCommand) rehearse(ctx context.Context, rules *intake.Rules, std *streams) error {
	rehearsal := intake.NewRehearsal(rules)
	there := map[string]bool{} // keys of live messages
	for i, file := range c.Files {
		body, err := readFile(file, std)
		if err != nil {
			return err
		}
		hook, err := c.hook(body)
		if err != nil {
			return usageError{err}
		}
		said, err := rehearsal.Hook(ctx, hook)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Fprintf(std.out, "%s── %s\n", strings.Repeat("\n", min(i, 1)), filepath.Base(file))
		for _, m := range said {
			drawSaid(std, m, there)
		}
	}
	return nil
}

func drawSaid(std *streams, m *relay.Message, there map[string]bool) {
	head := "a message"
	switch {
	case m.Key != "" && there[m.Key] && m.OnUpdate == relay.Edit:
		head = "the message becomes"
	case m.Key != "" && there[m.Key] && m.OnUpdate == relay.Reply:
		head = "an answer"
	}
	there[m.Key] = true
	if m.Content.DisableNotification {
		head += ", without a sound"
	}
	fmt.Fprintf(std.out, "(%s)\n%s\n", head, m.Content.Text.Terminal(colored(std.out)))
	if len(m.Content.ReplyMarkup) > 0 {
		fmt.Fprintln(std.out, drawButtons(m.Content.ReplyMarkup))
	}
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
	hook, err := c.hook(body)
	if err != nil {
		return nil, usageError{err}
	}
	if c.Receiver != "" {
		return intake.PreviewHook(rules, hook)
	}
	document, _ := receivers.Get("json")
	drafts, err := document.Decode(hook)
	if err != nil {
		return nil, fmt.Errorf("read the template's data: %w", err)
	}
	if len(drafts) == 0 {
		return nil, errors.New("read the template's data: the batch is empty")
	}
	mode, known := markup.ParseMode(string(c.ParseMode))
	if !known {
		return nil, usageError{errors.New("unknown parse mode")}
	}
	return intake.PreviewTemplate(rules, c.Template, mode, drafts[0].Data)
}

// hook is the webhook as it would come in.
func (c *renderCommand) hook(body []byte) (receivers.Request, error) {
	header := http.Header{}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return receivers.Request{}, fmt.Errorf(`--header %q: want "Name: value"`, line)
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	query, err := url.ParseQuery(c.Query)
	if err != nil {
		return receivers.Request{}, fmt.Errorf("--query %q: %w", c.Query, err)
	}
	return receivers.Request{Receiver: c.Receiver, Header: header, Query: query, Body: body}, nil
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

// drawButtons is an inline keyboard for a terminal, a line for each row.
func drawButtons(replyMarkup json.RawMessage) string {
	var keyboard struct {
		Rows [][]struct{ Text string } `json:"inline_keyboard"`
	}
	if json.Unmarshal(replyMarkup, &keyboard) != nil {
		return ""
	}
	var lines []string
	for _, row := range keyboard.Rows {
		var buttons []string
		for _, b := range row {
			buttons = append(buttons, "["+b.Text+"]")
		}
		lines = append(lines, strings.Join(buttons, " "))
	}
	return strings.Join(lines, "\n")
}
