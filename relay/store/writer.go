package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"
)

// writer is the one connection that writes. The committer alone uses it. After a fault it is thrown away, with whatever
// transaction was open on it, and the next begin makes a new one.
type writer struct {
	engine engine
	pool   *sql.DB
	settle func(context.Context, *sql.Conn) error // what a new connection begins with; tests add faults
	conn   *sql.Conn
	stmts  *statements
}

func newWriter(e engine, pool *sql.DB) *writer {
	return &writer{engine: e, pool: pool, settle: e.settle}
}

// begin starts a transaction with the lock for writing, so that nothing in it can fail for another writer's sake.
func (w *writer) begin(ctx context.Context) (time.Time, error) {
	if w.conn == nil {
		if err := w.connect(ctx); err != nil {
			return time.Time{}, err
		}
	}
	return w.engine.begin(ctx, w)
}

func (w *writer) connect(ctx context.Context) error {
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return err
	}
	if err := w.settle(ctx, conn); err != nil {
		_ = conn.Close()
		return err
	}
	w.conn, w.stmts = conn, newStatements(w.engine, conn.PrepareContext)
	return nil
}

// exec runs a command of transactions, prepared like all else.
func (w *writer) exec(ctx context.Context, text string) error {
	stmt, err := w.stmts.get(ctx, text)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx)
	return err
}

// reset throws the connection away; the database rolls back what was open on it.
func (w *writer) reset() {
	if w.conn == nil {
		return
	}
	w.engine.abandon(w)
	_ = w.stmts.close()
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn, w.stmts = nil, nil
}

func (w *writer) close() {
	if w.conn == nil {
		return
	}
	_ = w.stmts.close()
	_ = w.conn.Close()
	w.conn, w.stmts = nil, nil
}
