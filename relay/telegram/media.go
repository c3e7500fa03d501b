package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"regexp"
	"strconv"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// InputMedia is a photo or document of an album, or that takes another's place: by URL or with an upload, with the limits of SendFile.
type InputMedia struct {
	Photo           bool   // else a document; the two do not mix in an album
	URL             string // fetched by Telegram; empty: Content is uploaded
	Name            string // of the file
	Content         []byte
	Caption         string // at most markup.MaxCaption UTF-16 units
	CaptionEntities []markup.Entity
}

// inputMedia is InputMedia as the Bot API names it.
type inputMedia struct {
	Type            string          `json:"type"`
	Media           string          `json:"media"`
	Caption         string          `json:"caption,omitempty"`
	CaptionEntities []markup.Entity `json:"caption_entities,omitempty"`
}

// attach puts an upload into a part of the form and returns what names it.
func (m *InputMedia) attach(form *multipart.Writer, part string) inputMedia {
	wire := inputMedia{Type: "document", Media: m.URL, Caption: m.Caption, CaptionEntities: m.CaptionEntities}
	if m.Photo {
		wire.Type = "photo"
	}
	if m.URL == "" {
		wire.Media = "attach://" + part
		file, _ := form.CreateFormFile(part, m.Name) // the form writes into memory, which takes everything
		_, _ = file.Write(m.Content)
	}
	return wire
}

// SendMediaGroup are the parameters of sendMediaGroup. An album has no buttons, and counts as so many messages.
type SendMediaGroup struct {
	ChatID              int64
	MessageThreadID     int64
	Media               []InputMedia // 2 to 10; what is uploaded, at most 50 MB together
	DisableNotification bool
	ProtectContent      bool
	ReplyTo             *ReplyTo
}

// SendMediaGroup sends an album, or nothing of it: Error.Item tells which file was refused. Doing it twice shows it twice.
func (c *Client) SendMediaGroup(ctx context.Context, p SendMediaGroup) ([]Message, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	media := make([]inputMedia, len(p.Media))
	for i := range p.Media {
		media[i] = p.Media[i].attach(form, "file"+strconv.Itoa(i))
	}
	writeFields(form, [][2]string{
		{"chat_id", strconv.FormatInt(p.ChatID, 10)},
		{"message_thread_id", number(int(p.MessageThreadID))},
		{"media", object(media)},
		{"disable_notification", truth(p.DisableNotification)},
		{"protect_content", truth(p.ProtectContent)},
		{"reply_parameters", p.ReplyTo.field()},
	})
	_ = form.Close()
	var sent []Message
	err := c.post(ctx, "sendMediaGroup", form.FormDataContentType(), body.Bytes(), &sent)
	if err == nil && len(sent) == 0 {
		return nil, &Error{Method: "sendMediaGroup", Reason: BadAnswer, Err: fmt.Errorf("the answer to an album of %d has no message", len(media))}
	}
	return sent, err
}

// EditMessageMedia are the parameters of editMessageMedia. Without ReplyMarkup the buttons go.
type EditMessageMedia struct {
	ChatID      int64
	MessageID   int64
	Media       InputMedia
	ReplyMarkup json.RawMessage
}

// EditMessageMedia puts another file, with its caption, in the place of a message of the bot's own; a text becomes a file by it.
func (c *Client) EditMessageMedia(ctx context.Context, p EditMessageMedia) (*Message, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	media := p.Media.attach(form, "file")
	writeFields(form, [][2]string{
		{"chat_id", strconv.FormatInt(p.ChatID, 10)}, {"message_id", strconv.FormatInt(p.MessageID, 10)}, {"media", object(media)}, {"reply_markup", string(p.ReplyMarkup)},
	})
	_ = form.Close()
	var m Message
	if err := c.post(ctx, "editMessageMedia", form.FormDataContentType(), body.Bytes(), &m); err != nil {
		return nil, err
	}
	return &m, nil
}

// EditMessageCaption are the parameters of editMessageCaption. Without ReplyMarkup the buttons go.
type EditMessageCaption struct {
	ChatID          int64           `json:"chat_id"`
	MessageID       int64           `json:"message_id"`
	Caption         string          `json:"caption,omitempty"` // at most markup.MaxCaption UTF-16 units
	CaptionEntities []markup.Entity `json:"caption_entities,omitempty"`
	ReplyMarkup     json.RawMessage `json:"reply_markup,omitempty"`
}

// EditMessageCaption changes the caption of a file of the bot's own. The reason is NoCaption for a message that is a text.
func (c *Client) EditMessageCaption(ctx context.Context, p EditMessageCaption) (*Message, error) {
	return result[Message](ctx, c, "editMessageCaption", p)
}

// object is the JSON of what holds nothing that JSON cannot say.
func object(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// field is the reply as a form takes it, nothing for none.
func (r *ReplyTo) field() string {
	if r == nil {
		return ""
	}
	return object(r)
}

// failedItem is what the Bot API server says of an album (Client.cpp, on_message_send_failed).
var failedItem = regexp.MustCompile(`(?i)failed to send message #([0-9]{1,2}) with the error message`)

// Item is which file of an album was refused, from 1; 0 where that is not told.
func (e *Error) Item() int {
	found := failedItem.FindStringSubmatch(e.Description)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1]) // two digits at most
	return n
}
