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
	group.Go(func() error { return serveUntil(ctx, d.simListener, d.sim) })
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
	shown       map[int64]int // messages of a chat that were shown
}

func (c *demoCommand) open(ctx context.Context, dir string, std *streams) (*demo, error) {
	d := &demo{
		out: std.out, color: isTerminal(std.out) && os.Getenv("NO_COLOR") == "", shown: map[int64]int{},
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
		"[telegram]\ntoken = %q\napi_url = %q\n[delivery]\nchat_rate = 3\n", d.sim.Token(), "http://"+d.simListener.Addr().String()))
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
	if err := d.show(ctx, ada.ID, 1); err != nil {
		return err
	}
	for _, hook := range []struct{ receiver, file, says string }{
		{"alertmanager", "single-firing.json", "Alertmanager posts an alert to /hooks/alertmanager/ops:"},
		{"alertmanager", "mixed-2-one-resolved.json", "A group of three, one of them resolved:"},
		{"grafana", "firing.json", "Grafana posts to /hooks/grafana/ops:"},
	} {
		d.step(hook.says)
		if err := d.post(ctx, hook.receiver, hook.file, ada.ID); err != nil {
			return err
		}
	}
	d.step("An application sends a message of its own by POST /api/v1/messages:")
	_, err = d.api.SendMessage(ctx, client.MessageRequest{To: []string{"ops"}, ParseMode: markup.MarkdownV2, Text: "🚀 *shop* is at `v1.4.2`\n_deployed by_ Grace \\- [changes](https://example.org/changes)"})
	if err != nil {
		return err
	}
	return d.show(ctx, ada.ID, 1)
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

func (d *demo) post(ctx context.Context, receiver, file string, chatID int64) error {
	// The samples were recorded from a real Alertmanager and from Grafana's own code.
	accepted, err := d.api.Hook(ctx, receiver, "ops", receivers.Samples(receiver)[file])
	if err != nil {
		return err
	}
	return d.show(ctx, chatID, len(accepted))
}

// show draws the bot's next messages in a chat, as the person sees them.
func (d *demo) show(ctx context.Context, chatID int64, more int) error {
	ctx, cancel := context.WithTimeout(ctx, arrival)
	defer cancel()
	seen := d.shown[chatID]
	messages, err := d.sim.Wait(ctx, chatID, func(m []simulator.Message) bool { return len(simulator.FromBot(m)) >= seen+more })
	fromBot := simulator.FromBot(messages)
	for _, m := range fromBot[min(seen, len(fromBot)):] {
		d.bubble(m)
	}
	d.shown[chatID] = len(fromBot)
	if err != nil {
		return fmt.Errorf("%d of %d messages did not arrive within %s", seen+more-len(fromBot), more, arrival)
	}
	return nil
}

// bubble draws one message.
func (d *demo) bubble(m simulator.Message) {
	head := m.From
	switch {
	case m.Edited:
		head += " (edited)"
	case m.Silent:
		head += " (without a sound)"
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
	fmt.Fprintln(d.out, "  ╰─")
}

func (d *demo) step(text string) { fmt.Fprintf(d.out, "\n%s\n", text) }

// next is what to try while the demo goes on serving.
func (d *demo) next() {
	relay, sim := "http://"+d.relay.Addr().String(), "http://"+d.simListener.Addr().String()
	fmt.Fprintf(d.out, `
It goes on serving; Ctrl-C ends it and leaves nothing behind. To try next, in another terminal:

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
	drawn := map[int64]string{}
	fromBot := simulator.FromBot(d.sim.Messages(chatID))
	for _, m := range fromBot[:min(d.shown[chatID], len(fromBot))] {
		drawn[m.ID] = m.Text
	}
	isNew := func(m simulator.Message) bool {
		text, known := drawn[m.ID]
		return !known || text != m.Text
	}
	for {
		messages, err := d.sim.Wait(ctx, chatID, func(m []simulator.Message) bool { return slices.ContainsFunc(simulator.FromBot(m), isNew) })
		if err != nil {
			return nil // ctx ended
		}
		for _, m := range simulator.FromBot(messages) {
			if isNew(m) {
				d.bubble(m)
			}
			drawn[m.ID] = m.Text
		}
	}
}
