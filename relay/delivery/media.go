package delivery

import (
	"context"
	"errors"
	"path"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// media is how far the attempts at a message's file have come. It goes, until Telegram takes it:
//
//	URL for Telegram to fetch ─▶ fetched by us and uploaded ─┬─▶ a photo as a document ─▶ none: the text tells of the file
//	                                    an upload ───────────┘
type media struct {
	form    mediaForm
	name    string
	content []byte // of an upload, or fetched
}

type mediaForm int

const (
	asGiven mediaForm = iota
	fetched
	asDocument
	asText
)

// mediaMayBeWhy are the reasons for which a message is tried without its file, or with the file in another form.
var mediaMayBeWhy = map[telegram.Reason]bool{
	telegram.BadMedia: true, telegram.TooLarge: true, telegram.NoRights: true, telegram.Refused: true,
}

// withMedia reports whether the next request brings the file.
func (w *work) withMedia() bool {
	return w.job.Content.Media != nil && w.media.form != asText && len(w.job.TelegramMessageIDs) == 0
}

// split cuts the text: with a file the first part is its caption. A file alone has an empty one.
func (w *work) split() []markup.Text {
	text := w.job.Content.Text
	m := w.job.Content.Media
	if m == nil {
		return text.Split(markup.MaxText, markup.MaxText)
	}
	if w.media.form == asText {
		return tell(text, m).Split(markup.MaxText, markup.MaxText)
	}
	if parts := text.Split(markup.MaxCaption, markup.MaxText); len(parts) > 0 {
		return parts
	}
	return []markup.Text{{}}
}

// tell adds to a text where the file is that could not be brought.
func tell(text markup.Text, m *relay.Media) markup.Text {
	note := m.URL
	if note == "" {
		note = "(Telegram took no " + string(m.Kind) + " " + m.Name + ")"
	}
	if text.Text != "" {
		note = "\n" + note
	}
	return markup.Text{Text: text.Text + note, Entities: text.Entities}
}

// file is the first request of a message with a file.
func (s *sender) file(ctx context.Context, w *work) (telegram.SendFile, error) {
	m, c := w.job.Content.Media, w.request()
	p := telegram.SendFile{
		Photo: m.Kind == relay.Photo && w.media.form != asDocument, ChatID: c.ChatID, MessageThreadID: c.MessageThreadID, Caption: c.Text, CaptionEntities: c.Entities,
		DisableNotification: c.DisableNotification, ProtectContent: c.ProtectContent, ReplyMarkup: c.ReplyMarkup, ReplyTo: c.ReplyTo,
	}
	if m.URL != "" && w.media.form == asGiven {
		p.URL = m.URL
		return p, nil
	}
	if w.media.content == nil {
		if err := s.load(ctx, w); err != nil {
			return p, err
		}
	}
	p.Name, p.Content = w.media.name, w.media.content
	return p, nil
}

// load brings an upload from the outbox. After a restart a fetched file is fetched again.
func (s *sender) load(ctx context.Context, w *work) error {
	m := w.job.Content.Media
	content, err := s.files(ctx, w.job.MessageID)
	switch {
	case relay.ErrorCode(err) == relay.CodeNotFound:
		return &telegram.Error{Method: "sendDocument", Reason: telegram.BadMedia, Description: "the uploaded file is not there any more"}
	case err != nil: // try again when the storage works
		return &telegram.Error{Method: "sendDocument", Reason: telegram.NotSent, Err: err}
	}
	w.media.name, w.media.content = m.Name, content
	return nil
}

// degrade goes to the next form after Telegram took the file in none so far.
func (s *sender) degrade(ctx context.Context, w *work, why *telegram.Error) {
	m := w.job.Content.Media
	next := asText
	switch {
	case why.Reason == telegram.NoRights: // to send photos, perhaps: a text may be allowed
	case w.media.form == asGiven && m.URL != "":
		if s.fetch(ctx, w) {
			next = fetched
		}
	case w.media.form < asDocument && m.Kind == relay.Photo && why.Reason != telegram.Refused:
		next = asDocument
	}
	s.log.Warn("Telegram did not take a message's file", "delivery", w.job.ID, "file", m.Kind, "next", next, "error", why)
	w.media.form = next
	w.job.Reason, w.job.LastError = string(why.Reason), lastError(why)
	if next == asText {
		w.parts, w.media.content = nil, nil
	}
}

func (f mediaForm) String() string {
	return [...]string{"as given", "fetched and uploaded", "as a document", "as text"}[f]
}

const (
	fetchTime   = 30 * time.Second
	maxPhoto    = 10 << 20 // sendPhoto's limit for uploads
	maxDocument = 50 << 20 // sendDocument's
)

// fetch brings the file of an URL that Telegram could not fetch.
func (s *sender) fetch(ctx context.Context, w *work) bool {
	m := w.job.Content.Media
	limit := int64(maxDocument)
	if m.Kind == relay.Photo {
		limit = maxPhoto
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	content, err := s.fetcher.get(ctx, m.URL, limit)
	if err != nil {
		s.log.Warn("the file of a message cannot be fetched either", "delivery", w.job.ID, "error", hideURL(err))
		return false
	}
	w.media.content, w.media.name = content, nameOf(m.URL)
	return true
}

// hideURL leaves out the address, which may hold a secret.
func hideURL(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// nameOf is what a file is called by its address.
func nameOf(address string) string {
	name := path.Base(pathOf(address))
	if name == "." || name == "/" {
		return "file"
	}
	return name
}
