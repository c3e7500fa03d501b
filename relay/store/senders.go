package store

import (
	"context"
	"fmt"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// SetSender implements relay.Senders.
func (db *DB) SetSender(ctx context.Context, recipient string, token relay.TokenHash, at time.Time, answer *relay.Message) error {
	var content []byte
	if answer != nil {
		var err error
		if content, err = encode(answer); err != nil {
			return fmt.Errorf("set sender: %w", err)
		}
	}
	return db.write(ctx, "set sender", func(t *tx) error {
		ctx := context.Background()
		if answer != nil {
			if err := t.accept(ctx, answer, content); err != nil || answer.Replayed {
				return err
			}
		}
		return t.run(ctx, `INSERT INTO senders (recipient, token, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (recipient) DO UPDATE SET token = excluded.token, created_at = excluded.created_at`, recipient, token[:], millis(t.stored(at)))
	})
}

// SenderOf implements relay.Senders. The look-up by a hash of the token tells nothing about it by its time.
func (db *DB) SenderOf(ctx context.Context, token relay.TokenHash) (string, error) {
	recipient, found, err := first(ctx, db.read, value[string], `SELECT recipient FROM senders WHERE token = $1`, token[:])
	if err == nil && !found {
		err = &relay.Error{Code: relay.CodeNotFound, Detail: "nobody has this token"}
	}
	return recipient, fault("find sender", err)
}

// wipe takes the text of a message that held a secret out of the storage, unless it waits: another bot may have it by now.
func (t *tx) wipe(ctx context.Context, delivery relay.ID) error {
	t.erased = true
	return t.run(ctx, `UPDATE messages SET content = '{"text":{"text":"(a secret, deleted)"}}' WHERE seq = (SELECT message FROM deliveries WHERE id = $1 AND state NOT IN (0, 1, 2))`, delivery[:])
}
