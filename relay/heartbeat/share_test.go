package heartbeat_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/heartbeat"
)

// replica is one of several daemons on a shelf. Its way there can be cut, and its clock may be wrong.
type replica struct {
	*shelf
	*heartbeat.Watch
	w    *world
	mine atomic.Bool
	cut  atomic.Bool
	once sync.Once
	stop func()
}

func (r *replica) Setting(ctx context.Context, name string) (string, error) {
	if r.cut.Load() {
		return "", errIll
	}
	return r.shelf.Setting(ctx, name)
}

func (r *replica) ChangeSetting(ctx context.Context, name string, change func(string) (string, error)) error {
	if r.cut.Load() {
		return errIll
	}
	return r.shelf.ChangeSetting(ctx, name, change)
}

func (r *replica) Accept(ctx context.Context, messages ...*relay.Message) error {
	if r.cut.Load() {
		return errIll
	}
	return r.shelf.Accept(ctx, messages...)
}

func (r *replica) seen() {
	r.w.Helper()
	if err := r.Seen(r.w.Context(), "watchdog"); err != nil && !r.cut.Load() {
		r.w.Error(err)
	}
}

// end ends it as kill -9 does.
func (r *replica) end() {
	r.mine.Store(false)
	r.cut.Store(true)
	r.once.Do(r.stop)
}

// inReplicas runs a test with three daemons, of which the first has the duty.
func inReplicas(t *testing.T, test func(w *world, all []*replica)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, shelf: newShelf()}
		var all []*replica
		for range 3 {
			all = append(all, w.replica(watchdog))
		}
		all[0].mine.Store(true)
		test(w, all)
		for _, r := range all {
			r.end()
		}
	})
}

func (w *world) replica(h heartbeat.Heartbeat) *replica {
	w.Helper()
	r := &replica{shelf: w.shelf, w: w}
	r.Watch, r.stop = w.run(r, heartbeat.Options{Heartbeats: []heartbeat.Heartbeat{h}, Updates: r, Mine: r.mine.Load, Registerer: prometheus.NewRegistry()})
	return r
}

const backAt = "ops (high, silent): 💚 watchdog is back after "

// A sign of life counts whichever hears it, and what is to be told is told once.
func TestAnyHearsAndOneTells(t *testing.T) {
	inReplicas(t, func(w *world, all []*replica) {
		for i := range 12 {
			time.Sleep(4 * time.Minute)
			all[i%3].seen()
		}
		w.told()
		time.Sleep(6 * time.Minute)
		w.told("ops (high): 💔 watchdog is silent: last sign of life 00:48 UTC (5m ago), expected every 5m")
		time.Sleep(time.Minute)
		all[2].seen()
		time.Sleep(10 * time.Second)
		w.told(backAt + "7m of silence")
		time.Sleep(time.Minute)
		for i, r := range all {
			if s := r.Standings()[0]; s.Missing || !s.Seen.Equal(time.Date(2000, 1, 1, 0, 55, 0, 0, time.UTC)) {
				t.Errorf("replica %d: %+v", i, s)
			}
		}
	})
}

// Whoever takes the duty over, whenever that is, has heard as much and knows what was told.
func TestDutyGoesOver(t *testing.T) {
	for name, after := range map[string]time.Duration{
		"while all is well": 2 * time.Minute, "just before it is due": 5*time.Minute - time.Second, "when it was told": 5*time.Minute + 10*time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			inReplicas(t, func(w *world, all []*replica) {
				time.Sleep(time.Minute)
				all[1].seen()
				time.Sleep(after)
				all[0].end()
				time.Sleep(10 * time.Second)
				all[1].mine.Store(true)
				time.Sleep(10*time.Minute - after)
				if got := w.take(); len(got) != 1 {
					t.Errorf("told %q", got)
				}
				all[2].seen()
				time.Sleep(10 * time.Second)
				w.told(backAt + "10m of silence")
			})
		})
	}
}

// It is told once also where two believe for a moment that they have the duty, or where nothing was ever heard.
func TestTwoWithTheDuty(t *testing.T) {
	inReplicas(t, func(w *world, all []*replica) {
		time.Sleep(time.Second)
		late := w.replica(watchdog)
		defer late.end()
		late.mine.Store(true)
		time.Sleep(6 * time.Minute)
		w.told("ops (high): 💔 watchdog is silent: no sign of life since 00:00 UTC (5m ago), expected every 5m")
		all[1].mine.Store(true)
		all[1].seen()
		time.Sleep(10 * time.Second)
		w.told(backAt + "6m1s of silence")
	})
}

// Signs of life that a replica hears while the storage is away from it are no silence once it is back.
func TestStorageAwayFromReplicas(t *testing.T) {
	inReplicas(t, func(w *world, all []*replica) {
		time.Sleep(time.Minute)
		all[0].seen()
		time.Sleep(10 * time.Second)
		for _, r := range all {
			r.cut.Store(true)
		}
		time.Sleep(4 * time.Minute)
		all[1].seen()
		time.Sleep(3 * time.Minute)
		for i, r := range all {
			time.Sleep(time.Duration(i) * time.Second)
			r.cut.Store(false)
		}
		time.Sleep(90 * time.Second)
		w.told()
		time.Sleep(4 * time.Minute) // what was stored late counts from then
		if got := w.take(); len(got) != 1 || !strings.HasPrefix(got[0], "ops (high): 💔 watchdog is silent: last sign of life 00:05 UTC (") {
			t.Errorf("told %q", got)
		}
	})
}

// A clock that is wrong by hours makes no silence, and hides none.
func TestClocksDiffer(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"ahead": 3 * time.Hour, "behind": -3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			inReplicas(t, func(w *world, all []*replica) {
				stores := func() { // what another replica of that clock stores when it hears something
					at := time.Now().Add(wrong).UTC().Format(time.RFC3339)
					err := w.ChangeSetting(t.Context(), "heartbeat.watchdog", func(string) (string, error) { return `{"seen":"` + at + `"}`, nil })
					if err != nil {
						t.Error(err)
					}
				}
				for range 6 {
					time.Sleep(2 * time.Minute)
					stores()
					time.Sleep(2 * time.Minute)
					all[1].seen()
				}
				w.told()
				stores()
				time.Sleep(5*time.Minute + 10*time.Second)
				if got := w.take(); len(got) != 1 {
					t.Errorf("told %q", got)
				}
			})
		})
	}
}
