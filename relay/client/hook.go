package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// Hook posts a webhook to a receiver, as it would come from its sender; an empty recipient leaves the addressing to the receiver. Of the messages that it
// became, one without deliveries had nothing to say. Errors: relay.CodeUnknownReceiver, CodeUnknownRecipient where nobody is named,
// CodeInvalidSignature, and CodeInvalidJSON or CodeInvalidField for what its type cannot read. Scope: hooks.
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

// Heartbeat gives a sign of life of a configured heartbeat. Error: relay.CodeNotFound for one that is not configured. Scope: hooks.
func (c *Client) Heartbeat(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodPost, "/hooks/heartbeat/"+url.PathEscape(name), nil, nil)
}

// Preview is what a message or a webhook would look like.
type Preview struct {
	markup.Text
	Parts       []markup.Text   `json:"parts"`        // as they are sent
	ReplyMarkup json.RawMessage `json:"reply_markup"` // the buttons below alerts
	Warnings    []string        `json:"warnings"`     // of what would surprise
}

// HookRequest is a webhook to look at.
type HookRequest struct {
	Receiver string            `json:"receiver"`
	Payload  json.RawMessage   `json:"payload"`
	Headers  map[string]string `json:"headers,omitempty"` // where templates ask for them
	Query    map[string]string `json:"query,omitempty"`
}

// Render shows a message without sending it; its File is left out. Errors: those of SendMessage. Scope: send.
func (c *Client) Render(ctx context.Context, m MessageRequest) (*Preview, error) {
	return fetch[Preview](ctx, c, http.MethodPost, "/api/v1/render", m)
}

// RenderHook shows what a webhook would become; of several messages each is a part. Errors: those of Hook. Scope: send.
func (c *Client) RenderHook(ctx context.Context, h HookRequest) (*Preview, error) {
	return fetch[Preview](ctx, c, http.MethodPost, "/api/v1/render", h)
}
