package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// topicTold is how often a chat is told that a topic of it is gone.
const topicTold = 24 * time.Hour

// TopicGone tells a chat that messages for a topic of it come to its general topic now, because the topic is closed or deleted.
func (b *Bot) TopicGone(ctx context.Context, d *relay.Delivery) {
	if d.Recipient == "" || !b.topics.first([2]int64{d.ChatID, d.MessageThreadID}, time.Now()) {
		return
	}
	notice, err := b.topicNotice(ctx, d)
	if err == nil {
		notice.Content.DisableNotification = true
		notice.Request = &relay.Request{Owner: relay.OwnRequests, Key: fmt.Sprintf("topic gone %s %d %d", d.Bot, d.ChatID, d.MessageThreadID), Within: topicTold}
		err = b.Outbox.Accept(ctx, notice)
	}
	if err != nil {
		b.Log.Warn("a chat is not told that a topic of it is gone", "chat_id", d.ChatID, "error", err)
	}
}

// topicBecame follows what people, and the bot itself, do with topics: messages that name one find it by that. One that people made counts as well as
// the bot's own, and one that they closed is reopened for the next message.
func (b *Bot) topicBecame(ctx context.Context, m *telegram.Message) error {
	if m.ForumTopicCreated == nil {
		return b.Topics.CloseTopic(ctx, b.Bot, m.Chat.ID, m.MessageThreadID, m.ForumTopicClosed != nil)
	}
	name := relay.TopicName(m.ForumTopicCreated.Name)
	if name == "" || m.MessageThreadID == 0 {
		return nil
	}
	return b.Topics.SetTopic(ctx, relay.Topic{Bot: b.Bot, ChatID: m.Chat.ID, Name: name, MessageThreadID: m.MessageThreadID})
}

// topicNotice is in the language of the topic's settings or its recipient's, and goes to the general topic.
func (b *Bot) topicNotice(ctx context.Context, d *relay.Delivery) (*relay.Message, error) {
	chat := telegram.Chat{ID: d.ChatID}
	topic := b.inLocale(ctx, &telegram.Message{Chat: chat, MessageThreadID: d.MessageThreadID, IsTopicMessage: true})
	return b.compose(&telegram.Message{Chat: chat, From: topic.From}, "chat.topic_gone", d.Recipient)
}
