// Package heartbeat tells when a sign of life that should come again and again is missing, again while it is, and when it is back.
//
// It promises that a silence longer than the interval is told once, also over restarts and crashes, and that so is its end. It keeps
// the last sign of life of each heartbeat, and whether its silence was told, as one of the storage's settings. A daemon that was down has
// heard nothing: it waits for one interval before it takes silence for what it is. Time is measured by a clock that does not jump.
//
// Where several daemons share the storage, a sign of life counts whichever of them hears it, and one of them tells; see share.go.
//
// When the storage takes no writes, signs of life count all the same, and what is to be told is told as soon as it does.
package heartbeat

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// tryAgain is when what could not be told or stored is tried again.
const tryAgain = 5 * time.Second

// idle is how long Run sleeps when there is nothing to wait for.
const idle = time.Hour

// Options are what a Watch needs.
type Options struct {
	Heartbeats []Heartbeat
	Updates    relay.Updates // the settings of which hold what is kept
	Door       *intake.Door
	// Mine reports whether telling is this daemon's duty now; nil: no other shares the storage.
	Mine       func() bool
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Watch waits for signs of life. Its methods are safe for concurrent use.
type Watch struct {
	updates relay.Updates
	door    *intake.Door
	mine    func() bool
	log     *slog.Logger
	changed chan struct{} // something may be due earlier than Run knows

	mu    sync.Mutex // of what follows, and of the beats
	beats map[string]*beat
}

// New returns a Watch that knows what was kept. Error: the storage's.
func New(ctx context.Context, o Options) (*Watch, error) {
	w := &Watch{updates: o.Updates, door: o.Door, mine: o.Mine, log: o.Log, changed: make(chan struct{}, 1)}
	if err := w.SetHeartbeats(ctx, o.Heartbeats); err != nil {
		return nil, err
	}
	o.Registerer.MustRegister(collector{w})
	return w, nil
}

// SetHeartbeats puts other heartbeats in force. Those that stay keep what is known of them; for new ones the time begins now. Error: the
// storage's, and then all stays as it was.
func (w *Watch) SetHeartbeats(ctx context.Context, all []Heartbeat) error {
	beats := map[string]*beat{}
	for _, h := range all {
		b := w.find(h.Name)
		if b == nil {
			kept, err := w.load(ctx, h.Name)
			if err != nil {
				return fmt.Errorf("heartbeat %s: %w", h.Name, err)
			}
			b = newBeat(h, kept, time.Now())
		}
		beats[h.Name] = b
	}
	w.mu.Lock()
	for _, h := range all {
		beats[h.Name].set(h, time.Now())
	}
	w.beats = beats
	w.mu.Unlock()
	w.wake()
	return nil
}

func (w *Watch) find(name string) *beat {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.beats[name]
}

// Seen notes a sign of life. Errors: relay.CodeNotFound for a heartbeat that is not configured; the storage's, and then it counts all the
// same until the daemon ends.
func (w *Watch) Seen(ctx context.Context, name string) error {
	b := w.find(name)
	if b == nil {
		return &relay.Error{Code: relay.CodeNotFound, Detail: fmt.Sprintf("there is no heartbeat %.100q; [heartbeats.NAME] in relay.toml makes one", name)}
	}
	w.mu.Lock()
	b.see(time.Now())
	silent, due := b.silent(), b.mustKeep(w.shared())
	w.mu.Unlock()
	if silent {
		defer w.wake()
	}
	if !due {
		return nil
	}
	return w.keep(ctx, b)
}

// Standing is a heartbeat as it stands.
type Standing struct {
	Heartbeat
	Seen    time.Time // the last sign of life; zero: none yet
	Missing bool      // its silence was told, and no sign of life came since
}

// Standings are all heartbeats by name.
func (w *Watch) Standings() []Standing {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Standing
	for _, name := range slices.Sorted(maps.Keys(w.beats)) {
		b := w.beats[name]
		all = append(all, Standing{b.Heartbeat, b.Seen, b.silent() && !b.returned()})
	}
	return all
}

func (w *Watch) wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// Run tells what is to be told until ctx ends, and stores then what is not stored yet.
func (w *Watch) Run(ctx context.Context) error {
	for {
		timer := time.NewTimer(w.round(ctx))
		select {
		case <-timer.C:
		case <-w.changed:
		case <-ctx.Done():
			w.keepAll(context.WithoutCancel(ctx))
			return nil
		}
		timer.Stop()
	}
}

// round does what is due and returns for how long there is nothing more to do.
func (w *Watch) round(ctx context.Context) time.Duration {
	rest := idle
	if w.shared() {
		rest = readEvery
	}
	for _, b := range w.all() {
		wait, err := w.attend(ctx, b)
		if err != nil {
			wait = tryAgain
		}
		if err != nil && b.tellable && ctx.Err() == nil {
			w.log.Warn("what is to be told of a heartbeat is not stored yet; it is tried again", "heartbeat", b.name, "error", err)
		}
		b.tellable = err == nil
		rest = min(rest, wait)
	}
	return rest
}

// due returns what is to be told of a heartbeat now, else nil and how long there will be nothing, and whether the storage must hear of it.
func (w *Watch) due(b *beat, now time.Time) (n *notice, wait time.Duration, keep bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, wait = b.due(now)
	if n != nil && w.shared() && !w.mine() {
		n, wait = nil, readEvery
	}
	return n, wait, b.mustKeep(w.shared())
}

// attend tells all that is due of a heartbeat, and keeps that it was told.
func (w *Watch) attend(ctx context.Context, b *beat) (wait time.Duration, err error) {
	for {
		if w.shared() {
			if err := w.read(ctx, b); err != nil {
				return 0, err
			}
			if !b.tellable {
				w.pardon(b)
			}
		}
		now := time.Now()
		n, wait, keep := w.due(b, now)
		switch {
		case n != nil:
			// What the notice is told by comes first, so that after a crash it is known for the same.
			if err := w.keep(ctx, b); err != nil {
				return 0, err
			}
			if err := w.tell(ctx, n); err != nil {
				return 0, err
			}
			w.mu.Lock()
			b.told(n, now)
			w.mu.Unlock()
		case keep:
			return wait, w.keep(ctx, b)
		default:
			return wait, nil
		}
	}
}

func (w *Watch) all() []*beat {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.beats))
}

// tell sends a notice. A silence and its end are heard at night too; that all is well again makes no sound.
func (w *Watch) tell(ctx context.Context, n *notice) error {
	err := w.door.Notify(ctx, intake.Notice{
		To: n.to, Text: w.door.Words(n.template, n.data), Priority: relay.High, Silent: n.template == back, Thread: n.thread, Once: n.once,
	})
	switch {
	case err != nil:
	case n.template == back:
		w.log.Info("a heartbeat is back", "heartbeat", n.data.Name, "silence", n.data.Silence.String())
	default:
		w.log.Warn("a heartbeat is missing", "heartbeat", n.data.Name, "silence", n.data.Silence.String())
	}
	return err
}
