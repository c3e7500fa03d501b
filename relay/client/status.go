package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Healthy reports whether the server lives, whatever it can do.
func (c *Client) Healthy(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/-/healthy", nil, nil)
}

// Ready reports whether the server can deliver. Error: relay.CodeNotReady, whose detail says why it cannot; it takes messages nevertheless, as long
// as its storage works.
func (c *Client) Ready(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/-/ready", nil, nil)
}

// Accepting reports whether the server takes messages, be it that it cannot deliver them now. Error: relay.CodeNotReady.
func (c *Client) Accepting(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/-/accepting", nil, nil)
}

// Reload makes the server read its configuration again, and returns the keys that have changed and take effect at its next start only. Error:
// relay.CodeConflict for a bad one, which leaves the running one in force. Scope: admin.
func (c *Client) Reload(ctx context.Context) (restartRequired []string, err error) {
	var answer struct {
		RestartRequired []string `json:"restart_required"`
	}
	err = c.call(ctx, http.MethodPost, "/-/reload", nil, &answer)
	return answer.RestartRequired, err
}

// OpenAPI asks for the server's description of its interface (OpenAPI 3.1).
func (c *Client) OpenAPI(ctx context.Context) (json.RawMessage, error) {
	var document json.RawMessage
	return document, c.call(ctx, http.MethodGet, "/api/v1/openapi.json", nil, &document)
}
