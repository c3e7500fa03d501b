package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// stepChats is up to how many chats Lanes goes by leaps, which cost about as much as ten steps.
const stepChats = 2000

// leaps goes from chat to chat over the index, however much waits in each.
const leaps = `WITH RECURSIVE lane (chat_id, n) AS (
		SELECT min(chat_id), 1 FROM deliveries WHERE state IN (1, 2) AND bot = $2
		UNION ALL
		SELECT (SELECT min(chat_id) FROM deliveries WHERE state IN (1, 2) AND bot = $2 AND chat_id > lane.chat_id), n + 1 FROM lane WHERE chat_id IS NOT NULL AND n < $1
	)
	SELECT chat_id, (SELECT min(send_at) FROM deliveries WHERE state IN (1, 2) AND bot = $2 AND chat_id = lane.chat_id) FROM lane WHERE chat_id IS NOT NULL`

// steps goes over all that waits, which is cheaper where there are many chats.
const steps = `SELECT chat_id, min(send_at) FROM deliveries WHERE state IN (1, 2) AND bot = $3 AND chat_id > $1 GROUP BY chat_id HAVING min(send_at) <= $2`

// lane is what waits for a chat of a bot.
type lane struct {
	bot  string
	chat int64
}

func (l lane) compare(other lane) int {
	return cmp.Or(cmp.Compare(l.bot, other.bot), cmp.Compare(l.chat, other.chat))
}

func scanLane(row scanner) (lane, error) {
	var l lane
	err := row.Scan(&l.bot, &l.chat)
	return l, err
}

// waitingChat is a chat with the first SendAt of what waits for it, 0 for at once.
type waitingChat struct{ chat, first int64 }

func scanWaitingChat(row scanner) (waitingChat, error) {
	var w waitingChat
	err := row.Scan(&w.chat, &w.first)
	return w, err
}

// Lanes implements relay.Outbox.
func (db *DB) Lanes(ctx context.Context, bot string, now time.Time) (chats []int64, next time.Time, err error) {
	now = db.stored(now)
	lanes, err := list(ctx, db.read, scanWaitingChat, leaps, stepChats, bot)
	if err == nil && len(lanes) == stepChats {
		var more []waitingChat
		more, err = list(ctx, db.read, scanWaitingChat, steps, lanes[len(lanes)-1].chat, millis(now), bot)
		lanes = append(lanes, more...)
	}
	if err != nil {
		return nil, next, fault("list lanes", err)
	}
	chats = make([]int64, 0, len(lanes))
	for _, l := range lanes {
		if l.first <= millis(now) {
			chats = append(chats, l.chat)
		}
	}
	ms, err := list(ctx, db.read, value[int64],
		`SELECT send_at FROM deliveries WHERE state IN (1, 2) AND send_at > 0 AND bot = $2 AND send_at > $1 ORDER BY send_at LIMIT 1`, millis(now), bot)
	if len(ms) > 0 {
		next = db.ours(moment(ms[0]))
	}
	return chats, next, fault("list lanes", err)
}

// bots goes from bot to bot over the index of what waits.
const bots = `WITH RECURSIVE who (bot) AS (
		SELECT min(bot) FROM deliveries WHERE state IN (1, 2)
		UNION ALL
		SELECT (SELECT min(bot) FROM deliveries WHERE state IN (1, 2) AND bot > who.bot) FROM who WHERE bot IS NOT NULL
	)
	SELECT bot FROM who WHERE bot IS NOT NULL`

// WaitingBots are the bots by which something is to be sent, the empty name for the first.
func (db *DB) WaitingBots(ctx context.Context) ([]string, error) {
	names, err := list(ctx, db.read, value[string], bots)
	return names, fault("list bots", err)
}

// heads are the first of what was never scheduled, in the order of the index, and all of what was scheduled and is due.
const heads = `SELECT ` + deliveryColumns + `, m.content, coalesce(live.telegram_message_ids, '') FROM (
		SELECT seq FROM (SELECT seq FROM deliveries WHERE state IN (1, 2) AND bot = $4 AND chat_id = $1 AND send_at = 0 ORDER BY priority DESC, rank LIMIT $3) AS soon
		UNION ALL
		SELECT seq FROM deliveries WHERE state IN (1, 2) AND bot = $4 AND chat_id = $1 AND send_at > 0 AND send_at <= $2
	) AS head
	CROSS JOIN deliveries d CROSS JOIN messages m
	LEFT JOIN live ON d.live_key <> '' AND live.recipient = d.recipient AND live.bot = d.bot AND live.chat_id = d.chat_id
		AND live.message_thread_id = d.message_thread_id AND live.live_key = d.live_key
	WHERE d.seq = head.seq AND m.seq = d.message
	ORDER BY d.priority DESC, d.rank LIMIT $3`

// Heads implements relay.Outbox.
func (db *DB) Heads(ctx context.Context, bot string, chatID int64, now time.Time, limit int) ([]relay.Job, error) {
	jobs, err := list(ctx, db.read, scanJob, heads, chatID, millis(db.stored(now)), max(limit, 0), bot)
	db.oursAll(jobs)
	return jobs, fault("read lane", err)
}

// recent has the words of the index on what is finished.
const recent = `SELECT chat_id, sent_at, telegram_message_ids FROM deliveries WHERE state = 3 AND bot = $2 AND finished_at > 0 AND finished_at > $1 ORDER BY finished_at`

// Recent implements relay.Outbox.
func (db *DB) Recent(ctx context.Context, bot string, since time.Time) ([]relay.Arrival, error) {
	all, err := list(ctx, db.read, func(row scanner) (relay.Arrival, error) {
		var a relay.Arrival
		var at int64
		var ids []byte
		err := row.Scan(&a.ChatID, &at, &ids)
		a.At, a.Messages = db.ours(moment(at)), 1+bytes.Count(ids, []byte{','})
		return a, err
	}, recent, millis(db.stored(since)), bot)
	return all, fault("read what was sent lately", err)
}

func scanJob(row scanner) (relay.Job, error) {
	var content, live []byte
	d, err := scanDelivery(row, &content, &live)
	job := relay.Job{Delivery: d}
	if err == nil {
		err = json.Unmarshal(content, &job.Content)
	}
	if err == nil && len(live) > 0 {
		err = json.Unmarshal(live, &job.Live)
	}
	return job, err
}
