// Package oncall does what people on call want: it acknowledges and silences alerts at the press of a button, lists what fires, tells
// others when nobody reacts, and sees to it that what a chat shows of alerts is what the Alertmanager knows.
//
// A press is answered within a second, whatever the Alertmanager does: what takes longer goes on, and its outcome is shown in the message.
// Nothing is kept here but in conversations (relay.Thread); after a crash the Alertmanager is asked anew what holds.
package oncall

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/thread"
)

const (
	askTime  = 8 * time.Second        // for what is asked of Alertmanagers at once, all tries together: shutting down waits for it
	patience = 700 * time.Millisecond // for its answer, before whoever pressed is told that it takes longer
)

// Options are what a Desk needs.
type Options struct {
	Door    *intake.Door
	Threads relay.Threads
	Log     *slog.Logger
	// Every is how often Alertmanagers are asked about what fires; 0: a minute. Gone is for how long one must not know an alert before it
	// counts as over; 0: 5 minutes, for a resolution that it tells of itself comes by then.
	Every, Gone time.Duration
}

// Manager is an Alertmanager, and the receivers that its alerts come by.
type Manager struct {
	*alertmanager.Client
	Receivers []string
}

// Desk acts for people. Its methods are safe for concurrent use.
type Desk struct {
	o        Options
	managers atomic.Pointer[[]Manager]
	soon     chan struct{} // holds one: look at once

	mu      sync.Mutex
	missing map[relay.ID]map[string]time.Time // alerts that the Alertmanager knows no longer, since when
	working sync.WaitGroup
}

// New returns a Desk. It asks nobody by itself before Run and Attend.
func New(o Options) *Desk {
	if o.Every == 0 {
		o.Every = time.Minute
	}
	if o.Gone == 0 {
		o.Gone = 5 * time.Minute
	}
	d := &Desk{o: o, soon: make(chan struct{}, 1), missing: map[relay.ID]map[string]time.Time{}}
	d.SetManagers(nil)
	return d
}

// SetManagers says which Alertmanagers there are, in the order in which those of one receiver are tried.
func (d *Desk) SetManagers(managers []Manager) { d.managers.Store(&managers) }

// Run does what people ask for until ctx ends, and lets that finish.
func (d *Desk) Run(ctx context.Context) error {
	defer d.working.Wait()
	for {
		select {
		case <-d.soon:
			d.watch(ctx, false)
		case <-ctx.Done():
			return nil
		}
	}
}

// Attend looks after conversations until ctx ends. Of all that share the storage one does at a time.
func (d *Desk) Attend(ctx context.Context) error {
	d.mu.Lock()
	clear(d.missing) // what was missing when this began last says nothing of now
	d.mu.Unlock()
	watch, escalate := time.NewTimer(0), time.NewTicker(escalateEvery)
	defer watch.Stop()
	defer escalate.Stop()
	for {
		select {
		case <-watch.C:
			watch.Reset(d.watch(ctx, true))
		case <-escalate.C:
			d.escalate(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// look lets Run ask the Alertmanagers at once.
func (d *Desk) look() {
	select {
	case d.soon <- struct{}{}:
	default: // it will
	}
}

// of are the Alertmanagers of a receiver.
func (d *Desk) of(receiver string) []Manager {
	var out []Manager
	for _, m := range *d.managers.Load() {
		if slices.Contains(m.Receivers, receiver) {
			out = append(out, m)
		}
	}
	return out
}

// knowing are the Alertmanagers that know the alerts of a conversation.
func (d *Desk) knowing(t *relay.Thread, s *thread.State) []Manager {
	if s.Apart {
		return nil
	}
	return d.of(t.Receiver)
}

// openThreads calls f for each open conversation.
func (d *Desk) openThreads(ctx context.Context, f func(*relay.Thread)) error {
	const page = 200
	var after relay.ID
	for {
		threads, err := d.o.Threads.OpenThreads(ctx, after, page)
		if err != nil {
			return err
		}
		for i := range threads {
			after = threads[i].ID
			f(&threads[i])
		}
		if len(threads) < page {
			return nil
		}
	}
}
