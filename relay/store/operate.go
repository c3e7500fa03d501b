package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Retry implements relay.Outbox. The delivery gets as long a time as it had at first, and its count of attempts begins anew;
// parts that were sent stay sent. It goes to the same chat, or to the one that the recipient has instead by now; without any it is
// held. CodeConflict also where that chat takes no messages.
func (db *DB) Retry(ctx context.Context, id relay.ID, now time.Time) (*relay.Delivery, error) {
	return db.operate(ctx, "retry delivery", id, func(t *tx, d *relay.Delivery) error {
		ctx, now := context.Background(), t.stored(now)
		if err := t.replace(ctx, d); err != nil {
			return err
		}
		if !d.ExpiresAt.IsZero() && !d.ExpiresAt.After(now) {
			d.ExpiresAt = now.Add(max(d.ExpiresAt.Sub(d.CreatedAt), time.Minute))
		}
		if d.State == relay.Queued {
			t.queued = append(t.queued, arrival{lane{d.Bot, d.ChatID}, relay.Reordered})
		}
		_, err := t.move(ctx, change{
			from: hopeless, to: d.State, one: true, where: `id = $1`,
			set:  `, attempts = 0, not_before = 0, finished_at = 0, expires_at = $2, chat_id = $3, message_thread_id = $4, bot = $5`,
			args: []any{id[:], millis(d.ExpiresAt), d.ChatID, d.MessageThreadID, d.Bot},
		})
		return err
	})
}

// replace chooses where to try again: in the same chat, unless the recipient has others instead of it by now, at the bot that the message names.
func (t *tx) replace(ctx context.Context, d *relay.Delivery) error {
	bot, _, err := first(ctx, t, value[string], `SELECT m.bot FROM deliveries d JOIN messages m ON m.seq = d.message WHERE d.id = $1`, d.ID[:])
	if err != nil {
		return err
	}
	bindings, err := t.bindingsAt(ctx, d.Recipient, bot)
	if err != nil {
		return err
	}
	same := func(b relay.Binding) bool { return b.Takes(d) }
	if d.ChatID != 0 && (len(bindings) == 0 || slices.ContainsFunc(bindings, same)) {
		d.State = relay.Queued
		return nil
	}
	d.State, d.Bot = relay.Held, bot
	if err := t.place(ctx, d); err != nil {
		return err
	}
	if d.State == relay.Failed {
		return &relay.Error{Code: relay.CodeConflict, Detail: fmt.Sprintf("the chat of %s takes no messages (%s): it must be started again first", d.Recipient, d.Reason)}
	}
	return nil
}

// Discard implements relay.Outbox.
func (db *DB) Discard(ctx context.Context, id relay.ID, now time.Time) (*relay.Delivery, error) {
	return db.operate(ctx, "discard delivery", id, func(t *tx, _ *relay.Delivery) error {
		_, err := t.move(context.Background(), change{
			from: hopeless, to: relay.Discarded, one: true, where: `id = $1`, set: `, finished_at = $2`, args: []any{id[:], millis(t.stored(now))},
		})
		return err
	})
}

// operate does what an operator asked for with a delivery that has failed or expired, and returns what it is then.
func (db *DB) operate(ctx context.Context, operation string, id relay.ID, do func(*tx, *relay.Delivery) error) (*relay.Delivery, error) {
	var after relay.Delivery
	err := db.write(ctx, operation, func(t *tx) error {
		d, err := t.delivery(context.Background(), id)
		if err != nil {
			return err
		}
		if d.State != relay.Failed && d.State != relay.Expired {
			return &relay.Error{Code: relay.CodeConflict, Detail: fmt.Sprintf("the delivery is %s; only one that failed or expired can be retried or discarded", d.State)}
		}
		if err := do(t, &d); err != nil {
			return err
		}
		after, err = t.delivery(context.Background(), id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &after, nil
}

// Delivery implements relay.Outbox.
func (db *DB) Delivery(ctx context.Context, id relay.ID) (*relay.Delivery, error) {
	d, err := readDelivery(ctx, db.read, id)
	if err != nil {
		return nil, fault("read delivery", err)
	}
	return &d, nil
}

func (t *tx) delivery(ctx context.Context, id relay.ID) (relay.Delivery, error) {
	return readDelivery(ctx, t, id)
}

func readDelivery(ctx context.Context, q querier, id relay.ID) (relay.Delivery, error) {
	d, ok, err := first(ctx, q, func(row scanner) (relay.Delivery, error) { return scanDelivery(row) },
		`SELECT `+deliveryColumns+` FROM deliveries d JOIN messages m ON m.seq = d.message WHERE d.id = $1`, id[:])
	if err == nil && !ok {
		err = notFound("delivery", id)
	}
	return d, err
}

func notFound(kind string, id relay.ID) error {
	return &relay.Error{Code: relay.CodeNotFound, Detail: fmt.Sprintf("there is no %s %s", kind, id)}
}
