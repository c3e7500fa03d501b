package store

import (
	"context"
	"fmt"

	"github.com/tgrelay/tgrelay/relay"
)

func scanTopic(row scanner) (relay.Topic, error) {
	var t relay.Topic
	err := row.Scan(&t.ChatID, &t.Name, &t.MessageThreadID, &t.Closed)
	return t, err
}

// Topic implements relay.Topics.
func (db *DB) Topic(ctx context.Context, chatID int64, name string) (*relay.Topic, error) {
	t, found, err := first(ctx, db.read, scanTopic, `SELECT chat_id, name, message_thread_id, closed FROM topics WHERE chat_id = $1 AND name = $2`, chatID, name)
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
		return t.run(context.Background(), `INSERT INTO topics (chat_id, name, message_thread_id, closed) VALUES ($1, $2, $3, $4)
			ON CONFLICT (chat_id, name) DO UPDATE SET message_thread_id = excluded.message_thread_id, closed = excluded.closed
			WHERE excluded.message_thread_id > topics.message_thread_id`,
			topic.ChatID, topic.Name, topic.MessageThreadID, topic.Closed)
	})
}

// CloseTopic implements relay.Topics.
func (db *DB) CloseTopic(ctx context.Context, chatID, threadID int64, closed bool) error {
	return db.write(ctx, "close topic", func(t *tx) error {
		return t.run(context.Background(), `UPDATE topics SET closed = $3 WHERE chat_id = $1 AND message_thread_id = $2`, chatID, threadID, closed)
	})
}

// ForgetTopic implements relay.Topics.
func (db *DB) ForgetTopic(ctx context.Context, chatID, threadID int64) error {
	return db.write(ctx, "forget topic", func(t *tx) error {
		return t.run(context.Background(), `DELETE FROM topics WHERE chat_id = $1 AND message_thread_id = $2`, chatID, threadID)
	})
}

// forgetTopics takes away the topics of chats that are a recipient's alone.
func (t *tx) forgetTopics(ctx context.Context, recipient string) error {
	return t.run(ctx, `DELETE FROM topics WHERE chat_id IN (SELECT chat_id FROM bindings WHERE recipient = $1)
		AND NOT EXISTS (SELECT 1 FROM bindings b WHERE b.chat_id = topics.chat_id AND b.recipient <> $1)`, recipient)
}
