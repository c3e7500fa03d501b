package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/client"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/simulator/chatpage"
)

type demoCommand struct {
	Once   bool   `help:"End after the walk: exit status 0 if every message arrived."`
	Listen string `default:"127.0.0.1:9786" help:"Address of the daemon; another port is taken when it is in use."`
	Sim    string `default:"127.0.0.1:9787" help:"Address of the simulated Telegram; likewise."`
}

// arrival is how long the demo waits for a message.
const arrival = 15 * time.Second

func (c *demoCommand) Run(ctx context.Context, std *streams) error {
	dir, err := os.MkdirTemp("", "tgrelay-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := c.open(ctx, dir, std)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveUntil(ctx, d.simListener, chatpage.Handler(d.sim)) })
	group.Go(func() error { return d.relay.Run(ctx) })
	group.Go(func() error {
		if err := d.walk(ctx); err != nil || c.Once {
			stop()
			return err
		}
		d.next()
		return d.follow(ctx, d.sim.User("Ada").ID)
	})
	return group.Wait()
}

// demo is a daemon with its own Telegram.
type demo struct {
	out         io.Writer
	color       bool
	sim         *simulator.Server
	simListener net.Listener
	relay       *daemon.Daemon
	api         *client.Client
	drawn       map[int64]string // by message: what was shown of it last
}

func (c *demoCommand) open(ctx context.Context, dir string, std *streams) (*demo, error) {
	d := &demo{
		out: std.out, color: isTerminal(std.out) && os.Getenv("NO_COLOR") == "", drawn: map[int64]string{},
		sim: simulator.New(simulator.Options{Limits: simulator.Limits{Global: 30, Chat: 3, Group: 20}}),
	}
	var err error
	if d.simListener, err = listenNear(c.Sim); err != nil {
		return nil, err
	}
	listener, err := listenNear(c.Listen)
	if err != nil {
		return nil, errors.Join(err, d.simListener.Close())
	}
	cfg, err := config.Parse(filepath.Join(dir, "relay.toml"), fmt.Appendf(nil,
		"[telegram]\ntoken = %q\napi_url = %[2]q\nlink_url = %[2]q\n[delivery]\nchat_rate = 3\n", d.sim.Token(), "http://"+d.simListener.Addr().String()))
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d.relay, err = daemon.New(ctx, daemon.Options{Config: cfg, Version: versionText(), Commit: commit(), Log: log, Listeners: []net.Listener{listener}})
	if err != nil {
		return nil, err
	}
	d.api, err = client.New(client.Options{Server: "http://" + listener.Addr().String()})
	return d, err
}

// listenNear listens on an address, or on any port where that one is in use.
func listenNear(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	host, _, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return nil, usageError{splitErr}
	}
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}

// walk shows the way of a message from a link to the chat.
func (d *demo) walk(ctx context.Context) error {
	if err := d.await(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "tgrelay    http://%s\nTelegram   http://%s (simulated)\n", d.relay.Addr(), d.simListener.Addr())

	d.step("A deep link connects a chat to the recipient ops:")
	link, err := d.api.CreateLink(ctx, client.LinkRequest{Recipient: "ops"})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "  %s\n", link.URL)

	ada := d.sim.User("Ada")
	d.step("Ada opens it and presses Start:")
	if err := ada.Open(link.URL); err != nil {
		return err
	}
	if err := d.show(ctx, ada.ID, 1, "✅ Connected"); err != nil {
		return err
	}
	if err := d.conversation(ctx, ada); err != nil {
		return err
	}
	d.step("Grafana posts to /hooks/grafana/ops:")
	if err := d.post(ctx, "grafana", "firing.json"); err != nil {
		return err
	}
	if err := d.show(ctx, ada.ID, 4, "🔥 High CPU"); err != nil {
		return err
	}
	d.step("An application sends a message of its own by POST /api/v1/messages:")
	_, err = d.api.SendMessage(ctx, client.MessageRequest{To: []string{"ops"}, ParseMode: markup.MarkdownV2, Text: "🚀 *shop* is at `v1.4.2`\n_deployed by_ Grace \\- [changes](https://example.org/changes)"})
	if err != nil {
		return err
	}
	return d.show(ctx, ada.ID, 5, "🚀 shop")
}

// conversation shows a group of alerts from its firing to its end.
func (d *demo) conversation(ctx context.Context, ada *simulator.User) error {
	d.step("Alertmanager posts three alerts to /hooks/alertmanager/ops:")
	if err := d.post(ctx, "alertmanager", "mixed-1-three-firing.json"); err != nil {
		return err
	}
	if err := d.show(ctx, ada.ID, 2, "🔥 3 firing"); err != nil {
		return err
	}
	d.step("Ada presses Ack, and everybody sees who has it:")
	fromBot := simulator.FromBot(d.sim.Messages(ada.ID))
	if _, err := ada.Press(ada.ID, fromBot[len(fromBot)-1].ID, "✋ Ack"); err != nil {
		return err
	}
	if err := d.show(ctx, ada.ID, 2, "✋ Ada has it"); err != nil {
		return err
	}
	d.step("One of them is over. The message is kept up to date:")
	if err := d.post(ctx, "alertmanager", "mixed-2-one-resolved.json"); err != nil {
		return err
	}
	if err := d.show(ctx, ada.ID, 2, "🔥 2 firing, 1 resolved"); err != nil {
		return err
	}
	d.step("All are over. It becomes short and struck, and is answered:")
	if err := d.post(ctx, "alertmanager", "mixed-3-all-resolved.json"); err != nil {
		return err
	}
	return d.show(ctx, ada.ID, 3, "✅ InstanceDown")
}

// await waits until the daemon knows its bot.
func (d *demo) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, arrival)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := d.api.Ready(ctx)
		if err == nil && d.relay.BotName() != "" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the daemon did not become ready: %w", err)
		}
	}
}

func (d *demo) post(ctx context.Context, receiver, file string) error {
	// The samples were recorded from a real Alertmanager and from Grafana's own code.
	_, err := d.api.Hook(ctx, receiver, "ops", receivers.Samples(receiver)[file])
	return err
}

// show waits until the bot has written count messages in a chat and one of them says something, and draws what is new or changed, as
// the person sees it.
func (d *demo) show(ctx context.Context, chatID int64, count int, says string) error {
	ctx, cancel := context.WithTimeout(ctx, arrival)
	defer cancel()
	messages, err := d.sim.Wait(ctx, chatID, func(m []simulator.Message) bool {
		fromBot := simulator.FromBot(m)
		return len(fromBot) >= count && slices.ContainsFunc(fromBot, func(m simulator.Message) bool { return strings.Contains(m.Text, says) })
	})
	d.draw(messages)
	if err != nil {
		return fmt.Errorf("no message arrived within %s that says %q", arrival, says)
	}
	return nil
}

// draw draws the bot's messages that are new or changed.
func (d *demo) draw(messages []simulator.Message) {
	for _, m := range simulator.FromBot(messages) {
		if d.isNew(m) {
			d.bubble(m)
			d.drawn[m.ID] = look(m)
		}
	}
}

func (d *demo) isNew(m simulator.Message) bool { return d.drawn[m.ID] != look(m) }

// look is what is to be seen of a message.
func look(m simulator.Message) string { return m.Text + "\x00" + string(m.ReplyMarkup) }

// bubble draws one message.
func (d *demo) bubble(m simulator.Message) {
	head := m.From
	switch {
	case m.Edited:
		head += " (edited)"
	case m.Silent:
		head += " (without a sound)"
	}
	if m.ReplyTo != 0 {
		head += " answers"
	}
	fmt.Fprintf(d.out, "  ╭─ %s\n", head)
	switch {
	case m.Photo != "":
		fmt.Fprintf(d.out, "  │ 🖼 %s\n", m.FileName)
	case m.Document != "":
		fmt.Fprintf(d.out, "  │ 📎 %s\n", m.FileName)
	}
	for line := range strings.Lines(m.Content().Terminal(d.color)) {
		fmt.Fprintf(d.out, "  │ %s\n", strings.TrimRight(line, "\n"))
	}
	for line := range strings.Lines(drawButtons(m.ReplyMarkup)) {
		fmt.Fprintf(d.out, "  │ %s\n", strings.TrimRight(line, "\n"))
	}
	fmt.Fprintln(d.out, "  ╰─")
}

func (d *demo) step(text string) { fmt.Fprintf(d.out, "\n%s\n", text) }

// next is what to try while the demo goes on serving.
func (d *demo) next() {
	relay, sim := "http://"+d.relay.Addr().String(), "http://"+d.simListener.Addr().String()
	fmt.Fprintf(d.out, `
It goes on serving; Ctrl-C ends it and leaves nothing behind. A browser shows the chats at %[2]s. To try next, in another terminal:

  curl --json '{"to": "ops", "text": "Hello from *curl*", "parse_mode": "MarkdownV2"}' %[1]s/api/v1/messages
  curl --json '{"to": "ops", "key": "deploy", "text": "Deploying: 10 %%"}' %[1]s/api/v1/messages    # again with another text: it is edited
  curl --json '{"title": "Backup", "text": "finished in 3 min"}' %[1]s/hooks/json/ops
  curl %[2]s/sim/chats/1001/messages          # what stands in Ada's chat
  curl --json '{"text": "/status"}' %[2]s/sim/users/1001/write
  curl --json '{"recipient": "grace"}' %[1]s/api/v1/links
  curl %[1]s/metrics
`, relay, sim)
}

// follow draws what else arrives or changes in a chat, until ctx ends.
func (d *demo) follow(ctx context.Context, chatID int64) error {
	for {
		messages, err := d.sim.Wait(ctx, chatID, func(m []simulator.Message) bool { return slices.ContainsFunc(simulator.FromBot(m), d.isNew) })
		if err != nil {
			return nil // ctx ended
		}
		d.draw(messages)
	}
}
