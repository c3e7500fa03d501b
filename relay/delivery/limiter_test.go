package delivery

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// most is the largest number of moments in any span of a length.
func most(moments []time.Time, span time.Duration) int {
	best, from := 0, 0
	for i, at := range moments {
		for at.Sub(moments[from]) >= span {
			from++
		}
		best = max(best, i-from+1)
	}
	return best
}

// greedy sends n messages as early as the pace allows, with pauses between.
func greedy(p *pace, now time.Time, pauses []int) []time.Time {
	var moments []time.Time
	for _, ms := range pauses {
		now = later(now.Add(time.Duration(ms)*time.Millisecond), p.next(1))
		p.take(now, 1)
		moments = append(moments, now)
	}
	return moments
}

func TestPaceIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.1, 50).Draw(t, "rate")
		p := newPace(rate)
		moments := greedy(&p, epoch, rapid.SliceOfN(rapid.IntRange(0, 3000), 1, 300).Draw(t, "pauses"))
		for _, span := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
			// a hair's breadth for the rounding of intervals to nanoseconds
			if n := most(moments, span); float64(n) > rate*span.Seconds()*1.000001+max(rate, 1) {
				t.Fatalf("%d messages in %s at %g/s", n, span, rate)
			}
		}
	})
}

func TestGroupPaceIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.5, 100).Draw(t, "rate")
		p := newGroupPace(rate)
		moments := greedy(&p, epoch, rapid.SliceOfN(rapid.IntRange(0, 60000), 1, 300).Draw(t, "pauses"))
		if n := most(moments, time.Minute); float64(n) > max(rate, 1) {
			t.Fatalf("%d messages in a minute at %g/min", n, rate)
		}
		if n := most(moments, time.Millisecond); n > groupBurst {
			t.Fatalf("%d at once", n)
		}
	})
}

// Albums count as so many messages, for what follows and, where they fit into a burst, for themselves.
func TestAlbumsCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		group := newGroupPace(rapid.Float64Range(10, 100).Draw(t, "rate"))
		limit, now, moments := group.window, epoch, []time.Time(nil)
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 10), 1, 100).Draw(t, "sizes") {
			now = later(now, group.next(n))
			group.take(now, n)
			moments = append(moments, slices.Repeat([]time.Time{now}, n)...)
		}
		if n := most(moments, time.Minute); n > limit {
			t.Fatalf("%d messages in a minute, the limit is %d", n, limit)
		}
		if idle := later(now, group.next(1)).Sub(now); idle > 2*time.Minute {
			t.Fatalf("after all the group waits for %s", idle)
		}
	})
	chat := newPace(1)
	chat.take(epoch, 10)
	if gap := chat.next(1).Sub(epoch); gap != 10*time.Second {
		t.Errorf("a chat rests for %s after an album", gap)
	}
}

func TestFullUseOfTheRate(t *testing.T) {
	chat, group := newPace(1), newGroupPace(20)
	now := make([]int, 60)
	if last := greedy(&chat, epoch, now)[59].Sub(epoch); last != 59*time.Second {
		t.Errorf("60 messages to a chat took %s", last)
	}
	moments := greedy(&group, epoch, now)
	if at := moments[4].Sub(epoch); at != 0 {
		t.Errorf("the fifth of a group went after %s", at)
	}
	if at := moments[59].Sub(epoch); at > 3*time.Minute {
		t.Errorf("60 messages to a group took %s", at)
	}
}

func TestShut(t *testing.T) {
	for name, p := range map[string]pace{"chat": newPace(1), "group": newGroupPace(20), "bot": newPace(30)} {
		until := epoch.Add(7 * time.Second)
		p.take(epoch, 1)
		p.shut(epoch, until)
		if p.next(1) != until {
			t.Errorf("%s: next is %s", name, p.next(1).Sub(epoch))
		}
		p.take(until, 1)
		if gap := p.next(1).Sub(until); gap != 2*p.interval {
			t.Errorf("%s: %s to the second message, want half the rate", name, gap)
		}
		for range 300 {
			p.ease()
		}
		if p.step() > p.interval*101/100 {
			t.Errorf("%s: the rate did not come back: %s", name, p.step())
		}
	}
}

func TestRefusalsAddUp(t *testing.T) {
	p := newPace(1)
	for i := range 3 {
		p.shut(epoch, epoch.Add(time.Duration(i+1)*time.Second)) // the later two were under way when it closed
	}
	if p.step() != 2*time.Second || p.closed != epoch.Add(3*time.Second) {
		t.Errorf("a message every %s, closed until %s", p.step(), p.closed)
	}
	for range 20 {
		p.shut(epoch.Add(time.Minute), epoch)
	}
	if p.step() != 16*time.Second {
		t.Errorf("a message every %s", p.step())
	}
	if p.idle(epoch.Add(time.Minute)) || !p.idle(epoch.Add(time.Hour)) {
		t.Error("refusals should be forgotten after 10 minutes")
	}
}

func TestNoLimit(t *testing.T) {
	for name, p := range map[string]pace{"chat": newPace(0), "group": newGroupPace(0)} {
		moments := greedy(&p, epoch, make([]int, 1000))
		if moments[999] != epoch {
			t.Errorf("%s: took %s", name, moments[999].Sub(epoch))
		}
	}
}

func TestIdle(t *testing.T) {
	p := newGroupPace(20)
	if !p.idle(epoch) {
		t.Error("new and not idle")
	}
	p.take(epoch, 1)
	if p.idle(epoch.Add(59*time.Second)) || !p.idle(epoch.Add(time.Minute)) {
		t.Error("a group's messages count for a minute")
	}
}
