package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// This file holds how the storages on one database of PostgreSQL hear of each other's writes: by LISTEN and NOTIFY.
//
// What is told goes with the transaction that it is of, and is delivered in the order of the commits. So whoever hears its own ping has heard of
// all that was committed before it: for a few seconds after a ping was sent the cache is believed, and only then. A process that was
// frozen, or a way to the server that hangs, thus leaves a cache that is not asked, whatever the connection seems to be.
//
// What was said while there was no connection is lost. After each LISTEN the cache is emptied, and all that rests on having heard is looked up.

const (
	// pingEvery is how often it is found out whether all is heard.
	pingEvery = time.Second
	// freshFor is for how long after a ping was sent the cache is believed: what it says can be that old.
	freshFor = 3 * time.Second
	// silentFor is how long a ping may take before the connection is given up.
	silentFor = 5 * time.Second
	// lookOut is how long it is waited before there is another connection.
	lookOut = time.Second
)

// channelName is the channel's name, as SQL: storages in other schemas of the database have others.
const channelName = `'tgrelay_' || md5(coalesce(current_schema(), ''))`

const (
	// tell has the others hear of payloads with the transaction.
	tell = `SELECT pg_notify(` + channelName + `, payload) FROM unnest($1::text[]) AS payload`
	// tellVersion gives recipients the next version first, and tells it too.
	tellVersion = `WITH version AS (
			INSERT INTO numbers (name, value) VALUES ('versions', 1) ON CONFLICT (name) DO UPDATE SET value = numbers.value + 1 RETURNING value
		), changed AS (UPDATE recipients SET version = (SELECT value FROM version) WHERE id = ANY($2::text[]))
		SELECT pg_notify(` + channelName + `, payload || ' v' || value) FROM version, unnest($1::text[]) AS payload`
)

// commitTelling ends a transaction. What is left to write and what the others are to hear goes the same way to the server and back as COMMIT.
func (p *postgres) commitTelling(ctx context.Context, t *tx) error {
	batch := &pgx.Batch{}
	for _, s := range t.last {
		batch.Queue(s.text, s.args...)
	}
	if words := t.words(); len(words) > 0 {
		if changed := t.changed(); len(changed) > 0 {
			batch.Queue(tellVersion, pack(p.id, words), changed)
		} else {
			batch.Queue(tell, pack(p.id, words))
		}
	}
	batch.Queue("COMMIT")
	return together(ctx, t.writer, batch)
}

// channel is what a storage hears of the others.
type channel struct {
	postgres *postgres
	options  *Options
	cache    *cache
	metrics  *metrics
	log      *slog.Logger

	heard  atomic.Pointer[time.Time] // when the last ping that was heard was sent; nil: there is no connection
	leases chan struct{}             // holds one: leases were given back, or may have been
}

func newChannel(p *postgres, db *DB) *channel {
	return &channel{postgres: p, options: &db.options, cache: db.cache, metrics: db.metrics, log: db.options.Log, leases: make(chan struct{}, 1)}
}

// Listen hears what other storages on the same database write, and hands it on, until ctx ends. Before and while it cannot, the cache answers
// nothing. A file has nobody else who writes.
func (db *DB) Listen(ctx context.Context) error {
	if db.channel == nil {
		<-ctx.Done()
		return nil
	}
	return db.channel.run(ctx)
}

// Hears reports whether it is heard what other storages on the same database write. Where there are none, all is heard.
func (db *DB) Hears() bool { return db.channel == nil || db.channel.fresh() }

// onLease receives when another storage gave leases back, or may have.
func (c *channel) onLease() <-chan struct{} { return c.leases }

// executor is a connection or a transaction.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// announce tells the others that leases were given back, with the transaction that does it.
func (c *channel) announce(ctx context.Context, on executor) error {
	_, err := on.Exec(ctx, tell, pack(c.postgres.id, []string{leaseNews}))
	return err
}

// fresh reports whether all that was committed some moments ago has been heard of, by the clock that does not jump and by the one on the wall: on a
// machine that slept the first one stood still.
func (c *channel) fresh() bool {
	heard := c.heard.Load()
	if heard == nil {
		return false
	}
	now := time.Now()
	return now.Sub(*heard) < freshFor && now.Round(0).Sub(heard.Round(0)) < freshFor
}

// run connects as often as it takes.
func (c *channel) run(ctx context.Context) error {
	lost := false
	for {
		err := c.listen(ctx, func() {
			if lost {
				c.log.Info("changes by other replicas are heard of again")
			}
			lost = false
		})
		c.heard.Store(nil)
		c.metrics.connected.Set(0)
		if ctx.Err() != nil {
			return nil
		}
		if !lost {
			c.missed()
			c.log.Warn("changes by other replicas are not heard of, so that recipients are looked up each time; it is tried again", "reason", reason(err), "error", err)
		}
		lost = true
		select {
		case <-time.After(lookOut):
		case <-ctx.Done():
			return nil
		}
	}
}

// listen hears on one connection, until it is lost.
func (c *channel) listen(ctx context.Context, connected func()) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), silentFor)
		defer cancel()
		_ = conn.Close(closing) // it is lost, or not needed any more
	}()
	connected()
	c.metrics.connected.Set(1)
	c.missed()
	l := &listener{channel: c, conn: conn}
	for {
		if err := l.step(ctx); err != nil {
			return err
		}
	}
}

// connect returns a connection on which whatever is committed from now on is told.
func (c *channel) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, silentFor)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, c.postgres.sessions.config(map[string]string{
		"synchronous_commit":   "off",                       // a ping need not be on disk
		"idle_session_timeout": milliseconds(2 * silentFor), // the server keeps all that a frozen process does not hear: it is let go of
	}))
	if err != nil {
		return nil, err
	}
	var name string
	err = conn.QueryRow(ctx, `SELECT `+channelName).Scan(&name)
	if err == nil {
		_, err = conn.Exec(ctx, `LISTEN `+pgx.Identifier{name}.Sanitize())
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

// missed has everything looked up that may have been said while nobody listened.
func (c *channel) missed() {
	c.cache.clear()
	c.options.Missed()
	c.options.Happened()
	c.released()
}

func (c *channel) released() {
	select {
	case c.leases <- struct{}{}:
	default:
	}
}

// hear hands on what another storage said.
func (c *channel) hear(n news) {
	c.metrics.notifications.Inc()
	c.cache.outdate(n.recipients, n.version)
	for _, a := range n.queued {
		c.options.Queued(a.bot, a.chat, a.priority)
	}
	if n.events {
		c.options.Happened()
	}
	if n.leases {
		c.released()
	}
}

// listener is one connection of a channel.
type listener struct {
	*channel
	conn   *pgx.Conn
	pings  int
	pinged time.Time // when the last ping was sent
	under  bool      // it was not heard yet
}

// step hears one notification, or lets the time pass until the next ping.
func (l *listener) step(ctx context.Context) error {
	if !l.under && time.Since(l.pinged) >= pingEvery {
		if err := l.ping(ctx); err != nil {
			return err
		}
	}
	wait := pingEvery
	if l.under {
		wait = silentFor
	}
	until, cancel := context.WithDeadline(ctx, l.pinged.Add(wait))
	defer cancel()
	heard, err := l.conn.WaitForNotification(until)
	switch {
	case err == nil:
		l.take(parseNews(heard.Payload))
		return nil
	case ctx.Err() == nil && until.Err() != nil && !l.conn.IsClosed():
		if l.under {
			return fmt.Errorf("nothing was heard for %s", silentFor)
		}
		return nil
	}
	return err
}

func (l *listener) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, silentFor)
	defer cancel()
	l.pings++
	l.pinged, l.under = time.Now(), true
	_, err := l.conn.Exec(ctx, tell, pack(l.postgres.id, []string{"p" + strconv.Itoa(l.pings)}))
	return err
}

// take leaves out what this storage said itself: it knows that. Its ping says that all was heard up to when it was sent.
func (l *listener) take(n news) {
	if n.by != l.postgres.id.String() {
		if n.ping == "" {
			l.hear(n)
		}
		return
	}
	if n.ping == strconv.Itoa(l.pings) && l.under {
		l.under = false
		at := l.pinged
		l.heard.Store(&at)
	}
}
