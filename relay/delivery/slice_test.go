package delivery_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/pacetest"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// sharing makes houses with one bot, whose pace they share; each has chats of its own.
func sharing(t *testing.T, n int, shared relay.Pace, edit ...func(*delivery.Options)) []*house {
	t.Helper()
	telegram := &bot{latency: 50 * time.Millisecond}
	edit = append(edit, func(o *delivery.Options) { o.Pace = shared })
	var all []*house
	for range n {
		h := &house{outbox: &outbox{}, bot: telegram}
		h.build(t, edit...)
		all = append(all, h)
	}
	return all
}

// way is a storage that is so far, give or take a half.
func way(d time.Duration) func() time.Duration {
	r := rand.New(rand.NewPCG(1, 2))
	return func() time.Duration { return d/2 + rand.N(d) + time.Duration(r.IntN(2)) }
}

func rates(global float64) func(*delivery.Options) {
	return func(o *delivery.Options) {
		o.Rates = delivery.Rates{GlobalRate: global, ChatRate: 100, GroupRate: 6000}
	}
}

// messages is how many a request brings.
func (r request) messages() int { return max(1, len(r.media)) }

// wantPace fails if in any span more was sent than one relay alone sends: burst + rate × span, an album counting as a burst at most.
func wantPace(t *testing.T, asked []request, rate float64) {
	t.Helper()
	burst := max(rate, 1)
	for i := range asked {
		n, over := 0, 0.
		for _, last := range asked[i:] {
			span := last.at.Sub(asked[i].at)
			n += last.messages()
			over = max(over, float64(last.messages())-burst)
			if float64(n) > burst+span.Seconds()*rate+over+1e-6 {
				t.Fatalf("%d messages in %s at %g/s", n, span, rate)
			}
		}
	}
}

// sendAll adds messages to the houses, as many as each has to send, and returns how long it took until all were sent.
func sendAll(t *testing.T, houses []*house, counts []int) time.Duration {
	t.Helper()
	began, total := time.Now(), 0
	for i, h := range houses {
		for j := range counts[i] {
			h.outbox.add(int64(1+1000*i+j%500), "hello")
		}
		h.run(t)
		total += counts[i]
	}
	for range 10 * 60 * 60 {
		after(100 * time.Millisecond)
		if len(houses[0].bot.texts(0)) == total {
			return time.Since(began)
		}
	}
	t.Fatalf("%d of %d were sent", len(houses[0].bot.texts(0)), total)
	return 0
}

// However many replicas there are and however far the storage is, they send what one relay alone does, and as fast.
func TestReplicasSendLikeOne(t *testing.T) {
	for _, rate := range []float64{0.5, 1, 3, 30, 60} {
		for name, d := range map[string]time.Duration{"near": time.Millisecond, "far": 10 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				n := int(8 * max(rate, 1))
				alone := sendAll(t, sharing(t, 1, nil, rates(rate)), []int{3 * n})
				houses := sharing(t, 3, pacetest.New(way(d)), rates(rate))
				together := sendAll(t, houses, []int{n, n, n})
				if together > alone*11/10+time.Second {
					t.Errorf("%g/s, %s: together it takes %s, alone %s", rate, name, together, alone)
				}
				wantPace(t, houses[0].bot.asked(), rate)
			})
		}
	}
}

// The same with replicas that have now little and now much to send, in bursts.
func TestReplicasInBursts(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			rate := []float64{2, 10, 30}[r.IntN(3)]
			houses := sharing(t, 2+r.IntN(3), pacetest.New(way(time.Duration(1+r.IntN(60))*time.Millisecond)), rates(rate))
			for _, h := range houses {
				h.run(t)
			}
			total := 0
			for range 60 {
				h := houses[r.IntN(len(houses))]
				for j := range r.IntN(int(2 * rate)) {
					h.outbox.add(int64(1+j), "hello")
					total++
				}
				after(time.Duration(r.IntN(2000)) * time.Millisecond)
			}
			after(10 * time.Minute)
			if n := len(houses[0].bot.texts(0)); n != total {
				t.Errorf("%d of %d were sent", n, total)
			}
			wantPace(t, houses[0].bot.asked(), rate)
		})
	}
}

// A replica with one message now and then is not kept waiting by one with thousands.
func TestQuietReplicaIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		houses := sharing(t, 3, pacetest.New(way(5*time.Millisecond)), rates(30))
		busy, quiet := houses[:2], houses[2]
		for i, h := range busy {
			for j := range 3000 {
				h.outbox.add(int64(1+1000*i+j%500), "one of many")
			}
			h.run(t)
		}
		quiet.run(t)
		after(3 * time.Second)
		for range 20 {
			quiet.outbox.add(9, "single")
			after(time.Second)
		}
		if n := len(quiet.bot.texts(9)); n < 19 {
			t.Errorf("%d of 20 arrived within a second", n)
		}
	})
}

// A single message of an idle relay waits for the storage once, not twice.
func TestSliceIsAskedForAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const round = 20 * time.Millisecond
		h := sharing(t, 1, pacetest.New(func() time.Duration { return round / 2 }), func(o *delivery.Options) { o.Outbox = slowHeads{o.Outbox, round} })[0]
		h.run(t)
		after(time.Minute)
		began := time.Now()
		h.outbox.add(5, "single")
		after(time.Second)
		if took := h.bot.asked()[0].at.Sub(began); took > round+round/4 {
			t.Errorf("it was sent after %s", took)
		}
	})
}

// slowHeads takes its time for each reading.
type slowHeads struct {
	relay.Outbox
	d time.Duration
}

func (s slowHeads) Heads(ctx context.Context, bot string, chatID int64, now time.Time, limit int) ([]relay.Job, error) {
	time.Sleep(s.d)
	return s.Outbox.Heads(ctx, bot, chatID, now, limit)
}

// A storage that takes longer than a slice lives slows things down and stops nothing.
func TestSlowStorageIsNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		houses := sharing(t, 2, pacetest.New(way(400*time.Millisecond)), rates(30))
		if took := sendAll(t, houses, []int{100, 100}); took > time.Minute {
			t.Errorf("200 messages took %s", took)
		}
		wantPace(t, houses[0].bot.asked(), 30)
	})
}

// Without the storage nothing is sent; it is asked now and then, and the log has a line when that begins and one when it ends.
func TestNoSlicesWhileTheStorageIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := pacetest.New(way(time.Millisecond))
		h := sharing(t, 1, shared, rates(30))[0]
		h.run(t)
		after(time.Second)
		shared.Away(&relay.Error{Code: relay.CodeStorageUnavailable, Err: errors.New("connection refused")})
		for chat := range int64(50) {
			h.outbox.add(chat+1, "hello")
		}
		before := len(shared.Asked())
		after(time.Minute)
		if n := len(h.bot.texts(0)); n != 0 {
			t.Errorf("%d were sent", n)
		}
		if n := len(shared.Asked()) - before; n < 20 || n > 40 {
			t.Errorf("the storage was asked %d times in a minute", n)
		}
		shared.Away(nil)
		after(5 * time.Second)
		if n := len(h.bot.texts(0)); n != 50 {
			t.Errorf("%d of 50 were sent", n)
		}
		log := h.log.String()
		if strings.Count(log, "level=ERROR") != 1 || strings.Count(log, "works again") != 1 {
			t.Error(log)
		}
	})
}

// All of the storage fails, one part after the other: that is one outage.
func TestOneOutageIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := pacetest.New(way(time.Millisecond))
		h := sharing(t, 1, shared, rates(30))[0]
		h.run(t)
		for chat := range int64(200) {
			h.outbox.add(chat+1, "hello")
		}
		after(2 * time.Second)
		h.outbox.setDown(true)
		shared.Away(&relay.Error{Code: relay.CodeStorageUnavailable})
		after(time.Minute)
		shared.Away(nil)
		after(time.Second)
		h.outbox.setDown(false)
		after(2 * time.Minute)
		if n := h.outbox.states()[relay.Sent]; n != 200 {
			t.Errorf("%d of 200 are sent", n)
		}
		log := h.log.String()
		if strings.Count(log, "level=ERROR") != 1 || strings.Count(log, "works again") != 1 {
			t.Error(log)
		}
	})
}

// A 429 for the whole bot that one replica gets stops the others, also where it has nothing more to send itself.
func TestRefusalOfTheBotIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		houses := sharing(t, 2, pacetest.New(way(5*time.Millisecond)), rates(30))
		refused, other := houses[0], houses[1]
		refused.bot.answer = func(_ int, p telegram.SendMessage) (status, string) {
			if p.ChatID == 1001 || p.ChatID == 1002 {
				return flood(20)
			}
			return 0, ""
		}
		for j := range 3000 {
			other.outbox.add(int64(1+j%500), "one of many")
		}
		other.run(t)
		refused.run(t)
		after(3 * time.Second)
		refused.outbox.add(1001, "hello")
		refused.outbox.add(1002, "hello")
		after(time.Second)
		closed := time.Now()
		after(500 * time.Millisecond)
		before := len(other.bot.asked())
		after(15 * time.Second)
		if n := len(other.bot.asked()) - before; n != 0 {
			t.Errorf("%d were sent while the bot was closed", n)
		}
		refused.bot.set(func() { refused.bot.answer = nil })
		after(20 * time.Second)
		n := 0
		for _, r := range other.bot.asked() {
			if since := r.at.Sub(closed); since > 20*time.Second && since <= 22*time.Second {
				n++
			}
		}
		if n < 20 || n > 40 {
			t.Errorf("%d were sent in 2 s after the bot was open again, want about half the rate", n)
		}
	})
}

// What the others are to be told outlives an outage of the storage.
func TestRefusalIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := pacetest.New(way(time.Millisecond))
		h := sharing(t, 1, shared, rates(30))[0]
		h.bot.answer = func(int, telegram.SendMessage) (status, string) { return flood(30) }
		h.run(t)
		h.outbox.add(1, "hello")
		h.outbox.add(2, "hello")
		after(30 * time.Millisecond)
		shared.Away(&relay.Error{Code: relay.CodeStorageUnavailable})
		after(10 * time.Second)
		shared.Away(nil)
		after(5 * time.Second)
		if s, err := shared.Take(t.Context(), relay.Ask{Rate: 30, Least: 1, Most: 1, Life: relay.SliceLife}); err != nil || s.Wait < 13*time.Second || s.Wait > 16*time.Second {
			t.Errorf("another one gets %+v, %v", s, err)
		}
		asked := shared.Asked()
		after(10 * time.Second)
		if n := len(shared.Asked()) - len(asked); n > 3 {
			t.Errorf("with nothing to say the storage is asked %d times in 10 s", n)
		}
	})
}

// Other rates hold for all as soon as all have them; what was taken at the old rate holds up nobody.
func TestRatesOfReplicasChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		houses := sharing(t, 2, pacetest.New(way(5*time.Millisecond)), rates(0.01))
		for i, h := range houses {
			for j := range 500 {
				h.outbox.add(int64(1+1000*i+j), "hello")
			}
			h.run(t)
		}
		after(time.Minute)
		for _, rate := range []float64{30, 5} {
			for _, h := range houses {
				h.engine.SetRates(delivery.Rates{GlobalRate: rate, ChatRate: 1, GroupRate: 20})
			}
			after(time.Second)
			before := len(houses[0].bot.asked())
			after(10 * time.Second)
			asked := houses[0].bot.asked()[before:]
			if n := float64(len(asked)); n < 9*rate || n > 11*rate+1 {
				t.Errorf("%g were sent in 10 s at %g/s", n, rate)
			}
			wantPace(t, asked, rate)
		}
		for _, h := range houses {
			h.engine.SetRates(delivery.Rates{})
		}
		after(10 * time.Second)
		if n := len(houses[0].bot.texts(0)); n != 1000 {
			t.Errorf("%d of 1000 were sent without a limit", n)
		}
	})
}

// Albums larger than a slice, and than a burst, go in one piece and count as so many.
func TestAlbumsOfReplicas(t *testing.T) {
	album := func(j *relay.Job) { j.Content.Album = pictures(slices.Repeat([]string{outside}, 10)...) }
	for _, rate := range []float64{1, 5, 12, 30} {
		synctest.Test(t, func(t *testing.T) {
			houses := sharing(t, 2, pacetest.New(way(5*time.Millisecond)), rates(rate))
			for i, h := range houses {
				for j := range 10 {
					h.outbox.add(int64(1+1000*i+j), "album", album)
					h.outbox.add(int64(1+1000*i+j), "after it")
				}
				h.run(t)
			}
			alone := time.Duration(220 / rate * float64(time.Second))
			after(alone*11/10 + 5*time.Second)
			for _, h := range houses {
				if n := h.outbox.states()[relay.Sent]; n != 20 {
					t.Errorf("%g/s: %d of 20 are sent", rate, n)
				}
			}
			wantPace(t, houses[0].bot.asked(), rate)
		})
	}
}

// Without a limit nobody is asked.
func TestNoLimitNeedsNoSlices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := pacetest.New(nil)
		houses := sharing(t, 1, shared, rates(0))
		sendAll(t, houses, []int{100})
		if n := len(shared.Asked()); n != 0 {
			t.Errorf("it was asked %d times", n)
		}
	})
}

// The end does not wait for a slice, and nothing is said of it.
func TestEndWhileSliceIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := sharing(t, 1, pacetest.New(func() time.Duration { return time.Minute }), rates(30))[0]
		h.outbox.add(1, "hello")
		h.run(t)
		after(time.Second)
		began := time.Now()
		h.stop()
		if took := time.Since(began); took > time.Second {
			t.Errorf("the end took %s", took)
		}
		if log := h.log.String(); log != "" {
			t.Error(log)
		}
	})
}

// Chats that were told to wait keep that when another replica takes them over, and what they were told concerns no others.
func TestWaitOfChatsIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := pacetest.New(way(time.Millisecond))
		p := share(t, func(o *delivery.Options) { o.Pace = shared })
		p.give(0, -1, -2, 3)
		p.bot.answer = func(_ int, m telegram.SendMessage) (status, string) {
			if m.ChatID < 0 {
				return flood(60)
			}
			return 0, ""
		}
		p.outbox.add(-1, "to wait")
		after(5 * time.Second)
		p.outbox.add(-2, "to wait")
		after(5 * time.Second)
		p.bot.set(func() { p.bot.answer = nil })
		p.give(1, -1, -2, 3)
		after(2 * time.Second)
		p.outbox.add(3, "hello")
		after(3 * time.Second)
		p.wantTexts(t, 3, "hello")
		p.wantTexts(t, -1)
		after(time.Minute)
		p.wantTexts(t, -1, "to wait")
		for _, a := range shared.Asked() {
			if a.Shut != 0 {
				t.Errorf("the bot was closed for all: %+v", a)
			}
		}
	})
}

// A chat that waits for a slice and is written to all the time is not read all the time.
func TestWaitingForASliceReadsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := &reading{}
		h := sharing(t, 1, pacetest.New(way(time.Millisecond)), rates(0.2), func(o *delivery.Options) { reads.Outbox, o.Outbox = o.Outbox, reads })[0]
		h.run(t)
		h.outbox.add(5, "first")
		after(100 * time.Millisecond)
		h.outbox.add(5, "second")
		before := reads.n.Load()
		for range 960 {
			h.engine.Wake(5, relay.High)
			after(5 * time.Millisecond)
		}
		if n := reads.n.Load() - before; n > 25 {
			t.Errorf("its heads were read %d times in 5 s", n)
		}
		after(time.Second)
		if n := len(h.bot.texts(5)); n != 2 {
			t.Errorf("%d of 2 arrived", n)
		}
	})
}

// reading counts how often heads are read.
type reading struct {
	relay.Outbox
	n atomic.Int64
}

func (r *reading) Heads(ctx context.Context, bot string, chatID int64, now time.Time, limit int) ([]relay.Job, error) {
	r.n.Add(1)
	return r.Outbox.Heads(ctx, bot, chatID, now, limit)
}
