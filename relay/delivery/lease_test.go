package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// board knows which engine has the lane of which chat. It stands for the storage's table, and for what each replica knows of it.
type board struct {
	mu      sync.Mutex
	last    int64 // number of a lease
	lanes   map[int64]*lane
	changed chan struct{}
}

type lane struct {
	holder  int
	fence   int64
	leaving bool
	until   time.Time // zero: for ever
	using   int
}

func newBoard() *board { return &board{lanes: map[int64]*lane{}, changed: make(chan struct{})} }

// tell closes changed after a change.
func (b *board) tell(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	close(b.changed)
	b.changed = make(chan struct{})
}

// give gives lanes to an engine, whoever had them.
func (b *board) give(holder int, chats ...int64) {
	b.tell(func() {
		for _, chat := range chats {
			b.last++
			b.lanes[chat] = &lane{holder: holder, fence: b.last}
		}
	})
}

// leave has a lane handed over to another engine when it is not used any more.
func (b *board) leave(chat int64) { b.tell(func() { b.lanes[chat].leaving = true }) }

func (b *board) used(chat int64) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lanes[chat].using
}

// counts reports whether an outcome with the number of a lease does.
func (b *board) counts(chat, fence int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lanes[chat]
	return l != nil && l.fence == fence
}

// side is what one engine knows of the board.
type side struct {
	*board
	me int
}

func (s side) Lane(bot string, chat int64) (relay.Lease, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[chat]
	if l == nil || l.holder != s.me {
		return relay.Lease{}, false
	}
	return relay.Lease{Fence: l.fence, Until: l.until}, !l.leaving && (l.until.IsZero() || time.Now().Before(l.until))
}

func (s side) Duty(string) (relay.Lease, bool) { return relay.Lease{}, false }

func (s side) Use(lease relay.Lease) (func(), bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		if l.holder == s.me && l.fence == lease.Fence {
			l.using++
			return sync.OnceFunc(func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				l.using--
			}), true
		}
	}
	return nil, false
}

func (s side) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s side) StandBack(error) {}

func (s side) Run(context.Context) error { return nil }

// pair are two engines, or more, on one outbox, before one Telegram.
type pair struct {
	*board
	*house
	engines []*house
}

// share makes a pair. No lane is anybody's yet.
func share(t *testing.T, edit ...func(*delivery.Options)) *pair {
	t.Helper()
	return shareAmong(t, 2, edit...)
}

func shareAmong(t *testing.T, n int, edit ...func(*delivery.Options)) *pair {
	t.Helper()
	p := &pair{board: newBoard()}
	first := &house{outbox: &outbox{counts: p.counts}, bot: &bot{}}
	p.house = first
	for i := range n {
		h := first
		if i > 0 {
			h = &house{outbox: first.outbox, bot: first.bot}
		}
		h.build(t, append(edit, func(o *delivery.Options) { o.Leases = side{p.board, i} })...)
		p.engines = append(p.engines, h)
	}
	p.outbox.wake = func(chat int64, priority relay.Priority) {
		for _, h := range p.engines {
			h.engine.Wake(chat, priority)
		}
	}
	for _, h := range p.engines {
		h.run(t)
	}
	return p
}

func (p *pair) wantTexts(t *testing.T, chat int64, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, p.bot.texts(chat)); d != "" {
		t.Errorf("chat %d: %s", chat, d)
	}
}

// Each engine serves its lanes, also those that it gains later, and nothing comes twice.
func TestLanesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, 1, 2)
		p.give(1, 3)
		for chat := range int64(5) {
			p.outbox.add(chat, "first")
			p.outbox.add(chat, "second")
		}
		after(10 * time.Second)
		for chat, want := range [][]string{nil, {"first", "second"}, {"first", "second"}, {"first", "second"}, nil} {
			if chat > 0 {
				p.wantTexts(t, int64(chat), want...)
			}
		}
		p.give(1, 4)
		after(3 * time.Second)
		p.wantTexts(t, 4, "first", "second")
		p.give(1, 1)
		p.outbox.add(1, "third")
		after(3 * time.Second)
		p.wantTexts(t, 1, "first", "second", "third")
	})
}

// When a lease ends, what is under way is broken off and nothing is noted of it; whoever has the lane next sends it, in order.
func TestLostLeaseBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, 1, 2)
		p.bot.latency = 20 * time.Second
		p.outbox.add(1, "first")
		p.outbox.add(1, "second")
		p.outbox.add(2, "elsewhere")
		after(5 * time.Second)
		p.bot.set(func() { p.bot.latency = 0 })
		p.give(1, 1)
		after(5 * time.Second)
		p.wantTexts(t, 1, "first", "second")
		after(15 * time.Second)
		p.wantTexts(t, 1, "first", "second")
		p.wantTexts(t, 2, "elsewhere")
		for _, o := range p.outbox.finished {
			if o.State != relay.Sent || o.Attempts != 1 {
				t.Errorf("an outcome is %+v", o)
			}
		}
		if n := len(p.outbox.finished); n != 3 {
			t.Errorf("there are %d outcomes, want 3", n)
		}
	})
}

// A message that another replica could not get to Telegram does not wait for its back-off where a replica gets it that reaches Telegram.
func TestBackoffOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, 1, 2)
		reachable := false
		p.bot.answer = func(_ int, m telegram.SendMessage) (status, string) {
			switch {
			case m.ChatID == 2:
				return refusal(400, "Bad Request: not enough rights to send text messages to the chat")
			case !reachable:
				return 0, "nobody is there"
			}
			return 0, ""
		}
		p.outbox.add(1, "first")
		p.outbox.add(1, "second")
		p.outbox.add(2, "elsewhere")
		after(5 * time.Minute)
		p.bot.set(func() { reachable = true })
		before := len(p.bot.asked())
		p.give(1, 1, 2)
		after(4 * time.Second)
		p.wantTexts(t, 1, "first", "second")
		if n := len(p.bot.asked()) - before; n != 2 {
			t.Errorf("%d requests, want two: the chat's own trouble is another", n)
		}
	})
}

// A lane that is lost and gained again while a request is under way goes on after that has come back.
func TestLostAndGainedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, 1)
		p.bot.latency = 10 * time.Second
		p.outbox.add(1, "first")
		p.outbox.add(1, "second")
		after(2 * time.Second)
		p.give(0, 1) // another number: somebody else may have had it
		p.give(1, 1)
		p.give(0, 1)
		after(30 * time.Second)
		p.wantTexts(t, 1, "first", "second")
		if n := len(p.bot.asked()); n != 3 {
			t.Errorf("there were %d requests, want 3: one was broken off", n)
		}
	})
}

// The lease is looked at once more directly before each call, however long what came before took.
func TestLeaseBeforeTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pair
		frozen := true
		p = share(t, func(o *delivery.Options) {
			o.Silent = func(_ context.Context, d *relay.Delivery) bool {
				if frozen { // it does not even hear that it lost the lane
					p.mu.Lock()
					p.lanes[d.ChatID].until = time.Now().Add(-time.Second)
					p.mu.Unlock()
				}
				return false
			}
		})
		p.give(0, 1)
		p.outbox.add(1, "first")
		after(time.Second)
		if asked := p.bot.asked(); len(asked) != 0 {
			t.Errorf("it was sent after the lease had ended: %v", asked)
		}
		frozen = false
		p.give(1, 1)
		after(time.Second)
		p.wantTexts(t, 1, "first")
		if f := p.outbox.finished; len(f) != 1 || f[0].Attempts != 1 {
			t.Errorf("the outcomes are %+v", f)
		}
	})
}

// A lane that is to be handed over is in use until the outcome of what is under way is stored; nothing more is begun.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, 1)
		p.bot.latency = 5 * time.Second
		p.outbox.add(1, "first")
		p.outbox.add(1, "second")
		after(time.Second)
		p.leave(1)
		after(3 * time.Second)
		if p.used(1) != 1 {
			t.Error("it would be handed over with a request under way")
		}
		p.outbox.setDown(true)
		after(3 * time.Second)
		p.wantTexts(t, 1, "first")
		if p.used(1) != 1 {
			t.Error("it would be handed over with an outcome owed")
		}
		p.outbox.setDown(false)
		after(30 * time.Second)
		p.wantTexts(t, 1, "first")
		if p.used(1) != 0 {
			t.Error("it cannot be handed over")
		}
		p.give(1, 1)
		after(10 * time.Second)
		p.wantTexts(t, 1, "first", "second")
	})
}

// Leases that change hands all the time, elsewhere and here, hold up no chat for longer than it takes to look up what was sent there.
func TestChangesAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.outbox.slow = 300 * time.Millisecond
		p.give(0, 1)
		p.outbox.add(1, "old")
		after(5 * time.Second)
		for chat := int64(2); chat <= 60; chat++ {
			p.give(int(chat%2), chat)
			p.outbox.add(chat, "new")
			p.outbox.add(1000+chat, "nobody's")
			if chat%20 == 0 {
				p.outbox.add(1, "old")
			}
			after(50 * time.Millisecond)
			if chat == 30 {
				p.wantTexts(t, 1, "old", "old")
			}
			if chat > 21 {
				p.wantTexts(t, chat-20, "new")
			}
		}
		after(2 * time.Second)
		p.wantTexts(t, 1, "old", "old", "old", "old")
		p.wantTexts(t, 60, "new")
	})
}

// A lease that is renewed late lets a lane pause and go on.
func TestLateRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, 1)
		p.outbox.add(1, "first")
		after(2 * time.Second)
		p.tell(func() { p.lanes[1].until = time.Now() })
		p.outbox.add(1, "second")
		after(5 * time.Second)
		p.wantTexts(t, 1, "first")
		p.tell(func() { p.lanes[1].until = time.Time{} })
		after(time.Second)
		p.wantTexts(t, 1, "first", "second")
	})
}

// What is owed to the storage when the lease ends is stored as soon as that can be: what was sent counts, all else does not.
func TestOwedWhenTheLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, 1, 2)
		p.bot.latency = time.Second
		p.bot.answer = func(_ int, m telegram.SendMessage) (status, string) {
			if m.ChatID == 2 {
				return refusal(400, "Bad Request: some new error")
			}
			return 0, ""
		}
		p.outbox.add(1, "sent")
		p.outbox.add(1, "next")
		p.outbox.add(2, "refused")
		after(500 * time.Millisecond)
		p.outbox.setDown(true)
		after(5 * time.Second)
		p.give(1, 1, 2)
		p.bot.set(func() { p.bot.answer, p.bot.latency = nil, 0 })
		p.outbox.setDown(false)
		after(time.Minute)
		if texts := p.bot.texts(1); !slices.Contains(texts, "next") || texts[0] != "sent" {
			t.Errorf("what arrived is %q", texts)
		}
		p.wantTexts(t, 2, "refused")
		if d := cmp.Diff(map[relay.State]int64{relay.Sent: 3}, p.outbox.states()); d != "" {
			t.Error(d)
		}
		if f := p.engines[0].failed; len(f) != 0 {
			t.Errorf("failures are told of: %+v", f)
		}
	})
}

// What waits for a group that became a supergroup goes on in the lane of the other engine.
func TestMigratesToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, -1)
		p.give(1, -1001)
		p.bot.answer = func(_ int, m telegram.SendMessage) (status, string) {
			if m.ChatID == -1 {
				return 400, `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001}}`
			}
			return 0, ""
		}
		p.outbox.add(-1, "first")
		p.outbox.add(-1, "second")
		after(time.Second)
		p.outbox.wake(-1001, relay.Reordered) // as the storage says
		after(10 * time.Second)
		p.wantTexts(t, -1001, "first", "second")
	})
}

// The pace of a chat does not begin anew with another engine, nor with the next run.
func TestPaceIsRemembered(t *testing.T) {
	const group, private = -1001, 7
	for name, change := range map[string]func(t *testing.T, p *pair){
		"taken over": func(_ *testing.T, p *pair) { p.give(1, group, private) },
		"restarted": func(t *testing.T, p *pair) {
			p.engines[0].stop()
			p.engines[0].build(t, func(o *delivery.Options) { o.Leases = side{p.board, 0} })
			p.engines[0].run(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := share(t)
				p.give(0, group, private)
				for i := range 40 {
					p.outbox.add(group, fmt.Sprint(i))
					p.outbox.add(private, fmt.Sprint(i))
				}
				after(20*time.Second + 100*time.Millisecond)
				before := len(p.bot.texts(0))
				change(t, p)
				after(2 * time.Minute)
				if len(p.bot.texts(0)) != 80 || before == 80 {
					t.Fatalf("%d of 80 arrived, %d before", len(p.bot.texts(0)), before)
				}
				paced(t, p, group, 20, time.Minute)
				paced(t, p, group, 6, 3*time.Second)
				paced(t, p, private, 1, 990*time.Millisecond)
			})
		})
	}
}

// paced fails if more than n messages arrived in a chat within some time.
func paced(t *testing.T, p *pair, chat int64, n int, within time.Duration) {
	t.Helper()
	var at []time.Time
	for _, r := range p.bot.sent {
		if r.ChatID == chat {
			at = append(at, r.at)
		}
	}
	for i := n; i < len(at); i++ {
		if took := at[i].Sub(at[i-n]); took < within {
			t.Errorf("chat %d: messages %d to %d within %s", chat, i-n, i, took)
		}
	}
}

// At the end the leases are let go of when nothing is under way, also where something did not end in time.
func TestLeasesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, 1, 2)
		p.bot.latency = 5 * time.Second
		p.outbox.add(1, "ends in time")
		after(time.Second)
		p.bot.set(func() { p.bot.latency = time.Minute })
		p.outbox.add(2, "does not")
		after(time.Second)
		ended := make(chan struct{})
		go func() { p.engines[0].stop(); close(ended) }()
		after(5 * time.Second)
		if p.used(1) != 0 || p.used(2) != 1 {
			t.Errorf("in use are %d and %d, want 0 and 1", p.used(1), p.used(2))
		}
		<-ended
		if p.used(2) != 0 {
			t.Error("a lease is in use after the end")
		}
		p.wantTexts(t, 1, "ends in time")
	})
}

// While what waits for a chat is merged, its lane is not handed over: the other engine would send what is merged.
func TestSurgeKeepsTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var merged atomic.Int64
		p := share(t, func(o *delivery.Options) {
			o.SurgeAfter = func() time.Duration { return time.Second }
			o.Surge = func(context.Context, string, int64, int) (bool, error) {
				time.Sleep(5 * time.Second)
				merged.Add(1)
				return false, nil
			}
		})
		for i := range 10 {
			p.outbox.add(1, fmt.Sprint(i), func(j *relay.Job) { j.Content.Alerts = &relay.Alerts{} })
		}
		p.give(0, 1)
		after(2 * time.Second)
		p.leave(1)
		if merged.Load() != 0 || p.used(1) != 1 {
			t.Errorf("it would be handed over while it is merged: %d, %d", merged.Load(), p.used(1))
		}
		after(5 * time.Second)
		if merged.Load() != 1 || p.used(1) != 0 {
			t.Errorf("it was merged %d times and cannot be handed over: %d", merged.Load(), p.used(1))
		}
		p.give(1, 1)
		after(time.Minute)
		if n := len(p.bot.texts(1)); n != 10 {
			t.Errorf("%d of 10 arrived", n)
		}
	})
}

// Where a lease ends and is renewed after all, the pace of its chats goes on too.
func TestPaceIsRememberedByTheSame(t *testing.T) {
	const group = -1001
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, group)
		for i := range 60 {
			p.outbox.add(group, fmt.Sprint(i))
		}
		after(50 * time.Second)
		p.tell(func() { p.lanes[group].holder = 2 }) // nobody's
		after(time.Second)
		p.tell(func() { p.lanes[group].holder = 0 })
		after(4 * time.Minute)
		if n := len(p.bot.texts(group)); n != 60 {
			t.Fatalf("%d of 60 arrived", n)
		}
		paced(t, p, group, 20, time.Minute)
	})
}

// What has begun to arrive is completed before anything else, also by whoever takes it over.
func TestPartsGoOnInTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := share(t)
		p.give(0, 1)
		long := p.outbox.add(1, strings.Repeat("long ", 2000))
		after(1500 * time.Millisecond)
		if n := len(p.bot.texts(1)); n != 2 || long.State != relay.Queued {
			t.Fatalf("%d parts arrived, and it is %s", n, long.State)
		}
		p.outbox.add(1, "urgent", func(j *relay.Job) { j.Priority = relay.High })
		p.give(1, 1)
		after(time.Minute)
		texts := p.bot.texts(1)
		if n := len(texts); n != 4 || texts[n-1] != "urgent" {
			t.Errorf("%d messages arrived, and the last is %.20q", n, texts[n-1])
		}
	})
}

// Without rates nothing has to be known of before, and what waits goes at once.
func TestOpenRatesBeginAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *delivery.Options) { o.Rates = delivery.Rates{} })
		h.outbox.wake = nil // it was there before
		h.outbox.add(1, "first")
		h.outbox.add(2, "second")
		h.run(t)
		after(10 * time.Millisecond)
		if n := len(h.bot.texts(0)); n != 2 {
			t.Errorf("%d of 2 arrived", n)
		}
	})
}
