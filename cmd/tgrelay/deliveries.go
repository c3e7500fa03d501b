package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/client"
)

type deliveriesCommand struct {
	List    deliveriesListCommand    `cmd:"" default:"withargs" help:"List deliveries, newest first (the default)."`
	Show    deliveriesShowCommand    `cmd:"" help:"Show a delivery, or a message with all its deliveries."`
	Retry   deliveriesRetryCommand   `cmd:"" help:"Put deliveries that failed or expired back into the queue."`
	Discard deliveriesDiscardCommand `cmd:"" help:"End deliveries that failed or expired."`
}

// deliveryFilter chooses deliveries.
type deliveryFilter struct {
	Recipient string `complete:"recipients" help:"Only those for a recipient."`
	Bot       string `complete:"bots" placeholder:"NAME" help:"Only those that a bot sends; \"telegram\" is that of [telegram]."`
	Since     string `placeholder:"DURATION" help:"Only those of the last so long, such as 2h or 1d."`
}

// all goes through the deliveries in a state, newest first.
func (f deliveryFilter) all(ctx context.Context, api *client.Client, state relay.State, now time.Time) (iter.Seq2[relay.Delivery, error], error) {
	var since time.Time
	if f.Since != "" {
		d, err := model.ParseDuration(f.Since)
		if err != nil {
			return nil, usageError{fmt.Errorf("--since %s is no duration; write it like 90m, 2h or 7d", f.Since)}
		}
		since = now.Add(-time.Duration(d))
	}
	const most = 1000
	return func(yield func(relay.Delivery, error) bool) {
		for d, err := range api.AllDeliveries(ctx, relay.DeliveryQuery{State: state, Recipient: f.Recipient, Bot: f.Bot, Limit: most}) {
			if err == nil && d.CreatedAt.Before(since) || !yield(d, err) {
				return
			}
		}
	}, nil
}

type deliveriesListCommand struct {
	serverFlags
	deliveryFilter
	State string `complete:"states" placeholder:"STATE" help:"Only those in a state: held, queued, sending, sent, failed, expired, discarded or superseded."`
	Limit int    `default:"50" help:"At most so many."`
}

func (c *deliveriesListCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	all, err := c.all(ctx, api, relay.State(c.State), time.Now())
	if err != nil {
		return err
	}
	var list []relay.Delivery
	for d, err := range all {
		if err != nil {
			return err
		}
		if list = append(list, d); len(list) == c.Limit {
			break
		}
	}
	if c.JSON {
		return printJSON(std.out, list...)
	}
	return showDeliveries(std, list)
}

// showDeliveries draws a list. Bots are named where one of them has a name.
func showDeliveries(std *streams, list []relay.Delivery) error {
	several := slices.ContainsFunc(list, func(d relay.Delivery) bool { return d.Bot != "" })
	var t table
	row := func(created, recipient, bot string, more ...string) {
		start := []string{created, recipient}
		if several {
			start = append(start, bot)
		}
		t.add(append(start, more...)...)
	}
	row("CREATED", "RECIPIENT", "BOT", "STATE", "ATTEMPTS", "REASON", "DELIVERY")
	for _, d := range list {
		row(shown(d.CreatedAt), d.Recipient, botText(d), string(d.State), strconv.Itoa(d.Attempts), d.Reason, d.ID.String())
	}
	return t.print(std.out)
}

// botText is the bot of a delivery; empty while any may send it.
func botText(d relay.Delivery) string {
	if d.ChatID == 0 {
		return d.Bot
	}
	return relay.BotAsked(d.Bot)
}

type deliveriesShowCommand struct {
	serverFlags
	ID relay.ID `arg:"" help:"ID of a delivery or of a message."`
}

func (c *deliveriesShowCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	m, err := c.find(ctx, api)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, *m)
	}
	var t table
	t.add("message", m.ID.String())
	t.add("came", shown(m.CreatedAt))
	if m.Receiver != "" {
		t.add("receiver", m.Receiver)
	}
	if err := t.print(std.out); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "\n%s\n", m.Text)
	for _, d := range m.Deliveries {
		if err := showDelivery(std, d); err != nil {
			return err
		}
	}
	return nil
}

// find takes the ID for a message's, then for a delivery's. The interface has no call for one delivery: IDs bear their time, so that not all have to
// be looked through.
func (c *deliveriesShowCommand) find(ctx context.Context, api *client.Client) (*client.Message, error) {
	m, err := api.Message(ctx, c.ID)
	if relay.ErrorCode(err) != relay.CodeNotFound {
		return m, err
	}
	made := c.ID.Time()
	const most = 1000
	for d, err := range api.AllDeliveries(ctx, relay.DeliveryQuery{Limit: most}) {
		if err != nil {
			return nil, err
		}
		if d.ID == c.ID {
			return api.Message(ctx, d.MessageID)
		}
		if d.CreatedAt.Before(made.Add(-time.Minute)) {
			break
		}
	}
	return nil, fmt.Errorf("there is no message and no delivery %s", c.ID)
}

func showDelivery(std *streams, d relay.Delivery) error {
	var t table
	row := func(name, value string) {
		if value != "" && value != "0" {
			t.add(name, value)
		}
	}
	at := func(name string, when time.Time) {
		if !when.IsZero() {
			row(name, shown(when))
		}
	}
	row("delivery", d.ID.String())
	row("state", string(d.State))
	row("recipient", d.Recipient)
	row("bot", d.Bot)
	row("chat", chatNumber(relay.Chat{ChatID: d.ChatID, MessageThreadID: d.MessageThreadID}))
	row("attempts", strconv.Itoa(d.Attempts))
	row("reason", d.Reason)
	row("last error", d.LastError)
	at("send at", d.SendAt)
	at("not before", d.NotBefore)
	at("expires", d.ExpiresAt)
	at("sent", d.SentAt)
	fmt.Fprintln(std.out)
	return t.print(std.out)
}

// bulk is what retry and discard have in common: deliveries by their IDs, or all that a filter chooses.
type bulk struct {
	serverFlags
	deliveryFilter
	State  string     `enum:"failed,expired" default:"failed" help:"Without IDs: those that failed, or those that expired."`
	All    bool       `help:"Without IDs: all of them, whatever recipient, bot and age."`
	DryRun bool       `help:"Only list them."`
	IDs    []relay.ID `arg:"" optional:"" name:"id" help:"IDs of deliveries."`
}

// run does something with each delivery. One that cannot be helped stops no others.
func (b *bulk) run(ctx context.Context, std *streams, did string, do func(*client.Client, context.Context, relay.ID) (*relay.Delivery, error)) error {
	if len(b.IDs) == 0 && !b.All && b.Recipient == "" && b.Bot == "" && b.Since == "" {
		return usageError{errors.New("which deliveries? Give their IDs, or choose by --recipient, --bot or --since, or --all")}
	}
	api, err := b.client()
	if err != nil {
		return err
	}
	ids, err := b.chosen(ctx, api)
	if err != nil {
		return err
	}
	done, failed := 0, 0
	for _, id := range ids {
		if b.DryRun {
			fmt.Fprintln(std.out, id)
			continue
		}
		d, err := do(api, ctx, id)
		if code := relay.ErrorCode(err); err != nil && code != relay.CodeConflict && code != relay.CodeNotFound {
			return err // the server is gone, or does not let us
		}
		if err != nil {
			failed++
			fmt.Fprintf(std.err, "%s: %v\n", id, err)
			continue
		}
		done++
		if b.JSON {
			err = printJSON(std.out, *d)
		} else {
			_, err = fmt.Fprintf(std.out, "%s  %s\n", d.ID, stateText(*d))
		}
		if err != nil {
			return err
		}
	}
	if !b.DryRun {
		fmt.Fprintf(std.err, "%s %s\n", count(done, "delivery"), did)
	}
	if failed > 0 {
		return fmt.Errorf("%s could not be helped", count(failed, "delivery"))
	}
	return nil
}

// chosen are found before anything is done: what is done changes what a filter finds.
func (b *bulk) chosen(ctx context.Context, api *client.Client) ([]relay.ID, error) {
	if len(b.IDs) > 0 {
		return b.IDs, nil
	}
	all, err := b.all(ctx, api, relay.State(b.State), time.Now())
	if err != nil {
		return nil, err
	}
	var ids []relay.ID
	for d, err := range all {
		if err != nil {
			return nil, err
		}
		ids = append(ids, d.ID)
	}
	return ids, nil
}

type deliveriesRetryCommand struct{ bulk }

func (c *deliveriesRetryCommand) Run(ctx context.Context, std *streams) error {
	return c.run(ctx, std, "put back", (*client.Client).RetryDelivery)
}

type deliveriesDiscardCommand struct{ bulk }

func (c *deliveriesDiscardCommand) Run(ctx context.Context, std *streams) error {
	return c.run(ctx, std, "discarded", (*client.Client).DiscardDelivery)
}
