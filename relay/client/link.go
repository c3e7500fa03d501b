package client

import (
	"context"
	"net/http"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// LinkRequest asks for a deep link. What is not set is the server's choice.
type LinkRequest struct {
	Recipient string       `json:"recipient"`
	Target    relay.Target `json:"target,omitzero"`
	ExpiresIn string       `json:"expires_in,omitzero"` // a Prometheus duration, such as 24h
	MaxUses   int          `json:"max_uses,omitzero"`
	QR        bool         `json:"qr,omitzero"`       // fills NewLink.QRSVG
	Template  string       `json:"template,omitzero"` // of the welcome
	Data      any          `json:"data,omitzero"`     // for it
}

// NewLink is a link with what is shown only once, when it is made. Whoever has the URL or the command can use it.
type NewLink struct {
	relay.Link
	URL          string `json:"url"`
	StartCommand string `json:"start_command"` // to type where a client drops the link's payload
	PageURL      string `json:"page_url"`      // a page of the relay's with button and QR code, which turns to "connected"
	QRSVG        string `json:"qr_svg"`
}

// CreateLink makes a link.
func (c *Client) CreateLink(ctx context.Context, r LinkRequest) (*NewLink, error) {
	return fetch[NewLink](ctx, c, http.MethodPost, "/api/v1/links", r)
}

// Link asks for a link. Error: relay.CodeNotFound.
func (c *Client) Link(ctx context.Context, id relay.ID) (*relay.Link, error) {
	return fetch[relay.Link](ctx, c, http.MethodGet, "/api/v1/links/"+id.String(), nil)
}

// Links asks for a page of links, newest first.
func (c *Client) Links(ctx context.Context, q relay.LinkQuery) (relay.Page[relay.Link], error) {
	return page[relay.Link](ctx, c, "/api/v1/links", values("recipient", q.Recipient, "after", q.After, "limit", limit(q.Limit)))
}

// AwaitLink asks for a link as soon as it is not open or was used once more, at the latest after wait (at most 50 s).
func (c *Client) AwaitLink(ctx context.Context, id relay.ID, wait time.Duration) (*relay.Link, error) {
	return fetch[relay.Link](ctx, c, http.MethodGet, "/api/v1/links/"+id.String()+"?wait="+wait.String(), nil)
}

// RevokeLink ends an open link. Error: relay.CodeNotFound.
func (c *Client) RevokeLink(ctx context.Context, id relay.ID) error {
	return c.call(ctx, http.MethodDelete, "/api/v1/links/"+id.String(), nil, nil)
}
