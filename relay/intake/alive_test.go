package intake_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// slow is a storage that answers when it is let.
type slow struct {
	relay.Outbox
	relay.Directory
	free chan struct{}
}

func (s slow) Recipient(ctx context.Context, _ string) (*relay.Recipient, error) {
	select {
	case <-s.free:
		return nil, &relay.Error{Code: relay.CodeUnknownRecipient}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (slow) Undelivered(context.Context, string, int) (relay.Undelivered, error) {
	return relay.Undelivered{}, nil
}

func (slow) Kept(context.Context, time.Time, int) ([]relay.Job, error) { return nil, nil }

func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slow{free: make(chan struct{})}
		door := intake.New(intake.Options{Outbox: s, Directory: s, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()}, &intake.Rules{})
		ask := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			return door.Alive(ctx)
		}
		if err := ask(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("recipients are not found: %v", err)
		}
		close(s.free)
		if err := ask(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing runs: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- door.Run(ctx) }()
		time.Sleep(time.Hour)
		if err := ask(); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
