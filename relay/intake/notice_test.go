package intake_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// shelf takes messages and knows one recipient; a test of its own holds the real storage to the same rules.
type shelf struct {
	relay.Outbox
	relay.Directory
	mu    sync.Mutex
	texts []string
}

func (s *shelf) Kept(context.Context, time.Time, int) ([]relay.Job, error) { return nil, nil }

func (s *shelf) Accept(_ context.Context, messages ...*relay.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		for _, d := range m.Deliveries {
			s.texts = append(s.texts, d.Recipient+": "+m.Content.Text.Text)
		}
	}
	return nil
}

func (s *shelf) Recipient(_ context.Context, id string) (*relay.Recipient, error) {
	return &relay.Recipient{ID: id, Chats: []relay.Binding{{Recipient: id, Chat: relay.Chat{ChatID: 1, State: relay.Active}}}}, nil
}

func (s *shelf) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := s.texts
	s.texts = nil
	return texts
}

// A hundred failures are one message to the fallback recipient, and its own failures none.
func TestFailuresAreToldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &shelf{}
		door := intake.New(intake.Options{
			Outbox: kept, Directory: kept, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		}, &intake.Rules{Fallback: "admin", MaxAge: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- door.Run(ctx) }()

		door.Failed(relay.Delivery{Recipient: "admin", State: relay.Failed})
		time.Sleep(time.Minute + time.Second) // not at the moment of a digest
		if texts := kept.take(); len(texts) != 0 {
			t.Errorf("told of its own failure: %q", texts)
		}
		for i := range 100 {
			door.Failed(relay.Delivery{Recipient: fmt.Sprintf("user-%d", i), State: relay.Failed, LastError: "Forbidden: bot was blocked by the user"})
		}
		time.Sleep(time.Minute)
		texts := kept.take()
		if len(texts) != 1 || !strings.HasPrefix(texts[0], "admin: ⚠️ 100 of the messages did not arrive:\n• for user-0: failed (Forbidden") || !strings.Contains(texts[0], "and 90 more") {
			t.Errorf("told: %q", texts)
		}
		door.Failed(relay.Delivery{Recipient: "late", State: relay.Expired})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if texts := kept.take(); len(texts) != 1 || !strings.Contains(texts[0], "for late: expired") {
			t.Errorf("at the end: %q", texts)
		}
	})
}
