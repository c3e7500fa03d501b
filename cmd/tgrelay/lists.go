package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

type recipientsCommand struct {
	List   recipientsListCommand `cmd:"" default:"withargs" help:"List recipients and their chats (the default)."`
	Import importCommand         `cmd:"" help:"Connect chats by their numbers, from a file."`
	Export exportCommand         `cmd:"" help:"Print all connections as lines of JSON."`
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
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RECIPIENT\tCHATS")
	for _, r := range page.Items {
		var chats []string
		for _, b := range r.Chats {
			chats = append(chats, chatText(b))
		}
		fmt.Fprintf(table, "%s\t%s\n", r.ID, strings.Join(chats, ", "))
	}
	return table.Flush()
}

func chatText(b relay.Binding) string {
	text := fmt.Sprintf("%d", b.ChatID)
	if b.MessageThreadID != 0 {
		text += fmt.Sprintf("/%d", b.MessageThreadID)
	}
	if b.Title != "" {
		text += fmt.Sprintf(" %q", b.Title)
	}
	if b.State != relay.Active {
		text += " (" + string(b.State) + ")"
	}
	return text
}

type deliveriesCommand struct {
	serverFlags
	State     string `complete:"states" placeholder:"STATE" help:"Only those in a state: held, queued, sending, sent, failed, expired or discarded."`
	Recipient string `complete:"recipients" help:"Only those for a recipient."`
	Limit     int    `default:"50" help:"At most so many."`
}

func (c *deliveriesCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	page, err := api.Deliveries(ctx, relay.DeliveryQuery{State: relay.State(c.State), Recipient: c.Recipient, Limit: c.Limit})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, page.Items...)
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CREATED\tRECIPIENT\tSTATE\tATTEMPTS\tREASON\tDELIVERY")
	for _, d := range page.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", d.CreatedAt.Local().Format(time.DateTime), d.Recipient, d.State, d.Attempts, d.Reason, d.ID)
	}
	return table.Flush()
}
