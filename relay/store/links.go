package store

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// CreateLink implements relay.Links. Error for an ID or a token that is there already: CodeConflict.
func (db *DB) CreateLink(ctx context.Context, l *relay.Link, token relay.TokenHash) error {
	if err := relay.CheckRecipientID(l.Recipient); err != nil {
		return err
	}
	var welcome []byte
	if l.Welcome != nil {
		var err error
		if welcome, err = json.Marshal(l.Welcome); err != nil {
			return err
		}
	}
	return db.write(ctx, "create link", func(t *tx) error {
		err := t.run(context.Background(), `INSERT INTO links (id, token, recipient, target, uses, max_uses, created_at, expires_at, revoked_at, welcome, bot)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)`,
			l.ID[:], token[:], l.Recipient, string(l.Target), l.Uses, max(l.MaxUses, 1), millis(t.stored(l.CreatedAt)), millis(t.stored(l.ExpiresAt)), string(welcome), l.Bot)
		if conflicting(err) {
			return &relay.Error{Code: relay.CodeConflict, Detail: "there is such a link already", Err: err}
		}
		return err
	})
}

const linkColumns = `id, recipient, bot, target, uses, max_uses, created_at, expires_at, revoked_at, welcome`

// scanLink gives the link its state at now, by the clock that ours makes of what is stored. more is what further columns go into.
func scanLink(now time.Time, ours func(time.Time) time.Time, more ...any) func(scanner) (relay.Link, error) {
	return func(row scanner) (relay.Link, error) {
		var l relay.Link
		var created, expires, revoked int64
		var welcome []byte
		err := row.Scan(append([]any{&l.ID, &l.Recipient, &l.Bot, &l.Target, &l.Uses, &l.MaxUses, &created, &expires, &revoked, &welcome}, more...)...)
		if err == nil && len(welcome) > 0 {
			err = json.Unmarshal(welcome, &l.Welcome)
		}
		l.CreatedAt, l.ExpiresAt = ours(moment(created)), ours(moment(expires))
		l.State = linkState(&l, revoked != 0, now)
		return l, err
	}
}

func linkState(l *relay.Link, revoked bool, now time.Time) relay.LinkState {
	switch {
	case revoked:
		return relay.LinkRevoked
	case l.Uses >= l.MaxUses:
		return relay.LinkUsed
	case !l.ExpiresAt.IsZero() && !now.Before(l.ExpiresAt):
		return relay.LinkExpired
	}
	return relay.LinkOpen
}

// Link implements relay.Links.
func (db *DB) Link(ctx context.Context, id relay.ID, now time.Time) (*relay.Link, error) {
	l, ok, err := first(ctx, db.read, scanLink(now, db.ours), `SELECT `+linkColumns+` FROM links WHERE id = $1`, id[:])
	if err == nil && !ok {
		err = notFound("link", id)
	}
	if err != nil {
		return nil, fault("read link", err)
	}
	return &l, nil
}

// LinkOf implements relay.Links.
func (db *DB) LinkOf(ctx context.Context, token relay.TokenHash, now time.Time) (*relay.Link, error) {
	l, ok, err := first(ctx, db.read, scanLink(now, db.ours), `SELECT `+linkColumns+` FROM links WHERE token = $1`, token[:])
	if err == nil && !ok {
		err = &relay.Error{Code: relay.CodeNotFound, Detail: "there is no link with this token"}
	}
	if err != nil {
		return nil, fault("read link", err)
	}
	return &l, nil
}

// Links implements relay.Links.
func (db *DB) Links(ctx context.Context, q relay.LinkQuery, now time.Time) (relay.Page[relay.Link], error) {
	var page relay.Page[relay.Link]
	limit := limited(q.Limit)
	before, err := cursor(q.After)
	if err != nil {
		return page, err
	}
	var seqs []int64
	scan := func(row scanner) (relay.Link, error) {
		seqs = append(seqs, 0)
		return scanLink(now, db.ours, &seqs[len(seqs)-1])(row)
	}
	condition, args := ofRecipient("recipient", q.Recipient, q.Prefix, []any{before, limit + 1})
	links, err := list(ctx, db.read, scan, `SELECT `+linkColumns+`, seq FROM links WHERE seq < $1`+condition+` ORDER BY seq DESC LIMIT $2`, args...)
	page.Items = links
	if len(links) > limit {
		page.Items, page.Next = links[:limit], strconv.FormatInt(seqs[limit-1], 10)
	}
	return page, fault("list links", err)
}

// Revoke implements relay.Links. A link that is not open any more stays what it is.
func (db *DB) Revoke(ctx context.Context, id relay.ID, now time.Time) error {
	return db.write(ctx, "revoke link", func(t *tx) error {
		ctx := context.Background()
		l, ok, err := first(ctx, t, scanLink(now, t.ours), `SELECT `+linkColumns+` FROM links WHERE id = $1`, id[:])
		switch {
		case err != nil:
			return err
		case !ok:
			return notFound("link", id)
		case l.State != relay.LinkOpen:
			return nil
		}
		return t.run(ctx, `UPDATE links SET revoked_at = $2 WHERE id = $1`, id[:], millis(t.stored(now)))
	})
}

// Redeem implements relay.Links.
func (db *DB) Redeem(ctx context.Context, r relay.Redemption) (*relay.Redeemed, error) {
	var redeemed relay.Redeemed
	err := db.write(ctx, "redeem link", func(t *tx) (err error) {
		redeemed, err = t.redeem(context.Background(), r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &redeemed, nil
}

func (t *tx) redeem(ctx context.Context, r relay.Redemption) (relay.Redeemed, error) {
	var out relay.Redeemed
	l, ok, err := first(ctx, t, scanLink(r.At, t.ours), `SELECT `+linkColumns+` FROM links WHERE token = $1`, r.Token[:])
	if err != nil {
		return out, err
	}
	if !ok || l.Bot != r.Chat.Bot {
		return out, linkNotOpen()
	}
	out.Link = l
	if out.Already, err = t.redeemedBefore(ctx, l, r.Chat); err != nil {
		return out, err
	}
	switch {
	case out.Already:
	case l.State != relay.LinkOpen:
		return out, linkNotOpen()
	case l.Target != r.Place:
		return out, &relay.Error{Code: relay.CodeWrongPlace, Detail: "this link is for the other kind of chat: open it in a " + string(l.Target) + " chat"}
	default:
		if err := t.countUse(ctx, &out.Link, r); err != nil {
			return out, err
		}
	}
	return out, t.connect(ctx, &out, r)
}

func linkNotOpen() error {
	return &relay.Error{Code: relay.CodeLinkNotOpen, Detail: "this link does not work, or not any more: ask for a new one"}
}

// redeemedBefore reports whether this link has bound this chat, which is bound still.
func (t *tx) redeemedBefore(ctx context.Context, l relay.Link, c relay.Chat) (bool, error) {
	_, ok, err := first(ctx, t, value[int], `SELECT 1 FROM redemptions r
		JOIN bindings b ON b.recipient = r.recipient AND b.bot = r.bot AND b.chat_id = r.chat_id AND b.message_thread_id = r.message_thread_id
		WHERE r.recipient = $1 AND r.bot = $2 AND r.chat_id = $3 AND r.message_thread_id = $4 AND r.link = $5`, l.Recipient, c.Bot, c.ChatID, c.MessageThreadID, l.ID[:])
	return ok, err
}

func (t *tx) countUse(ctx context.Context, l *relay.Link, r relay.Redemption) error {
	l.Uses++
	l.State = linkState(l, false, r.At)
	if err := t.run(ctx, `UPDATE links SET uses = uses + 1 WHERE id = $1`, l.ID[:]); err != nil {
		return err
	}
	return t.run(ctx, `INSERT INTO redemptions (recipient, bot, chat_id, message_thread_id, link) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		l.Recipient, r.Chat.Bot, r.Chat.ChatID, r.Chat.MessageThreadID, l.ID[:])
}

// connect binds, answers, and releases, in this order: what was held comes after the answer. A chat that was bound before
// is refreshed, for whoever starts a bot again has unblocked it.
func (t *tx) connect(ctx context.Context, out *relay.Redeemed, r relay.Redemption) error {
	recipient := out.Link.Recipient
	if err := t.bind(ctx, recipient, r.Chat, r.At); err != nil {
		return err
	}
	held, _, err := first(ctx, t, scanHeld, `SELECT count(*), coalesce(max(priority), 0), coalesce(min(rank), 0) FROM deliveries
		WHERE recipient = $1 AND state = 0 AND chat_id = 0 AND bot IN ('', $2)`, recipient, relay.BotAsked(r.Chat.Bot))
	if err != nil {
		return err
	}
	out.Held = held.count
	if err := t.answer(ctx, *out, r.Answer, held); err != nil {
		return err
	}
	_, err = t.release(ctx, recipient, r.Chat)
	return err
}

// held is what waits for a recipient's first chat: how much, the highest priority, the first place.
type held struct {
	count    int64
	priority relay.Priority
	rank     int64
}

func scanHeld(row scanner) (held, error) {
	var h held
	err := row.Scan(&h.count, &h.priority, &h.rank)
	return h, err
}

// answer accepts the bot's answer, and puts it before what was held.
func (t *tx) answer(ctx context.Context, out relay.Redeemed, compose func(relay.Redeemed) *relay.Message, before held) error {
	if compose == nil {
		return nil
	}
	m := compose(out)
	if m == nil {
		return nil
	}
	content, err := json.Marshal(m.Content)
	if err != nil {
		return err
	}
	if before.count > 0 && m.Priority < before.priority {
		m.Priority = before.priority
		for i := range m.Deliveries {
			m.Deliveries[i].Priority = before.priority
		}
	}
	if err := t.accept(ctx, m, content); err != nil || before.count == 0 || m.Replayed {
		return err
	}
	for _, d := range m.Deliveries {
		if err := t.run(ctx, `UPDATE deliveries SET rank = $2 WHERE id = $1`, d.ID[:], before.rank-1); err != nil {
			return err
		}
	}
	return nil
}
