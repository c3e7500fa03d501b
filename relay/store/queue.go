package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/tgrelay/tgrelay/relay"
)

// write is one caller's function and what became of it.
type write struct {
	fn    func(*tx) error
	taken atomic.Bool // by the committer, or by a caller that left before
	err   error       // what the function said
	done  chan error
}

// write hands a function to the committer. Errors of the database become CodeStorageUnavailable.
func (db *DB) write(ctx context.Context, operation string, fn func(*tx) error) error {
	return fault(operation, db.committer.write(ctx, fn))
}

// fault names the operation in an error. One with a code keeps it; one of the database gets CodeStorageUnavailable.
func fault(operation string, err error) error {
	_, coded := errors.AsType[*relay.Error](err)
	switch {
	case err == nil || coded:
		return err
	case interrupted(err):
		return fmt.Errorf("%s: %w", operation, context.Canceled)
	case broken(err):
		return &relay.Error{Code: relay.CodeStorageUnavailable, Detail: reason(err), RetryAfter: retryAfter, Err: fmt.Errorf("%s: %w", operation, err)}
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// write hands in a function and waits for its commit. A ctx that ends before the function's turn withdraws it.
func (c *committer) write(ctx context.Context, fn func(*tx) error) error {
	w := &write{fn: fn, done: make(chan error, 1)}
	if err := c.enqueue(ctx, w); err != nil {
		return err
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
	}
	if w.taken.CompareAndSwap(false, true) {
		return ctx.Err()
	}
	return <-w.done
}

func (c *committer) enqueue(ctx context.Context, w *write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return &relay.Error{Code: relay.CodeStorageUnavailable, Detail: "the storage is closed: tgrelay is stopping", RetryAfter: retryAfter}
	}
	select {
	case c.queue <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// note remembers that a delivery is being sent, for the next transaction.
func (c *committer) note(id relay.ID) {
	c.notesMu.Lock()
	if len(c.notes) < maxNotes {
		c.notes = append(c.notes, id)
	}
	c.notesMu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *committer) takeNotes() []relay.ID {
	c.notesMu.Lock()
	defer c.notesMu.Unlock()
	notes := c.notes
	c.notes = nil
	return notes
}

func (c *committer) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
}
