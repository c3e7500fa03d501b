package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// LinkRequest asks for a deep link. What is not set is the server's choice.
type LinkRequest struct {
	Recipient string       `json:"recipient"`           // of the caller's own choosing: 1 to 128 letters, digits and . _ : @ + -
	Bot       string       `json:"bot,omitzero"`        // that it opens: NAME of [bots.NAME]; empty: that of [telegram]
	Target    relay.Target `json:"target,omitzero"`     // empty: a private chat
	ExpiresIn string       `json:"expires_in,omitzero"` // a Prometheus duration of 1s to 365d, such as 24h
	MaxUses   int          `json:"max_uses,omitzero"`   // how many chats it may bind, at most 100,000; 0: one
	QR        bool         `json:"qr,omitzero"`         // fills NewLink.QRSVG
	Template  string       `json:"template,omitzero"`   // of the welcome
	Data      any          `json:"data,omitzero"`       // for it
}

// NewLink is a link with what is shown only once, when it is made. Whoever has the URL or the command can use it.
type NewLink struct {
	relay.Link
	URL          string `json:"url"`
	StartCommand string `json:"start_command"` // to type where a client drops the link's payload
	PageURL      string `json:"page_url"`      // a page of the relay's with button and QR code, which turns to "connected"
	QRSVG        string `json:"qr_svg"`
}

// CreateLink makes a link. Errors: relay.CodeInvalidField with all faults by field, CodeUnknownTemplate, and CodeOverloaded while the server has not reached
// Telegram since it was set up. Scope: links.
func (c *Client) CreateLink(ctx context.Context, r LinkRequest) (*NewLink, error) {
	return fetch[NewLink](ctx, c, http.MethodPost, "/api/v1/links", r)
}

// Link asks for a link. Error: relay.CodeNotFound. Scope: links.
func (c *Client) Link(ctx context.Context, id relay.ID) (*relay.Link, error) {
	return fetch[relay.Link](ctx, c, http.MethodGet, "/api/v1/links/"+id.String(), nil)
}

// Links asks for a page of links, newest first, 1 to 1000 of them; q.Prefix is not asked for. Scope: links.
func (c *Client) Links(ctx context.Context, q relay.LinkQuery) (relay.Page[relay.Link], error) {
	return page[relay.Link](ctx, c, "/api/v1/links", values("recipient", q.Recipient, "after", q.After, "limit", limit(q.Limit)))
}

// AllLinks goes through all links of a query, page by page of q.Limit. After an error it ends.
func (c *Client) AllLinks(ctx context.Context, q relay.LinkQuery) iter.Seq2[relay.Link, error] {
	return all(q.After, func(after string) (relay.Page[relay.Link], error) {
		q.After = after
		return c.Links(ctx, q)
	})
}

// maxWait is the most that the server waits in one call.
const maxWait = 50 * time.Second

// AwaitLink waits until a link is not what is known of it any more: until it was used once more, has expired or was revoked. It waits as long as ctx
// allows, in calls of at most 50 s. Error: relay.CodeNotFound. Scope: links.
func (c *Client) AwaitLink(ctx context.Context, known relay.Link) (*relay.Link, error) {
	now, err := c.Link(ctx, known.ID) // what was so already before the first wait
	for err == nil && now.State == known.State && now.Uses == known.Uses {
		now, err = c.waitForLink(ctx, known.ID)
	}
	return now, err
}

func (c *Client) waitForLink(ctx context.Context, id relay.ID) (*relay.Link, error) {
	var link relay.Link
	path := fmt.Sprintf("/api/v1/links/%s?wait=%ds", id, maxWait/time.Second)
	if _, err := c.exchange(ctx, request{method: http.MethodGet, path: path, patience: maxWait}, &link); err != nil {
		return nil, err
	}
	return &link, nil
}

// RevokeLink ends an open link. Error: relay.CodeNotFound. Scope: links.
func (c *Client) RevokeLink(ctx context.Context, id relay.ID) error {
	return c.call(ctx, http.MethodDelete, "/api/v1/links/"+id.String(), nil, nil)
}
