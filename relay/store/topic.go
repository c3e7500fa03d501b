package store

import (
	"context"
	"fmt"

	"github.com/tgrelay/tgrelay/relay"
)

func scanTopic(row scanner) (relay.Topic, error) {
	var t relay.Topic
	err := row.Scan(&t.Bot, &t.ChatID, &t.Name, &t.MessageThreadID, &t.Closed)
	return t, err
}

// Topic implements relay.Topics.
func (db *DB) Topic(ctx context.Context, bot string, chatID int64, name string) (*relay.Topic, error) {
	t, found, err := first(ctx, db.read, scanTopic, `SELECT bot, chat_id, name, message_thread_id, closed FROM topics WHERE bot = $1 AND chat_id = $2 AND name = $3`,
		bot, chatID, name)
	switch {
	case err != nil:
		return nil, fault("find topic", err)
	case !found:
		return nil, &relay.Error{Code: relay.CodeNotFound, Detail: fmt.Sprintf("chat %d has no such topic", chatID)}
	}
	return &t, nil
}

// SetTopic implements relay.Topics.
func (db *DB) SetTopic(ctx context.Context, topic relay.Topic) error {
	return db.write(ctx, "set topic", func(t *tx) error {
		return t.run(context.Background(), `INSERT INTO topics (bot, chat_id, name, message_thread_id, closed) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (bot, chat_id, name) DO UPDATE SET message_thread_id = excluded.message_thread_id, closed = excluded.closed
			WHERE excluded.message_thread_id > topics.message_thread_id`,
			topic.Bot, topic.ChatID, topic.Name, topic.MessageThreadID, topic.Closed)
	})
}

// CloseTopic implements relay.Topics.
func (db *DB) CloseTopic(ctx context.Context, bot string, chatID, threadID int64, closed bool) error {
	return db.write(ctx, "close topic", func(t *tx) error {
		return t.run(context.Background(), `UPDATE topics SET closed = $4 WHERE bot = $1 AND chat_id = $2 AND message_thread_id = $3`, bot, chatID, threadID, closed)
	})
}

// ForgetTopic implements relay.Topics.
func (db *DB) ForgetTopic(ctx context.Context, bot string, chatID, threadID int64) error {
	return db.write(ctx, "forget topic", func(t *tx) error {
		return t.run(context.Background(), `DELETE FROM topics WHERE bot = $1 AND chat_id = $2 AND message_thread_id = $3`, bot, chatID, threadID)
	})
}

// forgetTopics takes away the topics of chats that are a recipient's alone.
func (t *tx) forgetTopics(ctx context.Context, recipient string) error {
	return t.run(ctx, `DELETE FROM topics WHERE (bot, chat_id) IN (SELECT bot, chat_id FROM bindings WHERE recipient = $1)
		AND NOT EXISTS (SELECT 1 FROM bindings b WHERE b.bot = topics.bot AND b.chat_id = topics.chat_id AND b.recipient <> $1)`, recipient)
}
