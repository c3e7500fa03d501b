package relay

import (
	"context"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// MaxTopicName is how long the name of a forum topic may be, in UTF-16 code units (createForumTopic).
const MaxTopicName = 128

// Topic is a topic of a forum group that messages find by its name.
type Topic struct {
	Bot             string // that made it or was there: it alone knows it
	ChatID          int64
	Name            string // that messages give it, as TopicName makes it; what people call it in Telegram later does not matter
	MessageThreadID int64
	Closed          bool // people can write there no more: it is reopened for the next message
}

// Topics remembers forum topics by their names. All methods are safe for concurrent use; writes are durable when they return.
type Topics interface {
	// Topic returns the topic of a name in a chat of a bot. Error: CodeNotFound.
	Topic(ctx context.Context, bot string, chatID int64, name string) (*Topic, error)
	// SetTopic remembers a topic, instead of an older one that had its name in its chat. Of two the older has the smaller number.
	SetTopic(ctx context.Context, t Topic) error
	// CloseTopic notes that a topic was closed, or reopened. An unknown one is no error.
	CloseTopic(ctx context.Context, bot string, chatID, threadID int64, closed bool) error
	// ForgetTopic takes away a topic that is gone. An unknown one is no error.
	ForgetTopic(ctx context.Context, bot string, chatID, threadID int64) error
}

// TopicName makes of a text what can name a topic: one line of at most MaxTopicName units, cut between characters as people see them. It is
// empty where nothing could be seen.
func TopicName(text string) string {
	name := strings.Join(strings.Fields(markup.Text{Text: strings.ToValidUTF8(text, "\uFFFD")}.Normalize().Text), " ")
	room, end := MaxTopicName, 0
	for rest, state := name, -1; rest != ""; {
		var character string
		character, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if room -= (markup.Text{Text: character}).Len(); room < 0 {
			return strings.TrimSpace(name[:end])
		}
		end += len(character)
	}
	return name
}
