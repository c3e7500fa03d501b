package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// Parameters of the methods, with the Bot API's names; what is zero is not sent. Raw JSON is passed on as it is.
type (
	// GetUpdates are the parameters of getUpdates. Timeout is in seconds, 50 at most.
	GetUpdates struct {
		Offset         int64    `json:"offset,omitempty"`
		Limit          int      `json:"limit,omitempty"` // 1 to 100; 0 means 100
		Timeout        int      `json:"timeout,omitempty"`
		AllowedUpdates []string `json:"allowed_updates,omitempty"`
	}
	// SetWebhook are the parameters of setWebhook. SecretToken is plain: it is not to be printed.
	SetWebhook struct {
		URL            string   `json:"url"`
		Certificate    *File    `json:"-"` // PEM, when self-signed
		MaxConnections int      `json:"max_connections,omitempty"`
		AllowedUpdates []string `json:"allowed_updates,omitempty"`
		DropPending    bool     `json:"drop_pending_updates,omitempty"`
		SecretToken    string   `json:"secret_token,omitempty"`
	}
	// DeleteWebhook are the parameters of deleteWebhook.
	DeleteWebhook struct {
		DropPending bool `json:"drop_pending_updates,omitempty"`
	}
	// SendMessage are the parameters of sendMessage. There is no parse_mode: what is sent is text with entities.
	SendMessage struct {
		ChatID              int64            `json:"chat_id"`
		MessageThreadID     int64            `json:"message_thread_id,omitempty"`
		Text                string           `json:"text"`
		Entities            []markup.Entity  `json:"entities,omitempty"`
		LinkPreviewOptions  json.RawMessage  `json:"link_preview_options,omitempty"`
		DisableNotification bool             `json:"disable_notification,omitempty"`
		ProtectContent      bool             `json:"protect_content,omitempty"`
		ReplyParameters     *ReplyParameters `json:"reply_parameters,omitempty"`
		ReplyMarkup         json.RawMessage  `json:"reply_markup,omitempty"`
	}
	// ReplyParameters name the message that is answered (ReplyParameters).
	ReplyParameters struct {
		MessageID                int64 `json:"message_id"`
		AllowSendingWithoutReply bool  `json:"allow_sending_without_reply,omitempty"`
	}
	// EditMessageText are the parameters of editMessageText. Without ReplyMarkup the buttons go.
	EditMessageText struct {
		ChatID             int64           `json:"chat_id"`
		MessageID          int64           `json:"message_id"`
		Text               string          `json:"text"`
		Entities           []markup.Entity `json:"entities,omitempty"`
		LinkPreviewOptions json.RawMessage `json:"link_preview_options,omitempty"`
		ReplyMarkup        json.RawMessage `json:"reply_markup,omitempty"`
	}
	// AnswerCallbackQuery are the parameters of answerCallbackQuery. Text has 200 characters at most.
	AnswerCallbackQuery struct {
		CallbackQueryID string `json:"callback_query_id"`
		Text            string `json:"text,omitempty"`
		ShowAlert       bool   `json:"show_alert,omitempty"`
		URL             string `json:"url,omitempty"`
		CacheTime       int    `json:"cache_time,omitempty"` // seconds
	}
	// SetMyCommands are the parameters of setMyCommands.
	SetMyCommands struct {
		Commands     []BotCommand    `json:"commands"`
		Scope        json.RawMessage `json:"scope,omitempty"`
		LanguageCode string          `json:"language_code,omitempty"`
	}
	// SendPhoto are the parameters of sendPhoto: Photo is an HTTP URL or a file_id, unless Upload is given (10 MB at most).
	SendPhoto struct {
		ChatID              int64           `json:"chat_id"`
		MessageThreadID     int64           `json:"message_thread_id,omitempty"`
		Photo               string          `json:"photo,omitempty"`
		Upload              *File           `json:"-"`
		Caption             string          `json:"caption,omitempty"`
		CaptionEntities     []markup.Entity `json:"caption_entities,omitempty"`
		DisableNotification bool            `json:"disable_notification,omitempty"`
		ProtectContent      bool            `json:"protect_content,omitempty"`
		ReplyMarkup         json.RawMessage `json:"reply_markup,omitempty"`
	}
	// SendDocument are the parameters of sendDocument: Document is an HTTP URL or a file_id, unless Upload is given (50 MB at most).
	SendDocument struct {
		ChatID              int64           `json:"chat_id"`
		MessageThreadID     int64           `json:"message_thread_id,omitempty"`
		Document            string          `json:"document,omitempty"`
		Upload              *File           `json:"-"`
		Caption             string          `json:"caption,omitempty"`
		CaptionEntities     []markup.Entity `json:"caption_entities,omitempty"`
		DisableNotification bool            `json:"disable_notification,omitempty"`
		ProtectContent      bool            `json:"protect_content,omitempty"`
		ReplyMarkup         json.RawMessage `json:"reply_markup,omitempty"`
	}
	// GetChatMember are the parameters of getChatMember.
	GetChatMember struct {
		ChatID int64 `json:"chat_id"`
		UserID int64 `json:"user_id"`
	}
	// File is a file to upload.
	File struct {
		Name    string
		Content []byte
	}
)

type chatOnly struct {
	ChatID int64 `json:"chat_id"`
}

// GetMe returns the bot itself.
func (c *Client) GetMe(ctx context.Context) (*User, error) { return c.getMe(ctx, callTimeout) }

func (c *Client) getMe(ctx context.Context, timeout time.Duration) (*User, error) {
	var me User
	err := c.call(ctx, request{method: "getMe", timeout: timeout, result: &me})
	if err == nil && me.ID == 0 {
		err = &Error{Method: "getMe", Reason: BadAnswer, Description: "the answer names no bot"}
	}
	if err != nil {
		return nil, err
	}
	c.me.Store(&me)
	return &me, nil
}

// Bot returns the bot itself, as getMe told last. Where it never did, it asks again and again, 1 s to 60 s apart, until ctx ends.
func (c *Client) Bot(ctx context.Context) (*User, error) {
	wait := newBackoff()
	for {
		if me := c.me.Load(); me != nil {
			return me, nil
		}
		if _, err := c.getMe(ctx, probeTimeout); err != nil && !wait.after(ctx, err) {
			return nil, err
		}
	}
}

// GetUpdates returns the updates from the offset on, and confirms those below it. Of an update only the parts that can be
// read are filled in. ctx should allow for Timeout and 10 s more.
func (c *Client) GetUpdates(ctx context.Context, p GetUpdates) ([]Update, error) {
	var raw []json.RawMessage
	err := c.call(ctx, request{method: "getUpdates", params: p, timeout: time.Duration(p.Timeout+10) * time.Second, result: &raw})
	if err != nil {
		return nil, err
	}
	updates := make([]Update, 0, len(raw))
	for _, b := range raw {
		u, err := DecodeUpdate(b)
		if err != nil {
			c.log.Warn("an update of Telegram has parts that cannot be read; they are skipped", "update_id", u.UpdateID, "error", c.redact.error(err))
		}
		if u.UpdateID != 0 {
			updates = append(updates, u)
		}
	}
	if len(raw) > 0 && len(updates) == 0 {
		return nil, &Error{Method: "getUpdates", Code: 200, Reason: BadAnswer, Description: "none of the updates has an update_id"}
	}
	return updates, nil
}

// SetWebhook makes Telegram send updates to a URL.
func (c *Client) SetWebhook(ctx context.Context, p SetWebhook) error {
	return c.call(ctx, request{method: "setWebhook", params: p, files: upload("certificate", p.Certificate)})
}

// DeleteWebhook makes Telegram keep updates for getUpdates.
func (c *Client) DeleteWebhook(ctx context.Context, p DeleteWebhook) error {
	return c.call(ctx, request{method: "deleteWebhook", params: p})
}

// GetWebhookInfo returns the webhook's state; its URL is empty if there is none.
func (c *Client) GetWebhookInfo(ctx context.Context) (*WebhookInfo, error) {
	return result[WebhookInfo](ctx, c, request{method: "getWebhookInfo"})
}

// SendMessage sends a text. When Telegram says that it did, an odd result is no error; MessageID may then be 0.
func (c *Client) SendMessage(ctx context.Context, p SendMessage) (*Message, error) {
	return result[Message](ctx, c, request{method: "sendMessage", params: p, lenient: true})
}

// EditMessageText changes a text that the bot sent. A text that stays as it was is no error; the message is nil then.
func (c *Client) EditMessageText(ctx context.Context, p EditMessageText) (*Message, error) {
	m, err := result[Message](ctx, c, request{method: "editMessageText", params: p, lenient: true})
	return m, unlessDone(err)
}

// AnswerCallbackQuery ends the spinner of a pressed button.
func (c *Client) AnswerCallbackQuery(ctx context.Context, p AnswerCallbackQuery) error {
	return c.call(ctx, request{method: "answerCallbackQuery", params: p})
}

// SetMyCommands sets the bot's menu.
func (c *Client) SetMyCommands(ctx context.Context, p SetMyCommands) error {
	return c.call(ctx, request{method: "setMyCommands", params: p})
}

// SendPhoto sends a picture.
func (c *Client) SendPhoto(ctx context.Context, p SendPhoto) (*Message, error) {
	return result[Message](ctx, c, request{method: "sendPhoto", params: p, files: upload("photo", p.Upload), timeout: uploadTimeout, lenient: true})
}

// SendDocument sends a file.
func (c *Client) SendDocument(ctx context.Context, p SendDocument) (*Message, error) {
	return result[Message](ctx, c, request{method: "sendDocument", params: p, files: upload("document", p.Upload), timeout: uploadTimeout, lenient: true})
}

// GetChat returns a chat.
func (c *Client) GetChat(ctx context.Context, chatID int64) (*Chat, error) {
	return result[Chat](ctx, c, request{method: "getChat", params: chatOnly{chatID}})
}

// GetChatMember returns somebody's standing in a chat.
func (c *Client) GetChatMember(ctx context.Context, p GetChatMember) (*ChatMember, error) {
	return result[ChatMember](ctx, c, request{method: "getChatMember", params: p})
}

// LeaveChat takes the bot out of a group or channel.
func (c *Client) LeaveChat(ctx context.Context, chatID int64) error {
	return c.call(ctx, request{method: "leaveChat", params: chatOnly{chatID}})
}

func result[T any](ctx context.Context, c *Client, r request) (*T, error) {
	v := new(T)
	r.result = v
	if err := c.call(ctx, r); err != nil {
		return nil, err
	}
	return v, nil
}

func upload(field string, f *File) []part {
	if f == nil {
		return nil
	}
	return []part{{field, *f}}
}

func unlessDone(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Reason == AlreadyDone {
		return nil
	}
	return err
}
