package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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

// ImportRecipients binds chats, one for each line of JSON: {"recipient": …, "chat_id": …, "message_thread_id": …}.
func (c *Client) ImportRecipients(ctx context.Context, lines io.Reader) (*Imported, error) {
	var out Imported
	err := c.exchange(ctx, http.MethodPost, "/api/v1/recipients/import", "application/jsonl", lines, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&out)
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// ExportRecipients writes all bindings as lines of JSON, which ImportRecipients takes. After an error what was written is not all.
func (c *Client) ExportRecipients(ctx context.Context, into io.Writer) error {
	return c.exchange(ctx, http.MethodGet, "/api/v1/recipients/export", "", nil, func(r io.Reader) error {
		_, err := io.Copy(into, r)
		return err
	})
}

// exchange makes a request whose body and answer may be long, so that the client's time limit does not hold.
func (c *Client) exchange(ctx context.Context, method, path, contentType string, body io.Reader, read func(io.Reader) error) error {
	patient := *c.http
	patient.Timeout = 0
	resp, err := c.do(ctx, &patient, method, path, contentType, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return c.refused(resp)
	}
	if err := read(resp.Body); err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.shown, err)
	}
	return nil
}
