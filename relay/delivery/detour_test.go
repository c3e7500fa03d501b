package delivery_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// A bot that turns out to be blocked leaves what waits to the other bot that the person has: all of it arrives, in its order, and nobody is told that it failed.
func TestGoesByTheOtherBot(t *testing.T) {
	const team, count = "team", 5
	sim := simulator.New(simulator.Options{})
	servers := map[string]*simulator.Server{"": sim, team: sim.AddBot("234567891:AAsimulated-token-of-team_bot", "team_bot")}
	engines := map[string]*delivery.Engine{}
	var mu sync.Mutex
	var failed []relay.Delivery
	db, err := store.Open(t.Context(), store.Options{
		URL:    "sqlite:" + filepath.Join(t.TempDir(), "relay.db"),
		Queued: func(bot string, chat int64, p relay.Priority) { engines[bot].Wake(chat, p) },
		Ended:  func(all []relay.Delivery) { engines[""].Ended(all) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for bot, server := range servers {
		client, err := telegram.New(telegram.Options{Token: secret.New(server.Token()), APIURL: "http://telegram.test", Transport: server.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		engines[bot] = delivery.New(delivery.Options{Bot: bot, Outbox: db, Client: client, Drain: time.Second, Failed: func(d relay.Delivery) {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, d)
		}})
	}
	ada := sim.User("Ada")
	for bot, link := range map[string]string{"": "https://t.me/relay_bot?start=x", team: "https://t.me/team_bot?start=x"} {
		if err := ada.Open(link); err != nil {
			t.Fatal(err)
		}
		if err := db.Bind(t.Context(), "ada", relay.Chat{Bot: bot, ChatID: ada.ID, Type: "private"}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	ada.Block() // the first bot, which hears nothing of it
	var want []string
	for n := range count {
		m := &relay.Message{ID: relay.NewID(), CreatedAt: time.Now(), Content: relay.Content{Text: markup.Text{Text: fmt.Sprint("number ", n)}}}
		m.Deliveries = []relay.Delivery{{ID: relay.NewID(), MessageID: m.ID, Recipient: "ada", ChatID: ada.ID, State: relay.Queued, CreatedAt: m.CreatedAt, TelegramMessageIDs: []int64{}}}
		if err := db.Accept(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		want = append(want, m.Content.Text.Text)
	}
	running, stop := context.WithCancel(t.Context())
	var engaged sync.WaitGroup
	for _, e := range engines {
		engaged.Go(func() { _ = e.Run(running) })
	}
	waiting, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	said, err := servers[team].Wait(waiting, ada.ID, func(all []simulator.Message) bool { return len(simulator.FromBot(all)) >= count })
	stop()
	engaged.Wait()
	var got []string
	for _, m := range simulator.FromBot(said) {
		got = append(got, m.Text)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("by the other bot come %q, %v; want %q", got, err, want)
	}
	if backlog, err := db.Backlog(t.Context()); err != nil || backlog.Count[relay.Sent] != count {
		t.Errorf("stored is %+v, %v", backlog, err)
	}
	if len(failed) > 0 {
		t.Errorf("told of %+v", failed)
	}
}
