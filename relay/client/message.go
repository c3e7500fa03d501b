package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// MessageRequest is a message to send: a text, or a template with data.
type MessageRequest struct {
	To                  []string        `json:"to"` // recipient IDs
	Text                string          `json:"text,omitzero"`
	ParseMode           markup.Mode     `json:"parse_mode,omitzero"`
	Entities            []markup.Entity `json:"entities,omitempty"`
	Template            string          `json:"template,omitzero"`
	Data                any             `json:"data,omitempty"`
	ReplyMarkup         json.RawMessage `json:"reply_markup,omitempty"`
	DisableNotification bool            `json:"disable_notification,omitzero"`
	ProtectContent      bool            `json:"protect_content,omitzero"`
	LinkPreviewOptions  json.RawMessage `json:"link_preview_options,omitempty"`
	Priority            relay.Priority  `json:"priority,omitzero"`
	SendAt              time.Time       `json:"send_at,omitzero"`
	ExpiresIn           string          `json:"expires_in,omitzero"` // a Prometheus duration, such as 2h
}

// Accepted is a message that the server has on disk. Of its deliveries ID, Recipient, ChatID and State are told.
type Accepted struct {
	ID         relay.ID         `json:"id"`
	Deliveries []relay.Delivery `json:"deliveries"`
}

// Message is a message with its deliveries.
type Message struct {
	ID         relay.ID         `json:"id"`
	CreatedAt  time.Time        `json:"created_at"`
	Receiver   string           `json:"receiver"` // empty: it came by the API
	Text       string           `json:"text"`
	Entities   []markup.Entity  `json:"entities"`
	Deliveries []relay.Delivery `json:"deliveries"`
}

// SendMessage hands in a message.
func (c *Client) SendMessage(ctx context.Context, m MessageRequest) (*Accepted, error) {
	return fetch[Accepted](ctx, c, http.MethodPost, "/api/v1/messages", m)
}

// Message asks for a message. Error: relay.CodeNotFound.
func (c *Client) Message(ctx context.Context, id relay.ID) (*Message, error) {
	return fetch[Message](ctx, c, http.MethodGet, "/api/v1/messages/"+id.String(), nil)
}

// Deliveries asks for a page of deliveries, newest first.
func (c *Client) Deliveries(ctx context.Context, q relay.DeliveryQuery) (relay.Page[relay.Delivery], error) {
	return page[relay.Delivery](ctx, c, "/api/v1/deliveries",
		values("state", string(q.State), "recipient", q.Recipient, "after", q.After, "limit", limit(q.Limit)))
}

// Hook posts a webhook to a receiver; an empty recipient leaves the addressing to the receiver.
func (c *Client) Hook(ctx context.Context, receiver, recipient string, body []byte) ([]Accepted, error) {
	path := "/hooks/" + url.PathEscape(receiver)
	if recipient != "" {
		path += "/" + url.PathEscape(recipient)
	}
	var answer struct {
		Messages []Accepted `json:"messages"`
	}
	err := c.call(ctx, http.MethodPost, path, json.RawMessage(body), &answer)
	return answer.Messages, err
}

// limit is empty for 0: the server's own.
func limit(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
