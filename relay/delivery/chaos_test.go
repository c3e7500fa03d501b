package delivery_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// TestChaos: through broken connections, gateways, floods, a storage that comes and goes, and restarts, all arrives, in order.
func TestChaos(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func chaos(t *testing.T, r *rand.Rand) {
	h := open(t)
	h.bot.latency = 70 * time.Millisecond
	h.bot.answer = func(int, telegram.SendMessage) (status, string) {
		switch r.IntN(12) { // under the lock of bot
		case 0:
			return broken()
		case 1:
			return 502, "<html>"
		case 2:
			return flood(1 + r.IntN(5))
		}
		return 0, ""
	}
	want := map[int64][]string{}
	for range 6 {
		h.run(t)
		for i := range 30 {
			chat := []int64{1, 2, 3, -4}[i%4]
			text := fmt.Sprint(len(want[chat]))
			h.outbox.add(chat, text)
			want[chat] = append(want[chat], text)
			after(time.Duration(len(text)) * 100 * time.Millisecond)
		}
		h.outbox.setDown(true)
		after(5 * time.Second)
		h.outbox.setDown(false)
		h.stop()
		h.build(t)
	}
	h.bot.set(func() { h.bot.answer = nil })
	h.run(t)
	after(time.Hour)
	for chat, texts := range want {
		if d := cmp.Diff(texts, slices.Compact(h.bot.texts(chat))); d != "" {
			t.Errorf("chat %d: %s", chat, d)
		}
	}
	if n := h.outbox.states(); n[relay.Sent] != int64(len(h.outbox.jobs)) {
		t.Errorf("%v", n)
	}
}
