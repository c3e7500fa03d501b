package intake

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// MaxRecipients is how many recipients one message may name.
const MaxRecipients = 10_000

// Call is what POST /api/v1/messages brings.
type Call struct {
	Key  string // the Idempotency-Key; empty: none
	Body []byte // JSON
	File *File  // uploaded with it; nil: none
}

// request is the body of POST /api/v1/messages.
type request struct {
	to       []string
	text     *string
	mode     markup.Mode
	modeSet  bool
	entities []markup.Entity
	template string
	data     any
	content  relay.Content
	bot      string // that is asked for; empty: any
	priority relay.Priority
	key      string
	onUpdate relay.OnUpdate
	sendAt   time.Time
	expires  time.Duration // 0: the rules' max_age
}

// Message takes a message in. The result is stored. Errors: relay.CodeInvalidJSON, CodeUnknownField, CodeInvalidField,
// CodeInvalidMarkup, CodeUnknownTemplate, CodeTemplateError, CodeForbidden, CodeRecipientNotLinked, CodeIdempotencyMismatch and the
// storage's. With a key, a second call within a day is answered like the first (Replayed) and changes nothing.
func (d *Door) Message(ctx context.Context, caller Caller, call Call) (*relay.Message, error) {
	request, err := requestOf(caller, call)
	if err != nil {
		return nil, err
	}
	if request != nil {
		// What was accepted then may be refused by today's rules; the answer stays what it was.
		if m, err := d.outbox.Answered(ctx, *request); m != nil || err != nil {
			return m, err
		}
	}
	o, err := ParseObject(call.Body)
	if err != nil {
		return nil, err
	}
	m, err := d.make(ctx, caller, o, call, request)
	if err != nil {
		return nil, err
	}
	return m, d.accept(ctx, []*relay.Message{m})
}

// make reads, renders and addresses a message.
func (d *Door) make(ctx context.Context, caller Caller, o *Object, call Call, request *relay.Request) (*relay.Message, error) {
	rules := d.Rules()
	m, to, err := compose(rules, caller, o, call)
	if err != nil {
		return nil, err
	}
	m.Request = request
	if m.Content.Text.Text != "" || m.Content.Media != nil { // a template that renders to nothing sends nothing
		if err := d.address(ctx, m, to, rules); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// maxIdempotencyKey is how long an Idempotency-Key may be.
const maxIdempotencyKey = 255

func requestOf(caller Caller, call Call) (*relay.Request, error) {
	key := call.Key
	if key == "" {
		return nil, nil
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	body := sha256.New()
	_, _ = body.Write(call.Body) // a hash takes everything
	if f := call.File; f != nil {
		_, _ = fmt.Fprintf(body, "\x00%s\x00%s\x00", f.Kind, f.Name)
		_, _ = body.Write(f.Content)
	}
	return &relay.Request{Owner: caller.Owner, Key: key, Body: [32]byte(body.Sum(nil))}, nil
}

func checkKey(key string) error {
	printable := func(r rune) bool { return r >= ' ' && r <= '~' }
	if len(key) > maxIdempotencyKey || strings.IndexFunc(key, func(r rune) bool { return !printable(r) }) >= 0 {
		return &relay.Error{Code: relay.CodeInvalidField, Detail: fmt.Sprintf("Idempotency-Key: 1 to %d printable ASCII characters are wanted", maxIdempotencyKey)}
	}
	return nil
}

func compose(rules *Rules, caller Caller, o *Object, call Call) (*relay.Message, []string, error) {
	r, err := decode(rules, o, call)
	if err != nil {
		return nil, nil, err
	}
	for i, id := range r.to {
		r.to[i] = caller.full(id)
		if !caller.may(r.to[i]) {
			return nil, nil, &relay.Error{
				Code: relay.CodeForbidden, Detail: fmt.Sprintf("this token may not send to %q", id),
				Fields: []relay.FieldError{{Pointer: fmt.Sprintf("/to/%d", i), Detail: "outside of the token's recipients"}},
			}
		}
	}
	if err := r.render(rules); err != nil {
		return nil, nil, err
	}
	fit(&r.content, rules.LongText)
	m := r.message(rules, caller)
	if call.File != nil {
		m.File = call.File.Content
	}
	return m, r.to, nil
}

func (r *request) message(rules *Rules, caller Caller) *relay.Message {
	now := time.Now().UTC().Truncate(time.Millisecond)
	m := &relay.Message{
		ID: relay.NewID(), CreatedAt: now, Owner: caller.Owner, Priority: r.priority, Bot: r.bot,
		SendAt: r.sendAt, Content: r.content, Key: r.key, OnUpdate: r.onUpdate,
	}
	age := r.expires
	if age == 0 {
		age = rules.MaxAge
	}
	m.ExpiresAt = later(now, r.sendAt).Add(age)
	return m
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func decode(rules *Rules, o *Object, call Call) (*request, error) {
	r := &request{to: recipients(o), bot: rules.bot(o)}
	r.content.Media = media(o, call.File)
	r.decodeText(o)
	o.Field("disable_notification", &r.content.DisableNotification)
	o.Field("protect_content", &r.content.ProtectContent)
	r.content.LinkPreviewOptions = linkPreview(o)
	r.content.ReplyMarkup = keyboard(o, rules)
	r.decodeTiming(o)
	r.decodeLive(o)
	r.decodeTopic(o)
	return r, o.Err()
}

// bot reads the name of a bot; empty where none is asked for.
func (r *Rules) bot(o *Object) string {
	var name string
	if o.Field("bot", &name) {
		if err := r.CheckBot(name); err != nil {
			o.Fault("bot", "%s", err)
		}
	}
	return name
}

// CheckBot refuses a name that no bot has.
func (r *Rules) CheckBot(name string) error {
	if slices.Contains(r.Bots, name) {
		return nil
	}
	return fmt.Errorf("there is no bot %.60q; there are %s", name, strings.Join(r.Bots, ", "))
}

// maxKey is how long the key of a live message may be, in bytes.
const maxKey = 255

func (r *request) decodeLive(o *Object) {
	has := o.Field("key", &r.key)
	if has && (r.key == "" || len(r.key) > maxKey) {
		o.Fault("key", "1 to %d bytes are wanted", maxKey)
	}
	var update string
	switch given := o.Field("on_update", &update); {
	case given && !has:
		o.Fault("on_update", "on_update goes with key")
	case given:
		if err := r.onUpdate.UnmarshalText([]byte(update)); err != nil {
			o.Fault("on_update", "%s", err)
		}
	case has:
		r.onUpdate = relay.Edit
	}
}

// recipients reads `to`: one ID or a list of them.
func recipients(o *Object) []string {
	var to []string
	raw := o.Raw("to")
	var one string
	if json.Unmarshal(raw, &one) == nil && raw != nil {
		to = []string{one}
	} else if raw != nil && !o.Field("to", &to) {
		return nil
	}
	if len(to) == 0 || len(to) > MaxRecipients {
		o.Fault("to", "1 to %d recipient IDs are wanted, as a string or a list of strings", MaxRecipients)
		return nil
	}
	for i, id := range to {
		if err := relay.CheckRecipientID(id); err != nil {
			var e *relay.Error
			errors.As(err, &e)
			o.FaultAt(fmt.Sprintf("/to/%d", i), e.Detail)
		}
	}
	return to
}

func (r *request) decodeText(o *Object) {
	var text, mode string
	if o.Field("text", &text) {
		r.text = &text
	}
	if r.modeSet = o.Field("parse_mode", &mode); r.modeSet {
		var known bool
		if r.mode, known = markup.ParseMode(mode); !known {
			o.Fault("parse_mode", "unknown parse_mode %.40q; one of MarkdownV2, HTML, Markdown", mode)
		}
	}
	entities := o.Field("entities", &r.entities)
	template := o.Field("template", &r.template)
	hasData := o.Field("data", &r.data)
	r.data = render.Numbers(r.data)
	switch {
	case r.text == nil && !o.Has("text") && !template && !o.Has("template") && (o.Has("photo") || o.Has("document") || r.content.Media != nil):
		r.text = &text // a file may stand alone
	case r.text == nil && !o.Has("text") && !template && !o.Has("template"):
		o.Fault("text", "a text or a template is wanted")
	case r.text != nil && template:
		o.Fault("template", "text and template exclude each other")
	case r.text != nil && text == "" && r.content.Media == nil:
		o.Fault("text", "the text is empty")
	case hasData && !template:
		o.Fault("data", "data goes with template")
	}
	if entities && (r.modeSet || template) {
		o.Fault("entities", "entities exclude parse_mode and template")
	}
}

func (r *request) decodeTiming(o *Object) {
	var priority, sendAt, expires string
	if o.Field("priority", &priority) {
		if err := r.priority.UnmarshalText([]byte(priority)); err != nil {
			o.Fault("priority", "%s", err)
		}
	}
	if o.Field("send_at", &sendAt) {
		at, err := time.Parse(time.RFC3339, sendAt)
		if err != nil || time.Until(at) > 366*24*time.Hour {
			o.Fault("send_at", "an RFC 3339 time within a year is wanted, such as 2026-01-31T08:00:00Z")
		}
		r.sendAt = at.UTC().Truncate(time.Millisecond)
	}
	if o.Field("expires_in", &expires) {
		length, err := model.ParseDuration(expires)
		if err != nil || length <= 0 || time.Duration(length) > 366*24*time.Hour {
			o.Fault("expires_in", "a duration of at most a year is wanted, such as 90s, 2h or 1d")
		}
		r.expires = time.Duration(length)
	}
}
