package intake_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/store"
)

// Lines that two replicas add to a message at the same time are all there at last, each once.
func TestAnnotateAtOnce(t *testing.T) {
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + t.TempDir() + "/relay.db", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m := &relay.Message{ID: relay.NewID(), CreatedAt: time.Now()}
	m.Content.Text.Text = "deploy?"
	m.Deliveries = []relay.Delivery{{ID: relay.NewID(), MessageID: m.ID, Recipient: "ada", ChatID: 5, State: relay.Queued, CreatedAt: time.Now()}}
	err = errors.Join(db.Bind(t.Context(), "ada", relay.Chat{ChatID: 5, Type: "private", State: relay.Active}, time.Now()), db.Accept(t.Context(), m))
	if err == nil {
		err = db.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Sent, TelegramMessageIDs: []int64{70}, At: time.Now()})
	}
	if err != nil {
		t.Fatal(err)
	}
	of, err := db.DeliveryOf(t.Context(), "", 5, 70)
	if err != nil {
		t.Fatal(err)
	}
	const n = 8
	var running sync.WaitGroup
	for i := range n {
		door := intake.New(intake.Options{Outbox: db, Directory: db, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()}, &intake.Rules{MaxAge: time.Hour})
		running.Go(func() {
			if err := door.Annotate(t.Context(), of, fmt.Sprint("line ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	newest, err := db.Newest(t.Context(), of, "changed "+of.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	last, err := db.Message(t.Context(), newest.MessageID)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if strings.Count(last.Content.Text.Text, fmt.Sprint("line ", i)) != 1 {
			t.Errorf("line %d is not there once: %q", i, last.Content.Text.Text)
		}
	}
}
