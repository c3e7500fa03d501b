package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/logging"
)

// Hook is a webhook as it came in.
type Hook struct {
	Receiver  string // of the path
	Recipient string // of the path; empty: the receiver's `to`
	Request   receivers.Request
	// Vouched says that an operator sends again what had come before: its signature was checked then, and it is not kept once more.
	Vouched bool
}

// Hook takes a webhook in and returns its messages, stored. A message without deliveries is one that rendered to nothing.
// Errors: relay.CodeUnknownReceiver, CodeInvalidSignature, CodeUnknownRecipient, CodeForbidden, CodeRecipientNotLinked, those of the receiver's
// type for a body that it cannot read, and the storage's.
func (d *Door) Hook(ctx context.Context, caller Caller, h Hook) ([]*relay.Message, error) {
	d = d.now()
	rules := d.Rules()
	rc, known := rules.Receivers[h.Receiver]
	if !known {
		return nil, &relay.Error{Code: relay.CodeUnknownReceiver, Detail: fmt.Sprintf("there is no receiver %.100q; [receivers.NAME] in relay.toml makes one", h.Receiver)}
	}
	if err := rc.admit(caller, &h); err != nil {
		return nil, err
	}
	d.kept.keep(rc, caller, h)
	drafts, err := rc.Type.Decode(h.Request)
	if err != nil {
		return nil, err
	}
	drafts = d.beats(ctx, caller, rules, rc, drafts)
	for try := 1; ; try++ {
		heard := &heard{Door: d, caller: caller, rules: rules, rc: rc, named: h.Recipient, request: logging.RequestID(ctx), now: time.Now().UTC().Truncate(time.Millisecond)}
		if err := heard.all(ctx, drafts); err != nil {
			return nil, err
		}
		err := d.tell(ctx, heard.threads, heard.messages)
		if relay.ErrorCode(err) != relay.CodeConflict || err == nil || try == maxTries {
			return heard.messages, err
		}
	}
}

// maxTries is how often a conversation is read anew that changed while an answer to it was made.
const maxTries = 20

// tell stores messages that have deliveries, with the conversations that they belong to.
func (d *Door) tell(ctx context.Context, threads []*relay.Thread, messages []*relay.Message) error {
	if len(threads) == 0 {
		return d.accept(ctx, messages)
	}
	full := delivered(messages)
	err := d.threads.Tell(ctx, threads, full...)
	if err == nil {
		d.accepted(ctx, full)
	}
	return err
}

// heard is a webhook on its way to messages.
type heard struct {
	*Door
	caller  Caller
	rules   *Rules
	rc      *Receiver
	named   string // recipient, of the path
	request string // ID, for the log
	now     time.Time

	threads  []*relay.Thread
	messages []*relay.Message
}

// troubled is the Door's, in a line that belongs to the request.
func (h *heard) troubled(rules *Rules, receiver, setting string, err error) {
	h.Door.troubled(rules, receiver, setting, err, h.ofRequest()...)
}

// ofRequest is what a line of the log says of the request that it belongs to.
func (h *heard) ofRequest() []any {
	if h.request == "" {
		return nil
	}
	return []any{"request_id", h.request}
}

// all makes the messages of a webhook. What has nothing to say leaves a message without deliveries.
func (h *heard) all(ctx context.Context, drafts []receivers.Draft) error {
	for _, draft := range h.rc.parts(drafts) {
		tell := h.document
		if draft.Notification != nil {
			tell = h.alerts
		}
		if err := tell(ctx, draft); err != nil {
			return err
		}
	}
	return nil
}

// document makes the message of what is not about alerts.
func (h *heard) document(ctx context.Context, draft receivers.Draft) error {
	to, err := h.recipients(draft)
	if err != nil {
		return err
	}
	m := h.message(draft)
	if m.Key = h.key(draft); m.Key != "" {
		m.OnUpdate = h.rc.OnUpdate
	}
	m.Content.Text, m.Content.Topic = h.show(h.rules, h.rc, draft), h.topic(draft)
	m.Content.DisableNotification = h.silent(draft)
	h.wishes(m, draft)
	return h.say(ctx, m, to, h.rules)
}

// message begins one.
func (h *heard) message(draft receivers.Draft) *relay.Message {
	m := &relay.Message{ID: relay.NewID(), CreatedAt: h.now, Receiver: h.rc.Name, Owner: h.caller.Owner, Bot: h.rc.Bot, ExpiresAt: h.now.Add(h.rules.MaxAge), Priority: h.priority(draft)}
	m.Content.LinkPreviewOptions = noPreview
	m.Content.Alerts = draft.Summary
	return m
}

// say addresses a message; one with nothing to see is for nobody.
func (h *heard) say(ctx context.Context, m *relay.Message, to []string, rules *Rules) error {
	fit(&m.Content, rules.LongText)
	h.messages = append(h.messages, m)
	if m.Content.Text.Text == "" && m.Content.Media == nil {
		return nil
	}
	return h.address(ctx, m, to, rules)
}

// noPreview: the preview of a runbook's page would be larger than the alert.
var noPreview = json.RawMessage(`{"is_disabled":true}`)

// recipients are whom a draft is for, by their full names: the fallback where nobody is named.
func (h *heard) recipients(draft receivers.Draft) ([]string, error) {
	to, err := h.wanted(draft)
	if err != nil {
		return nil, err
	}
	for i, id := range to {
		to[i] = h.caller.full(id)
		if !h.caller.may(to[i]) {
			return nil, &relay.Error{Code: relay.CodeForbidden, Detail: fmt.Sprintf("this token may not send to %q", id)}
		}
	}
	if len(to) == 0 {
		to = []string{h.rules.Fallback} // the operator's, whoever calls
	}
	return to, nil
}

// key is what the receiver's key names, apart from other receivers' keys; empty for nothing.
func (h *heard) key(draft receivers.Draft) string {
	if h.rc.Key == nil {
		return ""
	}
	key, err := h.rc.Key.String(draft.Data)
	if err != nil {
		h.troubled(h.rules, h.rc.Name, "key", err)
	}
	if key == "" || err != nil {
		return ""
	}
	if len(key) > maxKey {
		sum := sha256.Sum256([]byte(key))
		key = hex.EncodeToString(sum[:])
	}
	return h.rc.Name + ":" + key
}

// priority runs priority. When in doubt it is normal.
func (h *heard) priority(draft receivers.Draft) relay.Priority {
	if h.rc.Priority == nil {
		return relay.Normal
	}
	text, err := h.rc.Priority.String(draft.Data)
	p := relay.Normal
	if err == nil && text != "" {
		err = p.UnmarshalText([]byte(strings.ToLower(text)))
	}
	if err != nil {
		h.troubled(h.rules, h.rc.Name, "priority", err)
		return relay.Normal
	}
	return p
}

// wanted are those of the path, else of the document, else of the receiver's `to`; none where the fallback is to be told.
func (h *heard) wanted(draft receivers.Draft) ([]string, error) {
	if h.named != "" {
		return []string{h.named}, relay.CheckRecipientID(h.named)
	}
	to := slices.Clone(draft.To)
	if len(to) == 0 {
		to = h.evaluate(draft.Data)
	}
	to = slices.DeleteFunc(to, func(id string) bool { return relay.CheckRecipientID(id) != nil })
	if len(to) > 0 {
		return to, nil
	}
	if h.rules.Fallback != "" {
		return nil, nil
	}
	return nil, &relay.Error{
		Code:   relay.CodeUnknownRecipient,
		Detail: fmt.Sprintf("nobody is named to receive this: post to /hooks/%s/RECIPIENT, or set `to` of [receivers.%s] or `fallback` of [delivery] in relay.toml", h.rc.Name, h.rc.Name),
	}
}

// evaluate runs the templates of `to`. One that fails, or names what cannot be a recipient, costs only itself, and the operator is told.
func (h *heard) evaluate(data any) []string {
	var to []string
	for _, template := range h.rc.To {
		out, err := template.String(data)
		if err != nil {
			h.troubled(h.rules, h.rc.Name, "to", err)
			continue
		}
		for _, id := range strings.FieldsFunc(out, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
			if err := relay.CheckRecipientID(id); err != nil {
				h.troubled(h.rules, h.rc.Name, "to", err)
			}
			to = append(to, id)
		}
	}
	return to
}

// silent runs disable_notification. When in doubt there is a sound.
func (h *heard) silent(draft receivers.Draft) bool {
	if h.rc.DisableNotification == nil {
		return false
	}
	silent, err := h.rc.DisableNotification.Bool(draft.Data)
	if err != nil {
		h.troubled(h.rules, h.rc.Name, "disable_notification", err)
	}
	return silent && err == nil
}
