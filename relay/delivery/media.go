package delivery

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// file is a file of a message and how far the attempts at it have come. It goes, until Telegram takes it:
//
//	URL for Telegram to fetch ─▶ fetched by us and uploaded ─┬─▶ a photo as a document ─▶ none: the text tells of the file
//	                                    an upload ───────────┘
//
// A URL that Telegram cannot reach begins as fetched. In an album there are no documents: what is no photo is left to the text, and the others go.
type file struct {
	relay.Media
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

// all are the message's files.
func (w *work) all() []*file {
	c := &w.job.Content
	if w.files != nil || c.Media == nil && len(c.Album) == 0 {
		return w.files
	}
	media := c.Album
	if len(media) == 0 {
		media = []relay.Media{*c.Media}
	} else if n := len(w.job.TelegramMessageIDs); n > 0 { // before the last restart
		w.surplus = min(n, len(media), relay.MaxAlbum) - 1
	}
	for _, m := range media[:min(len(media), relay.MaxAlbum)] {
		f := &file{Media: m, name: m.Name}
		if m.URL != "" && !telegramReaches(m.URL) {
			f.form = fetched
		}
		w.files = append(w.files, f)
	}
	return w.files
}

// shown are the files that are not left to the text.
func (w *work) shown() []*file {
	return slices.DeleteFunc(slices.Clone(w.all()), func(f *file) bool { return f.form == asText })
}

// size is how many messages the next request makes or changes: those of an album count each.
func (w *work) size() int {
	if w.underWay() {
		return 1
	}
	return max(1, len(w.shown()))
}

// captioned reports whether the first part is a caption.
func (w *work) captioned() bool { return len(w.shown()) > 0 || w.caption && !w.form.anew }

// brings reports whether the next request brings files. What only illustrates a text that is changed is in the chat already.
func (w *work) brings() bool {
	shown := w.shown()
	return len(shown) > 0 && w.part() == 0 && (w.edits() == 0 || !shown[0].Illustration)
}

// split cuts the text: with a file the first part is its caption. A file alone has an empty one.
func (w *work) split() []markup.Text {
	text := w.told()
	if !w.captioned() {
		return text.Split(markup.MaxText, markup.MaxText)
	}
	if parts := text.Split(markup.MaxCaption, markup.MaxText); len(parts) > 0 {
		return parts
	}
	return []markup.Text{{}}
}

func fitsCaption(t markup.Text) bool { return len(t.Split(markup.MaxCaption, markup.MaxText)) == 1 }

// told is the text, with where the files are that could not be brought.
func (w *work) told() markup.Text {
	text := w.job.Content.Text
	for _, f := range w.all() {
		if f.form != asText || f.URL != "" && says(text, f.URL) {
			continue
		}
		note := f.URL
		if note == "" {
			note = "(Telegram took no " + string(f.Kind) + " " + f.Name + ")"
		}
		if text.Text != "" {
			note = "\n" + note
		}
		text = markup.Text{Text: text.Text + note, Entities: text.Entities}
	}
	return text
}

// says reports whether a text shows an address already.
func says(t markup.Text, address string) bool {
	return strings.Contains(t.Text, address) || slices.ContainsFunc(t.Entities, func(e markup.Entity) bool { return e.URL == address })
}

// bring is the first request of a message with files: p is its text, id the message that it changes.
func (s *sender) bring(ctx context.Context, w *work, p telegram.SendMessage, id int64) ([]int64, error) {
	files := w.shown()
	if len(files) > 1 {
		return s.album(ctx, files, p)
	}
	m := files[0].input(p)
	if id != 0 {
		return one(s.client.EditMessageMedia(ctx, telegram.EditMessageMedia{ChatID: p.ChatID, MessageID: id, Media: m, ReplyMarkup: p.ReplyMarkup}))
	}
	return one(s.client.SendFile(ctx, telegram.SendFile{
		Photo: m.Photo, ChatID: p.ChatID, MessageThreadID: p.MessageThreadID, URL: m.URL, Name: m.Name, Content: m.Content, Caption: m.Caption, CaptionEntities: m.CaptionEntities,
		DisableNotification: p.DisableNotification, ProtectContent: p.ProtectContent, ReplyMarkup: p.ReplyMarkup, ReplyTo: p.ReplyTo,
	}))
}

// album sends several at once.
func (s *sender) album(ctx context.Context, files []*file, p telegram.SendMessage) ([]int64, error) {
	group := telegram.SendMediaGroup{
		ChatID: p.ChatID, MessageThreadID: p.MessageThreadID, DisableNotification: p.DisableNotification, ProtectContent: p.ProtectContent, ReplyTo: p.ReplyTo,
	}
	for _, f := range files {
		group.Media = append(group.Media, f.input(p))
		p.Text, p.Entities = "", nil // the first has the caption
	}
	sent, err := s.client.SendMediaGroup(ctx, group)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(sent))
	for i := range sent {
		ids[i] = sent[i].MessageID
	}
	return ids, nil
}

// input is the file with p's text as its caption.
func (f *file) input(p telegram.SendMessage) telegram.InputMedia {
	m := telegram.InputMedia{Photo: f.Kind == relay.Photo && f.form != asDocument, Caption: p.Text, CaptionEntities: p.Entities}
	if f.uploads() {
		m.Name, m.Content = f.name, f.content
	} else {
		m.URL = f.URL
	}
	return m
}

// uploads reports whether Telegram gets the file from us.
func (f *file) uploads() bool { return f.URL == "" || f.form != asGiven }

// gather brings what is to be uploaded. A file that cannot be had is left to the text, and costs the others nothing.
func (s *sender) gather(ctx context.Context, w *work) error {
	var group sync.WaitGroup
	files := w.shown()
	errs := make([]error, len(files))
	for i, f := range files {
		if f.uploads() && f.content == nil {
			group.Go(func() { errs[i] = s.load(ctx, w, f, len(files) > 1) })
		}
	}
	group.Wait()
	for i, err := range errs {
		if err == nil {
			continue
		}
		if files[i].URL == "" && relay.ErrorCode(err) != relay.CodeNotFound { // the storage fails: another try will do
			return &telegram.Error{Method: "sendDocument", Reason: telegram.NotSent, Err: err}
		}
		s.log.Warn("a message's file cannot be had; its text tells of it", "delivery", w.job.ID, "file", files[i].Kind, "error", hideURL(err))
		files[i].form, w.parts = asText, nil
	}
	if w.parts == nil {
		w.parts = w.split()
	}
	return nil
}

// degrade goes to the next form after Telegram took a file in none so far.
func (s *sender) degrade(w *work, why *telegram.Error) {
	files := w.shown()
	for _, f := range blamed(files, why) {
		f.form = f.after(why.Reason, len(files) == 1)
		s.log.Warn("Telegram did not take a message's file", "delivery", w.job.ID, "file", f.Kind, "next", f.form, "error", why)
		if f.form == asText {
			f.content = nil
		}
	}
	w.parts = nil
	w.job.Reason, w.job.LastError = string(why.Reason), lastError(why)
}

// blamed are the files for which a request may have been refused: the one that Telegram names, else those that it was to fetch, else all.
func blamed(files []*file, why *telegram.Error) []*file {
	if n := why.Item(); 1 <= n && n <= len(files) {
		return files[n-1 : n]
	}
	given := slices.DeleteFunc(slices.Clone(files), (*file).uploads)
	if len(given) == 0 || why.Reason == telegram.NoRights {
		return files
	}
	return given
}

// after is the form that is tried next. alone says that there is no other file beside it.
func (f *file) after(why telegram.Reason, alone bool) mediaForm {
	switch {
	case why == telegram.NoRights: // to send photos, perhaps: a text may be allowed
	case !f.uploads():
		return fetched
	case alone && f.form < asDocument && f.Kind == relay.Photo && why != telegram.Refused:
		return asDocument
	}
	return asText
}

func (f mediaForm) String() string {
	return [...]string{"as given", "fetched and uploaded", "as a document", "as text"}[f]
}

const (
	fetchTime   = 30 * time.Second
	glimpse     = 5 * time.Second // for what only illustrates a text, which waits for it
	maxPhoto    = 10 << 20        // sendPhoto's limit for uploads
	maxDocument = 50 << 20        // sendDocument's, and a request's
)

// load brings an upload from the outbox, and what has an address from there. After a restart it does so again.
func (s *sender) load(ctx context.Context, w *work, f *file, album bool) (err error) {
	if f.URL == "" {
		f.content, err = s.files(ctx, w.job.MessageID)
		return err
	}
	limit, within := int64(maxDocument), fetchTime
	switch {
	case album:
		limit = maxDocument / relay.MaxAlbum
	case f.Kind == relay.Photo:
		limit = maxPhoto
	}
	if f.Illustration {
		within = glimpse
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	f.content, err = s.fetcher.get(ctx, f.URL, limit, f.Kind == relay.Photo)
	f.name = nameOf(f.URL)
	return err
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
