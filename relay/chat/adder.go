package chat

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

// addedFor is how long after adding the bot to a group a person is taken for the one who opened the link: Telegram's own command
// follows at once.
const addedFor = 10 * time.Minute

// addedBy remembers who added the bot to a group. Whoever opens a link for a group adds the bot by it, and Telegram then writes
// /start@bot TOKEN in that person's name; anyone else who writes it has copied it, or points the messages at a group that is there already.
func (b *Bot) addedBy(ctx context.Context, chatID, userID int64) error {
	return b.Notes.Note(ctx, b.adderOf(chatID), strconv.FormatInt(userID, 10), time.Now().Add(addedFor))
}

// adderOf names the note.
func (b *Bot) adderOf(chatID int64) string { return fmt.Sprintf("added %s %d", b.Bot, chatID) }

// added reports whether a person has just added the bot to a group.
func (b *Bot) added(ctx context.Context, chatID, userID int64) (bool, error) {
	by, err := b.Notes.Noted(ctx, b.adderOf(chatID), time.Now())
	return by == strconv.FormatInt(userID, 10), err
}

// joined reports whether m says that somebody added the bot. my_chat_member says so too, but a webhook may bring it later than the command.
func (b *Bot) joined(m *telegram.Message) bool {
	return m.From != nil && slices.ContainsFunc(m.NewChatMembers, func(u telegram.User) bool {
		return u.IsBot && strings.EqualFold(u.Username, b.Username())
	})
}
