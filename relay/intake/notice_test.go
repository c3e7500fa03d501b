package intake_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/store"
)

// shelf takes messages and knows one recipient; a test of its own holds the real storage to the same rules.
type shelf struct {
	relay.Outbox
	relay.Directory
	mu    sync.Mutex
	texts []string
}

func (s *shelf) Undelivered(context.Context, string, int) (relay.Undelivered, error) {
	return relay.Undelivered{}, nil
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

// A hundred failures are one message to the fallback recipient, and its own failures none, whoever of two has the duty, and also where one that has seen
// them is gone.
func TestFailuresAreToldTogether(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + dir + "/relay.db", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		var mine [2]atomic.Bool
		var running errgroup.Group
		ctx, cancel := context.WithCancel(t.Context())
		for i := range mine {
			door := intake.New(intake.Options{
				Outbox: db, Directory: db, Mine: mine[i].Load, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
			}, &intake.Rules{Fallback: "admin", MaxAge: time.Hour})
			running.Go(func() error { return door.Run(ctx) })
		}
		fails := func(recipient string) {
			t.Helper()
			m := &relay.Message{ID: relay.NewID(), CreatedAt: time.Now()}
			m.Deliveries = []relay.Delivery{{ID: relay.NewID(), Recipient: recipient, ChatID: 5, State: relay.Queued, CreatedAt: time.Now()}}
			err := db.Accept(t.Context(), m)
			if err == nil {
				err = db.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Failed, LastError: "Forbidden: bot was blocked by the user", At: time.Now()})
			}
			if err != nil {
				t.Error(err)
			}
		}
		known := map[relay.ID]bool{}
		told := func(want ...string) {
			t.Helper()
			time.Sleep(time.Minute + time.Second) // not at the moment of a digest
			page, err := db.Deliveries(t.Context(), relay.DeliveryQuery{State: relay.Held, Recipient: "admin"})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range page.Items {
				m, err := db.Message(t.Context(), d.MessageID)
				if err != nil {
					t.Fatal(err)
				}
				if !known[d.ID] {
					got = append(got, m.Content.Text.Text)
				}
				known[d.ID] = true
			}
			if len(got) != len(want) {
				t.Fatalf("told %q, want %q", got, want)
			}
			for i, text := range got {
				if !strings.HasPrefix(text, want[i]) {
					t.Errorf("told %q, want %q", text, want[i])
				}
			}
		}
		mine[0].Store(true)
		fails("admin")
		told()
		for i := range 100 {
			fails(fmt.Sprint("user-", i))
		}
		told("⚠️ 100 of the messages did not arrive:\n• for user-0: failed (Forbidden")
		mine[0].Store(false)
		fails("late")
		told()
		mine[1].Store(true)
		told("⚠️ 1 of the messages did not arrive:\n• for late: failed (Forbidden")
		mine[0].Store(true) // for a moment both believe so
		fails("both")
		told("⚠️ 1 of the messages did not arrive:\n• for both: failed (Forbidden")
		cancel()
		if err := errors.Join(running.Wait(), db.Close()); err != nil {
			t.Error(err)
		}
	})
}
