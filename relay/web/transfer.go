package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

const (
	importLine   = 64 << 10         // bytes of a line
	importBatch  = 1000             // lines that share a transaction
	importFaults = 1000             // lines that are complained about by number
	importTime   = 30 * time.Minute // for the body of an import to arrive
)

// line is a binding as it is exported. Of what is imported only the first two fields are needed.
type line struct {
	Recipient string `json:"recipient"`
	relay.Binding
	OfRecipient *recipientSettings `json:"recipient_settings,omitempty"` // nil: none
}

// recipientSettings are a recipient's own, the same in all its lines.
type recipientSettings struct {
	Paused     bool             `json:"paused,omitzero"`
	Locale     string           `json:"locale,omitzero"`
	TimeZone   string           `json:"time_zone,omitzero"`
	QuietHours relay.QuietHours `json:"quiet_hours,omitzero"`
	Note       string           `json:"note,omitzero"`
}

func settingsOf(r *relay.Recipient) *recipientSettings {
	s := recipientSettings{r.Paused, r.Locale, r.TimeZone, r.QuietHours, r.Note}
	if s == (recipientSettings{}) {
		return nil
	}
	return &s
}

// exportRecipients writes a line of JSON for each binding, and for recipients without a chat none.
func (s *Server) exportRecipients(w http.ResponseWriter, r *http.Request, caller *Token) error {
	q := relay.RecipientQuery{Prefix: caller.prefix(), Limit: 1000}
	for first := true; first || q.After != ""; first = false {
		page, err := s.Directory.Recipients(r.Context(), q)
		if err != nil && first {
			return err
		}
		if err != nil {
			panic(http.ErrAbortHandler) // half a list must not look whole
		}
		if first {
			w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // each page anew; where it cannot be set there is none
		if err := exportPage(w, page.Items, caller); err != nil {
			return nil //nolint:nilerr // a reader who has gone away is nobody to tell
		}
		q.After = page.Next
	}
	return nil
}

func exportPage(w io.Writer, recipients []relay.Recipient, caller *Token) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, recipient := range recipients {
		if !caller.recipient(recipient.ID) {
			continue
		}
		for _, binding := range recipient.Chats {
			if err := enc.Encode(line{caller.own(recipient.ID), binding, settingsOf(&recipient)}); err != nil {
				return err
			}
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// imported is what became of an import. Lines that are not complained about are stored.
type imported struct {
	Imported int         `json:"imported"`
	Failed   int         `json:"failed"`
	Errors   []lineFault `json:"errors"` // of the first failed ones
}

type lineFault struct {
	Line   int    `json:"line"` // from 1
	Detail string `json:"detail"`
}

// importRecipients binds chats, one for each line of JSON. A bad line stops no other.
func (s *Server) importRecipients(w http.ResponseWriter, r *http.Request, caller *Token) error {
	// It may be large and is read while it is stored, so that the limits for other bodies do not hold.
	conn := http.NewResponseController(w)
	if err := errors.Join(conn.SetReadDeadline(time.Now().Add(importTime)), conn.SetWriteDeadline(time.Now().Add(importTime+writeTimeout))); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	i := importer{directory: s.Directory, caller: caller, checkBot: termsOf(r).door.Rules().CheckBot, changes: map[string]relay.RecipientChange{}, out: imported{Errors: []lineFault{}}}
	body, err := unpacked(w, r, r.Body, noLimit)
	if err != nil {
		return s.unfit(w, r, err)
	}
	defer body.Close()
	if err := i.read(r.Context(), body); err != nil {
		return err
	}
	return answer(w, http.StatusOK, i.out)
}

type importer struct {
	directory relay.Directory
	caller    *Token
	checkBot  func(name string) error
	batch     []relay.Binding
	changes   map[string]relay.RecipientChange // of the batch's recipients
	out       imported
}

func (i *importer) read(ctx context.Context, body io.Reader) error {
	lines := bufio.NewReaderSize(body, importLine)
	var end error
	for number := 1; end == nil; number++ {
		var text []byte
		var long bool
		if text, long, end = readLine(lines); long {
			i.fault(number, fmt.Errorf("longer than %d bytes", importLine))
			continue
		}
		if number == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff")) // as some editors begin a file
		}
		if text = bytes.TrimSpace(text); len(text) == 0 || end != nil && end != io.EOF {
			continue
		}
		if err := i.line(ctx, number, text); err != nil {
			return err
		}
	}
	if err := i.flush(ctx); err != nil {
		return err
	}
	if err := end; err != io.EOF {
		return &relay.Error{Code: relay.CodeInvalidJSON, Detail: fmt.Sprintf("the body ended early, after %d lines were stored; importing them again does no harm", i.out.Imported), Err: err}
	}
	return nil
}

// readLine reads a line, or the beginning of one that is too long. It is valid until the next.
func readLine(r *bufio.Reader) (text []byte, long bool, err error) {
	text, err = r.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		_, err = r.ReadSlice('\n')
	}
	return text, long, err
}

func (i *importer) line(ctx context.Context, number int, text []byte) error {
	b, change, err := i.parse(text)
	if err != nil {
		i.fault(number, err)
		return nil
	}
	if change != (relay.RecipientChange{}) {
		i.changes[b.Recipient] = change
	}
	if i.batch = append(i.batch, b); len(i.batch) < importBatch {
		return nil
	}
	return i.flush(ctx)
}

func (i *importer) fault(number int, err error) {
	i.out.Failed++
	if len(i.out.Errors) < importFaults {
		i.out.Errors = append(i.out.Errors, lineFault{number, err.Error()})
	}
}

func (i *importer) flush(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	if err := i.directory.BindAll(ctx, i.batch, time.Now()); err != nil {
		return err
	}
	for id, change := range i.changes {
		if _, err := i.directory.ChangeRecipient(ctx, id, change); err != nil {
			return err
		}
	}
	i.out.Imported += len(i.batch)
	i.batch = i.batch[:0]
	clear(i.changes)
	return nil
}

// parse reads a line. What an export has beside the place is taken where it says what a chat is or what was chosen for it.
func (i *importer) parse(text []byte) (b relay.Binding, change relay.RecipientChange, err error) {
	o, err := intake.ParseObject(text)
	if err != nil {
		return b, change, plain(err)
	}
	b.State = relay.Active
	o.Field("recipient", &b.Recipient)
	if o.Field("bot", &b.Bot) {
		if err := i.checkBot(b.Bot); err != nil {
			o.Fault("bot", "%s", err)
		}
		b.Bot = relay.BotOf(b.Bot)
	}
	o.Field("chat_id", &b.ChatID)
	o.Field("message_thread_id", &b.MessageThreadID)
	o.Field("type", &b.Type)
	o.Field("title", &b.Title)
	o.Field("username", &b.Username)
	if o.Field("state", &b.State) && !slices.Contains([]relay.ChatState{relay.Active, relay.Blocked, relay.Left}, b.State) {
		o.Fault("state", "%.40q is no state: active, blocked or left is wanted", b.State)
	}
	o.Field("linked_at", &b.LinkedAt)
	o.Field("muted_until", &b.MutedUntil)
	readSettings(o, &b.Settings)
	if raw := o.Raw("recipient_settings"); raw != nil {
		if change, err = readChange(raw); err != nil {
			return b, change, fmt.Errorf("recipient_settings: %w", plain(err))
		}
	}
	if err := plain(o.Err()); err != nil {
		return b, change, err
	}
	if b.Type == "" {
		b.Type = guessType(b.ChatID)
	}
	b.Recipient = i.caller.full(b.Recipient)
	return b, change, i.check(b)
}

func (i *importer) check(b relay.Binding) error {
	switch {
	case relay.CheckRecipientID(b.Recipient) != nil:
		return plain(relay.CheckRecipientID(b.Recipient))
	case !i.caller.recipient(b.Recipient):
		return fmt.Errorf("this token does not reach %q", i.caller.own(b.Recipient))
	case !isChatID(b.ChatID):
		return fmt.Errorf("chat_id: %s", wantedChatID)
	case b.MessageThreadID < 0:
		return errors.New("message_thread_id: the number of a forum topic is wanted")
	}
	return nil
}

// plain is the sentence of an error, with those of its fields.
func plain(err error) error {
	var e *relay.Error
	if !errors.As(err, &e) {
		return err
	}
	text := e.Detail
	for n, f := range e.Fields {
		if n == 0 {
			text = ""
		} else {
			text += "; "
		}
		text += f.Pointer + ": " + f.Detail
	}
	return errors.New(text)
}
