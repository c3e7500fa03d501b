package store_test

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/pacetest"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// A file is for one relay alone.
func TestFileHasNoPace(t *testing.T) {
	if p := open(t, store.Options{}).Pace(""); p != nil {
		t.Errorf("it has %v", p)
	}
}

// The server reckons as the bucket of pacetest does, of which tests show what it promises.
func TestPaceIsTheBucket(t *testing.T) {
	db := open(t, store.Options{URL: schema(t)})
	bots := 0
	rapid.Check(t, func(t *rapid.T) {
		bots++
		var (
			row  pacetest.Row
			bot  = string(rune('a' + bots))
			now  = int64(1.8e15)
			rate = rapid.Float64Range(0.1, 100).Draw(t, "rate")
		)
		for range rapid.IntRange(1, 20).Draw(t, "asks") {
			now += 1000 * int64(rapid.OneOf(rapid.IntRange(0, 30), rapid.IntRange(-1000, 5000)).Draw(t, "pause"))
			if rapid.IntRange(0, 9).Draw(t, "reload") == 0 {
				rate = rapid.Float64Range(0.1, 100).Draw(t, "rate")
			}
			a := relay.Ask{
				Rate: rate, Least: rapid.IntRange(0, 12).Draw(t, "least"), Most: rapid.IntRange(0, 40).Draw(t, "most"),
				Life: relay.LifeOf(rate) * time.Duration(rapid.IntRange(1, 3).Draw(t, "life")),
			}
			if rapid.IntRange(0, 5).Draw(t, "refused") == 0 {
				a.Shut = time.Duration(rapid.IntRange(1, 5000).Draw(t, "shut")) * time.Millisecond
			}
			got, err := db.PaceAt(bot, now).Take(context.Background(), a)
			if err != nil {
				t.Fatal(err)
			}
			n, wait := row.Take(float64(now), a)
			if off := got.Wait - time.Duration(wait*1000); got.Messages != n || off.Abs() > time.Microsecond {
				t.Fatalf("%+v: %+v, want %d after %g µs", a, got, n, wait)
			}
		}
	})
}

// use takes slices and uses them up until the end, as late as it may, and returns when each message went.
func use(t *testing.T, p relay.Pace, rate float64, most int, end time.Time) (went []time.Time) {
	for time.Now().Before(end) {
		a := relay.Ask{Rate: rate, Least: 1, Most: most, Life: relay.LifeOf(rate)}
		asked := time.Now()
		s, err := p.Take(t.Context(), a)
		if err != nil {
			t.Error(err)
			return went
		}
		from, until := time.Now().Add(s.Wait), asked.Add(s.Wait+a.Life)
		time.Sleep(time.Until(from))
		for now := time.Now(); s.Messages > 0 && now.Before(until); s.Messages-- {
			went = append(went, now)
		}
	}
	return went
}

// Three storages on one database send what one relay alone would, and leave nothing of it unused.
func TestPaceIsShared(t *testing.T) {
	t.Parallel()
	const (
		rate = 200.
		span = 3 * time.Second
	)
	address := schema(t)
	var (
		mu      sync.Mutex
		all     []time.Time
		counts  []int
		workers sync.WaitGroup
	)
	end := time.Now().Add(span)
	for i := range 3 {
		p := open(t, store.Options{URL: address}).Pace("")
		workers.Go(func() {
			went := use(t, p, rate, 5+10*i, end)
			mu.Lock()
			defer mu.Unlock()
			all, counts = append(all, went...), append(counts, len(went))
		})
	}
	workers.Wait()
	slices.SortFunc(all, func(a, b time.Time) int { return cmp.Compare(a.UnixNano(), b.UnixNano()) })
	for i := range all {
		for n, at := range all[i:] {
			if most := rate + at.Sub(all[i]).Seconds()*rate + 0.1; float64(n+1) > most {
				t.Fatalf("%d messages in %s at %g/s", n+1, at.Sub(all[i]), rate)
			}
		}
	}
	if n := float64(len(all)); n < 0.9*rate*span.Seconds() {
		t.Errorf("%g messages in %s at %g/s", n, span, rate)
	}
	if slices.Min(counts) < len(all)/10 {
		t.Errorf("they sent %v", counts)
	}
}

// What closes the bot for one closes it for all, and is not forgotten when they start again.
func TestPaceIsClosedForAll(t *testing.T) {
	t.Parallel()
	address := schema(t)
	one, other := open(t, store.Options{URL: address}), open(t, store.Options{URL: address})
	ask := relay.Ask{Rate: 30, Least: 1, Most: 1, Life: relay.SliceLife}
	shut := relay.Ask{Rate: 30, Life: relay.SliceLife, Shut: time.Minute}
	s, err := one.Pace("").Take(t.Context(), shut)
	must(t, err)
	if s != (relay.Slice{}) {
		t.Errorf("closing gave %+v", s)
	}
	s, err = other.Pace("").Take(t.Context(), ask)
	must(t, err)
	if s.Messages != 1 || s.Wait < 50*time.Second || s.Wait > time.Minute {
		t.Errorf("the other got %+v", s)
	}
	s, err = other.Pace("second").Take(t.Context(), ask)
	must(t, err)
	if s.Messages != 1 || s.Wait != 0 {
		t.Errorf("another bot got %+v", s)
	}
}

// The server may forget slices, but not that the bot is closed.
func TestClosingIsKept(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start("wal_writer_delay=10s")
	without(t, "PostgreSQL", err)
	t.Cleanup(func() { must(t, server.Stop()) })
	p := open(t, store.Options{URL: server.URL("")}).Pace("")
	ask := relay.Ask{Rate: 1, Least: 1, Most: 1, Life: relay.LifeOf(1)}
	for _, a := range []relay.Ask{ask, {Rate: 1, Life: ask.Life, Shut: time.Hour}} {
		_, err := p.Take(t.Context(), a)
		must(t, err)
	}
	must(t, server.Kill())
	must(t, server.Run())
	must(t, eventually(func() error {
		s, err := p.Take(t.Context(), ask)
		if err == nil && s.Wait < 50*time.Minute {
			t.Errorf("it was forgotten: %+v", s)
		}
		return err
	}))
}

func TestPaceNeedsItsServer(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{URL: schema(t)})
	side := db.Pace("")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := side.Take(ctx, relay.Ask{Rate: 30, Least: 1, Most: 1, Life: relay.SliceLife})
	wantCode(t, err, relay.CodeStorageUnavailable)
	_, err = side.Take(t.Context(), relay.Ask{Rate: 30, Least: 1, Most: 1, Life: relay.SliceLife})
	must(t, err)
}

// BenchmarkPace is what a slice costs: of one relay, and where three take turns.
func BenchmarkPace(b *testing.B) {
	for name, replicas := range map[string]int{"1 replica": 1, "3 replicas": 3} {
		b.Run(name, func(b *testing.B) {
			address := schema(b)
			var workers sync.WaitGroup
			ask := relay.Ask{Rate: 1e6, Least: 1, Most: 1, Life: relay.SliceLife}
			var paces []relay.Pace
			for range replicas {
				paces = append(paces, open(b, store.Options{URL: address}).Pace(""))
				_, err := paces[len(paces)-1].Take(b.Context(), ask)
				must(b, err)
			}
			b.ResetTimer()
			for _, p := range paces {
				workers.Go(func() {
					for range b.N / replicas {
						if _, err := p.Take(b.Context(), ask); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			workers.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "slices/s")
		})
	}
}
