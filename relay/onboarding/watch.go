package onboarding

import (
	"context"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// lookAgain is how soon the storage is asked once more for a link that is waited for: another process may have redeemed it.
const lookAgain = 2 * time.Second

// watches are who waits for links. Its zero value is ready for use.
type watches struct {
	mu     sync.Mutex
	of     map[relay.ID]*watch
	closed bool
}

type watch struct {
	changed chan struct{} // closed when the link changes
	waiting int
}

// join returns a channel that is closed with the link's next change. leave must follow.
func (w *watches) join(id relay.ID) (changed <-chan struct{}, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.of[id]
	if at == nil {
		at = &watch{changed: make(chan struct{})}
		if w.closed {
			close(at.changed)
			return at.changed, func() {}
		}
		if w.of == nil {
			w.of = map[relay.ID]*watch{}
		}
		w.of[id] = at
	}
	at.waiting++
	return at.changed, func() { w.leave(id, at) }
}

func (w *watches) leave(id relay.ID, at *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at.waiting--
	if at.waiting == 0 && w.of[id] == at {
		delete(w.of, id)
	}
}

func (w *watches) tell(id relay.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := w.of[id]; at != nil {
		close(at.changed)
		delete(w.of, id)
	}
}

func (w *watches) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.of {
		close(at.changed)
	}
	w.of, w.closed = nil, true
}

// Await returns a link as soon as it is not open or was used once more, and at the latest after wait, or when Close was called.
// Error: relay.CodeNotFound.
func (d *Desk) Await(ctx context.Context, id relay.ID, wait time.Duration) (*relay.Link, error) {
	changed, leave := d.watches.join(id)
	defer leave()
	first, err := d.Links.Link(ctx, id, time.Now())
	if err != nil || first.State != relay.LinkOpen || wait <= 0 {
		return first, err
	}
	enough := time.NewTimer(min(wait, time.Until(first.ExpiresAt)))
	defer enough.Stop()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for last := false; ; {
		select {
		case <-changed:
			last = true
		case <-enough.C:
			last = true
		case <-again.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		l, err := d.Links.Link(ctx, id, time.Now())
		if err != nil || last || l.State != relay.LinkOpen || l.Uses != first.Uses {
			return l, err
		}
	}
}

// Close sends away who waits for a link, so that the daemon can stop.
func (d *Desk) Close() { d.watches.close() }
