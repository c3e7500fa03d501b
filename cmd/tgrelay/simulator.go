package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/simulator/chatpage"
)

type simulatorCommand struct {
	Listen   string `default:"127.0.0.1:9787" help:"Address to serve the Bot API at."`
	Token    string `default:"${simulator_token}" help:"The bot's token."`
	Username string `default:"relay_bot" help:"The bot's username."`
}

func (c *simulatorCommand) Run(ctx context.Context, std *streams) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w; choose another address with --listen", err)
	}
	sim := simulator.New(simulator.Options{Token: c.Token, Username: c.Username})
	fmt.Fprintf(std.out, `A simulated Telegram serves http://%s
A browser shows its chats there: be anybody, press, block, make groups and trouble.

  [telegram]
  api_url  = "http://%[1]s"
  link_url = "http://%[1]s"
  token    = %[2]q

Or be somebody who opens a link by curl:
  curl --json '{"name": "Ada"}' http://%[1]s/sim/users
  curl --json '{"link": "https://t.me/%[3]s?start=…"}' http://%[1]s/sim/users/1001/open
  curl http://%[1]s/sim/chats/1001/messages
`, l.Addr(), c.Token, c.Username)
	return serveUntil(ctx, l, chatpage.Handler(sim))
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
