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
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/pacetest"
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

// TestReplicasInChaos: the same with three replicas that take lanes from each other in the midst of requests, and together keep the pace of one.
func TestReplicasInChaos(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) { replicasInChaos(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func replicasInChaos(t *testing.T, r *rand.Rand) {
	const rate = 5
	shared := pacetest.New(way(5 * time.Millisecond))
	p := shareAmong(t, 3, func(o *delivery.Options) { o.Pace, o.GlobalRate, o.ChatRate, o.GroupRate = shared, rate, 10, 600 })
	p.bot.latency = 300 * time.Millisecond
	luck := rand.New(rand.NewPCG(r.Uint64(), 0))
	p.bot.answer = func(int, telegram.SendMessage) (status, string) {
		switch luck.IntN(20) { // under the lock of bot
		case 0:
			return broken()
		case 1:
			return 502, "<html>"
		case 2:
			return flood(1 + luck.IntN(3))
		}
		return 0, ""
	}
	chats, want := []int64{1, 2, 3, 4, 5, -6, -7}, map[int64][]string{}
	for _, chat := range chats {
		p.give(r.IntN(3), chat)
	}
	for step := range 200 {
		for range r.IntN(6) {
			chat := chats[r.IntN(len(chats))]
			text := fmt.Sprint(len(want[chat]))
			p.outbox.add(chat, text)
			want[chat] = append(want[chat], text)
		}
		if r.IntN(3) == 0 {
			p.give(r.IntN(3), chats[r.IntN(len(chats))])
		}
		switch step % 40 {
		case 20:
			p.outbox.setDown(true)
			shared.Away(&relay.Error{Code: relay.CodeStorageUnavailable})
		case 25:
			p.outbox.setDown(false)
			shared.Away(nil)
		}
		after(time.Duration(r.IntN(600)) * time.Millisecond)
	}
	p.bot.set(func() { p.bot.answer = nil })
	after(time.Hour)
	for chat, texts := range want {
		if d := cmp.Diff(texts, slices.Compact(p.bot.texts(chat))); d != "" {
			t.Errorf("chat %d: %s", chat, d)
		}
	}
	if n := p.outbox.states(); n[relay.Sent] != int64(len(p.outbox.jobs)) {
		t.Errorf("%v", n)
	}
	wantPace(t, p.bot.asked(), rate)
}
