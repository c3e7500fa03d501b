package pacetest_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/pacetest"
)

// sent are messages that went together. Times are microseconds.
type sent struct {
	at float64
	n  int
}

// exceeds returns a span in which more went than one relay alone sends: burst + rate × span, an album counting as a burst at most.
func exceeds(all []sent, rate float64) (from, to sent, n int) {
	slices.SortFunc(all, func(a, b sent) int { return cmp.Compare(a.at, b.at) })
	burst := max(rate, 1)
	for i := range all {
		n, over := 0, 0.
		for _, last := range all[i:] {
			n += last.n
			over = max(over, float64(last.n)-burst)
			if float64(n) > burst+(last.at-all[i].at)*rate/1e6+over+1e-4 {
				return all[i], last, n
			}
		}
	}
	return sent{}, sent{}, 0
}

// epoch is some moment in microseconds.
const epoch = 1.8e15

// Any number of replicas that ask for anything, at any distance from the storage, and send what they got at any moment that is left to them, never
// send more than one relay alone would.
func TestReplicasSendNoMoreThanOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			row  pacetest.Row
			all  []sent
			rate = rapid.OneOf(rapid.Float64Range(0.1, 3), rapid.Float64Range(1, 100)).Draw(t, "rate")
			now  = epoch
		)
		for range rapid.IntRange(1, 150).Draw(t, "asks") {
			now += 1000 * float64(rapid.OneOf(rapid.IntRange(0, 30), rapid.IntRange(0, 3000)).Draw(t, "pause"))
			a := relay.Ask{
				Rate: rate, Least: rapid.IntRange(0, 12).Draw(t, "least"), Most: rapid.IntRange(0, 40).Draw(t, "most"),
				Life: relay.LifeOf(rate) * time.Duration(rapid.IntRange(1, 8).Draw(t, "life")),
			}
			if rapid.IntRange(0, 30).Draw(t, "refused") == 0 {
				a.Shut = time.Duration(rapid.IntRange(1, 5000).Draw(t, "shut")) * time.Millisecond
			}
			there := rapid.Float64Range(0, 300_000).Draw(t, "there")
			back := rapid.Float64Range(0, 300_000).Draw(t, "back")
			n, wait := row.Take(now, a)
			if n < a.Least || n > max(a.Least, a.Most) {
				t.Fatalf("%d messages for %+v", n, a)
			}
			if start := now + wait; n > 0 && start < row.Closed {
				t.Fatalf("%d messages may go %g µs before the pace opens", n, row.Closed-start)
			}
			from, until := now+back+wait, now-there+wait+float64(a.Life.Microseconds())
			album := float64(a.Least) > max(rate, 1) || a.Least > 1 && rapid.Bool().Draw(t, "album")
			for from < until && n > 0 {
				some := 1
				if album {
					some = min(n, a.Least)
				}
				all = append(all, sent{rapid.Float64Range(from, until).Draw(t, "at"), some})
				n -= some
			}
		}
		if from, to, n := exceeds(all, rate); n > 0 {
			t.Fatalf("%d messages in %g s at %g/s", n, (to.at-from.at)/1e6, rate)
		}
	})
}

// busy has replicas with much to send send for a time, each with slices of so many. It returns how many messages each of them sent.
func busy(rate float64, least []int, span time.Duration, way float64) (counts []int, all []sent) {
	var row pacetest.Row
	next := make([]float64, len(least)) // when each comes to the row
	counts = make([]int, len(least))
	for i := range next {
		next[i] = epoch + float64(i)
	}
	for {
		i := 0
		for j := range next {
			if next[j] < next[i] {
				i = j
			}
		}
		now := next[i]
		if now > epoch+float64(span.Microseconds()) {
			return counts, all
		}
		n, wait := row.Take(now, relay.Ask{Rate: rate, Least: least[i], Most: least[i], Life: relay.LifeOf(rate)})
		at := now + wait + way
		counts[i] += n
		all = append(all, sent{at, n})
		next[i] = at + way
	}
}

func TestRateIsUsed(t *testing.T) {
	const span = 100 * time.Second
	for _, rate := range []float64{0.5, 1, 1.2, 2, 5, 30, 1000} {
		for _, replicas := range []int{1, 2, 5} {
			counts, _ := busy(rate, slices.Repeat([]int{max(1, int(rate/10))}, replicas), span, 2000)
			total := 0
			for _, n := range counts {
				total += n
			}
			if want := rate * span.Seconds(); float64(total) < 0.94*want || float64(total) > want+max(rate, 1)*2+float64(replicas) {
				t.Errorf("%d replicas sent %d in %s at %g/s", replicas, total, span, rate)
			}
		}
	}
}

// Replicas that want as much get as much, and one that wants little waits no longer than for a slice of each of the others.
func TestNobodyIsStarved(t *testing.T) {
	counts, _ := busy(30, []int{3, 3, 3}, 100*time.Second, 2000)
	if least, most := slices.Min(counts), slices.Max(counts); most-least > 30 {
		t.Errorf("the replicas sent %v", counts)
	}
	var row pacetest.Row
	for range 100 {
		row.Take(epoch, relay.Ask{Rate: 30, Least: 3, Most: 40, Life: relay.SliceLife})
	}
	now := row.Empty - 22.5*1e6/30 // the others have a slice each from here on
	for range 4 {
		row.Take(now, relay.Ask{Rate: 30, Least: 3, Most: 3, Life: relay.SliceLife})
	}
	if _, wait := row.Take(now, relay.Ask{Rate: 30, Least: 1, Most: 1, Life: relay.SliceLife}); wait > 450_000 {
		t.Errorf("a single message waits for %g ms", wait/1000)
	}
}

func TestClosedForAll(t *testing.T) {
	var row pacetest.Row
	ask := relay.Ask{Rate: 30, Least: 1, Most: 1, Life: relay.SliceLife}
	row.Take(epoch, ask)
	shut := ask
	shut.Least, shut.Most, shut.Shut = 0, 0, 7*time.Second
	row.Take(epoch, shut)
	row.Take(epoch+1e6, relay.Ask{Rate: 30, Life: relay.SliceLife, Shut: 6 * time.Second}) // under way when it closed
	if row.Factor != 0.5 {
		t.Errorf("%g of the rate is left, want half", row.Factor)
	}
	if n, _ := row.Take(epoch+1e6, relay.Ask{Rate: 30, Most: 3, Life: relay.SliceLife}); n != 0 {
		t.Errorf("%d were given ahead while it is closed", n)
	}
	_, first := row.Take(epoch+1e6, ask)
	_, second := row.Take(epoch+1e6, ask)
	if first < 6e6 || first > 6e6+1 || second-first < 66_000 || second-first > 75_000 {
		t.Errorf("the first waits for %g ms, the second %g ms more", first/1000, (second-first)/1000)
	}
	for range 300 {
		row.Take(row.Empty, ask)
	}
	if row.Factor < 0.99 {
		t.Errorf("the rate did not come back: %g", row.Factor)
	}
}

// A clock that is set back holds nobody up, and neither does what was taken ahead at a slow rate.
func TestNothingAheadLastsForLong(t *testing.T) {
	var row pacetest.Row
	ask := relay.Ask{Rate: 30, Least: 1, Most: 1, Life: relay.SliceLife}
	for range 60 {
		row.Take(epoch, ask)
	}
	row.Take(epoch, relay.Ask{Rate: 30, Life: relay.SliceLife, Shut: 3 * time.Second})
	if _, wait := row.Take(epoch-3600e6, ask); wait > 5e6 {
		t.Errorf("after the clock was set back by an hour the next waits for %g s", wait/1e6)
	}
	row = pacetest.Row{}
	for range 5 {
		row.Take(epoch, relay.Ask{Rate: 0.01, Least: 1, Most: 1, Life: relay.LifeOf(0.01)})
	}
	if _, wait := row.Take(epoch, ask); wait > 1e6 {
		t.Errorf("after a rate of one in 100 s the next waits for %g s", wait/1e6)
	}
}

// An idle bot lets as many go at once as one relay alone.
func TestIdleBotBursts(t *testing.T) {
	var row pacetest.Row
	if n, wait := row.Take(epoch, relay.Ask{Rate: 30, Least: 3, Most: 100, Life: relay.SliceLife}); n < 22 || wait != 0 {
		t.Errorf("%d at once, after %g µs", n, wait)
	}
	if n, wait := row.Take(epoch+60e6, relay.Ask{Rate: 30, Least: 3, Most: 100, Life: relay.SliceLife}); n != 30 || wait != 0 {
		t.Errorf("%d at once, after %g µs", n, wait)
	}
}
