package store

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// This file holds by which clock the times in a database on a server are: by the server's. The machines of replicas each have their own, and one that
// is days behind must not have what others took in expire, nor lose what it takes in itself. Each transaction sees both clocks. As long as they
// differ by less than a minute nothing is done about it; else times are moved over on the way in and out.
//
// Where the server's own clock is set, the first transaction after that follows it for all, once.

// sight is what a transaction sees of the clocks. The zero value is that of a file, whose clock is ours.
type sight struct {
	server time.Time     // the server's clock
	at     time.Time     // when that was, by ours that does not jump
	ahead  time.Duration // by how much the server's is ahead of ours on the wall; 0 for less than setBack
}

// see looks at the clocks; server is what the server's said a moment ago, wall is ours.
func see(server, wall time.Time) sight {
	if server.IsZero() {
		return sight{}
	}
	s := sight{server: server, at: time.Now(), ahead: server.Sub(wall.Round(0))}
	if s.ahead.Abs() < setBack {
		s.ahead = 0
	}
	return s
}

// passed is for how long the clock that does not jump has run since an earlier sight.
func (s sight) passed(since sight) time.Duration { return s.at.Sub(since.at) }

// set is by how much the server's clock was set since an earlier sight; 0 for less than setBack.
func (s sight) set(since sight) time.Duration {
	if s.server.IsZero() || since.server.IsZero() {
		return 0
	}
	by := s.server.Sub(since.server) - s.passed(since)
	if by.Abs() < setBack {
		return 0
	}
	return by
}

// stored is a time of ours as it is stored.
func (t *tx) stored(at time.Time) time.Time { return shifted(at, t.clock.ahead) }

// ours is a time that was stored, by our clock.
func (t *tx) ours(at time.Time) time.Time { return shifted(at, -t.clock.ahead) }

// expiry is when something expires, as it is stored. What was wished for a moment goes by that.
func (t *tx) expiry(at, sendAt time.Time) time.Time {
	if !sendAt.IsZero() {
		return at
	}
	return t.stored(at)
}

func (db *DB) stored(at time.Time) time.Time { return shifted(at, time.Duration(db.ahead.Load())) }

// ours is a time that was stored, by our clock.
func (db *DB) ours(at time.Time) time.Time { return shifted(at, -time.Duration(db.ahead.Load())) }

// oursAll has deliveries go by our clock.
func (db *DB) oursAll(jobs []relay.Job) {
	if db.ahead.Load() == 0 {
		return
	}
	for i := range jobs {
		d := &jobs[i].Delivery
		for _, at := range []*time.Time{&d.CreatedAt, &d.SendAt, &d.NotBefore, &d.ExpiresAt} {
			*at = db.ours(*at)
		}
	}
}

// oursRecipients has recipients and their chats go by our clock.
func (db *DB) oursRecipients(recipients []relay.Recipient) {
	for i := range recipients {
		r := &recipients[i]
		r.CreatedAt = db.ours(r.CreatedAt)
		db.oursBindings(r.Chats)
	}
}

func (db *DB) oursBindings(bindings []relay.Binding) {
	for i := range bindings {
		b := &bindings[i]
		b.LinkedAt, b.MutedUntil = db.ours(b.LinkedAt), db.ours(b.MutedUntil)
	}
}

func shifted(at time.Time, by time.Duration) time.Time {
	if at.IsZero() || by == 0 {
		return at
	}
	return at.Add(by)
}

// followServer comes first in a transaction: the server's clock may have been set since the last one that was kept.
func (t *tx) followServer(ctx context.Context, last sight) error {
	by := t.clock.set(last)
	if by == 0 {
		return nil
	}
	followed, err := t.followed(ctx, last, by)
	if err != nil || followed {
		return err
	}
	return t.clockSet(ctx, by, t.clock.server)
}

// followed reports whether another replica has done so, or there was nothing to follow: whose machine slept has a clock that stood still, and the
// others have written meanwhile.
func (t *tx) followed(ctx context.Context, last sight, by time.Duration) (bool, error) {
	at, known, err := first(ctx, t, value[int64], `SELECT value FROM numbers WHERE name = $1`, followedAt)
	if err != nil {
		return false, err
	}
	ago := t.clock.server.Sub(moment(at))
	if known && ago > -setBack/2 && ago < t.clock.passed(last)+setBack/2 {
		return true, nil
	}
	written, _, err := first(ctx, t, value[int64], `SELECT coalesce(max(seen_at), 0) FROM writers WHERE batch > 0 AND id <> $1`, t.writer.engine.(*postgres).id[:])
	return by > 0 && moment(written).After(last.server.Add(t.clock.passed(last)+setBack/2)), err
}

// stand is what a transaction that was kept has seen of the clocks.
func (c *committer) stand(s sight) {
	was, is := c.clock.ahead != 0, s.ahead != 0
	jumped := (s.ahead - c.clock.ahead).Abs() >= setBack/2
	c.clock = s
	c.db.ahead.Store(int64(s.ahead))
	if jumped {
		c.db.cache.clear() // its times go by our clock
	}
	switch {
	case is && !was:
		c.log.Warn("this machine's clock and the database server's differ; times are kept by the server's: set the one that is wrong", "server_ahead", s.ahead.Round(time.Second))
	case was && !is:
		c.log.Info("this machine's clock and the database server's agree again")
	}
}
