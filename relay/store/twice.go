package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// request is one that came before.
type request struct {
	body       []byte
	message    relay.ID
	deliveries []byte
}

func scanRequest(row scanner) (request, error) {
	var r request
	err := row.Scan(&r.body, &r.message, &r.deliveries)
	return r, err
}

// Answered implements relay.Outbox.
func (db *DB) Answered(ctx context.Context, r relay.Request) (*relay.Message, error) {
	m, err := answered(ctx, db.read, r, db.stored(time.Now()))
	return m, fault("look up request", err)
}

func answered(ctx context.Context, q querier, r relay.Request, now time.Time) (*relay.Message, error) {
	within := relay.RequestAge
	if r.Within > 0 {
		within = min(within, r.Within)
	}
	was, found, err := first(ctx, q, scanRequest, `SELECT body, message, deliveries FROM requests WHERE owner = $1 AND key = $2 AND at > $3`,
		r.Owner, r.Key, millis(now.Add(-within)))
	if err != nil || !found {
		return nil, err
	}
	if string(was.body) != string(r.Body[:]) {
		return nil, &relay.Error{
			Code:   relay.CodeIdempotencyMismatch,
			Detail: fmt.Sprintf("the Idempotency-Key %q came within the last %s with another body; use a new key for each message", r.Key, relay.RequestAge),
		}
	}
	m := &relay.Message{ID: was.message, Replayed: true}
	return m, json.Unmarshal(was.deliveries, &m.Deliveries)
}

// noteRequest keeps what is answered, in the transaction that stores the message.
func (t *tx) noteRequest(ctx context.Context, m *relay.Message) error {
	deliveries, err := json.Marshal(m.Deliveries)
	if err != nil {
		return err
	}
	return t.run(ctx, `INSERT INTO requests (owner, key, body, message, deliveries, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (owner, key) DO UPDATE SET body = excluded.body, message = excluded.message, deliveries = excluded.deliveries, at = excluded.at`,
		m.Request.Owner, m.Request.Key, m.Request.Body[:], m.ID[:], string(deliveries), millis(t.stored(m.CreatedAt)))
}

// notice is the last that was said of a group of alerts.
type notice struct {
	alerts []byte
	at     int64
}

func scanNotice(row scanner) (notice, error) {
	var n notice
	err := row.Scan(&n.alerts, &n.at)
	return n, err
}

// notify notes what a notification says, and reports whether it is new to whom the delivery is for. Only the last of a group is
// compared: what resolved and fires again is told again.
func (t *tx) notify(ctx context.Context, m *relay.Message, d *relay.Delivery) (fresh bool, err error) {
	n := m.Notification
	if n == nil {
		return true, nil
	}
	last, found, err := first(ctx, t, scanNotice, `SELECT alerts, at FROM notifications
		WHERE recipient = $1 AND bot = $2 AND chat_id = $3 AND message_thread_id = $4 AND alert_group = $5`, d.Recipient, d.Bot, d.ChatID, d.MessageThreadID, n.Group[:])
	if err != nil || found && string(last.alerts) == string(n.Alerts[:]) && t.stored(d.CreatedAt).Sub(moment(last.at)) < relay.NotificationAge {
		return false, err
	}
	return true, t.run(ctx, `INSERT INTO notifications (recipient, bot, chat_id, message_thread_id, alert_group, alerts, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (recipient, bot, chat_id, message_thread_id, alert_group) DO UPDATE SET alerts = excluded.alerts, at = excluded.at`,
		d.Recipient, d.Bot, d.ChatID, d.MessageThreadID, n.Group[:], n.Alerts[:], millis(t.stored(d.CreatedAt)))
}

// pruneTwice lets go of what is remembered only against repetitions.
func (t *tx) pruneTwice(ctx context.Context, limit int, now time.Time) error {
	err := t.run(ctx, `DELETE FROM requests WHERE (owner, key) IN (SELECT owner, key FROM requests WHERE at < $1 LIMIT $2)`, millis(now.Add(-relay.RequestAge)), limit)
	if err != nil {
		return err
	}
	return t.run(ctx, `DELETE FROM notifications WHERE (recipient, bot, chat_id, message_thread_id, alert_group) IN
		(SELECT recipient, bot, chat_id, message_thread_id, alert_group FROM notifications WHERE at < $1 LIMIT $2)`, millis(now.Add(-relay.NotificationAge)), limit)
}
