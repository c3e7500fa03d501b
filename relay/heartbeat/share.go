package heartbeat

import (
	"context"
	"time"
)

// Several daemons may share a storage, and callers reach any of them. Each stores the signs of life that it hears, at once, and reads again and
// again what the others stored; the one whose duty it is tells. Whoever takes the duty over has heard as much.
//
// The clocks of machines differ. That there was a sign of life is seen by another moment than before being stored, whichever; how long ago is
// bounded by when that was last read.

// readEvery is how soon a sign of life is known to all.
const readEvery = 5 * time.Second

// shared reports whether others use the storage too.
func (w *Watch) shared() bool { return w.mine != nil }

// read learns what others stored of a heartbeat.
func (w *Watch) read(ctx context.Context, b *beat) error {
	b.storing.Lock()
	defer b.storing.Unlock()
	stored, err := w.load(ctx, b.name)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b.learn(stored, time.Now())
	return nil
}

// learn takes over what others stored, but for what changed here since.
func (b *beat) learn(stored state, now time.Time) {
	if !stored.Seen.Equal(b.kept.Seen) {
		b.heard = later(b.heard, b.ago(stored.Seen, now))
	}
	if !stored.Told.Equal(b.kept.Told) {
		b.spoke = later(b.spoke, b.ago(stored.Told, now))
	}
	b.state = b.state.since(b.kept, stored)
	b.kept, b.asked = stored, now
}

// ago is a moment of another machine's clock on ours that does not jump: it came after that was last read.
func (b *beat) ago(at, now time.Time) time.Time {
	return now.Add(-min(max(wall(now).Sub(at), 0), now.Sub(b.asked)))
}

// pardon puts off what is due, once the storage is back: others may know of signs of life that it did not take, and store them within tryAgain.
func (w *Watch) pardon(b *beat) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b.heard = later(b.heard, time.Now().Add(2*tryAgain-b.Interval))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
