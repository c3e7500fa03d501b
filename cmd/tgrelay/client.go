package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/client"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// serverFlags are shared by the commands that talk to a running daemon.
type serverFlags struct {
	Server    string `default:"http://127.0.0.1:9786" env:"TGRELAY_SERVER" help:"Address of the daemon (http://…, or unix:/path)."`
	TokenFile string `type:"path" env:"TGRELAY_TOKEN_FILE" placeholder:"FILE" help:"File that holds a token, where the daemon asks for one."`
	JSON      bool   `name:"json" help:"Print JSON, one object a line."`
}

func (f serverFlags) client() (*client.Client, error) {
	var token secret.Value
	if f.TokenFile != "" {
		b, err := os.ReadFile(f.TokenFile)
		if err != nil {
			return nil, usageError{fmt.Errorf("read the token: %w", err)}
		}
		token = secret.New(strings.TrimSpace(string(b)))
	}
	c, err := client.New(client.Options{Server: f.Server, Token: token})
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// printJSON writes one object a line.
func printJSON[T any](w io.Writer, items ...T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, item := range items {
		if err := enc.Encode(item); err != nil {
			return err
		}
	}
	return nil
}

type sendCommand struct {
	serverFlags
	Recipient string      `arg:"" complete:"recipients" help:"Recipient to send to."`
	Text      []string    `arg:"" optional:"" help:"What to send; standard input when neither it nor a file is given."`
	ParseMode markup.Mode `enum:",MarkdownV2,HTML,Markdown" default:"" help:"Markup of the text: MarkdownV2, HTML or Markdown; plain by default."`
	Silent    bool        `help:"Without a sound."`
	Priority  string      `enum:"high,normal,low" default:"normal" help:"high, normal or low."`
	Key       string      `help:"Makes the message live: a later one with the same key changes it."`
	Bot       string      `complete:"bots" placeholder:"NAME" help:"Only the recipient's chats with this bot get it; whichever by default."`
	Topic     string      `help:"Topic of a group, by its name; it is made where there is none."`
	SendAt    time.Time   `placeholder:"TIME" help:"When to send it, such as 2030-01-31T08:00:00Z; at once by default."`
	ExpiresIn string      `placeholder:"DURATION" help:"After how long it is not worth sending any more, such as 2h."`
	Photo     string      `xor:"file" complete:"files" placeholder:"FILE" help:"A picture to show above the text: a file, or an http or https address."`
	Document  string      `xor:"file" complete:"files" placeholder:"FILE" help:"A file to send with the text: a file here, or an http or https address."`
}

func (c *sendCommand) Run(ctx context.Context, std *streams) error {
	text := strings.Join(c.Text, " ")
	if len(c.Text) == 0 && c.Photo == "" && c.Document == "" {
		b, err := readAll(ctx, std.in)
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		text = string(b)
	}
	if strings.TrimSpace(text) == "" && c.Photo == "" && c.Document == "" {
		return usageError{errors.New("there is nothing to send: give a text, or pipe one in")}
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	request, err := c.request(text)
	if err != nil {
		return usageError{err}
	}
	accepted, err := api.SendMessage(ctx, request)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, accepted)
	}
	for _, d := range accepted.Deliveries {
		fmt.Fprintf(std.out, "%s  %s\n", d.ID, stateText(d))
	}
	return nil
}

// readAll reads to the end, or until ctx ends: Ctrl-C ends what waits for somebody to type.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type all struct {
		text []byte
		err  error
	}
	read := make(chan all, 1)
	go func() {
		text, err := io.ReadAll(r)
		read <- all{text, err}
	}()
	select {
	case a := <-read:
		return a.text, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *sendCommand) request(text string) (client.MessageRequest, error) {
	r := client.MessageRequest{
		To: []string{c.Recipient}, Text: text, ParseMode: c.ParseMode, DisableNotification: c.Silent,
		Key: c.Key, Bot: c.Bot, Topic: c.Topic, SendAt: c.SendAt, ExpiresIn: c.ExpiresIn,
	}
	if err := r.Priority.UnmarshalText([]byte(c.Priority)); err != nil {
		return r, err
	}
	var err error
	if r.Photo, r.File, err = attached(relay.Photo, c.Photo); err == nil && c.Document != "" {
		r.Document, r.File, err = attached(relay.Document, c.Document)
	}
	return r, err
}

// attached is an address that the relay fetches, or a file of this machine that is uploaded.
func attached(kind relay.MediaKind, what string) (address string, file *client.File, err error) {
	if what == "" || strings.HasPrefix(what, "http://") || strings.HasPrefix(what, "https://") {
		return what, nil, nil
	}
	content, err := os.ReadFile(what)
	if err != nil {
		return "", nil, err
	}
	return "", &client.File{Kind: kind, Name: filepath.Base(what), Content: content}, nil
}

func stateText(d relay.Delivery) string {
	if d.State == relay.Held {
		return fmt.Sprintf("held: no chat is connected to %s yet; `tgrelay link %s%s` makes a link", d.Recipient, d.Recipient, ofBot(d.Bot))
	}
	return fmt.Sprintf("%s for %s", d.State, d.Recipient)
}

// ofBot is the flag for a bot, empty for none.
func ofBot(name string) string {
	if name == "" {
		return ""
	}
	return " --bot " + name
}

type linkCommand struct {
	serverFlags
	Recipient string `arg:"" complete:"recipients" help:"Recipient that the chat is to be connected to: an ID of your choosing."`
	Bot       string `complete:"bots" placeholder:"NAME" help:"The bot that it opens; that of [telegram] by default."`
	Group     bool   `help:"A link that adds the bot to a group."`
	ExpiresIn string `placeholder:"DURATION" help:"How long the link works, such as 2h or 7d."`
	MaxUses   int    `default:"1" help:"How many chats it may connect."`
}

func (c *linkCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	request := client.LinkRequest{Recipient: c.Recipient, Bot: c.Bot, ExpiresIn: c.ExpiresIn, MaxUses: c.MaxUses}
	if c.Group {
		request.Target = relay.TargetGroup
	}
	link, err := api.CreateLink(ctx, request)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, link)
	}
	if isTerminal(std.out) {
		code, err := onboarding.QRTerminal(link.URL)
		if err != nil {
			return err
		}
		fmt.Fprint(std.out, code)
	}
	fmt.Fprintf(std.out, "%s\n", link.URL)
	chats := "one chat"
	if link.MaxUses > 1 {
		chats = fmt.Sprintf("up to %d chats", link.MaxUses)
	}
	fmt.Fprintf(std.err, "Open it and press Start, or send the bot: %s\nIt connects %s to %s until %s.\n",
		link.StartCommand, chats, link.Recipient, link.ExpiresAt.Local().Format(time.DateTime))
	return nil
}
