package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/simulator/chatpage"
)

type simulatorCommand struct {
	Listen   string   `default:"127.0.0.1:9787" help:"Address to serve the Bot API at."`
	Token    string   `default:"${simulator_token}" help:"The bot's token."`
	Username string   `default:"relay_bot" help:"The bot's username."`
	Bot      []string `placeholder:"USERNAME" help:"A further bot; may be given several times."`
}

func (c *simulatorCommand) Run(ctx context.Context, std *streams) error {
	sim := simulator.New(simulator.Options{Token: c.Token, Username: c.Username})
	if err := c.addBots(sim); err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w; choose another address with --listen", err)
	}
	fmt.Fprintf(std.out, `A simulated Telegram serves http://%s
A browser shows its chats there: be anybody, press, block, make groups and trouble.

  [telegram]
  api_url  = "http://%[1]s"
  link_url = "http://%[1]s"
  token    = %[2]q
%[4]s
Or be somebody who opens a link by curl:
  curl --json '{"name": "Ada"}' http://%[1]s/sim/users
  curl --json '{"link": "https://t.me/%[3]s?start=…"}' http://%[1]s/sim/users/1001/open
  curl http://%[1]s/sim/chats/1001/messages
`, l.Addr(), c.Token, c.Username, furtherBots(sim))
	return serveUntil(ctx, l, chatpage.Handler(sim))
}

// username is what Telegram lets a bot be called.
var username = regexp.MustCompile(`(?i)^[a-z][a-z0-9_]{1,28}bot$`)

// addBots adds the further bots, whose tokens follow from the first one's number and their names.
func (c *simulatorCommand) addBots(sim *simulator.Server) error {
	number, _, _ := strings.Cut(c.Token, ":")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return usageError{errors.New("--token is no bot token: it looks like 123456:AA…")}
	}
	for _, name := range c.Bot {
		if !username.MatchString(name) || sim.Bot(name) != nil {
			return usageError{fmt.Errorf("--bot %s: want a username of its own of 5 to 32 letters, digits and _ that ends in bot", name)}
		}
		id++
		sim.AddBot(fmt.Sprintf("%d:AAsimulated-token-of-%s", id, name), name)
	}
	return nil
}

// furtherBots are the tables of the bots beside the first.
func furtherBots(sim *simulator.Server) string {
	var b strings.Builder
	for _, bot := range sim.Bots()[1:] {
		fmt.Fprintf(&b, "  [bots.%s]\n  token = %q\n", strings.ToLower(bot.Username()), bot.Token())
	}
	return b.String()
}

// serveUntil serves HTTP until ctx ends. What is under way then is cut off: long polls would hold it up.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
