package relay

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Recipient is whom a caller wants to reach, by an ID of the caller's own choosing.
type Recipient struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	Paused    bool      `json:"paused"`
	Locale    string    `json:"locale,omitzero"`
	TimeZone  string    `json:"time_zone,omitzero"`
	// QuietHours hold in all chats that have none of their own.
	QuietHours QuietHours `json:"quiet_hours,omitzero"`
	Note       string     `json:"note,omitzero"`
	Chats      []Binding  `json:"chats"`

	// Version grows with each change of the recipient or its chats, also when it is forgotten and made again, where several relays share a storage;
	// it is 0 where one has it alone.
	Version int64 `json:"-"`
}

// RecipientChange is what an operator changes of a recipient; nil: it stays.
type RecipientChange struct {
	Paused     *bool
	Locale     *string
	TimeZone   *string
	QuietHours *QuietHours
	Note       *string
}

// SettingsChange is what is changed of a chat's settings; nil: it stays.
type SettingsChange struct {
	MutedUntil *time.Time
	QuietHours *QuietHours
	Digest     *Clock
	TimeZone   *string
	Locale     *string
}

var recipientID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$`)

// CheckRecipientID returns an *Error with CodeInvalidField if id cannot name a recipient.
func CheckRecipientID(id string) error {
	if recipientID.MatchString(id) {
		return nil
	}
	return &Error{
		Code:   CodeInvalidField,
		Detail: fmt.Sprintf("%.140q cannot name a recipient: use 1 to 128 letters, digits and . _ : @ + -, beginning with a letter or digit", id),
	}
}

// Chat is where Telegram delivers: a chat of a bot and, in a forum, a topic of it. A person who has started two bots has two chats, of one number.
type Chat struct {
	Bot             string    `json:"bot,omitzero"` // whose chat it is: its name; empty for the first
	ChatID          int64     `json:"chat_id"`      // at most 52 significant bits
	MessageThreadID int64     `json:"message_thread_id,omitzero"`
	Type            string    `json:"type"` // private, group, supergroup or channel
	Title           string    `json:"title,omitzero"`
	Username        string    `json:"username,omitzero"`
	LanguageCode    string    `json:"-"` // of the person in a private chat
	State           ChatState `json:"state"`
}

// Takes reports whether a delivery goes to this chat.
func (c *Chat) Takes(d *Delivery) bool {
	return c.Bot == d.Bot && c.ChatID == d.ChatID && c.MessageThreadID == d.MessageThreadID
}

// ChatState tells whether a chat takes messages.
type ChatState string

// The states of a chat.
const (
	Active  ChatState = "active"
	Blocked ChatState = "blocked" // the person blocked the bot, or the account is gone
	Left    ChatState = "left"    // the bot is no longer in the group or channel
)

// Binding is a recipient's chat.
type Binding struct {
	Recipient string `json:"-"`
	Chat
	LinkedAt time.Time `json:"linked_at"`
	Settings
}

// Senders keeps the tokens of people who made their own (self-service). All methods are safe for concurrent use; writes are durable when they return.
type Senders interface {
	// SetSender gives a recipient a token that may send to it; one that it had works no longer. The answer that tells it is accepted with it (nil: none); where
	// its Request was answered before, all stays as it was.
	SetSender(ctx context.Context, recipient string, token TokenHash, at time.Time, answer *Message) error
	// SenderOf returns the recipient of a token. Error: CodeNotFound.
	SenderOf(ctx context.Context, token TokenHash) (string, error)
}

// RecipientQuery asks for a page of recipients, by ID.
type RecipientQuery struct {
	Prefix string
	After  string
	Limit  int // 1 to 1000; 0 means 100
}

// Forgotten is what was deleted of a chat.
type Forgotten struct {
	Bindings   int
	Deliveries int64
}

// Directory maps recipients to chats, each of a bot. All methods are safe for concurrent use; writes are durable when they return.
type Directory interface {
	// Recipient returns a recipient with its bindings, from the cache where possible. The caller must not change it. Error: CodeUnknownRecipient.
	Recipient(ctx context.Context, id string) (*Recipient, error)
	Recipients(ctx context.Context, q RecipientQuery) (Page[Recipient], error)
	// Bind gives a recipient a chat, making the recipient if it is new; binding again refreshes. It releases what was held for the recipient at any bot, or
	// at the chat's.
	Bind(ctx context.Context, recipient string, chat Chat, at time.Time) error
	// BindAll is Bind for many, in one transaction, with their settings; LinkedAt is at where it is zero. A chat that is known keeps its state.
	BindAll(ctx context.Context, bindings []Binding, at time.Time) error
	// Unbind takes a chat from a recipient; Forget deletes the recipient with its bindings, links, waiting deliveries and messages. Error: CodeNotFound.
	Unbind(ctx context.Context, recipient, bot string, chatID, threadID int64) error
	Forget(ctx context.Context, recipient string) error
	// Bindings returns who is bound to a chat (and topic).
	Bindings(ctx context.Context, bot string, chatID, threadID int64) ([]Binding, error)
	// UnbindChat takes a chat (and topic) from everyone, ends what waits for it as discarded, and returns whom it was taken from.
	UnbindChat(ctx context.Context, bot string, chatID, threadID int64) ([]string, error)
	// ChangeRecipient changes a recipient and returns it. What was kept while it was paused is due when it is resumed. Error: CodeUnknownRecipient.
	ChangeRecipient(ctx context.Context, id string, change RecipientChange) (*Recipient, error)
	// ChangeSettings changes the settings of a chat (and topic). Other quiet hours and another digest make due what was kept for them.
	// An unknown chat is no error.
	ChangeSettings(ctx context.Context, bot string, chatID, threadID int64, change SettingsChange) error
	// Rename writes the title, username and language of a known chat; an unknown chat is no error.
	Rename(ctx context.Context, chat Chat) error
	// ForgetChat deletes everything about a chat, all its topics alike, and says what. Recipients stay. An unknown chat is no error.
	ForgetChat(ctx context.Context, bot string, chatID int64) (Forgotten, error)
	// SetChatState writes what became of a known chat, all its topics alike; an unknown chat is no error. What waits for one that takes no messages and
	// names no bot goes on by another bot of the recipient's that has the chat.
	SetChatState(ctx context.Context, bot string, chatID int64, state ChatState) error
	// Migrate moves a group's bindings and what waits for it to the supergroup that it became. What is being sent stays, and is
	// moved by its Outcome. Doing it twice does no harm.
	Migrate(ctx context.Context, bot string, from, to int64) error
	// BindingCount returns how many bindings there are by the state of their chat, and RecipientCount how many recipients.
	BindingCount(ctx context.Context) (map[ChatState]int64, error)
	RecipientCount(ctx context.Context) (int64, error)
}

// ownPrefix begins the IDs of recipients that people made for themselves; the number of their private chat follows.
const ownPrefix = "tg-"

// OwnRecipient is the recipient that the person of a private chat is for oneself.
func OwnRecipient(chatID int64) string { return ownPrefix + strconv.FormatInt(chatID, 10) }

// IsOwnRecipient reports whether a person made a recipient for oneself.
func IsOwnRecipient(id string) bool {
	number, own := strings.CutPrefix(id, ownPrefix)
	_, err := strconv.ParseInt(number, 10, 64)
	return own && err == nil
}
