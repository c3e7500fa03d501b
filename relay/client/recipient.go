package client

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tgrelay/tgrelay/relay"
)

// Recipients asks for a page of recipients with their chats, by ID, 1 to 1000 of them. Scope: read.
func (c *Client) Recipients(ctx context.Context, q relay.RecipientQuery) (relay.Page[relay.Recipient], error) {
	return page[relay.Recipient](ctx, c, "/api/v1/recipients", values("prefix", q.Prefix, "after", q.After, "limit", limit(q.Limit)))
}

// AllRecipients goes through all recipients of a query, page by page of q.Limit. After an error it ends.
func (c *Client) AllRecipients(ctx context.Context, q relay.RecipientQuery) iter.Seq2[relay.Recipient, error] {
	return all(q.After, func(after string) (relay.Page[relay.Recipient], error) {
		q.After = after
		return c.Recipients(ctx, q)
	})
}

// Recipient asks for a recipient with its chats. Error: relay.CodeUnknownRecipient. Scope: read.
func (c *Client) Recipient(ctx context.Context, id string) (*relay.Recipient, error) {
	return fetch[relay.Recipient](ctx, c, http.MethodGet, recipientPath(id), nil)
}

// ChangeRecipient changes what is not nil, and returns what the recipient is then. A pointer to a zero value takes a choice back. Errors:
// relay.CodeUnknownRecipient, and CodeInvalidField with all faults by field. Scope: admin.
func (c *Client) ChangeRecipient(ctx context.Context, id string, change relay.RecipientChange) (*relay.Recipient, error) {
	return fetch[relay.Recipient](ctx, c, http.MethodPatch, recipientPath(id), recipientChange(change))
}

// recipientChange is a relay.RecipientChange as it is sent.
type recipientChange struct {
	Paused     *bool             `json:"paused,omitempty"`
	Locale     *string           `json:"locale,omitempty"`
	TimeZone   *string           `json:"time_zone,omitempty"`
	QuietHours *relay.QuietHours `json:"quiet_hours,omitempty"`
	Note       *string           `json:"note,omitempty"` // at most 1000 bytes
}

// ForgetRecipient deletes a recipient with its bindings, links, waiting deliveries and messages. Error:
// relay.CodeUnknownRecipient. Scope: admin.
func (c *Client) ForgetRecipient(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, recipientPath(id), nil, nil)
}

// BindChat binds a chat of a bot, or a topic of one, to a recipient, without a link and without asking Telegram first. Of the chat, Bot, ChatID and
// MessageThreadID count. A recipient that is new is made. Error: relay.CodeInvalidField for what can be no chat, bot or recipient. Scope: admin.
func (c *Client) BindChat(ctx context.Context, recipient string, chat relay.Chat) (*relay.Recipient, error) {
	return fetch[relay.Recipient](ctx, c, http.MethodPut, chatPath(recipient, chat), nil)
}

// UnbindChat takes a chat, or a topic of one, from a recipient. Error: relay.CodeNotFound. Scope: admin.
func (c *Client) UnbindChat(ctx context.Context, recipient string, chat relay.Chat) error {
	return c.call(ctx, http.MethodDelete, chatPath(recipient, chat), nil, nil)
}

func recipientPath(id string) string { return "/api/v1/recipients/" + url.PathEscape(id) }

func chatPath(recipient string, chat relay.Chat) string {
	path, thread := fmt.Sprintf("%s/chats/%d", recipientPath(recipient), chat.ChatID), ""
	if chat.MessageThreadID != 0 {
		thread = strconv.FormatInt(chat.MessageThreadID, 10)
	}
	if query := values("message_thread_id", thread, "bot", chat.Bot); len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// Imported is what became of an import. Lines that are not complained about are stored.
type Imported struct {
	Imported int         `json:"imported"`
	Failed   int         `json:"failed"`
	Errors   []LineFault `json:"errors"` // of the first thousand failed ones
}

// LineFault is what is wrong with a line, counted from 1.
type LineFault struct {
	Line   int    `json:"line"`
	Detail string `json:"detail"`
}

// ImportRecipients binds chats, one for each line of JSON: {"recipient": …, "chat_id": …, "message_thread_id": …}. There may be any number of lines, of at
// most 64 KiB each. Bad ones are told in the answer and stop no others; importing again does no harm. The client's time limit does not hold. Scope: admin.
func (c *Client) ImportRecipients(ctx context.Context, lines io.Reader) (*Imported, error) {
	var done Imported
	r := request{method: http.MethodPost, path: "/api/v1/recipients/import", contentType: "application/jsonl", body: lines, patience: forever}
	if _, err := c.exchange(ctx, r, &done); err != nil {
		return nil, err
	}
	return &done, nil
}

// ExportRecipients writes all bindings as lines of JSON, which ImportRecipients takes. After an error what was written is not all. The client's time
// limit does not hold. Scope: admin.
func (c *Client) ExportRecipients(ctx context.Context, into io.Writer) error {
	_, err := c.exchange(ctx, request{method: http.MethodGet, path: "/api/v1/recipients/export", patience: forever}, into)
	return err
}
