package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

type recipientsCommand struct {
	List   recipientsListCommand   `cmd:"" default:"withargs" help:"List recipients and their chats (the default)."`
	Show   recipientsShowCommand   `cmd:"" help:"Show a recipient with its chats and all that is chosen for it."`
	Set    recipientsSetCommand    `cmd:"" help:"Change a recipient: pause it, or choose its language, time zone, quiet hours or note."`
	Bind   recipientsBindCommand   `cmd:"" help:"Connect a chat by its number, without a link."`
	Unbind recipientsUnbindCommand `cmd:"" help:"Take a chat from a recipient; what waits for it there is discarded."`
	Forget recipientsForgetCommand `cmd:"" help:"Delete a recipient with its connections, links, messages and what waits."`
	Import importCommand           `cmd:"" help:"Connect chats by their numbers, from a file."`
	Export exportCommand           `cmd:"" help:"Print all connections as lines of JSON."`
}

type recipientsListCommand struct {
	serverFlags
	Prefix string `complete:"recipients" help:"Only those whose ID begins so."`
	Limit  int    `default:"100" help:"At most so many."`
}

func (c *recipientsListCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	page, err := api.Recipients(ctx, relay.RecipientQuery{Prefix: c.Prefix, Limit: c.Limit})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, page.Items...)
	}
	var t table
	t.add("RECIPIENT", "CHATS")
	for _, r := range page.Items {
		var chats []string
		for _, b := range r.Chats {
			chats = append(chats, chatText(b))
		}
		name := r.ID
		if r.Paused {
			name += " (paused)"
		}
		t.add(name, strings.Join(chats, ", "))
	}
	if page.Next != "" {
		fmt.Fprintln(std.err, "There are more: --limit and --prefix choose.")
	}
	return t.print(std.out)
}

func chatText(b relay.Binding) string {
	text := chatNumber(b.Chat)
	if b.Title != "" {
		text += fmt.Sprintf(" %q", b.Title)
	}
	if b.State != relay.Active {
		text += " (" + string(b.State) + ")"
	}
	return text
}

func chatNumber(c relay.Chat) string {
	text := strconv.FormatInt(c.ChatID, 10)
	if c.MessageThreadID != 0 {
		text += "/" + strconv.FormatInt(c.MessageThreadID, 10)
	}
	if c.Bot != "" {
		text += " with bot " + c.Bot
	}
	return text
}

// recipientFlags are shared by the commands about one recipient.
type recipientFlags struct {
	serverFlags
	Recipient string `arg:"" complete:"recipients" help:"ID of the recipient."`
}

type recipientsShowCommand struct{ recipientFlags }

func (c *recipientsShowCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	r, err := api.Recipient(ctx, c.Recipient)
	if err != nil {
		return err
	}
	return c.show(std, r)
}

// show draws what a recipient is.
func (c *recipientFlags) show(std *streams, r *relay.Recipient) error {
	if c.JSON {
		return printJSON(std.out, *r)
	}
	var t table
	row := func(name, value string) {
		if value != "" {
			t.add(name, value)
		}
	}
	row("recipient", r.ID)
	row("since", shown(r.CreatedAt))
	if r.Paused {
		row("paused", "what comes is held, until --resume")
	}
	row("language", r.Locale)
	row("time zone", r.TimeZone)
	row("quiet hours", string(r.QuietHours))
	row("note", r.Note)
	for _, b := range r.Chats {
		row("chat", fmt.Sprintf("%s, %s, since %s%s", chatText(b), b.Type, shown(b.LinkedAt), settingsText(b.Settings)))
	}
	if len(r.Chats) == 0 {
		row("chat", fmt.Sprintf("none: `tgrelay link %s` makes a link", r.ID))
	}
	return t.print(std.out)
}

func settingsText(s relay.Settings) string {
	text := ""
	if s.MutedUntil.After(time.Now()) {
		text += ", muted until " + shown(s.MutedUntil)
	}
	for _, chosen := range [][2]string{{"quiet hours", string(s.QuietHours)}, {"digest", string(s.Digest)}, {"time zone", s.TimeZone}, {"language", s.Locale}} {
		if chosen[1] != "" {
			text += ", " + chosen[0] + " " + chosen[1]
		}
	}
	return text
}

type recipientsSetCommand struct {
	recipientFlags
	Pause      bool    `xor:"pause" help:"Hold what comes for it."`
	Resume     bool    `xor:"pause" help:"Deliver again, also what was held."`
	Locale     *string `placeholder:"de" help:"Language of what the bot says to it; empty: as Telegram has it."`
	TimeZone   *string `placeholder:"Europe/Berlin" help:"Time zone of its quiet hours; empty: the server's."`
	QuietHours *string `placeholder:"22:00-07:00" help:"When nothing makes a sound; empty: never."`
	Note       *string `help:"A note for operators; empty: none."`
}

func (c *recipientsSetCommand) Run(ctx context.Context, std *streams) error {
	change := relay.RecipientChange{Locale: c.Locale, TimeZone: c.TimeZone, QuietHours: (*relay.QuietHours)(c.QuietHours), Note: c.Note}
	if c.Pause || c.Resume {
		change.Paused = &c.Pause
	}
	if change == (relay.RecipientChange{}) {
		return usageError{errors.New("nothing is to be changed: give --pause, --resume, --locale, --time-zone, --quiet-hours or --note")}
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	r, err := api.ChangeRecipient(ctx, c.Recipient, change)
	if err != nil {
		return err
	}
	return c.show(std, r)
}

// chatFlags are a recipient and a chat.
type chatFlags struct {
	recipientFlags
	Bot  string `complete:"bots" placeholder:"NAME" help:"Whose chat it is; that of [telegram] by default."`
	Chat string `arg:"" help:"Telegram's number of the chat, such as 123456789 or -1001234567890; in a forum with the topic's, such as -1001234567890/5."`
}

var chatPattern = regexp.MustCompile(`^([-−]?[0-9]{1,16})(?:/([0-9]{1,16}))?$`)

func (c *chatFlags) chat() (chat relay.Chat, err error) {
	found := chatPattern.FindStringSubmatch(c.Chat)
	if found == nil {
		return chat, usageError{fmt.Errorf("%q is no number of a chat: it looks like 123456789, -1001234567890 or, with a topic, -1001234567890/5", c.Chat)}
	}
	chat.Bot = c.Bot
	chat.ChatID, err = strconv.ParseInt(strings.Replace(found[1], "−", "-", 1), 10, 64)
	if err == nil && found[2] != "" {
		chat.MessageThreadID, err = strconv.ParseInt(found[2], 10, 64)
	}
	return chat, err
}

// chatNumbers lets the numbers of groups, which are negative, be told from flags: with the minus of mathematics, which chatPattern knows.
func chatNumbers(args []string) []string {
	if len(args) < 3 || args[0] != "recipients" {
		return args
	}
	out := make([]string, len(args))
	for i, arg := range args {
		if strings.HasPrefix(arg, "-") && chatPattern.MatchString(arg) {
			arg = "−" + arg[1:]
		}
		out[i] = arg
	}
	return out
}

type recipientsBindCommand struct{ chatFlags }

func (c *recipientsBindCommand) Run(ctx context.Context, std *streams) error {
	chat, err := c.chat()
	if err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	r, err := api.BindChat(ctx, c.Recipient, chat)
	if err != nil {
		return err
	}
	return c.show(std, r)
}

type recipientsUnbindCommand struct{ chatFlags }

func (c *recipientsUnbindCommand) Run(ctx context.Context, std *streams) error {
	chat, err := c.chat()
	if err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	if err := api.UnbindChat(ctx, c.Recipient, chat); err != nil {
		return err
	}
	return c.gone(std, fmt.Sprintf("%s has chat %s no more", c.Recipient, strings.Replace(c.Chat, "−", "-", 1)))
}

type recipientsForgetCommand struct{ recipientFlags }

func (c *recipientsForgetCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if err := api.ForgetRecipient(ctx, c.Recipient); err != nil {
		return err
	}
	return c.gone(std, c.Recipient+" is forgotten")
}

func (c *recipientFlags) gone(std *streams, what string) error {
	if c.JSON {
		return printJSON(std.out, map[string]any{"recipient": c.Recipient, "done": true})
	}
	_, err := fmt.Fprintln(std.out, what)
	return err
}
