package store

import (
	"context"
	"fmt"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Bind implements relay.Directory. A chat without a title is one that Telegram was not asked about: what is known of it stays.
func (db *DB) Bind(ctx context.Context, recipient string, chat relay.Chat, at time.Time) error {
	if err := relay.CheckRecipientID(recipient); err != nil {
		return err
	}
	return db.write(ctx, "bind chat", func(t *tx) error {
		ctx := context.Background()
		if err := t.bind(ctx, recipient, chat, at); err != nil {
			return err
		}
		_, err := t.release(ctx, recipient, chat)
		return err
	})
}

// BindAll implements relay.Directory.
func (db *DB) BindAll(ctx context.Context, bindings []relay.Binding, at time.Time) error {
	for _, b := range bindings {
		if err := relay.CheckRecipientID(b.Recipient); err != nil {
			return err
		}
	}
	return db.write(ctx, "bind chats", func(t *tx) error {
		ctx := context.Background()
		for _, b := range bindings {
			linked := at
			if !b.LinkedAt.IsZero() {
				linked = b.LinkedAt
			}
			if err := t.bindAs(ctx, b, linked); err != nil {
				return err
			}
		}
		return nil
	})
}

// bindAs makes a binding as it is elsewhere. A chat that is known here is what it is here: nobody has spoken in it.
func (t *tx) bindAs(ctx context.Context, b relay.Binding, at time.Time) error {
	state, known, err := first(ctx, t, value[string], `SELECT state FROM bindings WHERE bot = $1 AND chat_id = $2 LIMIT 1`, b.Bot, b.ChatID)
	if err != nil {
		return err
	}
	if known {
		b.State = relay.ChatState(state)
	}
	if err := t.bind(ctx, b.Recipient, b.Chat, at); err != nil {
		return err
	}
	if err := t.restore(ctx, b); err != nil || b.State != relay.Active {
		return err
	}
	_, err = t.release(ctx, b.Recipient, b.Chat)
	return err
}

// restore gives a chat the settings that it has elsewhere. Without any, those that it has stay.
func (t *tx) restore(ctx context.Context, b relay.Binding) error {
	s := b.Settings
	if s == (relay.Settings{}) {
		return nil
	}
	return t.run(ctx, `UPDATE bindings SET muted_until = $3, quiet_hours = $4, digest = $5, time_zone = $6, locale = $7 WHERE chat_id = $1 AND message_thread_id = $2 AND bot = $8`,
		b.ChatID, b.MessageThreadID, millis(t.stored(s.MutedUntil)), string(s.QuietHours), string(s.Digest), s.TimeZone, s.Locale, b.Bot)
}

// bind makes or refreshes a binding, and gives the chat a state: whoever binds it by speaking in it shows that it takes messages.
func (t *tx) bind(ctx context.Context, recipient string, chat relay.Chat, at time.Time) error {
	t.stale = append(t.stale, recipient)
	if chat.State == "" {
		chat.State = relay.Active
	}
	if err := t.run(ctx, `INSERT INTO recipients (id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, recipient, millis(t.stored(at))); err != nil {
		return err
	}
	if chat.Title == "" {
		known, ok, err := first(ctx, t, scanBinding, `SELECT `+bindingColumns+` FROM bindings b WHERE b.bot = $1 AND b.chat_id = $2 ORDER BY b.title = '' LIMIT 1`,
			chat.Bot, chat.ChatID)
		if err != nil {
			return err
		}
		if ok {
			chat.Type, chat.Title, chat.Username, chat.LanguageCode = known.Type, known.Title, known.Username, known.LanguageCode
		}
	}
	// What was chosen for a chat holds for whoever is bound to it later, too.
	added, err := t.exec(ctx, `INSERT INTO bindings (recipient, bot, chat_id, message_thread_id, type, title, username, language_code, state, linked_at, muted_until, quiet_hours, digest, time_zone, locale)
		SELECT $1, $10, $2, $3, $4, $5, $6, $7, $9, $8, coalesce(max(muted_until), 0), coalesce(max(quiet_hours), ''), coalesce(max(digest), ''), coalesce(max(time_zone), ''), coalesce(max(locale), '')
		FROM bindings WHERE bot = $10 AND chat_id = $2 AND message_thread_id = $3 ON CONFLICT DO NOTHING`,
		recipient, chat.ChatID, chat.MessageThreadID, chat.Type, chat.Title, chat.Username, chat.LanguageCode, millis(t.stored(at)), string(chat.State), chat.Bot)
	if err != nil {
		return err
	}
	if added > 0 {
		if err := t.event(ctx, relay.RecipientLinked, recipient, chatEvent{Recipient: recipient, Chat: chat}); err != nil {
			return err
		}
	}
	return t.touch(ctx, `UPDATE bindings SET state = $6, type = $2, title = $3, username = $4, language_code = $5 WHERE chat_id = $1 AND bot = $7 RETURNING recipient`,
		chat.ChatID, chat.Type, chat.Title, chat.Username, chat.LanguageCode, string(chat.State), chat.Bot)
}

// release queues what was held for a recipient at the bot of a chat, or at any. Its order stays that of arrival.
func (t *tx) release(ctx context.Context, recipient string, chat relay.Chat) (int64, error) {
	n, err := t.move(ctx, change{
		from: []relay.State{relay.Held}, to: relay.Queued,
		where: `recipient = $1 AND chat_id = 0 AND bot IN ('', $5) AND NOT EXISTS (SELECT 1 FROM recipients WHERE id = $1 AND paused)`,
		set:   `, chat_id = $2, message_thread_id = $3, bot = $4`, args: []any{recipient, chat.ChatID, chat.MessageThreadID, chat.Bot, relay.BotAsked(chat.Bot)},
	})
	if n > 0 {
		t.queued = append(t.queued, arrival{lane{chat.Bot, chat.ChatID}, relay.Reordered})
	}
	return n, err
}

func (t *tx) bindingsOf(ctx context.Context, recipient string) ([]relay.Binding, error) {
	return list(ctx, t, scanBinding, `SELECT `+bindingColumns+` FROM bindings b WHERE b.recipient = $1 ORDER BY b.linked_at, b.bot, b.chat_id`, recipient)
}

// Unbind implements relay.Directory. What waits for the recipient in the chat is discarded, unless the chat is somebody else's too.
func (db *DB) Unbind(ctx context.Context, recipient, bot string, chatID, threadID int64) error {
	return db.write(ctx, "unbind chat", func(t *tx) error {
		ctx := context.Background()
		freed, err := t.unbind(ctx, `recipient = $1 AND bot = $2 AND chat_id = $3 AND message_thread_id = $4`, recipient, bot, chatID, threadID)
		if err != nil {
			return err
		}
		if len(freed) == 0 {
			return &relay.Error{Code: relay.CodeNotFound, Detail: fmt.Sprintf("recipient %q has no chat %d", recipient, chatID)}
		}
		err = t.run(ctx, `DELETE FROM redemptions WHERE recipient = $1 AND bot = $2 AND chat_id = $3 AND message_thread_id = $4`, recipient, bot, chatID, threadID)
		if err != nil {
			return err
		}
		n, err := t.move(ctx, change{
			from: waiting, to: relay.Discarded, set: `, finished_at = $5`, args: []any{recipient, chatID, threadID, bot, millis(t.stored(time.Now()))},
			where: `bot = $4 AND chat_id = $2 AND chat_id <> 0 AND message_thread_id = $3 AND recipient = $1
				AND NOT EXISTS (SELECT 1 FROM bindings WHERE bindings.bot = $4 AND bindings.chat_id = $2 AND bindings.message_thread_id = $3)`,
		})
		t.fewer(lane{bot, chatID}, n)
		return err
	})
}

// UnbindChat implements relay.Directory.
func (db *DB) UnbindChat(ctx context.Context, bot string, chatID, threadID int64) ([]string, error) {
	var freed []string
	err := db.write(ctx, "unbind chat", func(t *tx) (err error) {
		ctx := context.Background()
		if freed, err = t.unbind(ctx, `bot = $1 AND chat_id = $2 AND message_thread_id = $3`, bot, chatID, threadID); err != nil {
			return err
		}
		if err := t.run(ctx, `DELETE FROM redemptions WHERE bot = $1 AND chat_id = $2 AND message_thread_id = $3`, bot, chatID, threadID); err != nil {
			return err
		}
		n, err := t.move(ctx, change{
			from: waiting, to: relay.Discarded, where: `bot = $1 AND chat_id = $2 AND chat_id <> 0 AND message_thread_id = $3`,
			set: `, finished_at = $4`, args: []any{bot, chatID, threadID, millis(t.stored(time.Now()))},
		})
		t.fewer(lane{bot, chatID}, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return freed, nil
}

// Migrate implements relay.Directory. Where a recipient has both chats, the supergroup's binding stays.
func (db *DB) Migrate(ctx context.Context, bot string, from, to int64) error {
	return db.write(ctx, "migrate chat", func(t *tx) error { return t.migrate(context.Background(), bot, from, to) })
}

func (t *tx) migrate(ctx context.Context, bot string, from, to int64) error {
	if from == to {
		return nil
	}
	bound, touched := t.rows, len(t.stale)
	state, known, err := first(ctx, t, value[string], `SELECT state FROM bindings WHERE bot = $1 AND chat_id = $2 LIMIT 1`, bot, to)
	if err != nil {
		return err
	}
	for _, table := range []string{"live", "topics"} { // a supergroup numbers its messages anew
		if err := t.run(ctx, `DELETE FROM `+table+` WHERE bot = $1 AND chat_id = $2`, bot, from); err != nil {
			return err
		}
	}
	for _, table := range []string{"redemptions", "bindings"} {
		if err := t.migrateTable(ctx, table, bot, from, to); err != nil {
			return err
		}
	}
	if !known { // the bot heard of it from the supergroup, or was sent there: whatever became of the group, it is there
		state = string(relay.Active)
	}
	if err := t.setChatState(ctx, bot, to, relay.ChatState(state)); err != nil { // the same for all that is bound to it
		return err
	}
	// What is being sent stays: the supergroup's lane would send it again. Its outcome moves it if it did not arrive.
	n, err := t.move(ctx, change{from: []relay.State{relay.Queued}, to: relay.Queued, where: `bot = $3 AND chat_id = $1`, set: `, chat_id = $2, not_before = 0`, args: []any{from, to, bot}})
	if err == nil {
		err = t.run(ctx, `UPDATE deliveries SET chat_id = $2 WHERE state = 0 AND chat_id <> 0 AND chat_id = $1 AND bot = $3`, from, to, bot)
	}
	if n > 0 {
		t.queued = append(t.queued, arrival{lane{bot, to}, relay.Reordered})
	}
	t.fewer(lane{bot, from}, n)
	if err == nil {
		err = t.chatEvents(ctx, relay.RecipientMigrated, lane{bot, to}, from, t.stale[touched:])
	}
	if t.rows > bound {
		t.migrated = append(t.migrated, moved{bot, from, to})
	}
	return err
}

// migrateTable moves rows, those that are there already excepted: these go.
func (t *tx) migrateTable(ctx context.Context, table, bot string, from, to int64) error {
	same := ""
	if table == "redemptions" {
		same = ` AND twin.link = redemptions.link`
	}
	err := t.touch(ctx, `DELETE FROM `+table+` WHERE bot = $3 AND chat_id = $1 AND EXISTS (SELECT 1 FROM `+table+` AS twin WHERE twin.recipient = `+table+`.recipient
		AND twin.bot = $3 AND twin.chat_id = $2 AND twin.message_thread_id = `+table+`.message_thread_id`+same+`) RETURNING recipient`, from, to, bot)
	if err != nil {
		return err
	}
	set := ``
	if table == "bindings" {
		set = `, type = 'supergroup'`
	}
	return t.touch(ctx, `UPDATE `+table+` SET chat_id = $2`+set+` WHERE bot = $3 AND chat_id = $1 RETURNING recipient`, from, to, bot)
}
