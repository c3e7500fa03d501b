package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// assignments are the columns that a change names, for an UPDATE.
type assignments struct {
	set  []string
	args []any
}

// assign adds a column with its new value, if there is one. args begin with those of the condition.
func assign[T any](a *assignments, column string, v *T, stored func(T) any) {
	if v != nil {
		a.args = append(a.args, stored(*v))
		a.set = append(a.set, fmt.Sprintf("%s = $%d", column, len(a.args)))
	}
}

func text[T ~string](v T) any { return string(v) }

// ChangeRecipient implements relay.Directory.
func (db *DB) ChangeRecipient(ctx context.Context, id string, change relay.RecipientChange) (*relay.Recipient, error) {
	a := assignments{args: []any{id}}
	assign(&a, "paused", change.Paused, func(paused bool) any { return paused })
	assign(&a, "locale", change.Locale, text)
	assign(&a, "time_zone", change.TimeZone, text)
	assign(&a, "quiet_hours", change.QuietHours, text)
	assign(&a, "note", change.Note, text)
	if len(a.set) > 0 {
		err := db.write(ctx, "change recipient", func(t *tx) error { return t.changeRecipient(context.Background(), id, a, change) })
		if err != nil {
			return nil, err
		}
	}
	return db.Recipient(ctx, id)
}

func (t *tx) changeRecipient(ctx context.Context, id string, a assignments, change relay.RecipientChange) error {
	t.stale = append(t.stale, id)
	if err := t.run(ctx, `UPDATE recipients SET `+strings.Join(a.set, ", ")+` WHERE id = $1`, a.args...); err != nil {
		return err
	}
	if change.QuietHours != nil || change.TimeZone != nil {
		if err := t.due(ctx, `recipient = $1 AND recipient <> ''`, id); err != nil {
			return err
		}
	}
	if change.Paused == nil || *change.Paused {
		return nil
	}
	if err := t.run(ctx, `UPDATE deliveries SET not_before = 1 WHERE state = 0 AND chat_id <> 0 AND not_before = 0 AND recipient = $1`, id); err != nil {
		return err
	}
	bindings, err := t.bindingsOf(ctx, id)
	if err != nil {
		return err
	}
	for _, b := range bindings { // the first gets what is for any bot
		if _, err := t.release(ctx, id, b.Chat); err != nil {
			return err
		}
	}
	return nil
}

// due makes due what was kept until some moment.
func (t *tx) due(ctx context.Context, where string, args ...any) error {
	return t.run(ctx, `UPDATE deliveries SET not_before = 1 WHERE state = 0 AND chat_id <> 0 AND not_before > 0 AND `+where, args...)
}

// ChangeSettings implements relay.Directory.
func (db *DB) ChangeSettings(ctx context.Context, bot string, chatID, threadID int64, change relay.SettingsChange) error {
	if change == (relay.SettingsChange{}) {
		return nil
	}
	return db.write(ctx, "change settings", func(t *tx) error {
		ctx := context.Background()
		a := assignments{args: []any{chatID, threadID, bot}}
		assign(&a, "muted_until", change.MutedUntil, func(until time.Time) any { return millis(t.stored(until)) })
		assign(&a, "quiet_hours", change.QuietHours, text)
		assign(&a, "digest", change.Digest, text)
		assign(&a, "time_zone", change.TimeZone, text)
		assign(&a, "locale", change.Locale, text)
		err := t.touch(ctx, `UPDATE bindings SET `+strings.Join(a.set, ", ")+` WHERE bot = $3 AND chat_id = $1 AND message_thread_id = $2 RETURNING recipient`, a.args...)
		if err != nil || change.QuietHours == nil && change.Digest == nil && change.TimeZone == nil {
			return err
		}
		return t.due(ctx, `bot = $3 AND chat_id = $1 AND message_thread_id = $2`, chatID, threadID, bot)
	})
}

// Rename implements relay.Directory.
func (db *DB) Rename(ctx context.Context, c relay.Chat) error {
	if c.Title == "" {
		return nil
	}
	return db.write(ctx, "rename chat", func(t *tx) error {
		return t.touch(context.Background(), `UPDATE bindings SET title = $2, username = $3, language_code = CASE $4 WHEN '' THEN language_code ELSE $4 END
			WHERE bot = $5 AND chat_id = $1 AND (title <> $2 OR username <> $3 OR $4 NOT IN ('', language_code)) RETURNING recipient`,
			c.ChatID, c.Title, c.Username, c.LanguageCode, c.Bot)
	})
}

// Kept implements relay.Outbox.
func (db *DB) Kept(ctx context.Context, now time.Time, limit int) ([]relay.Job, error) {
	jobs, err := list(ctx, db.read, scanJob, `SELECT `+deliveryColumns+`, m.content, '' FROM (
			SELECT seq FROM deliveries WHERE state = 0 AND chat_id <> 0 AND not_before > 0 AND not_before <= $1 ORDER BY not_before LIMIT $2
		) AS kept CROSS JOIN deliveries d CROSS JOIN messages m WHERE d.seq = kept.seq AND m.seq = d.message
		ORDER BY d.bot, d.chat_id, d.message_thread_id, d.recipient, d.rank`, millis(db.stored(now)), limit)
	db.oursAll(jobs)
	return jobs, fault("read what was kept", err)
}

// Release implements relay.Outbox.
func (db *DB) Release(ctx context.Context, deliveries []relay.ID) error {
	return db.write(ctx, "release deliveries", func(t *tx) error {
		ctx := context.Background()
		for _, id := range deliveries {
			n, err := t.move(ctx, change{
				from: []relay.State{relay.Held}, to: relay.Queued, one: true, where: `id = $1 AND chat_id <> 0`, set: `, not_before = 0`, args: []any{id[:]},
			})
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			if err := t.announce(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetChat implements relay.Directory. Deliveries go in steps that let other calls through; a message that went elsewhere too stays there.
func (db *DB) ForgetChat(ctx context.Context, bot string, chatID int64) (relay.Forgotten, error) {
	const step = 500
	var gone relay.Forgotten
	err := db.write(ctx, "forget chat", func(t *tx) error {
		ctx := context.Background()
		t.erased = true
		freed, err := t.unbind(ctx, `bot = $1 AND chat_id = $2`, bot, chatID)
		if err != nil {
			return err
		}
		gone.Bindings = len(freed)
		for _, recipient := range freed {
			if err := t.run(ctx, `DELETE FROM senders WHERE recipient = $1 AND NOT EXISTS (SELECT 1 FROM bindings b WHERE b.recipient = $1 AND b.bot <> $2)`, recipient, bot); err != nil {
				return err
			}
		}
		for _, table := range []string{"redemptions", "live", "notifications", "topics"} {
			if err := t.run(ctx, `DELETE FROM `+table+` WHERE chat_id = $1 AND bot = $2`, chatID, bot); err != nil {
				return err
			}
		}
		return t.run(ctx, `DELETE FROM requests WHERE `+holds("deliveries", `'"chat_id":' || $1 || ','`), strconv.FormatInt(chatID, 10))
	})
	if err != nil {
		return gone, err
	}
	// No index finds a chat's finished deliveries: the search is the readers', the writer gets their numbers.
	seqs, err := list(ctx, db.read, value[int64], `SELECT seq FROM deliveries WHERE chat_id = $1 AND bot = $2 AND +state <> 2`, chatID, bot)
	if err != nil {
		return gone, fault("forget chat", err)
	}
	for len(seqs) > 0 {
		some := seqs[:min(step, len(seqs))]
		seqs = seqs[len(some):]
		var deleted int64
		err := db.write(ctx, "forget chat", func(t *tx) error {
			t.erased = true
			deleted = 0
			for _, seq := range some {
				n, err := t.deleteDeliveries(context.Background(), `seq = $1 AND state <> 2`, seq, 1)
				if err != nil {
					return err
				}
				deleted += n
			}
			return nil
		})
		if err != nil {
			return gone, err
		}
		gone.Deliveries += deleted
	}
	return gone, nil
}
