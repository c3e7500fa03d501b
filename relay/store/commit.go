package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	maxBatch   = 512  // functions that share a transaction: bounds how long the first of them waits
	queueSize  = 1024 // calls that wait beside a batch under way; more block in the call, until their ctx ends
	maxNotes   = 1024 // notes of sending that wait; more are dropped
	retryAfter = 5 * time.Second

	waryFor     = 16                    // batches after one in which a function failed
	maxTries    = 6                     // of a batch that lost against another program's transaction
	retryWithin = 20 * time.Millisecond // for the second try, 40 ms for the third, and so on
)

// committer runs the functions of concurrent callers, one after the other, in shared transactions:
//
//	wait for a call ─▶ take what else waits ─▶ BEGIN ─▶ each function in its SAVEPOINT ─▶ COMMIT ─▶ answer all
//	                                             └── the storage failed: ROLLBACK, all of the batch fail, a new connection ──┘
//
// A function that fails by itself is rolled back alone. Nobody is answered before COMMIT returned.
//
// Where the database is a server, each command is a way there and back: functions get savepoints only for a while after one has failed, and the
// batch in which that happens is run again. So is a batch that lost against another program's transaction. Functions may therefore run more than once.
type committer struct {
	db     *DB
	log    *slog.Logger
	writer *writer
	ill    bool // the last batch failed
	wary   int  // batches for which each function still has its savepoint, where it otherwise has none
	// erased: the log may hold what was forgotten. scrubbed is when it was last tried to empty it.
	erased   bool
	scrubbed time.Time
	seqs     seqs
	links    linkCursor
	clock    sight // of the last transaction that was kept

	mu     sync.RWMutex // held by senders, so that close comes after them
	closed bool
	queue  chan *write // owned, and closed, by close
	wake   chan struct{}

	notesMu sync.Mutex
	notes   []relay.ID

	beforeCommit func() error     // tests make commits fail
	wall         func() time.Time // tests set the clock
}

func newCommitter(db *DB) *committer {
	return &committer{
		db: db, log: db.options.Log, writer: newWriter(db.engine, db.writers),
		queue: make(chan *write, queueSize), wake: make(chan struct{}, 1), wall: time.Now,
	}
}

// run ends when the queue is closed and empty.
func (c *committer) run() {
	batch := make([]*write, 0, maxBatch)
	for open := true; open; {
		batch = batch[:0]
		select {
		case w, ok := <-c.queue:
			batch, open = c.collect(batch, w, ok)
		case <-c.wake:
		}
		if notes := c.takeNotes(); len(batch)+len(notes) > 0 {
			c.commit(batch, notes)
		}
	}
	c.writer.close()
}

// collect takes what waits beside w, leaving out those whose callers have gone.
func (c *committer) collect(batch []*write, w *write, ok bool) ([]*write, bool) {
	for ok {
		if w.taken.CompareAndSwap(false, true) {
			batch = append(batch, w)
		}
		if len(batch) == maxBatch {
			return batch, true
		}
		select {
		case w, ok = <-c.queue:
		default:
			return batch, true
		}
	}
	return batch, false
}

func (c *committer) commit(batch []*write, notes []relay.ID) {
	t, err := c.transact(batch, notes)
	for try := 1; c.once(err, try) && try < maxTries; try++ {
		t.takeBack()
		t, err = c.transact(batch, notes)
	}
	c.wary = max(c.wary-1, 0)
	if err != nil {
		c.writer.reset()
		err = c.unavailable(err)
	} else {
		c.recovered()
		c.stand(t.clock)
	}
	if t != nil {
		t.publish(c.db, err == nil)
	}
	if err == nil {
		c.scrub(context.Background(), t.erased)
	}
	for _, w := range batch {
		if err != nil {
			w.err = err // also for one that failed by itself: it may have seen what is not kept
		}
		w.done <- w.err
	}
	clear(batch) // it is used again, and would hold on to messages
}

// once reports whether a batch of which nothing was kept is to be tried once more, and makes ready for that.
func (c *committer) once(err error, try int) bool {
	switch {
	case errors.Is(err, errOne):
		c.wary = waryFor
		return c.writer.exec(context.Background(), "ROLLBACK") == nil
	case again(err):
		c.writer.reset()
		time.Sleep(rand.N(time.Duration(try) * retryWithin))
		return true
	}
	return false
}

// errOne is of a batch in which one function failed by itself, where nothing keeps the others from what it did.
var errOne = errors.New("a function failed")

// transact returns an error if nothing of the batch is kept.
func (c *committer) transact(batch []*write, notes []relay.ID) (*tx, error) {
	ctx := context.Background()
	now, err := c.writer.begin(ctx)
	if err != nil {
		return nil, err
	}
	t := &tx{writer: c.writer, clock: see(now, c.wall()), seqs: &c.seqs, links: &c.links, sends: c.db.options.Sends, eventful: c.db.options.Events()}
	if err := t.followServer(ctx, c.clock); err != nil {
		return t, err
	}
	alone := len(batch) == 1 && len(notes) == 0
	t.bold = c.db.engine.remote() && c.wary == 0 && !alone
	if err := t.start(ctx, notes); err != nil {
		return t, err
	}
	for _, w := range batch {
		if alone || t.bold {
			w.err = call(t, w.fn)
		} else if err := t.guarded(ctx, w); err != nil {
			return t, err
		}
		switch {
		case t.failed != nil:
			return t, t.blame()
		case broken(w.err):
			return t, w.err
		case w.err != nil && t.bold:
			return t, errOne
		}
	}
	if err := t.settled(ctx); err != nil {
		return t, err
	}
	if alone && batch[0].err != nil {
		t.undo(mark{})
		t.clock = c.clock
		return t, c.writer.exec(ctx, "ROLLBACK")
	}
	return t, c.end(ctx, t)
}

func (c *committer) end(ctx context.Context, t *tx) error {
	if err := t.saveCounts(ctx); err != nil {
		return err
	}
	if err := t.saveTally(ctx, t.stored(time.Now())); err != nil {
		return err
	}
	if c.beforeCommit != nil {
		if err := c.beforeCommit(); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := c.db.engine.commit(ctx, t); err != nil {
		return err
	}
	c.db.metrics.commit.Observe(time.Since(began).Seconds())
	c.db.metrics.rows.Observe(float64(t.rows))
	return nil
}

// call makes a panic of a caller's function that caller's error: the committer serves everyone.
func call(t *tx, fn func(*tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("write to storage: panic: %v", p)
		}
	}()
	return fn(t)
}

// unavailable makes the answer for a failed batch, and logs the first failure of a row.
func (c *committer) unavailable(err error) error {
	if !c.ill {
		c.log.Error("the storage takes no writes; it is tried again with each", "reason", reason(err), "storage", c.db.engine.name(), "error", err)
	}
	c.ill = true
	c.db.metrics.up.Set(0)
	return &relay.Error{Code: relay.CodeStorageUnavailable, Detail: reason(err), RetryAfter: retryAfter, Err: fmt.Errorf("commit: %w", err)}
}

func (c *committer) recovered() {
	if c.ill {
		c.log.Info("the storage takes writes again", "storage", c.db.engine.name())
	}
	c.ill = false
	c.db.metrics.up.Set(1)
}
