package daemon

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// someLeases are leases that a test gives and takes away.
type someLeases struct {
	relay.Alone
	mu      sync.Mutex
	fence   int64 // 0: they are another's
	using   int
	changed chan struct{}
}

func newLeases() *someLeases { return &someLeases{changed: make(chan struct{})} }

func (l *someLeases) set(fence int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fence = fence
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *someLeases) Duty(string) (relay.Lease, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return relay.Lease{Fence: l.fence}, l.fence != 0
}

func (l *someLeases) Use(lease relay.Lease) (func(), bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fence != lease.Fence {
		return nil, false
	}
	l.using++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.using--
	}, true
}

func (l *someLeases) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *someLeases) used() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.using
}

// A function runs while the duty is ours, ends when it is lost, and keeps it from being handed over until then.
func TestOnDuty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := newLeases()
		var runs, ends atomic.Int64
		run := onDuty(leases, "poll", func(ctx context.Context) error {
			runs.Add(1)
			<-ctx.Done()
			time.Sleep(time.Second) // what is under way
			ends.Add(1)
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- run(ctx) }()
		expect := func(when string, wantRuns, wantEnds int64, wantUsed int) {
			t.Helper()
			synctest.Wait()
			if r, e, u := runs.Load(), ends.Load(), leases.used(); r != wantRuns || e != wantEnds || u != wantUsed {
				t.Fatalf("%s: begun %d times, ended %d, used by %d; want %d, %d, %d", when, r, e, u, wantRuns, wantEnds, wantUsed)
			}
		}
		expect("before there is a lease", 0, 0, 0)
		leases.set(7)
		expect("gained", 1, 0, 1)
		leases.set(0)
		expect("lost, with something under way", 1, 0, 1)
		time.Sleep(time.Second)
		expect("lost", 1, 1, 0)
		leases.set(9)
		expect("gained again", 2, 1, 1)
		leases.set(11)
		time.Sleep(time.Second)
		expect("lost and gained at once", 3, 2, 1)
		cancel()
		time.Sleep(time.Second)
		expect("at the end", 3, 3, 0)
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A function that fails, or has nothing more to do, is not begun again.
func TestOnDutyOnce(t *testing.T) {
	for _, want := range []error{nil, errors.New("of its own")} {
		runs := 0
		run := onDuty(relay.Alone{}, "poll", func(context.Context) error {
			runs++
			return want
		})
		if err := run(t.Context()); !errors.Is(err, want) || runs != 1 {
			t.Errorf("%d runs: %v, want %v", runs, err, want)
		}
	}
}
