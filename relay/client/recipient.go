package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/tgrelay/tgrelay/relay"
)

// Recipients asks for a page of recipients with their chats, by ID.
func (c *Client) Recipients(ctx context.Context, q relay.RecipientQuery) (relay.Page[relay.Recipient], error) {
	return page[relay.Recipient](ctx, c, "/api/v1/recipients", values("prefix", q.Prefix, "after", q.After, "limit", limit(q.Limit)))
}

// Recipient asks for a recipient with its chats. Error: relay.CodeUnknownRecipient.
func (c *Client) Recipient(ctx context.Context, id string) (*relay.Recipient, error) {
	return fetch[relay.Recipient](ctx, c, http.MethodGet, "/api/v1/recipients/"+url.PathEscape(id), nil)
}
