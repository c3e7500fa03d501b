package store

import (
	"context"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// detour is another bot's way to a chat of a recipient's.
type detour struct {
	recipient string
	thread    int64
	bot       string
}

func scanDetour(row scanner) (detour, error) {
	var d detour
	err := row.Scan(&d.recipient, &d.thread, &d.bot)
	return d, err
}

// detours are the ways past a bot that reaches a chat no more: for each of the chat's recipients, and each topic, the bot that would tell it a message that
// comes now (the first bot, else the one that was connected first), if there is one.
func (t *tx) detours(ctx context.Context, past lane) ([]detour, error) {
	all, err := list(ctx, t, scanDetour, `SELECT b.recipient, b.message_thread_id, b.bot FROM bindings lost JOIN bindings b
		ON b.recipient = lost.recipient AND b.chat_id = lost.chat_id AND b.message_thread_id = lost.message_thread_id
		WHERE lost.bot = $1 AND lost.chat_id = $2 AND b.bot <> $1 AND b.state = 'active' ORDER BY CASE b.bot WHEN '' THEN 0 ELSE 1 END, b.linked_at, b.bot`, past.bot, past.chat)
	var ways []detour
	for _, d := range all {
		same := func(other detour) bool { return other.recipient == d.recipient && other.thread == d.thread }
		if t.sends(d.bot) && !slices.ContainsFunc(ways, same) {
			ways = append(ways, d)
		}
	}
	return ways, err
}

// free is the condition for deliveries whose messages name no bot.
const free = `EXISTS (SELECT 1 FROM messages m WHERE m.seq = deliveries.message AND m.bot = '')`

// mayDetour reports whether a delivery that waits for a bot's chat may go one of the ways.
func (t *tx) mayDetour(ctx context.Context, id relay.ID, past lane, ways []detour) (bool, error) {
	for _, way := range ways {
		_, fits, err := first(ctx, t, value[int], `SELECT 1 FROM deliveries WHERE id = $1 AND state IN (1, 2) AND bot = $2 AND chat_id = $3 AND recipient = $4 AND message_thread_id = $5 AND `+free,
			id[:], past.bot, past.chat, way.recipient, way.thread)
		if err != nil || fits {
			return fits, err
		}
	}
	return false, nil
}

// goRound sends what waits for a bot's chat, in some states, along the ways. What is for a bot that its message names stays.
func (t *tx) goRound(ctx context.Context, past lane, ways []detour, at time.Time, from ...relay.State) error {
	for _, way := range ways {
		if err := t.goWay(ctx, past, way, at, from); err != nil {
			return err
		}
	}
	return nil
}

// goWay keeps everything's place: among what waits for the other bot's chat it stands by priority and arrival. In a group the parts that have arrived are
// there; a person's chat with another bot is another chat.
func (t *tx) goWay(ctx context.Context, past lane, way detour, at time.Time, from []relay.State) error {
	newer, err := t.newerVersions(ctx, past, way)
	if err != nil {
		return err
	}
	n, err := t.move(ctx, change{
		from: from, to: relay.Queued, where: `bot = $1 AND chat_id = $2 AND recipient = $3 AND message_thread_id = $4 AND ` + free,
		set:  `, bot = $5, not_before = 0, telegram_message_ids = CASE WHEN chat_id < 0 THEN telegram_message_ids ELSE '[]' END`,
		args: []any{past.bot, past.chat, way.recipient, way.thread, way.bot},
	})
	if err != nil || n == 0 {
		return err
	}
	t.fewer(past, n)
	t.queued = append(t.queued, arrival{lane{way.bot, past.chat}, relay.Reordered})
	for _, v := range newer {
		if err := t.outdate(ctx, past.chat, way, v, at); err != nil {
			return err
		}
	}
	// What twins of notifications have said is known to the other bot too.
	return t.run(ctx, `INSERT INTO notifications (recipient, bot, chat_id, message_thread_id, alert_group, alerts, at)
		SELECT recipient, $5, chat_id, message_thread_id, alert_group, alerts, at FROM notifications WHERE recipient = $1 AND bot = $2 AND chat_id = $3 AND message_thread_id = $4
		ON CONFLICT (recipient, bot, chat_id, message_thread_id, alert_group) DO UPDATE SET alerts = excluded.alerts, at = excluded.at WHERE excluded.at > notifications.at`,
		way.recipient, past.bot, past.chat, way.thread, way.bot)
}

// newest is the newest version of a live message at a bot.
type newest struct {
	key string
	seq int64
}

func scanNewest(row scanner) (newest, error) {
	var n newest
	err := row.Scan(&n.key, &n.seq)
	return n, err
}

// newerVersions are those that the other bot has, or has sent, of live messages, as far as they may be newer than what waits past it. For the least of plain
// numbers PostgreSQL would go over all that is kept, from the oldest on.
func (t *tx) newerVersions(ctx context.Context, past lane, way detour) ([]newest, error) {
	return list(ctx, t, scanNewest, `SELECT live_key, max(seq) FROM deliveries
		WHERE recipient = $1 AND recipient <> '' AND seq > (SELECT min(seq + 0) FROM deliveries WHERE state IN (1, 2) AND bot = $2 AND chat_id = $3 AND live_key <> '')
		AND bot = $4 AND chat_id = $3 AND message_thread_id = $5 AND live_key <> '' AND on_update = 'edit' AND +state IN (0, 1, 2, 3) GROUP BY live_key`,
		way.recipient, past.bot, past.chat, way.bot, way.thread)
}

// outdate ends versions of a live message that came to a bot after a newer one.
func (t *tx) outdate(ctx context.Context, chat int64, way detour, v newest, at time.Time) error {
	_, err := t.move(ctx, change{
		from: []relay.State{relay.Queued}, to: relay.Superseded, set: `, finished_at = $7`,
		where: `bot = $1 AND chat_id = $2 AND recipient = $3 AND message_thread_id = $4 AND live_key = $5 AND seq < $6 AND on_update = 'edit' AND telegram_message_ids = '[]' AND send_at = 0`,
		args:  []any{way.bot, chat, way.recipient, way.thread, v.key, v.seq, millis(t.stored(at))},
	})
	return err
}
