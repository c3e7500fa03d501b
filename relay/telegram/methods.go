package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"strconv"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// GetMe asks who the bot is.
func (c *Client) GetMe(ctx context.Context) (*User, error) {
	return result[User](ctx, c, "getMe", nil)
}

// result makes a call whose result is an object.
func result[T any](ctx context.Context, c *Client, method string, params any) (*T, error) {
	var t T
	if err := c.call(ctx, method, params, &t); err != nil {
		return nil, err
	}
	return &t, nil
}

// GetUpdates are the parameters of getUpdates.
type GetUpdates struct {
	Offset         int64    `json:"offset,omitempty"`  // all updates below it are confirmed, that is, deleted
	Timeout        int      `json:"timeout,omitempty"` // seconds to wait for the first, at most 50
	AllowedUpdates []string `json:"allowed_updates,omitempty"`
}

// GetUpdates waits for updates and returns them undecoded, so that one that cannot be read does not hide the others.
func (c *Client) GetUpdates(ctx context.Context, p GetUpdates) ([]json.RawMessage, error) {
	var updates []json.RawMessage
	err := c.call(ctx, "getUpdates", p, &updates)
	return updates, err
}

// SetWebhook are the parameters of setWebhook. The secret token is sent and never printed.
type SetWebhook struct {
	URL            string
	Certificate    []byte // PEM, when self-signed
	MaxConnections int    // 1 to 100; 0 leaves it to Telegram (40)
	AllowedUpdates []string
	SecretToken    secret.Value // 1 to 256 of A-Z a-z 0-9 _ -

	DropPendingUpdates bool // else what waits is kept
}

// SetWebhook tells Telegram where to send updates.
func (c *Client) SetWebhook(ctx context.Context, p SetWebhook) error {
	kinds, err := json.Marshal(p.AllowedUpdates)
	if err != nil {
		return fmt.Errorf("encode allowed_updates: %w", err)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	writeFields(form, [][2]string{
		{"url", p.URL},
		{"allowed_updates", string(kinds)},
		{"secret_token", p.SecretToken.Reveal()},
		{"max_connections", number(p.MaxConnections)},
		{"drop_pending_updates", truth(p.DropPendingUpdates)},
	})
	if len(p.Certificate) > 0 {
		part, _ := form.CreateFormFile("certificate", "certificate.pem")
		_, _ = part.Write(p.Certificate)
	}
	_ = form.Close()
	return c.post(ctx, "setWebhook", form.FormDataContentType(), body.Bytes(), nil)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// DeleteWebhook are the parameters of deleteWebhook.
type DeleteWebhook struct {
	DropPendingUpdates bool `json:"drop_pending_updates,omitempty"` // else what waits is kept
}

// DeleteWebhook ends the webhook, so that getUpdates works.
func (c *Client) DeleteWebhook(ctx context.Context, p DeleteWebhook) error {
	return c.call(ctx, "deleteWebhook", p, nil)
}

// GetWebhookInfo asks for the webhook's state; its URL is empty if there is none.
func (c *Client) GetWebhookInfo(ctx context.Context) (*WebhookInfo, error) {
	return result[WebhookInfo](ctx, c, "getWebhookInfo", nil)
}

// SendMessage are the parameters of sendMessage.
type SendMessage struct {
	ChatID              int64           `json:"chat_id"`
	MessageThreadID     int64           `json:"message_thread_id,omitempty"`
	Text                string          `json:"text"` // 1 to markup.MaxText UTF-16 units
	Entities            []markup.Entity `json:"entities,omitempty"`
	LinkPreviewOptions  json.RawMessage `json:"link_preview_options,omitempty"`
	DisableNotification bool            `json:"disable_notification,omitempty"`
	ProtectContent      bool            `json:"protect_content,omitempty"`
	ReplyMarkup         json.RawMessage `json:"reply_markup,omitempty"`
	ReplyTo             *ReplyTo        `json:"reply_parameters,omitempty"`
}

// ReplyTo are the Bot API's ReplyParameters.
type ReplyTo struct {
	MessageID                int64 `json:"message_id"`
	AllowSendingWithoutReply bool  `json:"allow_sending_without_reply,omitempty"`
}

// SendMessage sends a message. Doing it twice shows it twice.
func (c *Client) SendMessage(ctx context.Context, p SendMessage) (*Message, error) {
	return result[Message](ctx, c, "sendMessage", p)
}

// SendFile are the parameters of sendPhoto and sendDocument, by URL or with an upload: photos of at most 10 MB, documents of at most
// 50 MB; by URL half of a photo's and 20 MB.
type SendFile struct {
	Photo               bool // sendPhoto instead of sendDocument
	ChatID              int64
	MessageThreadID     int64
	URL                 string // fetched by Telegram; empty: Content is uploaded
	Name                string // of the file
	Content             []byte
	Caption             string // at most markup.MaxCaption UTF-16 units
	CaptionEntities     []markup.Entity
	DisableNotification bool
	ProtectContent      bool
	ReplyMarkup         json.RawMessage
	ReplyTo             *ReplyTo
}

// SendFile sends a file. Doing it twice shows it twice.
func (c *Client) SendFile(ctx context.Context, p SendFile) (*Message, error) {
	method, field := "sendDocument", "document"
	if p.Photo {
		method, field = "sendPhoto", "photo"
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	writeFields(form, [][2]string{
		{"chat_id", strconv.FormatInt(p.ChatID, 10)},
		{"message_thread_id", number(int(p.MessageThreadID))},
		{"caption", p.Caption},
		{"caption_entities", list(p.CaptionEntities)},
		{"disable_notification", truth(p.DisableNotification)},
		{"protect_content", truth(p.ProtectContent)},
		{"reply_markup", string(p.ReplyMarkup)},
		{"reply_parameters", p.ReplyTo.field()},
		{field, p.URL},
	})
	if p.URL == "" {
		part, _ := form.CreateFormFile(field, p.Name)
		_, _ = part.Write(p.Content)
	}
	_ = form.Close()
	var m Message
	if err := c.post(ctx, method, form.FormDataContentType(), body.Bytes(), &m); err != nil {
		return nil, err
	}
	return &m, nil
}

// list is entities as a form takes them, nothing for none.
func list(entities []markup.Entity) string {
	if len(entities) == 0 {
		return ""
	}
	return object(entities)
}

// writeFields writes what is not empty. The form writes into memory, which takes everything.
func writeFields(form *multipart.Writer, fields [][2]string) {
	for _, field := range fields {
		if field[1] != "" {
			_ = form.WriteField(field[0], field[1])
		}
	}
}

func truth(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// EditMessageText are the parameters of editMessageText. Without ReplyMarkup the buttons go.
type EditMessageText struct {
	ChatID             int64           `json:"chat_id"`
	MessageID          int64           `json:"message_id"`
	Text               string          `json:"text"`
	Entities           []markup.Entity `json:"entities,omitempty"`
	LinkPreviewOptions json.RawMessage `json:"link_preview_options,omitempty"`
	ReplyMarkup        json.RawMessage `json:"reply_markup,omitempty"`
}

// EditMessageText changes a message of the bot's own.
func (c *Client) EditMessageText(ctx context.Context, p EditMessageText) (*Message, error) {
	return result[Message](ctx, c, "editMessageText", p)
}

// DeleteMessage are the parameters of deleteMessage.
type DeleteMessage struct {
	ChatID    int64 `json:"chat_id"`
	MessageID int64 `json:"message_id"`
}

// DeleteMessage takes a message of the bot's own away, for 48 hours after it was sent.
func (c *Client) DeleteMessage(ctx context.Context, p DeleteMessage) error {
	return c.call(ctx, "deleteMessage", p, nil)
}

// AnswerCallbackQuery are the parameters of answerCallbackQuery.
type AnswerCallbackQuery struct {
	CallbackQueryID string `json:"callback_query_id"`
	Text            string `json:"text,omitempty"` // at most 200 characters
	ShowAlert       bool   `json:"show_alert,omitempty"`
	CacheTime       int    `json:"cache_time,omitempty"` // seconds
}

// AnswerCallbackQuery ends the waiting of whoever pressed a button.
func (c *Client) AnswerCallbackQuery(ctx context.Context, p AnswerCallbackQuery) error {
	return c.call(ctx, "answerCallbackQuery", p, nil)
}

// SetMyCommands are the parameters of setMyCommands: at most 100.
type SetMyCommands struct {
	Commands     []BotCommand  `json:"commands"`
	Scope        *CommandScope `json:"scope,omitempty"`         // nil: default
	LanguageCode string        `json:"language_code,omitempty"` // ISO 639-1; empty: of all others
}

// CommandScope are the Bot API's BotCommandScope: default, all_private_chats, all_group_chats, all_chat_administrators.
type CommandScope struct {
	Type string `json:"type"`
}

// SetMyCommands sets the bot's menu.
func (c *Client) SetMyCommands(ctx context.Context, p SetMyCommands) error {
	return c.call(ctx, "setMyCommands", p, nil)
}

// GetMyCommands asks for the bot's menu in a scope.
func (c *Client) GetMyCommands(ctx context.Context, scope CommandScope) ([]BotCommand, error) {
	var commands []BotCommand
	err := c.call(ctx, "getMyCommands", map[string]any{"scope": scope}, &commands)
	return commands, err
}

// GetChatMember are the parameters of getChatMember.
type GetChatMember struct {
	ChatID int64 `json:"chat_id"`
	UserID int64 `json:"user_id"`
}

// GetChatMember asks for somebody's standing in a chat.
func (c *Client) GetChatMember(ctx context.Context, p GetChatMember) (*ChatMember, error) {
	return result[ChatMember](ctx, c, "getChatMember", p)
}

// CreateForumTopic are the parameters of createForumTopic.
type CreateForumTopic struct {
	ChatID int64  `json:"chat_id"`
	Name   string `json:"name"` // 1 to 128 characters
}

// CreateForumTopic makes a topic in a forum group. Doing it twice makes two of the same name. The bot must be an administrator who may
// manage topics.
func (c *Client) CreateForumTopic(ctx context.Context, p CreateForumTopic) (*ForumTopic, error) {
	return result[ForumTopic](ctx, c, "createForumTopic", p)
}

// ReopenForumTopic are the parameters of reopenForumTopic.
type ReopenForumTopic struct {
	ChatID          int64 `json:"chat_id"`
	MessageThreadID int64 `json:"message_thread_id"`
}

// ReopenForumTopic opens a topic that was closed; for one that is open the reason is NotModified. The bot must have made it, or be an administrator who
// may manage topics.
func (c *Client) ReopenForumTopic(ctx context.Context, p ReopenForumTopic) error {
	return c.call(ctx, "reopenForumTopic", p, nil)
}
