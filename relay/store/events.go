package store

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// event notes what happened, if somebody wants to know.
func (t *tx) event(ctx context.Context, kind relay.EventType, recipient string, data any) error {
	if !t.eventful || recipient == "" {
		return nil
	}
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return t.addEvent(ctx, relay.Event{ID: relay.NewID(), Type: kind, Recipient: recipient, At: time.Now(), Data: b})
}

func (t *tx) addEvent(ctx context.Context, e relay.Event) error {
	t.happened, t.noted = true, true
	return t.run(ctx, `INSERT INTO events (id, type, recipient, at, data, attempts, not_before) VALUES ($1, $2, $3, $4, $5, 0, 0) ON CONFLICT (id) DO NOTHING`,
		e.ID[:], string(e.Type), e.Recipient, millis(t.stored(e.At)), string(e.Data))
}

// What the events of the storage's own say.
type (
	chatEvent struct {
		Recipient  string     `json:"recipient"`
		Chat       relay.Chat `json:"chat"`
		FromChatID int64      `json:"from_chat_id,omitzero"` // before it migrated
	}
	deliveryEvent struct {
		Recipient string         `json:"recipient"`
		Delivery  relay.Delivery `json:"delivery"`
	}
)

// chatEvents notes what happened to a chat, for each of the recipients.
func (t *tx) chatEvents(ctx context.Context, kind relay.EventType, chat lane, from int64, recipients []string) error {
	if !t.eventful {
		return nil
	}
	for _, recipient := range slices.Compact(slices.Sorted(slices.Values(recipients))) {
		b, known, err := first(ctx, t, scanBinding, `SELECT `+bindingColumns+` FROM bindings b WHERE b.recipient = $1 AND b.bot = $2 AND b.chat_id = $3 LIMIT 1`, recipient, chat.bot, chat.chat)
		if err != nil {
			return err
		}
		if !known {
			continue
		}
		if err := t.event(ctx, kind, recipient, chatEvent{recipient, b.Chat, from}); err != nil {
			return err
		}
	}
	return nil
}

// unbind takes bindings away, lets the cache and the application know, and returns whose they were.
func (t *tx) unbind(ctx context.Context, where string, args ...any) ([]string, error) {
	lost, err := list(ctx, t, scanBinding, `DELETE FROM bindings WHERE `+where+` RETURNING `+strings.ReplaceAll(bindingColumns, "b.", ""), args...)
	if err != nil {
		return nil, err
	}
	t.rows += int64(len(lost))
	var recipients []string
	for _, b := range lost {
		recipients = append(recipients, b.Recipient)
		if err := t.event(ctx, relay.RecipientUnlinked, b.Recipient, chatEvent{Recipient: b.Recipient, Chat: b.Chat}); err != nil {
			return nil, err
		}
	}
	t.stale = append(t.stale, recipients...)
	return recipients, nil
}

// ended notes deliveries that have arrived, or will not.
func (t *tx) endedEvents(ctx context.Context, all ...relay.Delivery) error {
	for _, d := range all {
		kind := relay.MessageFailed
		if d.State == relay.Sent {
			kind = relay.MessageSent
		}
		if err := t.event(ctx, kind, d.Recipient, deliveryEvent{d.Recipient, d}); err != nil {
			return err
		}
	}
	return nil
}

// AddEvent implements relay.Events.
func (db *DB) AddEvent(ctx context.Context, e relay.Event) error {
	return db.write(ctx, "add event", func(t *tx) error { return t.addEvent(context.Background(), e) })
}

func scanEvent(row scanner) (relay.Event, error) {
	var e relay.Event
	var at int64
	var data string
	err := row.Scan(&e.ID, &e.Type, &e.Recipient, &at, &data, &e.Attempts)
	e.At, e.Data = moment(at), json.RawMessage(data)
	return e, err
}

// leapRecipients is up to how many recipients with events DueEvents leaps over.
const leapRecipients = 500

// eventLeaps goes from recipient to recipient, however many events each has.
const eventLeaps = `WITH RECURSIVE who (recipient, n) AS (
		SELECT min(recipient), 1 FROM events
		UNION ALL
		SELECT (SELECT min(recipient) FROM events WHERE recipient > who.recipient), n + 1 FROM who WHERE recipient IS NOT NULL AND n <= $1
	)`

const eventColumns = `e.id, e.type, e.recipient, e.at, e.data, e.attempts`

// DueEvents implements relay.Events. With few recipients the first of each is looked up; with many, the first are soon found among all.
func (db *DB) DueEvents(ctx context.Context, now time.Time, limit int) ([]relay.Event, error) {
	now = db.stored(now)
	recipients, _, err := first(ctx, db.read, value[int], eventLeaps+` SELECT count(recipient) FROM who`, leapRecipients)
	if err != nil {
		return nil, fault("list events", err)
	}
	text, args := eventLeaps+` SELECT `+eventColumns+` FROM who CROSS JOIN events e
		WHERE e.seq = (SELECT min(seq) FROM events WHERE recipient = who.recipient) AND e.not_before <= $2 ORDER BY e.seq LIMIT $3`, []any{leapRecipients, millis(now), limit}
	if recipients > leapRecipients {
		args = args[1:]
		text = `SELECT ` + eventColumns + ` FROM events e
			WHERE not_before <= $1 AND NOT EXISTS (SELECT 1 FROM events older WHERE older.recipient = e.recipient AND older.seq < e.seq) ORDER BY seq LIMIT $2`
	}
	events, err := list(ctx, db.read, scanEvent, text, args...)
	for i := range events {
		events[i].At = db.ours(events[i].At)
	}
	return events, fault("list events", err)
}

// EndEvent implements relay.Events.
func (db *DB) EndEvent(ctx context.Context, id relay.ID) error {
	return db.write(ctx, "end event", func(t *tx) error {
		t.happened = true // the next of the recipient may be told
		return t.run(context.Background(), `DELETE FROM events WHERE id = $1`, id[:])
	})
}

// PostponeEvent implements relay.Events.
func (db *DB) PostponeEvent(ctx context.Context, id relay.ID, until time.Time) error {
	return db.write(ctx, "postpone event", func(t *tx) error {
		return t.run(context.Background(), `UPDATE events SET attempts = attempts + 1, not_before = $2 WHERE id = $1`, id[:], millis(t.stored(until)))
	})
}

// DeliveryOf implements relay.Outbox. A chat has few recipients, and what they press is seldom old.
func (db *DB) DeliveryOf(ctx context.Context, bot string, chatID, telegramMessageID int64) (*relay.Delivery, error) {
	recipients, err := list(ctx, db.read, value[string], `SELECT recipient FROM bindings WHERE bot = $1 AND chat_id = $2`, bot, chatID)
	if err != nil {
		return nil, fault("find delivery", err)
	}
	for _, recipient := range slices.Compact(slices.Sorted(slices.Values(recipients))) {
		d, found, err := first(ctx, db.read, func(row scanner) (relay.Delivery, error) { return scanDelivery(row) },
			`SELECT `+deliveryColumns+` FROM deliveries d JOIN messages m ON m.seq = d.message WHERE d.recipient = $1 AND d.recipient <> '' AND d.bot = $4 AND d.chat_id = $2
			AND `+holds(`replace(replace(d.telegram_message_ids, '[', ','), ']', ',')`, `',' || $3 || ','`)+` ORDER BY d.seq DESC LIMIT 1`,
			recipient, chatID, strconv.FormatInt(telegramMessageID, 10), bot)
		if err != nil || found {
			return &d, fault("find delivery", err)
		}
	}
	return nil, &relay.Error{Code: relay.CodeNotFound, Detail: "no delivery is known that is this message"}
}

// Newest implements relay.Outbox.
func (db *DB) Newest(ctx context.Context, d *relay.Delivery, key string) (*relay.Delivery, error) {
	newest, found, err := newestOf(ctx, db.read, d, key)
	if err != nil || !found {
		return d, fault("find delivery", err)
	}
	return &newest, nil
}

func newestOf(ctx context.Context, q querier, d *relay.Delivery, key string) (relay.Delivery, bool, error) {
	return first(ctx, q, func(row scanner) (relay.Delivery, error) { return scanDelivery(row) },
		`SELECT `+deliveryColumns+` FROM deliveries d JOIN messages m ON m.seq = d.message WHERE d.recipient = $1 AND d.recipient <> '' AND d.chat_id = $2
		AND d.message_thread_id = $3 AND d.live_key = $4 AND d.bot = $5 AND d.state IN (0, 1, 2, 3) ORDER BY d.seq DESC LIMIT 1`, d.Recipient, d.ChatID, d.MessageThreadID, key, d.Bot)
}

// follows refuses a message that was made of what is not the newest of its live message any more.
func (t *tx) follows(ctx context.Context, m *relay.Message) error {
	if m.Follows.IsZero() {
		return nil
	}
	for i := range m.Deliveries {
		newest, found, err := newestOf(ctx, t, &m.Deliveries[i], m.Key)
		if err != nil {
			return err
		}
		if found && newest.ID != m.Follows {
			return &relay.Error{Code: relay.CodeConflict, Detail: "the message was changed meanwhile"}
		}
	}
	return nil
}

// Adopt implements relay.Outbox.
func (db *DB) Adopt(ctx context.Context, d *relay.Delivery, key string) error {
	ids, err := json.Marshal(d.TelegramMessageIDs)
	if err != nil {
		return err
	}
	return db.write(ctx, "adopt message", func(t *tx) error {
		return t.run(context.Background(), `INSERT INTO live (recipient, bot, chat_id, message_thread_id, live_key, telegram_message_ids, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`, d.Recipient, d.Bot, d.ChatID, d.MessageThreadID, key, string(ids), millis(t.stored(time.Now())))
	})
}
