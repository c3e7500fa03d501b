package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Recipient implements relay.Directory.
func (db *DB) Recipient(ctx context.Context, id string) (*relay.Recipient, error) {
	return db.cache.get(ctx, id, db.lookUp)
}

const (
	recipientColumns = `r.id, r.created_at, r.paused, r.locale, r.time_zone, r.quiet_hours, r.note, r.version`
	bindingColumns   = `b.recipient, b.bot, b.chat_id, b.message_thread_id, b.type, b.title, b.username, b.language_code, b.state, b.linked_at, b.muted_until,
		b.quiet_hours, b.digest, b.time_zone, b.locale`
)

// lookUp reads past the cache. It is short, so it is not interrupted when ctx ends: go-sqlite3 would start a goroutine to watch it.
func (db *DB) lookUp(ctx context.Context, id string) (*relay.Recipient, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found, err := readRecipients(context.WithoutCancel(ctx), db.read,
		`SELECT `+recipientColumns+`, `+bindingColumns+` FROM recipients r LEFT JOIN bindings b ON b.recipient = r.id WHERE r.id = $1`, id)
	if err != nil {
		return nil, fault("look up recipient", err)
	}
	db.oursRecipients(found)
	if len(found) == 0 {
		return nil, &relay.Error{Code: relay.CodeUnknownRecipient, Detail: fmt.Sprintf("there is no recipient %q; make a link for it with POST /api/v1/links or `tgrelay link`", id)}
	}
	return &found[0], nil
}

// readRecipients gathers recipients, whose rows follow each other, with their bindings.
func readRecipients(ctx context.Context, q querier, text string, args ...any) ([]relay.Recipient, error) {
	rows, err := q.query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []relay.Recipient
	for rows.Next() {
		r, b, err := scanRecipient(rows)
		if err != nil {
			return nil, err
		}
		if n := len(out); n == 0 || out[n-1].ID != r.ID {
			out = append(out, r)
		}
		if b != nil {
			last := &out[len(out)-1]
			last.Chats = append(last.Chats, *b)
		}
	}
	for i := range out {
		slices.SortStableFunc(out[i].Chats, func(a, b relay.Binding) int { return a.LinkedAt.Compare(b.LinkedAt) })
	}
	return out, rows.Err()
}

// scanRecipient returns no binding for a recipient without one.
func scanRecipient(row scanner) (relay.Recipient, *relay.Binding, error) {
	r := relay.Recipient{Chats: []relay.Binding{}}
	var (
		created                                            int64
		owner, bot, kind, title, username, language, state sql.NullString
		quiet, digest, zone, locale                        sql.NullString
		chat, thread, linked, muted                        sql.NullInt64
	)
	err := row.Scan(&r.ID, &created, &r.Paused, &r.Locale, &r.TimeZone, &r.QuietHours, &r.Note, &r.Version,
		&owner, &bot, &chat, &thread, &kind, &title, &username, &language, &state, &linked, &muted, &quiet, &digest, &zone, &locale)
	r.CreatedAt = moment(created)
	if err != nil || !owner.Valid {
		return r, nil, err
	}
	return r, &relay.Binding{
		Recipient: owner.String,
		Chat: relay.Chat{
			Bot: bot.String, ChatID: chat.Int64, MessageThreadID: thread.Int64, Type: kind.String, Title: title.String, Username: username.String,
			LanguageCode: language.String, State: relay.ChatState(state.String),
		},
		LinkedAt: moment(linked.Int64),
		Settings: relay.Settings{
			MutedUntil: moment(muted.Int64), QuietHours: relay.QuietHours(quiet.String), Digest: relay.Clock(digest.String),
			TimeZone: zone.String, Locale: locale.String,
		},
	}, nil
}

// Recipients implements relay.Directory. IDs sort by their bytes, and all are below the character after ~.
func (db *DB) Recipients(ctx context.Context, q relay.RecipientQuery) (relay.Page[relay.Recipient], error) {
	limit := limited(q.Limit)
	items, err := readRecipients(ctx, db.read, `SELECT `+recipientColumns+`, `+bindingColumns+`
		FROM (SELECT * FROM recipients WHERE id > $1 AND id >= $2 AND id < $3 ORDER BY id LIMIT $4) r LEFT JOIN bindings b ON b.recipient = r.id ORDER BY r.id`,
		q.After, q.Prefix, q.Prefix+"\x7f", limit+1)
	db.oursRecipients(items)
	page := relay.Page[relay.Recipient]{Items: items}
	if len(items) > limit {
		page.Items, page.Next = items[:limit], items[limit-1].ID
	}
	return page, fault("list recipients", err)
}

func scanBinding(row scanner) (relay.Binding, error) {
	var b relay.Binding
	var linked, muted int64
	err := row.Scan(&b.Recipient, &b.Bot, &b.ChatID, &b.MessageThreadID, &b.Type, &b.Title, &b.Username, &b.LanguageCode, &b.State, &linked, &muted,
		&b.QuietHours, &b.Digest, &b.TimeZone, &b.Locale)
	b.LinkedAt, b.MutedUntil = moment(linked), moment(muted)
	return b, err
}

// Bindings implements relay.Directory, the oldest first.
func (db *DB) Bindings(ctx context.Context, bot string, chatID, threadID int64) ([]relay.Binding, error) {
	bindings, err := list(ctx, db.read, scanBinding,
		`SELECT `+bindingColumns+` FROM bindings b WHERE b.bot = $1 AND b.chat_id = $2 AND b.message_thread_id = $3 ORDER BY b.linked_at, b.recipient`, bot, chatID, threadID)
	db.oursBindings(bindings)
	return bindings, fault("list bindings", err)
}

// BindingCount implements relay.Directory. The gone are few and have an index; the others are all but them.
func (db *DB) BindingCount(ctx context.Context) (map[relay.ChatState]int64, error) {
	counts, err := db.bindingCount.of(ctx, db.countBindings)
	return maps.Clone(counts), fault("count bindings", err)
}

func (db *DB) countBindings(ctx context.Context) (map[relay.ChatState]int64, error) {
	counts := map[relay.ChatState]int64{relay.Active: 0, relay.Blocked: 0, relay.Left: 0}
	_, err := list(ctx, db.read, func(row scanner) (struct{}, error) {
		var state relay.ChatState
		var n int64
		err := row.Scan(&state, &n)
		counts[state] += n
		if state != relay.Active {
			counts[relay.Active] -= n
		}
		return struct{}{}, err
	}, `SELECT state, count(*) FROM bindings WHERE state <> 'active' GROUP BY state UNION ALL SELECT 'active', count(*) FROM bindings`)
	return counts, err
}

// RecipientCount implements relay.Directory.
func (db *DB) RecipientCount(ctx context.Context) (int64, error) {
	n, err := db.recipientCount.of(ctx, func(ctx context.Context) (int64, error) {
		n, _, err := first(ctx, db.read, value[int64], `SELECT count(*) FROM recipients`)
		return n, err
	})
	return n, fault("count recipients", err)
}

// count is something that was counted. Among millions that takes seconds, and a scrape asks every few of them: what took long is believed for a while.
type count[T any] struct {
	mu    sync.Mutex
	value T
	until time.Time
}

const (
	countsLong = 100 * time.Millisecond // less is counted anew each time
	countsRest = 100                    // times as long as it took
	countsMost = time.Minute            // whoever asks and does not wait has the next one know
)

func (c *count[T]) of(ctx context.Context, again func(context.Context) (T, error)) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	began := time.Now()
	if began.Before(c.until) {
		return c.value, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countsMost)
	defer cancel()
	v, err := again(ctx)
	if took := time.Since(began); err == nil && took >= countsLong {
		c.value, c.until = v, began.Add(countsRest*took)
	}
	return v, err
}

// SetChatState implements relay.Directory.
func (db *DB) SetChatState(ctx context.Context, bot string, chatID int64, state relay.ChatState) error {
	return db.write(ctx, "set chat state", func(t *tx) error {
		ctx, past := context.Background(), lane{bot, chatID}
		if err := t.setChatState(ctx, bot, chatID, state); err != nil || state == relay.Active {
			return err
		}
		ways, err := t.detours(ctx, past)
		if err != nil {
			return err
		}
		return t.goRound(ctx, past, ways, time.Now(), relay.Queued) // what is being sent stays until its outcome is known
	})
}

func (t *tx) setChatState(ctx context.Context, bot string, chatID int64, state relay.ChatState) error {
	touched := len(t.stale)
	if err := t.touch(ctx, `UPDATE bindings SET state = $2 WHERE chat_id = $1 AND state <> $2 AND bot = $3 RETURNING recipient`, chatID, string(state), bot); err != nil {
		return err
	}
	kind := relay.RecipientBlocked
	if state == relay.Active {
		kind = relay.RecipientLinked
	}
	return t.chatEvents(ctx, kind, lane{bot, chatID}, 0, t.stale[touched:])
}

// touch runs a change of bindings that returns whose they were: the cache must let go of them.
func (t *tx) touch(ctx context.Context, text string, args ...any) error {
	ids, err := list(ctx, t, value[string], text, args...)
	t.stale = append(t.stale, ids...)
	t.rows += int64(len(ids))
	return err
}
