package client

import (
	"context"
	"net/http"
	"time"
)

// Token is what a token may do; the token itself is nobody's to tell.
type Token struct {
	Name       string    `json:"name"`       // in relay.toml; empty where the server asks for no token
	Scopes     []string  `json:"scopes"`     // hooks, send, links, read, admin
	Receivers  []string  `json:"receivers"`  // none: all
	Recipients []string  `json:"recipients"` // globs; none: all
	Namespace  string    `json:"namespace,omitzero"`
	Rate       string    `json:"rate,omitzero"` // such as 60/1m; empty: any
	Sources    []string  `json:"sources"`       // CIDRs; none: anywhere
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// Token tells what the client's own token may do. Error: relay.CodeUnauthenticated for one that is not known.
func (c *Client) Token(ctx context.Context) (*Token, error) {
	return fetch[Token](ctx, c, http.MethodGet, "/api/v1/token", nil)
}

// Tokens tells of all tokens, for which the scope admin is needed.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	p, err := page[Token](ctx, c, "/api/v1/tokens", nil)
	return p.Items, err
}
