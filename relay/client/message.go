package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// MessageRequest is a message to send: a text, a template with data, or a photo or document with a caption. What is not set is the server's choice.
type MessageRequest struct {
	To []string `json:"to"` // recipient IDs, 1 to 10,000

	// Text is plain, or markup of ParseMode, or has Entities. It may be of any length: what is longer than Telegram's 4096 UTF-16 units is
	// dealt with as the server's long_text says.
	Text      string          `json:"text,omitzero"`
	ParseMode markup.Mode     `json:"parse_mode,omitzero"`
	Entities  []markup.Entity `json:"entities,omitempty"`

	Template string `json:"template,omitzero"` // of the server's templates, instead of Text
	Data     any    `json:"data,omitempty"`    // for it

	Photo    string `json:"photo,omitzero"`    // an http or https address; the text is the caption
	Document string `json:"document,omitzero"` // likewise
	File     *File  `json:"-"`                 // to upload, instead of an address

	ReplyMarkup         json.RawMessage `json:"reply_markup,omitempty"` // inline buttons with url or callback
	LinkPreviewOptions  json.RawMessage `json:"link_preview_options,omitempty"`
	DisableNotification bool            `json:"disable_notification,omitzero"`
	ProtectContent      bool            `json:"protect_content,omitzero"`

	Key       string         `json:"key,omitzero"`       // of a live message, at most 255 bytes
	OnUpdate  relay.OnUpdate `json:"on_update,omitzero"` // with Key; relay.Edit by default
	Bot       string         `json:"bot,omitzero"`       // only chats with this one get it: NAME of [bots.NAME], or relay.FirstBot; empty: whichever
	Topic     string         `json:"topic,omitzero"`     // of a group, by its name of at most 128 characters; it is made where there is none
	Priority  relay.Priority `json:"priority,omitzero"`
	SendAt    time.Time      `json:"send_at,omitzero"`    // within a year; zero: at once
	ExpiresIn string         `json:"expires_in,omitzero"` // a Prometheus duration of at most a year, such as 2h; empty: the server's max_age

	// IdempotencyKey makes the message once, however often it is sent within 24 hours: 1 to 255 printable ASCII characters.
	IdempotencyKey string `json:"-"`
}

// File is a photo or document to upload. It has to fit into the server's max_body, with the message.
type File struct {
	Kind    relay.MediaKind
	Name    string // that people see
	Content []byte
}

// Accepted is a message that the server has on disk. Of its deliveries ID, Recipient, Bot, ChatID and State are told; there are none where a template had
// nothing to say.
type Accepted struct {
	ID         relay.ID         `json:"id"`
	Deliveries []relay.Delivery `json:"deliveries"`
	Replayed   bool             `json:"-"` // it had been sent before, with its IdempotencyKey
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

// SendMessage hands in a message. When it returns without an error, the message survives the loss of the server's power, and each of its deliveries is
// made at least once or ends as failed or expired. Errors: relay.CodeInvalidField and CodeUnknownField with all faults by field, CodeInvalidMarkup,
// CodeUnknownTemplate, CodeTemplateError, CodeRecipientNotLinked where the server has on_unlinked = "reject", CodeBodyTooLarge, and
// CodeIdempotencyMismatch for an IdempotencyKey that came with another message. Scope: send.
func (c *Client) SendMessage(ctx context.Context, m MessageRequest) (*Accepted, error) {
	r, err := m.request()
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	var accepted Accepted
	header, err := c.exchange(ctx, r, &accepted)
	if err != nil {
		return nil, err
	}
	accepted.Replayed = header.Get("Idempotent-Replayed") == "true"
	return &accepted, nil
}

// MaxBatch is how many messages one call of SendBatch takes.
const MaxBatch = 1000

// Answer is what became of one message of a batch.
type Answer struct {
	Accepted
	Err error // why it was refused, as SendMessage would say it; nil if it was not
}

// SendBatch hands in 1 to MaxBatch messages in one transaction, without files, and returns an answer for each, in order: what is refused costs the
// others nothing. A message's IdempotencyKey holds for it alone. Errors: those of the call as a whole, such as relay.CodeBodyTooLarge. Scope: send.
func (c *Client) SendBatch(ctx context.Context, messages []MessageRequest) ([]Answer, error) {
	type keyed struct {
		MessageRequest
		IdempotencyKey string `json:"idempotency_key,omitzero"`
	}
	var batch struct {
		Messages []keyed `json:"messages"`
	}
	for i, m := range messages {
		if m.File != nil {
			return nil, fmt.Errorf("message %d of the batch has a file: send it by SendMessage", i)
		}
		batch.Messages = append(batch.Messages, keyed{m, m.IdempotencyKey})
	}
	var answered struct {
		Messages []struct {
			Accepted
			problem
		} `json:"messages"`
	}
	if err := c.call(ctx, http.MethodPost, "/api/v1/messages:batch", batch, &answered); err != nil {
		return nil, err
	}
	answers := make([]Answer, len(answered.Messages))
	for i, a := range answered.Messages {
		answers[i] = Answer{Accepted: a.Accepted}
		if a.Code != "" {
			answers[i].Err = a.err()
		}
	}
	return answers, nil
}

func (m MessageRequest) request() (request, error) {
	r := request{method: http.MethodPost, path: "/api/v1/messages", header: http.Header{}, contentType: "application/json"}
	if m.IdempotencyKey != "" {
		r.header.Set("Idempotency-Key", m.IdempotencyKey)
	}
	message, err := json.Marshal(m)
	if err != nil {
		return r, err
	}
	if m.File == nil {
		r.body = bytes.NewReader(message)
		return r, nil
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	r.contentType, r.body = form.FormDataContentType(), &body
	if err := form.WriteField("message", string(message)); err != nil {
		return r, err
	}
	part, err := form.CreateFormFile(string(m.File.Kind), m.File.Name)
	if err != nil {
		return r, err
	}
	if _, err := part.Write(m.File.Content); err != nil {
		return r, err
	}
	return r, form.Close()
}

// Message asks for a message. Error: relay.CodeNotFound. Scope: read.
func (c *Client) Message(ctx context.Context, id relay.ID) (*Message, error) {
	return fetch[Message](ctx, c, http.MethodGet, "/api/v1/messages/"+id.String(), nil)
}

// Deliveries asks for a page of deliveries, newest first, 1 to 1000 of them; q.Prefix is not asked for. A page may hold fewer than that, even none,
// though there is a Next: what the token does not reach is left out, and those of a receiver or a bot are looked for in stretches. Scope: read.
func (c *Client) Deliveries(ctx context.Context, q relay.DeliveryQuery) (relay.Page[relay.Delivery], error) {
	return page[relay.Delivery](ctx, c, "/api/v1/deliveries",
		values("state", string(q.State), "recipient", q.Recipient, "receiver", q.Receiver, "bot", q.Bot, "since", moment(q.Since), "until", moment(q.Until), "after", q.After, "limit", limit(q.Limit)))
}

// moment is empty for the zero time.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// AllDeliveries goes through all deliveries of a query, page by page of q.Limit. After an error it ends.
func (c *Client) AllDeliveries(ctx context.Context, q relay.DeliveryQuery) iter.Seq2[relay.Delivery, error] {
	return all(q.After, func(after string) (relay.Page[relay.Delivery], error) {
		q.After = after
		return c.Deliveries(ctx, q)
	})
}

// RetryDelivery puts a failed or expired delivery back into the queue. Errors: relay.CodeNotFound, and CodeConflict in another state. Scope: admin.
func (c *Client) RetryDelivery(ctx context.Context, id relay.ID) (*relay.Delivery, error) {
	return fetch[relay.Delivery](ctx, c, http.MethodPost, "/api/v1/deliveries/"+id.String()+"/retry", nil)
}

// DiscardDelivery ends a failed or expired delivery. Errors: relay.CodeNotFound, and CodeConflict in another state. Scope: admin.
func (c *Client) DiscardDelivery(ctx context.Context, id relay.ID) (*relay.Delivery, error) {
	return fetch[relay.Delivery](ctx, c, http.MethodPost, "/api/v1/deliveries/"+id.String()+"/discard", nil)
}

// limit is empty for 0: the server's own, which is 100.
func limit(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
