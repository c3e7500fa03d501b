package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/client"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// exampleServer is a relay for an example; it has nobody connected.
func exampleServer() (address string, person *realServer, end func()) {
	dir, err := os.MkdirTemp("", "tgrelay-example-")
	if err != nil {
		log.Fatal(err)
	}
	server, err := newServer(context.Background(), dir)
	if err != nil {
		log.Fatal(err)
	}
	listening := httptest.NewServer(server)
	return listening.URL, server, func() {
		listening.Close()
		server.db.Close()
		os.RemoveAll(dir)
	}
}

func Example() {
	address, _, end := exampleServer()
	defer end()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.New(client.Options{Server: address, Token: secret.New(os.Getenv("TGRELAY_TOKEN"))})
	if err != nil {
		log.Fatal(err)
	}
	accepted, err := c.SendMessage(ctx, client.MessageRequest{
		To: []string{"alice"}, Text: "Deploy *done* in `42s`", ParseMode: markup.MarkdownV2,
		IdempotencyKey: "deploy-42", // so that it may be sent again when an answer is lost
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range accepted.Deliveries {
		fmt.Println(d.Recipient, d.State)
	}
	// Output: alice held
}

// What the server refuses has a code for programs, a sentence for people, and all faults by field.
func Example_errors() {
	address, _, end := exampleServer()
	defer end()
	c, err := client.New(client.Options{Server: address})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.SendMessage(context.Background(), client.MessageRequest{To: []string{"no spaces"}, Text: "x", ExpiresIn: "soon"})
	if refused, ok := errors.AsType[*relay.Error](err); ok {
		fmt.Println(refused.Code)
		for _, field := range refused.Fields {
			fmt.Println(field.Pointer)
		}
	}
	if relay.ErrorCode(err).Status() == 503 {
		fmt.Println("try again") // after RetryAfter
	}
	// Output:
	// invalid_field
	// /to/0
	// /expires_in
}

// A link is made for a person, who opens it; then the person's chat is connected.
func ExampleClient_AwaitLink() {
	address, person, end := exampleServer()
	defer end()
	c, err := client.New(client.Options{Server: address})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	made, err := c.CreateLink(ctx, client.LinkRequest{Recipient: "alice", ExpiresIn: "10m"})
	if err != nil {
		log.Fatal(err)
	}
	go person.open(made) // made.URL, or the page at made.PageURL

	link, err := c.AwaitLink(ctx, made.Link)
	if err != nil {
		log.Fatal(err) // context.DeadlineExceeded: nobody came
	}
	fmt.Println(link.Recipient, link.State)
	// Output: alice used
}

func ExampleClient_AllDeliveries() {
	address, _, end := exampleServer()
	defer end()
	c, err := client.New(client.Options{Server: address})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if _, err := c.SendMessage(ctx, client.MessageRequest{To: []string{"alice", "ops"}, Text: "x"}); err != nil {
		log.Fatal(err)
	}
	for d, err := range c.AllDeliveries(ctx, relay.DeliveryQuery{State: relay.Held}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Recipient)
	}
	// Unordered output:
	// ops
	// alice
}

// open is what a person does with a link.
func (s *realServer) open(made *client.NewLink) {
	_, token, _ := strings.Cut(made.StartCommand, " ")
	chat := relay.Chat{ChatID: 1001, Type: "private", State: relay.Active}
	if _, err := s.desk.Redeem(context.Background(), token, 1001, relay.Redemption{Chat: chat, Place: relay.TargetPrivate, At: time.Now()}); err != nil {
		log.Print(err)
	}
}
