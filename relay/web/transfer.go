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
}

// exportRecipients writes a line of JSON for each binding, and for recipients without a chat none.
func (s *Server) exportRecipients(w http.ResponseWriter, r *http.Request, caller *Token) error {
	q := relay.RecipientQuery{Limit: 1000}
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
			if err := enc.Encode(line{recipient.ID, binding}); err != nil {
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
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(importTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	i := importer{directory: s.Directory, caller: caller, out: imported{Errors: []lineFault{}}}
	if err := i.read(r.Context(), r.Body); err != nil {
		return err
	}
	return answer(w, http.StatusOK, i.out)
}

type importer struct {
	directory relay.Directory
	caller    *Token
	batch     []relay.Binding
	out       imported
}

func (i *importer) read(ctx context.Context, body io.Reader) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, importLine)
	number := 1
	for ; lines.Scan(); number++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		b, err := i.parse(text)
		if err != nil {
			i.fault(number, err)
			continue
		}
		if i.batch = append(i.batch, b); len(i.batch) == importBatch {
			if err := i.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := i.flush(ctx); err != nil {
		return err
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		i.fault(number, fmt.Errorf("longer than %d bytes; what follows was not read", importLine))
		return nil
	}
	if err := lines.Err(); err != nil {
		return &relay.Error{Code: relay.CodeInvalidJSON, Detail: fmt.Sprintf("the body ended early, after %d lines were stored; importing them again does no harm", i.out.Imported), Err: err}
	}
	return nil
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
	err := i.directory.BindAll(ctx, i.batch, time.Now())
	if err == nil {
		i.out.Imported += len(i.batch)
		i.batch = i.batch[:0]
	}
	return err
}

// parse reads a line. What an export has beside the place is taken where it says what a chat is or what was chosen for it.
func (i *importer) parse(text []byte) (relay.Binding, error) {
	o, err := intake.ParseObject(text)
	if err != nil {
		return relay.Binding{}, plain(err)
	}
	b := relay.Binding{Chat: relay.Chat{State: relay.Active}}
	var state string
	o.Field("recipient", &b.Recipient)
	o.Field("chat_id", &b.ChatID)
	o.Field("message_thread_id", &b.MessageThreadID)
	o.Field("type", &b.Type)
	o.Field("title", &b.Title)
	o.Field("username", &b.Username)
	o.Field("state", &state)
	o.Field("linked_at", &b.LinkedAt)
	o.Field("muted_until", &b.MutedUntil)
	readSettings(o, &b.Settings)
	if err := plain(o.Err()); err != nil {
		return b, err
	}
	switch {
	case relay.CheckRecipientID(b.Recipient) != nil:
		return b, plain(relay.CheckRecipientID(b.Recipient))
	case !i.caller.recipient(b.Recipient):
		return b, fmt.Errorf("this token does not reach %q", b.Recipient)
	case !isChatID(b.ChatID):
		return b, fmt.Errorf("chat_id: %s", wantedChatID)
	case b.MessageThreadID < 0:
		return b, fmt.Errorf("message_thread_id: the number of a forum topic is wanted")
	}
	if b.Type == "" {
		b.Type = guessType(b.ChatID)
	}
	return b, nil
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
