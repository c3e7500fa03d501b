package store

import (
	"context"
	"fmt"

	"github.com/tgrelay/tgrelay/relay"
)

// Merge implements relay.Outbox.
func (db *DB) Merge(ctx context.Context, m *relay.Message, deliveries []relay.ID) error {
	content, err := encode(m)
	if err != nil || len(m.Deliveries) != 1 {
		return fmt.Errorf("merge %d deliveries into %d: %w", len(deliveries), len(m.Deliveries), err)
	}
	return db.write(ctx, "merge deliveries", func(t *tx) error {
		ctx := context.Background()
		t.remember(m)
		place, err := t.merge(ctx, m, deliveries)
		if err != nil {
			return err
		}
		if err := t.insert(ctx, m, content); err != nil {
			return err
		}
		return t.run(ctx, `UPDATE deliveries SET rank = $2 WHERE id = $1`, m.Deliveries[0].ID[:], place)
	})
}

// merge ends deliveries and returns the first of their places.
func (t *tx) merge(ctx context.Context, m *relay.Message, deliveries []relay.ID) (place int64, err error) {
	for _, id := range deliveries {
		was, found, err := first(ctx, t, scanRank, `SELECT seq, rank FROM deliveries WHERE id = $1 AND bot = $2 AND chat_id = $3`, id[:], m.Deliveries[0].Bot, m.Deliveries[0].ChatID)
		if err != nil {
			return 0, err
		}
		n, err := t.move(ctx, change{
			from: patient, to: relay.Superseded, one: true, set: `, finished_at = $2`, args: []any{id[:], millis(t.stored(m.CreatedAt))},
			where: `id = $1 AND telegram_message_ids = '[]'`,
		})
		if err != nil {
			return 0, err
		}
		if !found || n == 0 {
			return 0, &relay.Error{Code: relay.CodeConflict, Detail: fmt.Sprintf("delivery %s waits no longer", id)}
		}
		t.fewer(lane{m.Deliveries[0].Bot, m.Deliveries[0].ChatID}, n)
		if place == 0 || was.rank < place {
			place = was.rank
		}
	}
	return place, nil
}
