package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tgrelay/tgrelay/relay"
)

// This file holds what the keeper asks of the server.

const (
	laneRow    = "lane."
	replicaRow = "replica."
	// replicaNotes is how long the row of a replica is kept that is gone without a word.
	replicaNotes = time.Hour
	// serverNow is the server's clock.
	serverNow = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`
)

const (
	laneRowsText = `INSERT INTO leases (name, holder, fence, ends_at) SELECT 'lane.' || n, ''::bytea, 0, 0 FROM generate_series(0, $1 - 1) AS n ON CONFLICT DO NOTHING`
	joinText     = `INSERT INTO leases (name, holder, fence, ends_at) VALUES ($1, $2, 0, ` + serverNow + ` + $3) ON CONFLICT (name) DO UPDATE SET ends_at = excluded.ends_at`
	buryText     = `DELETE FROM leases WHERE name LIKE 'replica.%' AND ends_at < ` + serverNow + ` - $1`

	// renew needs not look at the time: who took a lease that had ended is its holder.
	renewText = `UPDATE leases SET ends_at = ` + serverNow + ` + $2 WHERE holder = $1 RETURNING name, fence`
	lookText  = `SELECT name, ends_at - ` + serverNow + ` FROM leases`
	takeText  = `UPDATE leases SET holder = $1, fence = nextval('fences'), ends_at = ` + serverNow + ` + $2
		WHERE name = ANY (ARRAY (SELECT name FROM leases WHERE name LIKE 'lane.%' AND ends_at <= ` + serverNow + ` ORDER BY ends_at LIMIT $3 FOR UPDATE SKIP LOCKED))
		RETURNING name, fence`
	giveText = `UPDATE leases SET holder = '', ends_at = ` + serverNow + ` WHERE holder = $1 AND name = ANY ($2)`
	partText = `DELETE FROM leases WHERE name = $1`
	lateText = `UPDATE leases SET ends_at = ` + serverNow + ` WHERE ends_at > ` + serverNow + ` + $1`
)

// grant is a shard with the number of its lease.
type grant struct {
	shard int
	fence int64
}

// census is who lives and what is free.
type census struct {
	me       string        // the row of this one
	replicas int           // that share the work, at least one
	others   int           // those of them that are not this one
	free     int           // shards that may be taken
	unwanted int           // those of them that nobody has taken for a while
	late     bool          // something ends later than any lease can
	next     time.Duration // until another lease ends, if nobody renews it
}

func laneName(shard int) string { return laneRow + strconv.Itoa(shard) }

func (k *keeper) replicaName() string { return replicaRow + k.p.id.String() }

// connect makes the connection, if there is none, and the rows of shards.
func (k *keeper) connect(ctx context.Context) (err error) {
	if k.conn != nil {
		return nil
	}
	if k.conn, err = k.dial(ctx); err != nil {
		k.conn = nil
		return fmt.Errorf("connect: %w", err)
	}
	if _, err := k.conn.Exec(ctx, laneRowsText, relay.Shards); err != nil {
		return fmt.Errorf("make leases: %w", err)
	}
	k.connected()
	return nil
}

// dial makes a connection on which whoever is frozen, or cut off, holds up nobody.
func (k *keeper) dial(ctx context.Context) (*pgx.Conn, error) {
	wait := milliseconds(keeperWait)
	return pgx.ConnectConfig(ctx, k.p.sessions.config(map[string]string{"lock_timeout": wait, "statement_timeout": wait, "idle_in_transaction_session_timeout": wait}))
}

// known returns an error if a newer tgrelay has changed the tables: what is ours is left to that.
func (k *keeper) known(ctx context.Context) error {
	var version int
	err := k.conn.QueryRow(ctx, schemaText).Scan(&version)
	if err == nil && version > k.p.schema {
		err = newer(version, k.p.schema)
	}
	return err
}

// renew renews all that is ours, and returns it.
func (k *keeper) renew(ctx context.Context) (ours []grant, err error) {
	ours, member, err := k.rows(ctx, renewText, k.p.id[:], leaseTime.Milliseconds())
	switch {
	case err != nil:
		return nil, fmt.Errorf("renew leases: %w", err)
	case !k.shares() && member:
		_, err = k.conn.Exec(ctx, partText, k.replicaName())
	case k.shares() && !member:
		err = k.join(ctx)
	}
	return ours, err
}

// shares reports whether this replica is to be one of those that share the work.
func (k *keeper) shares() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.ending && k.back == nil && !time.Now().Before(k.away)
}

// join makes this replica one of those that share the work.
func (k *keeper) join(ctx context.Context) error {
	if _, err := k.conn.Exec(ctx, buryText, replicaNotes.Milliseconds()); err != nil {
		return fmt.Errorf("let go of replicas that are gone: %w", err)
	}
	if _, err := k.conn.Exec(ctx, joinText, k.replicaName(), k.p.id[:], leaseTime.Milliseconds()); err != nil {
		return fmt.Errorf("join the replicas: %w", err)
	}
	return k.db.channel.announce(ctx, k.conn)
}

// take takes up to n shards that are free.
func (k *keeper) take(ctx context.Context, n int) ([]grant, error) {
	got, _, err := k.rows(ctx, takeText, k.p.id[:], leaseTime.Milliseconds(), n)
	if err != nil {
		return nil, fmt.Errorf("take leases: %w", err)
	}
	return got, nil
}

// rows runs a text that returns leases, and reports whether this replica's own row was among them.
func (k *keeper) rows(ctx context.Context, text string, args ...any) (all []grant, member bool, err error) {
	rows, err := k.conn.Query(ctx, text, args...)
	if err != nil {
		return nil, false, err
	}
	var name string
	var fence int64
	_, err = pgx.ForEachRow(rows, []any{&name, &fence}, func() error {
		n, isLane := shardOf(name)
		if isLane {
			all = append(all, grant{n, fence})
		}
		member = member || name == k.replicaName()
		return nil
	})
	return all, member, err
}

// shardOf is the shard that a row is of.
func shardOf(name string) (int, bool) {
	number, isLane := strings.CutPrefix(name, laneRow)
	n, err := strconv.Atoi(number)
	return n, isLane && err == nil && n >= 0 && n < relay.Shards
}

// look looks at what all have.
func (k *keeper) look(ctx context.Context) (census, error) {
	all := census{me: k.replicaName(), next: renewEvery}
	rows, err := k.conn.Query(ctx, lookText)
	if err != nil {
		return all, fmt.Errorf("look at leases: %w", err)
	}
	var name string
	var left int64
	_, err = pgx.ForEachRow(rows, []any{&name, &left}, func() error {
		all.count(name, time.Duration(left)*time.Millisecond)
		return nil
	})
	all.replicas = max(all.replicas, 1)
	return all, err
}

// count counts a row of which so much time is left.
func (c *census) count(name string, left time.Duration) {
	_, isLane := shardOf(name)
	c.late = c.late || left > latest
	switch {
	case !isLane && left > 0:
		c.replicas++
		if name != c.me {
			c.others++
		}
	case !isLane:
	case left > 0:
		c.next = min(c.next, left+time.Millisecond)
	default:
		c.free++
		if left <= -unwantedAfter {
			c.unwanted++
		}
	}
}

// latest is of how much of a lease can be left at most, and then some.
const latest = 2 * leaseTime

// setRight gives free what ends later than any lease can: the server's clock was set back. Whoever lives renews its leases, and they end sooner by that; after
// the time of a lease all others have ended, whatever the server's clock says.
func (k *keeper) setRight(ctx context.Context, all census) error {
	switch {
	case !all.late:
		k.late = time.Time{}
		return nil
	case k.late.IsZero():
		k.late = time.Now()
		return nil
	case time.Since(k.late) < leaseTime:
		return nil
	}
	if _, err := k.conn.Exec(ctx, lateText, latest.Milliseconds()); err != nil {
		return fmt.Errorf("end leases that end too late: %w", err)
	}
	k.log.Warn("the database server's clock was set back: leases that nobody has any more were ended")
	k.late = time.Time{}
	return nil
}

// give gives shards back, and wakes who may want them.
func (k *keeper) give(ctx context.Context, names []string) error {
	err := pgx.BeginFunc(ctx, k.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, giveText, k.p.id[:], names); err != nil {
			return err
		}
		return k.db.channel.announce(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("give leases back: %w", err)
	}
	return nil
}
