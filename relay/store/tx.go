package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/tgrelay/tgrelay/relay"
)

// tx is what a write's function works with: the shared transaction, and what is to be told after its commit.
type tx struct {
	writer *writer
	clock  sight
	seqs   *seqs
	links  *linkCursor
	rows   int64       // written
	last   []statement // that go with COMMIT

	bold    bool                          // functions have no savepoints: statements may be kept for later
	pending []pending                     // those that are
	after   []func(context.Context) error // what is to be done once they were run
	failed  error                         // of one of them

	before []before // messages as they were handed in, where the transaction may have to be tried again

	fences map[int64]bool // of the leases that we have; nil: not looked up yet

	began map[string]bool // keys of threads that this transaction begins, until it has a message of theirs

	sends    func(bot string) bool
	eventful bool // somebody wants events
	happened bool // there are events that may be told
	noted    bool // there are new ones
	erased   bool // something was forgotten
	undoable
}

// undoable is what a function that fails must not leave behind in memory.
type undoable struct {
	counts   [len(states)]int64 // by how much the number of deliveries in a state changed
	endings  [len(states)]int64 // how many came to their end, by the state
	late     int64              // of those sent, how many had come to another end before, by which they were counted
	taken    int64              // how many were accepted
	queued   []arrival          // where something was queued
	migrated []moved
	ended    []relay.Delivery
	stale    []string // recipients of whom the cache may no longer speak
}

// arrival is something that was queued for a chat.
type arrival struct {
	lane
	priority relay.Priority
}

// moved is a group of a bot that became a supergroup.
type moved struct {
	bot      string
	from, to int64
}

// before is a message as it was before a transaction changed it.
type before struct {
	message    *relay.Message
	was        relay.Message
	deliveries []relay.Delivery
}

// remember keeps a message as it is for takeBack.
func (t *tx) remember(m *relay.Message) {
	if t.writer.engine.remote() {
		t.before = append(t.before, before{m, *m, slices.Clone(m.Deliveries)})
	}
}

// takeBack makes the messages again what they were. Nothing of the transaction was kept.
func (t *tx) takeBack() {
	if t == nil {
		return
	}
	for _, b := range slices.Backward(t.before) {
		*b.message = b.was
		b.message.Deliveries = b.deliveries
	}
}

// mark is where an undoable stood.
type mark struct {
	counts, endings                [len(states)]int64
	taken, late                    int64
	queued, migrated, ended, stale int
}

func (u *undoable) mark() mark {
	return mark{u.counts, u.endings, u.taken, u.late, len(u.queued), len(u.migrated), len(u.ended), len(u.stale)}
}

func (u *undoable) undo(m mark) {
	u.counts, u.endings, u.taken, u.late = m.counts, m.endings, m.taken, m.late
	u.queued, u.migrated, u.ended, u.stale = u.queued[:m.queued], u.migrated[:m.migrated], u.ended[:m.ended], u.stale[:m.stale]
}

// fewer notes that n deliveries wait no longer for a chat: whoever sends there is to look again before the next.
func (t *tx) fewer(l lane, n int64) {
	if n > 0 && l.chat != 0 {
		t.queued = append(t.queued, arrival{l, relay.Reordered})
	}
}

// seqs are the last numbers given. They never go back while the process runs, also where a transaction does.
type seqs struct{ message, delivery int64 }

// load comes with each transaction: another program may have written since the last.
func (s *seqs) load(ctx context.Context, t *tx) error {
	last, _, err := first(ctx, t, scanSeqs, `SELECT (SELECT coalesce(max(seq), 0) FROM messages), (SELECT coalesce(max(seq), 0) FROM deliveries)`)
	s.message, s.delivery = max(s.message, last.message), max(s.delivery, last.delivery)
	return err
}

func scanSeqs(row scanner) (seqs, error) {
	var s seqs
	err := row.Scan(&s.message, &s.delivery)
	return s, err
}

func (t *tx) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	return t.writer.stmts.query(ctx, text, args...)
}

// exec returns how many rows were written.
func (t *tx) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := t.flush(ctx); err != nil {
		return 0, err
	}
	stmt, err := t.writer.stmts.get(ctx, text)
	if err != nil {
		return 0, err
	}
	if t.writer.stmts.strict {
		fit(args)
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	t.rows += n
	return n, err
}

// run is exec where the number does not matter.
func (t *tx) run(ctx context.Context, text string, args ...any) error {
	_, err := t.exec(ctx, text, args...)
	return err
}

// statement is a text with what it is about.
type statement struct {
	text string
	args []any
}

// later is run where what comes of it does not matter before the end: on a server it goes with COMMIT.
func (t *tx) later(ctx context.Context, text string, args ...any) error {
	if !t.writer.engine.remote() {
		return t.run(ctx, text, args...)
	}
	t.last = append(t.last, statement{text, args})
	t.rows++
	return nil
}

// start comes before the callers' functions.
func (t *tx) start(ctx context.Context, notes []relay.ID) error {
	if err := t.seqs.load(ctx, t); err != nil {
		return err
	}
	ids := make([]any, len(notes))
	for i := range notes {
		ids[i] = notes[i][:]
	}
	return inParts(ids, func(in string, some []any) error {
		c := change{from: []relay.State{relay.Queued}, to: relay.Sending, where: `id ` + in, args: some}
		return t.soon(ctx, func(n int64) { t.moved(c, relay.Queued, n) }, c.text(relay.Queued), c.args...)
	})
}

// guarded runs a function so that its failure undoes what it did and nothing else. The error is of the savepoint.
func (t *tx) guarded(ctx context.Context, w *write) error {
	if err := t.writer.exec(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	before := t.mark()
	if w.err = call(t, w.fn); broken(w.err) {
		return w.err
	}
	if w.err != nil {
		t.undo(before)
		if err := t.writer.exec(ctx, "ROLLBACK TO one"); err != nil {
			return err
		}
	}
	return t.writer.exec(ctx, "RELEASE one")
}

// publish comes after the commit. After a failed one the cache still lets go: whether it reached the disk is not known.
func (t *tx) publish(db *DB, kept bool) {
	db.cache.forget(t.stale)
	if !kept {
		return
	}
	t.endings[code(relay.Sent)] -= t.late
	db.metrics.ended(t.endings)
	if t.happened {
		db.options.Happened()
	}
	for _, m := range t.migrated {
		db.options.Migrated(m.bot, m.from, m.to)
	}
	if len(t.ended) > 0 {
		db.options.Ended(t.ended)
	}
	for _, a := range t.arrivals() {
		db.options.Queued(a.bot, a.chat, a.priority)
	}
}
