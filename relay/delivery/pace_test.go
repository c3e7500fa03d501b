package delivery_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
)

// most is the largest number of requests in any span of a length.
func most(asked []request, span time.Duration) int {
	best, from := 0, 0
	for i, r := range asked {
		for r.at.Sub(asked[from].at) >= span {
			from++
		}
		best = max(best, i-from+1)
	}
	return best
}

func TestPaceOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.latency = 100 * time.Millisecond
		for i := range 600 {
			h.outbox.add(int64(i%100)+1, "private")
			h.outbox.add(-int64(i%10)-1, "group")
		}
		h.run(t)
		after(4 * time.Minute)
		if n := h.outbox.states()[relay.Sent]; n != 1200 {
			t.Errorf("%d are sent", n)
		}
		asked := h.bot.asked()
		if n := most(asked, 10*time.Second); n > 330 {
			t.Errorf("the bot sent %d in 10 s", n)
		}
		of := map[int64][]request{}
		for _, r := range asked {
			of[r.ChatID] = append(of[r.ChatID], r)
		}
		for chat, some := range of {
			if n := most(some, time.Second); chat > 0 && n > 1 {
				t.Errorf("chat %d got %d in a second", chat, n)
			}
			if n := most(some, time.Minute); chat < 0 && n > 20 {
				t.Errorf("group %d got %d in a minute", chat, n)
			}
		}
	})
}

func TestPriorityBetweenChats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *delivery.Options) { o.GlobalRate = 1 })
		for chat := range int64(20) {
			h.outbox.add(chat+1, "normal")
		}
		h.run(t)
		after(2500 * time.Millisecond)
		h.outbox.add(100, "high", func(j *relay.Job) { j.Priority = relay.High })
		after(30 * time.Second)
		texts := h.bot.texts(0)
		if len(texts) != 21 || texts[3] != "high" {
			t.Errorf("%v", texts)
		}
	})
}

// A queue that waits longer for the bot's rate than heads are believed is asked for again, and nobody loses the place.
func TestLongQueueIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *delivery.Options) { o.GlobalRate = 2 })
		var want []string
		for chat := range int64(100) {
			text := fmt.Sprint("message ", chat)
			h.outbox.add(chat+1, text)
			want = append(want, text)
		}
		h.run(t)
		after(52 * time.Second)
		if d := cmp.Diff(want, h.bot.texts(0)); d != "" && len(h.bot.texts(0)) != 100 {
			t.Error(d)
		}
	})
}

func TestBusyChatIsNotStarvedByItsWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.run(t)
		for range 1000 {
			h.outbox.add(5, "one")
			after(10 * time.Millisecond)
		}
		if n := len(h.bot.texts(5)); n < 9 {
			t.Errorf("%d arrived in 10 s", n)
		}
	})
}

func TestSendAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.run(t)
		after(10 * time.Second)
		at := time.Now().Add(7 * time.Second)
		h.outbox.add(5, "later", func(j *relay.Job) { j.SendAt = at })
		h.outbox.add(6, "later", func(j *relay.Job) { j.SendAt = at.Add(time.Hour) })
		h.outbox.add(5, "now")
		after(2 * time.Hour)
		asked := h.bot.asked()
		if len(asked) != 3 || asked[0].Text != "now" {
			t.Fatalf("%d requests", len(asked))
		}
		for i, want := range []time.Time{at, at.Add(time.Hour)} {
			if late := asked[i+1].at.Sub(want); late < 0 || late > time.Second {
				t.Errorf("%d went %s after its time", i, late)
			}
		}
	})
}

// Other rates hold for what waits already, and open no closed window.
func TestRatesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		for range 40 {
			h.outbox.add(5, "one")
			h.outbox.add(-5, "group")
		}
		h.run(t)
		after(10 * time.Second)
		if n := len(h.bot.texts(5)); n < 10 || n > 12 {
			t.Errorf("%d arrived at 1 a second", n)
		}
		h.engine.SetRates(delivery.Rates{GlobalRate: 100, ChatRate: 10, GroupRate: 600})
		after(5 * time.Second)
		if n, m := len(h.bot.texts(5)), len(h.bot.texts(-5)); n != 40 || m != 40 {
			t.Errorf("%d and %d arrived 5 s later at 10 a second", n, m)
		}
		h.engine.SetRates(delivery.Rates{GlobalRate: 1, ChatRate: 1, GroupRate: 20})
		for range 10 {
			h.outbox.add(6, "slow")
			h.outbox.add(7, "slow")
		}
		after(10 * time.Second)
		if n := len(h.bot.texts(6)) + len(h.bot.texts(7)); n < 9 || n > 11 {
			t.Errorf("%d arrived in 10 s at 1 a second", n)
		}
	})
}

func TestWakeNeverBlocks(t *testing.T) {
	h := open(t)
	for chat := range int64(10000) {
		h.engine.Wake(chat, relay.Normal) // nobody runs
	}
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.answer = first(says(400, "Bad Request: something new"))
		h.outbox.add(5, "one")
		h.outbox.add(5, "two")
		h.outbox.add(5, "three", func(j *relay.Job) { j.SendAt = time.Now().Add(time.Hour) })
		h.run(t)
		after(20 * time.Second)
		err := testutil.GatherAndCompare(h.registry, strings.NewReader(`
# HELP tgrelay_delivery_concurrency How many requests of deliveries may be under way at once (concurrency).
# TYPE tgrelay_delivery_concurrency gauge
tgrelay_delivery_concurrency 32
# HELP tgrelay_delivery_requests_in_flight Requests of deliveries that are under way.
# TYPE tgrelay_delivery_requests_in_flight gauge
tgrelay_delivery_requests_in_flight 0
# HELP tgrelay_outbox_deliveries Deliveries in the storage, by state.
# TYPE tgrelay_outbox_deliveries gauge
tgrelay_outbox_deliveries{state="discarded"} 0
tgrelay_outbox_deliveries{state="expired"} 0
tgrelay_outbox_deliveries{state="failed"} 1
tgrelay_outbox_deliveries{state="held"} 0
tgrelay_outbox_deliveries{state="queued"} 1
tgrelay_outbox_deliveries{state="sending"} 0
tgrelay_outbox_deliveries{state="sent"} 1
tgrelay_outbox_deliveries{state="superseded"} 0
# HELP tgrelay_outbox_oldest_seconds How long the oldest delivery has waited for being sent, since it was accepted or from send_at on; 0 when none waits.
# TYPE tgrelay_outbox_oldest_seconds gauge
tgrelay_outbox_oldest_seconds 20
`), "tgrelay_delivery_concurrency", "tgrelay_delivery_requests_in_flight", "tgrelay_outbox_deliveries", "tgrelay_outbox_oldest_seconds")
		if err != nil {
			t.Error(err)
		}
		if n, err := testutil.GatherAndCount(h.registry, "tgrelay_delivery_latency_seconds"); n != 1 || err != nil {
			t.Errorf("%d histograms, %v", n, err)
		}
		failed, sent := 0., 0.
		families, err := h.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				switch f.GetName() {
				case "tgrelay_delivery_failed_attempts_total":
					failed += m.GetCounter().GetValue()
				case "tgrelay_delivery_last_sent_timestamp_seconds":
					sent = m.GetGauge().GetValue()
				}
			}
		}
		if ago := float64(time.Now().Unix()) - sent; failed != 1 || ago < 0 || ago > 20 {
			t.Errorf("%v attempts failed, the last success was %v s ago", failed, ago)
		}
		h.outbox.setDown(true)
		if _, err := h.registry.Gather(); err != nil {
			t.Errorf("a storage that is down hides the metrics: %v", err)
		}
	})
}
