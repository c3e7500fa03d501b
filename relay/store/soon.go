package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// On a server each statement takes a way there and back, and batches of all replicas take turns: the ways that a batch takes bound how much all of
// them write. Statements whose result is not needed to go on are therefore kept until something else is asked, or the batch ends, and take one way
// together. Should one of them fail, nobody knows yet which function it was of: the batch is run again with each by itself, and then at once.

// mostPending is how many statements are kept at most.
const mostPending = 512

// pending is a statement that is to be run.
type pending struct {
	statement
	done func(rows int64) // nil: nobody wants to know how many it wrote
}

// soon runs a statement before any other that follows, at the latest before the end. done hears how many rows it wrote, and must not write itself.
func (t *tx) soon(ctx context.Context, done func(rows int64), text string, args ...any) error {
	if !t.bold {
		n, err := t.exec(ctx, text, args...)
		if err == nil && done != nil {
			done(n)
		}
		return err
	}
	if t.writer.stmts.strict {
		fit(args)
	}
	t.pending = append(t.pending, pending{statement{text, args}, done})
	if len(t.pending) < mostPending {
		return nil
	}
	return t.flush(ctx)
}

// flush runs what is kept.
func (t *tx) flush(ctx context.Context) error {
	if len(t.pending) == 0 {
		return nil
	}
	all := t.pending
	t.pending = nil
	rows, err := t.writer.runTogether(ctx, all)
	if err != nil {
		t.failed = err
		return err
	}
	for i, p := range all {
		t.rows += rows[i]
		if p.done != nil {
			p.done(rows[i])
		}
	}
	return nil
}

// settled runs what is kept at the end of a batch, and what came of it.
func (t *tx) settled(ctx context.Context) error {
	err := t.flush(ctx)
	for _, f := range t.after {
		if err == nil {
			err = f(ctx)
		}
	}
	t.after = nil
	if t.failed != nil {
		return t.blame()
	}
	return err
}

// blame is the error of a batch in which a statement failed that was kept: of one of the functions, where it is not of all.
func (t *tx) blame() error {
	if broken(t.failed) {
		return t.failed
	}
	return errOne
}

// runTogether runs statements of which none waits for the one before it.
func (w *writer) runTogether(ctx context.Context, all []pending) ([]int64, error) {
	rows := make([]int64, len(all))
	var batch pgx.Batch
	for i, p := range all {
		if _, err := w.stmts.get(ctx, p.text); err != nil {
			return nil, err
		}
		batch.Queue(w.engine.text(p.text), p.args...).Exec(func(tag pgconn.CommandTag) error {
			rows[i] = tag.RowsAffected()
			return nil
		})
	}
	return rows, together(ctx, w, &batch)
}
