package store

import (
	"context"
	"encoding/json"

	"github.com/tgrelay/tgrelay/relay"
)

// place of a delivery in its lane.
type rank struct{ seq, rank int64 }

func scanRank(row scanner) (rank, error) {
	var r rank
	err := row.Scan(&r.seq, &r.rank)
	return r, err
}

// version is one of a live message that waits: its place in the lane, and until when it is held back.
type version struct {
	rank
	priority, notBefore, expiresAt int64
}

func scanVersion(row scanner) (version, error) {
	var v version
	err := row.Scan(&v.seq, &v.rank.rank, &v.priority, &v.notBefore, &v.expiresAt)
	return v, err
}

// supersede ends the updates of the same live message that wait, and returns the first one's place in the lane: where updates come faster
// than they can be sent, the newest still has its turn. What has begun to be sent, or is for a later hour, is let alone. One that waits
// (relay.Message.Patient) takes over until when the older one is held back.
func (t *tx) supersede(ctx context.Context, d *relay.Delivery, waits bool) (int64, error) {
	if d.Key == "" || d.OnUpdate != relay.Edit || !d.State.Waiting() || !d.SendAt.IsZero() || t.began[d.Key] {
		return d.Seq, nil
	}
	all, err := list(ctx, t, scanVersion, `SELECT seq, rank, priority, CASE state WHEN 0 THEN not_before ELSE 0 END, expires_at FROM deliveries
		WHERE live_key = $1 AND recipient = $2 AND chat_id = $3 AND message_thread_id = $4 AND bot = $5
		AND live_key <> '' AND state IN (0, 1) AND on_update = 'edit' AND telegram_message_ids = '[]' AND send_at = 0 ORDER BY rank`,
		d.Key, d.Recipient, d.ChatID, d.MessageThreadID, d.Bot)
	if err != nil || len(all) == 0 {
		return d.Seq, err
	}
	older := all[0]
	if waits && d.State == relay.Queued && older.notBefore > 0 {
		d.State, d.Priority, d.NotBefore, d.ExpiresAt = relay.Held, relay.Priority(older.priority), t.ours(moment(older.notBefore)), t.ours(moment(older.expiresAt))
	}
	// Several wait where one was being sent when the next came, and is to be sent again: none may come after this one.
	for _, v := range all {
		_, err := t.move(ctx, change{
			from: patient, to: relay.Superseded, one: true, where: `seq = $1`, set: `, finished_at = $2`, args: []any{v.seq, millis(t.stored(d.CreatedAt))},
		})
		if err != nil {
			return d.Seq, err
		}
	}
	return older.rank.rank, nil
}

// becomesLive keeps what a live message consists of after one of its deliveries was sent. Where another replica has the lane by now (lost), it may have sent
// that delivery itself, or a newer one: then what it sent is the live message.
func (t *tx) becomesLive(ctx context.Context, o relay.Outcome, moved, lost bool) error {
	if lost {
		overtaken, err := t.overtaken(ctx, o.Delivery)
		if err != nil || overtaken || !moved {
			return err
		}
	}
	return t.noteLive(ctx, o)
}

// overtaken reports whether a newer version of a delivery's live message was sent.
func (t *tx) overtaken(ctx context.Context, id relay.ID) (bool, error) {
	_, newer, err := first(ctx, t, value[int], `SELECT 1 FROM deliveries d CROSS JOIN deliveries n WHERE d.id = $1 AND d.live_key <> ''
		AND n.recipient = d.recipient AND n.recipient <> '' AND n.seq > d.seq AND n.state = 3
		AND n.bot = d.bot AND n.chat_id = d.chat_id AND n.message_thread_id = d.message_thread_id AND n.live_key = d.live_key LIMIT 1`, id[:])
	return newer, err
}

// noteLive keeps what a live message consists of. Another bot may have sent it too, and said so before: then it is that one's.
func (t *tx) noteLive(ctx context.Context, o relay.Outcome) error {
	ids, err := json.Marshal(o.Live)
	if err != nil {
		return err
	}
	return t.run(ctx, `INSERT INTO live (recipient, bot, chat_id, message_thread_id, live_key, telegram_message_ids, updated_at)
		SELECT recipient, bot, chat_id, message_thread_id, live_key, $2, $3 FROM deliveries WHERE id = $1 AND live_key <> '' AND bot = $4
		ON CONFLICT (recipient, bot, chat_id, message_thread_id, live_key) DO UPDATE SET telegram_message_ids = excluded.telegram_message_ids, updated_at = excluded.updated_at`,
		o.Delivery[:], string(ids), millis(t.stored(o.At)), o.Bot)
}
