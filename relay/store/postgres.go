package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tgrelay/tgrelay/relay"
)

// This file holds how the storage lives in PostgreSQL.
//
// Writers take turns, as in SQLite: each transaction begins with an advisory lock, under READ COMMITTED, so that everything in it sees what
// the ones before it wrote. Whoever freezes while it holds the lock loses it: the server ends a transaction that does nothing for patience.

const (
	oldestServer = 14 // as in SHOW server_version_num, without the last four digits
	// patience is how long the server lets a transaction of ours do nothing. Together with what a replica takes to notice that another is
	// gone it stays under 15 s.
	patience = 5 * time.Second
	// slowest is how long one statement may take on the writer's connection.
	slowest = 30 * time.Second
)

// Advisory locks are numbers, ours by their first half; the second is the schema's, for several storages may be in one database.
const (
	migrateLock = 0x7467_0001
	writeLock   = 0x7467_0002
)

// ourSchema is the second half.
const ourSchema = `hashtext(coalesce(current_schema(), ''))`

func advisory(lock int) string {
	return `pg_advisory_xact_lock(` + strconv.Itoa(lock) + `, ` + ourSchema + `)`
}

type postgres struct {
	config   *pgx.ConnConfig // of a connection without settings of its own
	sessions *sessions
	log      *slog.Logger
	busy     time.Duration
	id       relay.ID // of this opened storage, among all that write
	batch    int64    // the number of the last transaction that was begun
	schema   int      // the number of the newest that is known here
}

func newPostgres(o Options) (*postgres, error) {
	config, err := parseAddress(o.URL)
	if err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	config.DialFunc = dial
	s := newSessions(config)
	return &postgres{config: s.config(nil), sessions: s, log: o.Log, busy: o.BusyTimeout, id: relay.NewID()}, nil
}

// isPostgres reports whether an address is that of a database on a server.
func isPostgres(address string) bool {
	scheme, _, _ := strings.Cut(address, ":")
	return scheme == "postgres" || scheme == "postgresql"
}

func (p *postgres) name() string {
	return fmt.Sprintf("postgres://%s/%s", p.config.Host, p.config.Database)
}

func (p *postgres) open(ctx context.Context) (writers, readers *sql.DB, err error) {
	if err := p.migrate(ctx); err != nil {
		return nil, nil, err
	}
	writers = p.pool(1, map[string]string{
		"lock_timeout": milliseconds(patience + p.busy), "idle_in_transaction_session_timeout": milliseconds(patience), "statement_timeout": milliseconds(slowest),
		"default_transaction_isolation": "read committed",
	})
	readers = p.pool(max(4, 2*runtime.GOMAXPROCS(0)), map[string]string{"default_transaction_read_only": "on"})
	return writers, readers, nil
}

// pool opens up to n connections with further settings of the server's.
func (p *postgres) pool(n int, settings map[string]string) *sql.DB {
	pool := stdlib.OpenDB(*p.sessions.config(settings))
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	return pool
}

// migrate brings the schema up to date in one transaction. Several that start at once wait for the first.
func (p *postgres) migrate(ctx context.Context) (err error) {
	steps, err := migrations(schema, "schema/postgres")
	if err != nil {
		return err
	}
	p.schema = len(steps)
	return p.once(ctx, func(tx *sql.Tx) error {
		if err := p.upgrade(ctx, tx, steps); err != nil {
			return err
		}
		return p.warn(ctx, tx)
	})
}

// once runs a function in a transaction on a connection of its own.
func (p *postgres) once(ctx context.Context, do func(*sql.Tx) error) (err error) {
	pool := p.pool(1, nil)
	defer func() { err = errors.Join(err, pool.Close()) }()
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("open storage: %s: %w", reason(err), err)
	}
	defer func() { _ = tx.Rollback() }() // nothing, after Commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (p *postgres) upgrade(ctx context.Context, tx *sql.Tx, steps []migration) error {
	if _, err := tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = `+milliseconds(patience)); err != nil {
		return fmt.Errorf("open storage: %s: %w", reason(err), err)
	}
	if _, err := tx.ExecContext(ctx, `SELECT `+advisory(migrateLock)); err != nil {
		return fmt.Errorf("open storage: %s: %w", reason(err), err)
	}
	version, err := p.version(ctx, tx)
	if err != nil {
		return err
	}
	if version > len(steps) {
		return newer(version, len(steps))
	}
	if version > 0 && version < len(steps) {
		if err := unused(ctx, tx); err != nil {
			return err
		}
	}
	for _, step := range steps[version:] {
		if _, err := tx.ExecContext(ctx, step.text); err != nil {
			return fmt.Errorf("migrate storage with %s: %s: %w", step.name, reason(err), err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO tgrelay_schema (version) VALUES ($1)`, step.number); err != nil {
			return fmt.Errorf("migrate storage with %s: %w", step.name, err)
		}
	}
	return nil
}

// livingText counts the daemons that have something of the database now: their part in the work, or, where all stand back, what they keep of it meanwhile.
const livingText = `SELECT count(DISTINCT holder) FROM leases WHERE holder <> '' AND ends_at > ` + serverNow

// unused returns an error if a daemon uses the tables that are to be changed: it would go on with texts that are for those of before.
func unused(ctx context.Context, tx *sql.Tx) error {
	var living int
	err := tx.QueryRowContext(ctx, livingText).Scan(&living)
	if err == nil && living > 0 {
		err = fmt.Errorf("open storage: this version of tgrelay changes the tables, and %d of an earlier one use them: stop those first; after one that was killed wait %s", living, leaseTime)
	}
	return err
}

// warn says in the log when the server was told not to keep its word.
func (p *postgres) warn(ctx context.Context, tx *sql.Tx) error {
	for _, name := range []string{"synchronous_commit", "fsync"} {
		var value string
		if err := tx.QueryRowContext(ctx, `SELECT current_setting($1)`, name).Scan(&value); err != nil {
			return err
		}
		if value == "off" {
			p.log.Warn("the database server may lose what it has committed: what is answered with 202 can be lost with it", "setting", name, "value", value)
		}
	}
	return nil
}

// version is that of the schema, 0 where there is none.
func (p *postgres) version(ctx context.Context, tx *sql.Tx) (version int, err error) {
	var server int
	if err := tx.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::integer / 10000`).Scan(&server); err != nil {
		return 0, fmt.Errorf("open storage: %s: %w", reason(err), err)
	}
	if server < oldestServer {
		return 0, fmt.Errorf("open storage: the server is PostgreSQL %d; at least %d is needed", server, oldestServer)
	}
	var there bool
	if err := tx.QueryRowContext(ctx, `SELECT to_regclass('tgrelay_schema') IS NOT NULL`).Scan(&there); err != nil || !there {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM tgrelay_schema`).Scan(&version)
	return version, err
}

func (*postgres) text(query string) string { return query }

func (*postgres) strict() bool { return true }

func (*postgres) snapshot() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// settle makes the row that turn changes, so that lookUp finds one to wait for.
func (p *postgres) settle(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `INSERT INTO writers (id, batch, seen_at) VALUES ($1, 0, `+serverNow+`) ON CONFLICT DO NOTHING`, p.id[:])
	return err
}

// turn waits for the lock, tells the time, and numbers the transaction in a row of this storage's own: whoever finds the number there knows that it was kept.
var turn = `INSERT INTO writers (id, batch, seen_at) SELECT $1, $2, ` + serverNow + ` FROM (SELECT ` + advisory(writeLock) + `) AS turn
	ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, seen_at = excluded.seen_at RETURNING ` + serverNow + `, (` + schemaText + `)`

// schemaText asks for the number of the schema. One that was frozen while a newer tgrelay changed the tables must not go on as before.
const schemaText = `SELECT coalesce(max(version), 0) FROM tgrelay_schema`

func (p *postgres) begin(ctx context.Context, w *writer) (time.Time, error) {
	p.batch++
	var now int64
	var version int
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue(turn, p.id[:], p.batch).QueryRow(func(row pgx.Row) error { return row.Scan(&now, &version) })
	err := together(ctx, w, batch)
	if err == nil && version > p.schema {
		err = newer(version, p.schema)
	}
	return moment(now), err
}

// together sends statements that nobody answers in between: they go to the server and back once.
func together(ctx context.Context, w *writer, batch *pgx.Batch) error {
	return w.conn.Raw(func(c any) error { return c.(*stdlib.Conn).Conn().SendBatch(ctx, batch).Close() })
}

// errAborted is of a transaction in which a statement failed without anybody minding. COMMIT would roll it back, and call that a success.
var errAborted = errors.New("a statement failed, so that nothing of the transaction can be kept")

func (p *postgres) commit(ctx context.Context, t *tx) error {
	if aborted(t.writer.conn) {
		return errAborted
	}
	err := p.commitTelling(ctx, t)
	if err == nil || refused(err) {
		return err
	}
	return p.lookUp(ctx, t.writer, err)
}

const (
	// lookFor is how long the fate of a transaction is looked up whose COMMIT was not answered: as long as a server may take to start again.
	lookFor   = 15 * time.Second
	lookAgain = 100 * time.Millisecond
)

// lookUp finds out whether the transaction was kept for which COMMIT failed with err. The transaction may still be under way on the
// server: FOR UPDATE waits for its end.
func (p *postgres) lookUp(ctx context.Context, w *writer, err error) error {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	w.reset()
	for {
		var last int64
		looked := w.pool.QueryRowContext(ctx, `SELECT batch FROM writers WHERE id = $1 FOR UPDATE`, p.id[:]).Scan(&last)
		switch {
		case looked == nil && last == p.batch:
			return nil
		case looked == nil || errors.Is(looked, sql.ErrNoRows):
			return err
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return fmt.Errorf("whether it was kept is not known: %w", err)
		}
	}
}

func (*postgres) remote() bool { return true }

func (p *postgres) leases(db *DB) relay.Leases { return newKeeper(db, p) }

// resume leaves to whoever takes a lane over what was being sent there.
func (p *postgres) resume(ctx context.Context, db *DB) error {
	return db.write(ctx, "resume", func(t *tx) error {
		others, err := p.others(context.Background(), t)
		if err != nil || others {
			return err
		}
		return t.clockAtStart(context.Background(), t.clock.server)
	})
}

// others reports whether another replica lives.
func (p *postgres) others(ctx context.Context, t *tx) (bool, error) {
	_, others, err := first(ctx, t, value[int64], `SELECT 1 FROM leases WHERE name LIKE 'replica.%' AND holder <> $1 AND ends_at > `+serverNow+` LIMIT 1`, p.id[:])
	return others, err
}

func (p *postgres) fences(ctx context.Context, t *tx) (map[int64]bool, error) {
	all, err := list(ctx, t, value[int64], `SELECT fence FROM leases WHERE holder = $1`, p.id[:])
	fences := make(map[int64]bool, len(all))
	for _, fence := range all {
		fences[fence] = true
	}
	return fences, err
}

// abandon does nothing: the server rolls back what was open on a connection that ends, and a question on one that is lost would wait for long.
func (*postgres) abandon(*writer) {}

func (*postgres) sound() error { return nil }

// shorten leaves free space to the server's autovacuum, and lets go of writers that are gone.
func (p *postgres) shorten(ctx context.Context, t *tx) error {
	return t.run(ctx, `DELETE FROM writers WHERE seen_at < $1 AND id <> $2`, millis(t.stored(time.Now()).Add(-writerNotes)), p.id[:])
}

// writerNotes is how long the row of one that does not write any more is kept. One that lives checks the storage more often.
const writerNotes = 24 * time.Hour

// scrub has nothing to do: rows that are gone are vacuumed away by the server, in its own time.
func (*postgres) scrub(context.Context, *writer) (bool, error) { return true, nil }

// filled has numbers that the database gives go on after those that are there.
func (*postgres) filled(ctx context.Context, tx *sql.Tx) error {
	for _, table := range []string{"links", "events", "undelivered"} {
		_, err := tx.ExecContext(ctx, `SELECT setval(pg_get_serial_sequence('`+table+`', 'seq'), (SELECT coalesce(max(seq), 0) + 1 FROM `+table+`), false)`)
		if err != nil {
			return err
		}
	}
	return nil
}
