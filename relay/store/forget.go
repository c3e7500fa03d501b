package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/tgrelay/tgrelay/relay"
)

// Forget implements relay.Directory. Deliveries go in steps that let other calls through, the recipient itself with the last
// of them: a Forget that was cut off is finished by another. A message that went to others too stays with them.
func (db *DB) Forget(ctx context.Context, recipient string) error {
	const step = 500
	found := false
	for {
		var n int64
		err := db.write(ctx, "forget recipient", func(t *tx) (err error) {
			ctx := context.Background()
			if n, err = t.deleteDeliveries(ctx, `recipient = $1 AND recipient <> ''`, recipient, step); err != nil || n == step {
				return err
			}
			gone, err := t.forget(ctx, recipient)
			if err == nil && !found && n+gone == 0 {
				return &relay.Error{Code: relay.CodeNotFound, Detail: fmt.Sprintf("there is no recipient %q", recipient)}
			}
			return err
		})
		if err != nil || n < step {
			return err
		}
		found = true
	}
}

func (t *tx) forget(ctx context.Context, recipient string) (gone int64, err error) {
	t.erased = true
	t.stale = append(t.stale, recipient)
	if err := t.forgetTopics(ctx, recipient); err != nil {
		return 0, err
	}
	if gone, err = t.leaveThreads(ctx, recipient); err != nil {
		return gone, err
	}
	for _, text := range []string{
		`DELETE FROM bindings WHERE recipient = $1`,
		`DELETE FROM redemptions WHERE recipient = $1`,
		`DELETE FROM links WHERE recipient = $1`,
		`DELETE FROM live WHERE recipient = $1`,
		`DELETE FROM notifications WHERE recipient = $1`,
		`DELETE FROM requests WHERE ` + holds("deliveries", `'"recipient":"' || $1 || '"'`),
		`DELETE FROM senders WHERE recipient = $1`,
		`DELETE FROM events WHERE recipient = $1`,
		`DELETE FROM recipients WHERE id = $1`,
	} {
		n, err := t.exec(ctx, text, recipient)
		if err != nil {
			return gone, err
		}
		gone += n
	}
	return gone, nil
}

// doomed is a delivery that is being deleted.
type doomed struct {
	message int64
	state   int
	lane    lane
}

func scanDoomed(row scanner) (doomed, error) {
	var d doomed
	err := row.Scan(&d.message, &d.state, &d.lane.bot, &d.lane.chat)
	return d, err
}

// deleteDeliveries deletes at most limit deliveries, and their messages where none is left. where has the parameter $1.
func (t *tx) deleteDeliveries(ctx context.Context, where string, arg any, limit int) (int64, error) {
	gone, err := list(ctx, t, scanDoomed, `DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE `+where+` LIMIT $2) RETURNING message, state, bot, chat_id`, arg, limit)
	if err != nil {
		return 0, err
	}
	t.rows += int64(len(gone))
	var messages []any
	for _, d := range gone {
		t.counts[d.state]--
		if slices.Contains(lively, states[d.state]) {
			t.fewer(d.lane, 1)
		}
		messages = append(messages, d.message)
	}
	err = inParts(messages, func(in string, some []any) error {
		// Of NOT EXISTS PostgreSQL would make a join with all deliveries.
		return t.run(ctx, `DELETE FROM messages WHERE seq `+in+` AND (SELECT d.seq FROM deliveries d
			WHERE d.seq >= messages.first_delivery AND d.seq < messages.first_delivery + messages.deliveries AND d.message = messages.seq ORDER BY d.seq LIMIT 1) IS NULL`, some...)
	})
	return int64(len(gone)), err
}
