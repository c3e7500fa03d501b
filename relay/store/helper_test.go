package store_test

import (
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/store"
)

// t0 is when most tests take place. The storage has no clock of its own.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open opens a storage in a folder of its own unless o names a file, has it hear of others, and closes it with the test.
func open(tb testing.TB, o store.Options) *store.DB {
	tb.Helper()
	if o.URL == "" {
		o.URL = "sqlite:" + filepath.Join(tb.TempDir(), "relay.db")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	db, err := store.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	var listening sync.WaitGroup
	listening.Go(func() { _ = db.Listen(tb.Context()) })
	tb.Cleanup(func() {
		listening.Wait() // the test's context has ended
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// message is one that was made at t0 and lives for a day.
func message(deliveries ...relay.Delivery) *relay.Message {
	m := &relay.Message{
		ID: relay.NewID(), CreatedAt: t0, Receiver: "alertmanager", Owner: "token", ExpiresAt: t0.Add(24 * time.Hour),
		Content: relay.Content{Text: markup.Text{Text: "Deploy done in 42s"}},
	}
	for _, d := range deliveries {
		d.ID, d.MessageID, d.Receiver, d.CreatedAt, d.TelegramMessageIDs = relay.NewID(), m.ID, m.Receiver, m.CreatedAt, []int64{}
		if d.ExpiresAt.IsZero() {
			d.ExpiresAt = m.ExpiresAt
		}
		m.Deliveries = append(m.Deliveries, d)
	}
	return m
}

func to(recipient string, chat int64) relay.Delivery {
	return relay.Delivery{Recipient: recipient, ChatID: chat, State: relay.Queued}
}

func heldFor(recipient string) relay.Delivery {
	return relay.Delivery{Recipient: recipient, State: relay.Held}
}
