package chat

import (
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

// addedFor is how long after adding the bot to a group a person is taken for the one who opened the link: Telegram's own command
// follows at once.
const addedFor = 10 * time.Minute

// adders remembers who added the bot to a group. Whoever opens a link for a group adds the bot by it, and Telegram then writes
// /start@bot TOKEN in that person's name; anyone else who writes it has copied it, or points the messages at a group that is there already.
type adders struct {
	of *lru.Cache[int64, added]
}

type added struct {
	by int64
	at time.Time
}

func newAdders() *adders {
	of, err := lru.New[int64, added](talkers)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &adders{of}
}

func (a *adders) note(chatID, userID int64, now time.Time) { a.of.Add(chatID, added{userID, now}) }

func (a *adders) is(chatID, userID int64, now time.Time) bool {
	last, known := a.of.Get(chatID)
	return known && last.by == userID && now.Sub(last.at) < addedFor
}

// joined reports whether m says that somebody added the bot. my_chat_member says so too, but a webhook may bring it later than the command.
func (b *Bot) joined(m *telegram.Message) bool {
	return m.From != nil && slices.ContainsFunc(m.NewChatMembers, func(u telegram.User) bool {
		return u.IsBot && strings.EqualFold(u.Username, b.Username())
	})
}
