package store

import (
	"context"
	"fmt"

	"github.com/tgrelay/tgrelay/relay"
)

// undelivered notes deliveries that end without arriving, so that somebody is told; where is SQL with the parameters args. The bot's own answers are nobody's.
func (t *tx) undelivered(ctx context.Context, where string, args ...any) error {
	return t.run(ctx, `INSERT INTO undelivered (delivery) SELECT seq FROM deliveries WHERE recipient <> '' AND `+where, args...)
}

// noted is how many deliveries are noted, and the last of them.
type noted struct{ count, last int64 }

func scanNoted(row scanner) (noted, error) {
	var n noted
	err := row.Scan(&n.count, &n.last)
	return n, err
}

const undeliveredJoin = ` FROM undelivered u CROSS JOIN deliveries d CROSS JOIN messages m
	WHERE u.seq <= $1 AND d.seq = u.delivery AND m.seq = d.message AND d.recipient <> $2 AND d.state IN (4, 5)`

// Undelivered implements relay.Outbox.
func (db *DB) Undelivered(ctx context.Context, but string, limit int) (relay.Undelivered, error) {
	var out relay.Undelivered
	all, _, err := first(ctx, db.read, scanNoted, `SELECT count(*), coalesce(max(seq), 0) FROM undelivered`)
	if err != nil || all.count == 0 {
		return out, fault("find what did not arrive", err)
	}
	out.Noted, out.Last = all.count, all.last
	if out.Count, _, err = first(ctx, db.read, value[int64], `SELECT count(*)`+undeliveredJoin, all.last, but); err != nil {
		return out, fault("find what did not arrive", err)
	}
	out.First, err = list(ctx, db.read, func(row scanner) (relay.Delivery, error) { return scanDelivery(row) },
		`SELECT `+deliveryColumns+undeliveredJoin+` ORDER BY u.seq LIMIT $3`, all.last, but, limit)
	return out, fault("find what did not arrive", err)
}

// TellUndelivered implements relay.Outbox.
func (db *DB) TellUndelivered(ctx context.Context, m *relay.Message, u relay.Undelivered) error {
	var content []byte
	if m != nil {
		var err error
		if content, err = encode(m); err != nil {
			return fmt.Errorf("tell what did not arrive: %w", err)
		}
	}
	return db.write(ctx, "tell what did not arrive", func(t *tx) error {
		ctx := context.Background()
		n, err := t.exec(ctx, `DELETE FROM undelivered WHERE seq <= $1`, u.Last)
		if err != nil {
			return err
		}
		if n != u.Noted {
			return &relay.Error{Code: relay.CodeConflict, Detail: "somebody was told of it meanwhile"}
		}
		if m == nil {
			return nil
		}
		return t.accept(ctx, m, content)
	})
}
