package delivery_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

func TestStorageDownAfterSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.latency = 500 * time.Millisecond
		a, b := h.outbox.add(5, "one"), h.outbox.add(5, "two")
		h.run(t)
		after(100 * time.Millisecond) // the request is under way
		h.outbox.setDown(true)
		after(2 * time.Minute)
		if d := cmp.Diff([]string{"one"}, h.bot.texts(0)); d != "" {
			t.Errorf("while the storage was down: %s", d)
		}
		if n := strings.Count(h.log.String(), "cannot store what became of a delivery"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, h.log)
		}
		h.outbox.setDown(false)
		after(35 * time.Second)
		if d := cmp.Diff([]string{"one", "two"}, h.bot.texts(0)); d != "" {
			t.Errorf("after the storage came back: %s", d)
		}
		if a.State != relay.Sent || b.State != relay.Sent {
			t.Errorf("%s, %s", a.State, b.State)
		}
	})
}

func TestStorageDownAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.outbox.add(5, "one")
		h.outbox.setDown(true)
		h.run(t)
		after(time.Minute)
		h.outbox.wake(6, relay.Reordered)
		h.outbox.setDown(false)
		after(31 * time.Second)
		if d := cmp.Diff([]string{"one"}, h.bot.texts(0)); d != "" {
			t.Error(d)
		}
	})
}

// When the storage works again no chat waits out a back-off of half a minute: neither one that hears of something new, nor the others.
func TestAfterAnOutageOfTheStorageAllGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.latency = 500 * time.Millisecond
		for chat := range int64(20) {
			h.outbox.add(chat+1, "one")
			h.outbox.add(chat+1, "two")
		}
		h.run(t)
		after(100 * time.Millisecond) // requests are under way
		h.outbox.setDown(true)
		after(66 * time.Second) // the next tries come after 30 s more
		h.outbox.setDown(false)
		h.outbox.add(7, "new")
		after(time.Second)
		if got := h.bot.texts(0); !slices.Contains(got, "two") {
			t.Errorf("what waits where something came: %v", got)
		}
		after(4 * time.Second)
		if n := h.outbox.states()[relay.Sent]; n != 41 {
			t.Errorf("%d of 41 arrived soon after the outage", n)
		}
	})
}

func TestRestartGoesOnWithTheNextPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.run(t)
		j := h.outbox.add(5, strings.Repeat(strings.Repeat("word ", 800)+"\n\n", 4))
		after(1500 * time.Millisecond)
		h.stop()
		if n := len(h.bot.texts(0)); n != 2 || j.State != relay.Queued {
			t.Fatalf("%d parts, %s at the end", n, j.State)
		}
		h.build(t)
		h.run(t)
		after(10 * time.Second)
		if n := len(h.bot.texts(0)); n != 4 || !slices.Equal(j.TelegramMessageIDs, []int64{1, 2, 3, 4}) {
			t.Errorf("%d parts, %+v", n, j.Delivery)
		}
	})
}

func TestRestartKeepsBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.answer = first(func() (status, string) { return flood(60) })
		h.outbox.add(5, "one")
		h.run(t)
		after(time.Second)
		h.stop()
		h.build(t)
		h.run(t)
		after(58 * time.Second)
		if n := len(h.bot.asked()); n != 1 {
			t.Errorf("%d requests before retry_after was over", n)
		}
		after(2 * time.Second)
		if n := len(h.bot.texts(0)); n != 1 {
			t.Errorf("%d arrived", n)
		}
	})
}

func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.latency = 9 * time.Second
		a, b := h.outbox.add(5, "one"), h.outbox.add(5, "two")
		h.run(t)
		after(time.Second)
		start := time.Now()
		h.stop()
		if took := time.Since(start); took != 8*time.Second {
			t.Errorf("took %s", took)
		}
		if a.State != relay.Sent || b.State != relay.Queued || len(h.bot.asked()) != 1 {
			t.Errorf("%s, %s", a.State, b.State)
		}
	})
}

func TestShutdownCutsOffWhatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.latency = time.Minute
		a := h.outbox.add(5, "one")
		h.run(t)
		after(time.Second)
		start := time.Now()
		h.stop()
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("took %s", took)
		}
		if !a.State.Waiting() {
			t.Errorf("%s: it must be sent again", a.State)
		}
	})
}

func TestShutdownStoresWhatIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.latency = 500 * time.Millisecond
		a := h.outbox.add(5, "one")
		h.run(t)
		after(100 * time.Millisecond)
		h.outbox.setDown(true)
		after(10 * time.Second)
		timer := time.AfterFunc(5*time.Second, func() { h.outbox.setDown(false) })
		defer timer.Stop()
		h.stop()
		if a.State != relay.Sent {
			t.Errorf("%s: it will arrive twice", a.State)
		}
	})
}

func TestShutdownWithStorageDownEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		for chat := range int64(20) {
			h.outbox.add(chat+1, "one")
		}
		h.bot.latency = 500 * time.Millisecond
		h.run(t)
		after(100 * time.Millisecond)
		h.outbox.setDown(true)
		after(10 * time.Second)
		start := time.Now()
		h.stop()
		if took := time.Since(start); took > 11*time.Second {
			t.Errorf("took %s", took)
		}
		if !strings.Contains(h.log.String(), "deliveries=20") {
			t.Errorf("the log does not say what is lost:\n%s", h.log)
		}
	})
}

// retry_after of two chats closed the whole bot; a restart does not open it.
func TestRestartKeepsTheBotClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		limited := func() (status, string) { return flood(60) }
		h.bot.answer = first(limited, limited)
		h.outbox.add(5, "one")
		h.outbox.add(6, "two")
		h.run(t)
		after(time.Second)
		h.stop()
		h.build(t)
		h.run(t)
		after(time.Second)
		h.outbox.add(7, "three")
		h.outbox.add(5, "urgent", func(j *relay.Job) { j.Priority = relay.High })
		after(55 * time.Second)
		if n := len(h.bot.asked()); n != 2 {
			t.Errorf("%d requests before retry_after was over", n)
		}
		after(time.Minute)
		if n := len(h.bot.texts(0)); n != 4 {
			t.Errorf("%d arrived", n)
		}
	})
}

// When Telegram answers again, no chat waits out a back-off of minutes.
func TestAfterAnOutageAllGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		down := true
		h.bot.answer = func(int, telegram.SendMessage) (status, string) {
			if down {
				return refusal(502, "Bad Gateway")
			}
			return 0, ""
		}
		for chat := range int64(20) {
			h.outbox.add(chat+1, "one")
		}
		h.run(t)
		after(time.Hour)
		h.bot.set(func() { down = false })
		h.outbox.add(99, "new")
		after(10 * time.Second)
		if n := h.outbox.states()[relay.Sent]; n != 21 {
			t.Errorf("%d arrived soon after the outage", n)
		}
	})
}

func TestTokenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *delivery.Options) { o.Concurrency = 1 })
		good := false
		h.bot.answer = func(int, telegram.SendMessage) (status, string) {
			if good {
				return 0, ""
			}
			return refusal(401, "Unauthorized")
		}
		h.bot.me = `{"ok":false,"error_code":401,"description":"Unauthorized"}`
		for chat := range int64(10) {
			h.outbox.add(chat+1, "one")
		}
		h.run(t)
		after(time.Hour)
		if n := len(h.bot.asked()); n != 1 {
			t.Errorf("%d requests with a refused token", n)
		}
		if !strings.Contains(h.log.String(), "@BotFather") {
			t.Errorf("the log does not say what to do:\n%s", h.log)
		}
		h.bot.set(func() { good, h.bot.me = true, "" })
		after(15 * time.Second)
		if n := h.outbox.states()[relay.Sent]; n != 10 {
			t.Errorf("%d arrived after the token was mended", n)
		}
	})
}

func TestSlowChatHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.answer = func(_ int, p telegram.SendMessage) (status, string) {
			if p.ChatID == 5 {
				return flood(600)
			}
			return 0, ""
		}
		h.run(t)
		for range 100 {
			h.outbox.add(5, "stuck")
		}
		for chat := range int64(60) {
			h.outbox.add(chat+100, "flows")
		}
		after(3 * time.Second)
		if n := len(h.bot.texts(0)); n != 60 {
			t.Errorf("%d of 60 arrived", n)
		}
	})
}

func TestExpiresAtItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.outbox.add(5, "one")
		j := h.outbox.add(5, "two", func(j *relay.Job) { j.ExpiresAt = time.Now().Add(500 * time.Millisecond) })
		h.run(t)
		after(5 * time.Second)
		if d := cmp.Diff([]string{"one"}, h.bot.texts(0)); d != "" {
			t.Error(d)
		}
		if j.State != relay.Expired || len(h.failed) != 1 || h.failed[0].State != relay.Expired {
			t.Errorf("%s, told of %v", j.State, h.failed)
		}
	})
}

func TestDiscardedIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		var jobs []*relay.Job
		for range 60 {
			jobs = append(jobs, h.outbox.add(-5, "one"))
		}
		h.run(t)
		after(time.Second)
		h.outbox.mu.Lock()
		for _, j := range jobs[5:] {
			j.State = relay.Discarded
		}
		h.outbox.mu.Unlock()
		after(time.Minute)
		if n := len(h.bot.asked()); n > 7 { // 5 at once, and what fits into the 5 s for which heads are believed
			t.Errorf("%d were sent", n)
		}
	})
}
