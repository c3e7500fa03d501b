package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// sharedPace is a bot's row of paces. It has connections beside those of the committer, for a slice must not wait for a batch.
type sharedPace struct {
	pool *sql.DB
	bot  string
	take string
	more []any // what take asks for beside what every one does; tests give it the time
}

const (
	paceConnections = 4
	paceWait        = 5 * time.Second // for an answer of the server's
)

// Pace returns the rate of a bot that shares this storage with others, by its name, empty for that of [telegram]; nil where nobody shares it.
func (db *DB) Pace(bot string) relay.Pace {
	if db.paces == nil {
		return nil
	}
	return &sharedPace{pool: db.paces, bot: bot, take: takeSlice}
}

// openPaces makes the pool of paces, which connects when it is used. Slices do not wait for the server's disk: a server that crashes forgets those of the
// last half second or so (three times wal_writer_delay), and is not back much sooner than they are over.
func (p *postgres) openPaces() *sql.DB {
	return p.pool(paceConnections, map[string]string{
		"statement_timeout": milliseconds(paceWait), "default_transaction_isolation": "read committed", "synchronous_commit": "off",
	})
}

// serverClock is the time in microseconds.
const serverClock = `extract(epoch FROM clock_timestamp()) * 1000000`

// takeSlice is pacetest.Row.Take, by the server's clock, which is looked at when the row is locked: whoever waited for another replica must not
// reckon with the time before that. What closes the bucket is kept for good.
const takeSlice = `
WITH held AS MATERIALIZED (
	SELECT empty, closed, step, factor, seen FROM paces WHERE bot = $1 FOR UPDATE
), clock AS MATERIALIZED (
	SELECT *, (` + serverClock + `)::double precision AS now,
		CASE WHEN $8::double precision > 0 THEN set_config('synchronous_commit', 'on', true) END AS durable FROM held
), followed AS (
	SELECT now, empty - greatest(seen - now, 0) AS empty, closed - greatest(seen - now, 0) AS closed, step, factor,
		$8::double precision > 0 AS shuts FROM clock
), halved AS (
	SELECT *, CASE WHEN shuts AND closed <= now THEN greatest(factor / 2, 1. / 16) ELSE factor END AS slow, greatest(now, closed) AS open FROM followed
), counted AS (
	SELECT now, slow AS factor, $4::double precision / slow AS step, shuts,
		CASE WHEN empty > open THEN ceil(open + (empty - open) * ($4::double precision / step * (factor / slow))) ELSE empty END AS empty,
		CASE WHEN shuts THEN greatest(closed, now + $8::double precision) ELSE closed END AS closed FROM halved
), shut AS (
	SELECT now, factor, step, closed,
		CASE WHEN shuts THEN greatest(empty, ceil(closed + ($6::double precision - 1) * step)) ELSE empty END AS empty FROM counted
), granted AS (
	SELECT *, CASE WHEN closed > now THEN $2::double precision ELSE greatest($2::double precision,
		least($3::double precision, floor($5::double precision), floor((now - empty) / step + $6::double precision))) END AS n FROM shut
), started AS (
	SELECT *, greatest(now, closed, empty - ($6::double precision - least(n, $5::double precision)) * step) AS start FROM granted
)
UPDATE paces SET closed = s.closed, step = $4::double precision, seen = s.now, factor = least(1, s.factor + s.n / 20 / $5::double precision),
	empty = CASE WHEN s.n > 0 THEN ceil(greatest(s.empty, s.start) + s.n * s.step + $7::double precision) ELSE s.empty END
FROM started AS s WHERE paces.bot = $1 RETURNING s.n::bigint, CASE WHEN s.n > 0 THEN s.start - s.now ELSE 0 END`

// beginPace makes the row of a bot that nobody has asked for.
const beginPace = `INSERT INTO paces (bot, empty, closed, step, seen) VALUES ($1, 0, 0, $2, 0) ON CONFLICT DO NOTHING`

// Take implements relay.Pace.
func (p *sharedPace) Take(ctx context.Context, a relay.Ask) (relay.Slice, error) {
	ctx, cancel := context.WithTimeout(ctx, paceWait)
	defer cancel()
	s, err := p.ask(ctx, a)
	if errors.Is(err, sql.ErrNoRows) {
		if _, err = p.pool.ExecContext(ctx, beginPace, p.bot, a.Bucket().Step); err == nil {
			s, err = p.ask(ctx, a)
		}
	}
	if err != nil {
		return relay.Slice{}, &relay.Error{Code: relay.CodeStorageUnavailable, Detail: reason(err), RetryAfter: retryAfter, Err: err}
	}
	return s, nil
}

func (p *sharedPace) ask(ctx context.Context, a relay.Ask) (relay.Slice, error) {
	var (
		s    relay.Slice
		wait float64
		b    = a.Bucket()
	)
	args := append([]any{p.bot, float64(a.Least), float64(a.Most), b.Step, b.Burst, b.Depth, b.Extra, float64(a.Shut.Microseconds())}, p.more...)
	err := p.pool.QueryRowContext(ctx, p.take, args...).Scan(&s.Messages, &wait)
	s.Wait = time.Duration(math.Ceil(wait)) * time.Microsecond
	return s, err
}
