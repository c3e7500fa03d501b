package delivery_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
)

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.latency = 300 * time.Millisecond
		var want []string
		for i := range 200 { // more than are in memory at once
			text := fmt.Sprint("message ", i)
			h.outbox.add(5, text)
			want = append(want, text)
		}
		h.run(t)
		after(210 * time.Second)
		if d := cmp.Diff(want, h.bot.texts(5)); d != "" {
			t.Error(d)
		}
		if n := h.outbox.states()[relay.Sent]; n != 200 {
			t.Errorf("%d are sent", n)
		}
	})
}

// What was queued unheard is found at once when the engine is told that it may have missed something, also where what waits there is for later.
func TestMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.outbox.add(5, "first")
		h.outbox.add(6, "for later", func(j *relay.Job) { j.NotBefore = time.Now().Add(time.Hour) })
		h.run(t)
		after(5 * time.Second)
		h.outbox.wake = nil
		h.outbox.add(5, "second")
		h.outbox.add(6, "urgent", func(j *relay.Job) { j.Priority = relay.High })
		h.outbox.add(7, "elsewhere")
		after(time.Second)
		if d := cmp.Diff([]string{"first"}, h.bot.texts(0)); d != "" {
			t.Error(d)
		}
		h.engine.Missed()
		after(time.Second)
		for chat, want := range map[int64][]string{5: {"first", "second"}, 6: {"urgent"}, 7: {"elsewhere"}} {
			if d := cmp.Diff(want, h.bot.texts(chat)); d != "" {
				t.Errorf("chat %d: %s", chat, d)
			}
		}
	})
}

// While it is not heard what others queue, it is found within moments all the same, and not looked for all the time when it is heard again.
func TestDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var deaf atomic.Bool
		h := open(t, func(o *delivery.Options) { o.Hears = func() bool { return !deaf.Load() } })
		h.run(t)
		h.outbox.wake = nil // as where another queues it
		after(time.Second)
		h.outbox.add(5, "heard by nobody")
		after(10 * time.Second)
		deaf.Store(true)
		h.engine.Missed()
		after(time.Second)
		want := []string{"heard by nobody"}
		for i := range 5 {
			text := fmt.Sprint("message ", i)
			h.outbox.add(int64(6+i), text)
			want = append(want, text)
			after(2500 * time.Millisecond)
			if d := cmp.Diff(want, h.bot.texts(0)); d != "" {
				t.Errorf("after 2.5 s: %s", d)
			}
		}
		deaf.Store(false)
		after(3 * time.Second)
		h.outbox.add(5, "for the next look")
		after(10 * time.Second)
		if d := cmp.Diff(want, h.bot.texts(0)); d != "" {
			t.Errorf("it is still looked for all the time: %s", d)
		}
		after(30 * time.Second)
		if d := cmp.Diff(append(want, "for the next look"), h.bot.texts(0)); d != "" {
			t.Error(d)
		}
	})
}

func TestPriorityOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.run(t)
		high := func(j *relay.Job) { j.Priority = relay.High }
		for i := range 4 {
			h.outbox.add(5, fmt.Sprint("normal ", i))
		}
		after(500 * time.Millisecond)
		h.outbox.add(5, "low", func(j *relay.Job) { j.Priority = relay.Low })
		h.outbox.add(5, "high", high)
		after(10 * time.Second)
		if d := cmp.Diff([]string{"normal 0", "high", "normal 1", "normal 2", "normal 3", "low"}, h.bot.texts(5)); d != "" {
			t.Error(d)
		}
	})
}
