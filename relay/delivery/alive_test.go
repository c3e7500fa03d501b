package delivery_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// alive asks the engine, with a bound for the answer.
func (h *house) alive(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return h.engine.Alive(ctx)
}

// Neither a Telegram that is away nor a storage that fails is a reason for a new start.
func TestAliveInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.answer = func(int, telegram.SendMessage) (status, string) { return 502, "Bad Gateway" }
		h.run(t)
		h.outbox.add(5, "one")
		for i := range 60 {
			h.outbox.setDown(i%2 == 0)
			after(time.Minute)
			if err := h.alive(t); err != nil {
				t.Fatal(err)
			}
		}
		h.outbox.setDown(false)
	})
}

// blocking is an outbox in which the scheduler itself gets stuck.
type blocking struct {
	*outbox
	free chan struct{}
}

func (b blocking) Sending(id relay.ID) {
	<-b.free
	b.outbox.Sending(id)
}

func TestStuckScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		h := open(t)
		h.build(t, func(o *delivery.Options) { o.Outbox = blocking{h.outbox, free} })
		h.run(t)
		after(time.Second)
		if err := h.alive(t); err != nil {
			t.Fatal(err)
		}
		h.outbox.add(5, "one")
		after(time.Second)
		if err := h.alive(t); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "scheduler") {
			t.Errorf("a stuck scheduler: %v", err)
		}
		close(free)
		after(time.Second)
		if err := h.alive(t); err != nil {
			t.Error(err)
		}
	})
}

func TestStuckWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		h := open(t, func(o *delivery.Options) {
			o.Silent = func(context.Context, *relay.Delivery) bool { <-free; return false }
		})
		h.run(t)
		h.outbox.add(5, "one")
		after(9 * time.Minute)
		if err := h.alive(t); err != nil {
			t.Error(err)
		}
		after(2 * time.Minute)
		if err := h.alive(t); err == nil || !strings.Contains(err.Error(), "chat 5 does not end") {
			t.Errorf("a stuck worker: %v", err)
		}
		close(free)
		after(time.Minute)
		if err := h.alive(t); err != nil {
			t.Error(err)
		}
	})
}
