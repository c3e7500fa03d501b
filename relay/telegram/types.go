package telegram

import "github.com/tgrelay/tgrelay/relay/markup"

// Update is what happened, as getUpdates and the webhook tell it. Kinds that the relay does not ask for stay nil.
type Update struct {
	UpdateID      int64              `json:"update_id"`
	Message       *Message           `json:"message,omitempty"`
	ChannelPost   *Message           `json:"channel_post,omitempty"`
	CallbackQuery *CallbackQuery     `json:"callback_query,omitempty"`
	MyChatMember  *ChatMemberUpdated `json:"my_chat_member,omitempty"`
}

// AllowedUpdates are the kinds of update that the relay asks for (allowed_updates).
var AllowedUpdates = []string{"message", "channel_post", "callback_query", "my_chat_member"}

// Kind is the update's kind by the Bot API's name, "other" for one that the relay does not know.
func (u *Update) Kind() string {
	switch {
	case u.Message != nil:
		return "message"
	case u.ChannelPost != nil:
		return "channel_post"
	case u.CallbackQuery != nil:
		return "callback_query"
	case u.MyChatMember != nil:
		return "my_chat_member"
	}
	return "other"
}

// chat is where the update happened: what happens there is told in order. 0 for an update of no chat.
func (u *Update) chat() int64 {
	switch {
	case u.Message != nil:
		return u.Message.Chat.ID
	case u.ChannelPost != nil:
		return u.ChannelPost.Chat.ID
	case u.MyChatMember != nil:
		return u.MyChatMember.Chat.ID
	case u.CallbackQuery != nil && u.CallbackQuery.Message != nil:
		return u.CallbackQuery.Message.Chat.ID
	}
	return 0
}

// Message is a message in a chat: the fields that the relay reads.
type Message struct {
	MessageID         int64           `json:"message_id"`
	MessageThreadID   int64           `json:"message_thread_id,omitempty"`
	IsTopicMessage    bool            `json:"is_topic_message,omitempty"`
	From              *User           `json:"from,omitempty"`
	SenderChat        *Chat           `json:"sender_chat,omitempty"`
	Chat              Chat            `json:"chat"`
	Date              int64           `json:"date"` // Unix seconds; 0 for an inaccessible message
	Text              string          `json:"text,omitempty"`
	Entities          []markup.Entity `json:"entities,omitempty"`
	NewChatTitle      string          `json:"new_chat_title,omitempty"`
	NewChatMembers    []User          `json:"new_chat_members,omitempty"`
	MigrateToChatID   int64           `json:"migrate_to_chat_id,omitempty"`
	MigrateFromChatID int64           `json:"migrate_from_chat_id,omitempty"`

	// Service messages of a forum: MessageThreadID is the topic that was made, closed or reopened, by whomever.
	ForumTopicCreated  *ForumTopic `json:"forum_topic_created,omitempty"`
	ForumTopicClosed   *struct{}   `json:"forum_topic_closed,omitempty"`
	ForumTopicReopened *struct{}   `json:"forum_topic_reopened,omitempty"`

	Media
}

// ForumTopic is a topic of a forum group.
type ForumTopic struct {
	MessageThreadID int64  `json:"message_thread_id,omitempty"` // not in a service message, which has it itself
	Name            string `json:"name"`
}

// Media says what people send that is no text: whether it is there is all that the relay reads.
type Media struct {
	Animation Present `json:"animation,omitempty"`
	Audio     Present `json:"audio,omitempty"`
	Contact   Present `json:"contact,omitempty"`
	Document  Present `json:"document,omitempty"`
	Location  Present `json:"location,omitempty"`
	Photo     Present `json:"photo,omitempty"`
	Sticker   Present `json:"sticker,omitempty"`
	Video     Present `json:"video,omitempty"`
	VideoNote Present `json:"video_note,omitempty"`
	Voice     Present `json:"voice,omitempty"`
}

// HasMedia reports whether there is anything.
func (m Media) HasMedia() bool { return m != Media{} }

// Present is a field that is there, whatever it holds.
type Present bool

// UnmarshalJSON takes anything.
func (p *Present) UnmarshalJSON(b []byte) error {
	*p = string(b) != "null"
	return nil
}

// Chat is a private chat, group, supergroup or channel.
type Chat struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"`
	Title     string `json:"title,omitempty"`
	Username  string `json:"username,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	IsForum   bool   `json:"is_forum,omitempty"`
}

// User is a person or a bot.
type User struct {
	ID           int64  `json:"id"`
	IsBot        bool   `json:"is_bot"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name,omitempty"`
	Username     string `json:"username,omitempty"`
	LanguageCode string `json:"language_code,omitempty"`

	// Of getMe only.
	CanJoinGroups           bool `json:"can_join_groups,omitempty"`
	CanReadAllGroupMessages bool `json:"can_read_all_group_messages,omitempty"`
}

// CallbackQuery is the press of an inline button.
type CallbackQuery struct {
	ID      string   `json:"id"`
	From    User     `json:"from"`
	Message *Message `json:"message,omitempty"`
	Data    string   `json:"data,omitempty"`
}

// ChatMemberUpdated tells of the bot's own standing in a chat (my_chat_member).
type ChatMemberUpdated struct {
	Chat          Chat       `json:"chat"`
	From          User       `json:"from"`
	Date          int64      `json:"date"`
	OldChatMember ChatMember `json:"old_chat_member"`
	NewChatMember ChatMember `json:"new_chat_member"`
}

// ChatMember is somebody's standing in a chat: creator, administrator, member, restricted, left or kicked.
type ChatMember struct {
	Status   string `json:"status"`
	User     User   `json:"user"`
	IsMember bool   `json:"is_member,omitempty"` // of restricted
}

// Here reports whether somebody is in the chat, in a private one: takes messages.
func (m *ChatMember) Here() bool {
	switch m.Status {
	case "left", "kicked":
		return false
	case "restricted":
		return m.IsMember
	}
	return true
}

// BotCommand is an entry of the bot's menu (setMyCommands).
type BotCommand struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

// WebhookInfo is the webhook's state at Telegram (getWebhookInfo).
type WebhookInfo struct {
	URL                  string   `json:"url"`
	HasCustomCertificate bool     `json:"has_custom_certificate"`
	PendingUpdateCount   int      `json:"pending_update_count"`
	IPAddress            string   `json:"ip_address,omitempty"`
	LastErrorDate        int64    `json:"last_error_date,omitempty"`
	LastErrorMessage     string   `json:"last_error_message,omitempty"`
	MaxConnections       int      `json:"max_connections,omitempty"`
	AllowedUpdates       []string `json:"allowed_updates,omitempty"`
}
