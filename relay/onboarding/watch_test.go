package onboarding_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/onboarding"
)

// Who waits for a link hears of its end at once, of what another process did soon, and of nothing after the time is over.
func TestAwait(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*onboarding.Desk, *memory, *onboarding.Link)
		after  time.Duration
		state  relay.LinkState
	}{
		"revoked": {func(d *onboarding.Desk, _ *memory, l *onboarding.Link) { _ = d.Revoke(t.Context(), l.ID) }, 11 * time.Second, relay.LinkRevoked},
		"used elsewhere": {func(_ *onboarding.Desk, m *memory, l *onboarding.Link) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.links[onboarding.Hash(l.Token)].State = relay.LinkUsed
		}, 12 * time.Second, relay.LinkUsed},
		"nothing":          {func(*onboarding.Desk, *memory, *onboarding.Link) {}, 30 * time.Second, relay.LinkOpen},
		"the daemon stops": {func(d *onboarding.Desk, _ *memory, _ *onboarding.Link) { d.Close() }, 11 * time.Second, relay.LinkOpen},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				desk, kept := newDesk("relay_bot")
				link, err := desk.Make(t.Context(), onboarding.Request{Recipient: "alice"})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				timer := time.AfterFunc(11*time.Second, func() { c.change(desk, kept, link) })
				defer timer.Stop()
				got, err := desk.Await(t.Context(), link.ID, 30*time.Second)
				if err != nil || got.State != c.state {
					t.Fatalf("%+v, %v", got, err)
				}
				if after := time.Since(began); after != c.after {
					t.Errorf("it was told after %v, want %v", after, c.after)
				}
			})
		})
	}
}

func TestAwaitEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk, _ := newDesk("relay_bot")
		link, err := desk.Make(t.Context(), onboarding.Request{Recipient: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := desk.Await(ctx, link.ID, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if _, err := desk.Await(t.Context(), relay.NewID(), time.Hour); relay.ErrorCode(err) != relay.CodeNotFound {
			t.Errorf("%v", err)
		}
	})
}
