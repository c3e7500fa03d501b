package intake

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
)

// Hook is a webhook as it came in.
type Hook struct {
	Receiver  string // of the path
	Recipient string // of the path; empty: the receiver's `to`
	Request   receivers.Request
}

// Hook takes a webhook in and returns its messages, stored. A message without deliveries is one that rendered to nothing.
// Errors: relay.CodeUnknownReceiver, CodeInvalidSignature, CodeUnknownRecipient, CodeForbidden, CodeRecipientNotLinked, those of the receiver's
// type for a body that it cannot read, and the storage's.
func (d *Door) Hook(ctx context.Context, caller Caller, h Hook) ([]*relay.Message, error) {
	rules := d.Rules()
	rc, known := rules.Receivers[h.Receiver]
	if !known {
		return nil, &relay.Error{Code: relay.CodeUnknownReceiver, Detail: fmt.Sprintf("there is no receiver %.100q; [receivers.NAME] in relay.toml makes one", h.Receiver)}
	}
	if err := rc.admit(caller, &h); err != nil {
		return nil, err
	}
	drafts, err := rc.Type.Decode(h.Request)
	if err != nil {
		return nil, err
	}
	var messages []*relay.Message
	for _, draft := range drafts {
		m, err := d.draft(ctx, caller, rules, rc, h.Recipient, draft)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	if err := d.accept(ctx, messages); err != nil {
		return nil, err
	}
	for _, m := range messages {
		if m.Notification != nil && len(m.Deliveries) == 0 {
			d.log.Info("a notification came a second time and is not sent again", "receiver", rc.Name)
		}
	}
	return messages, nil
}

// notification tells a webhook about alerts from others; nil where two of them may say the same and both be meant.
func notification(rc *Receiver, draft receivers.Draft) *relay.Notification {
	if draft.Group == "" {
		return nil
	}
	return &relay.Notification{Group: sha256.Sum256([]byte(rc.Name + "\x00" + draft.Group)), Alerts: sha256.Sum256([]byte(draft.Alerts))}
}

// noPreview: the preview of a runbook's page would be larger than the alert.
var noPreview = json.RawMessage(`{"is_disabled":true}`)

// draft makes a message of a draft: whom it is for, what it says, where it goes.
func (d *Door) draft(ctx context.Context, caller Caller, rules *Rules, rc *Receiver, named string, draft receivers.Draft) (*relay.Message, error) {
	to, err := d.recipients(rules, rc, named, draft)
	if err != nil {
		return nil, err
	}
	for i, id := range to {
		to[i] = caller.full(id)
		if !caller.may(to[i]) {
			return nil, &relay.Error{Code: relay.CodeForbidden, Detail: fmt.Sprintf("this token may not send to %q", id)}
		}
	}
	if len(to) == 0 {
		to = []string{rules.Fallback} // the operator's, whoever calls
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	m := &relay.Message{ID: relay.NewID(), CreatedAt: now, Receiver: rc.Name, Owner: caller.Owner, ExpiresAt: now.Add(rules.MaxAge)}
	m.Content.Text = d.show(rules, rc, draft)
	m.Content.DisableNotification = d.silent(rc, draft)
	m.Content.LinkPreviewOptions = noPreview
	m.Notification = notification(rc, draft)
	m.Content.Alerts = draft.Summary
	fit(&m.Content, rules.LongText)
	if m.Content.Text.Text == "" {
		return m, nil
	}
	return m, d.address(ctx, m, to, rules)
}

// recipients are those of the path, else of the document, else of the receiver's `to`; none where the fallback is to be told.
func (d *Door) recipients(rules *Rules, rc *Receiver, named string, draft receivers.Draft) ([]string, error) {
	if named != "" {
		return []string{named}, relay.CheckRecipientID(named)
	}
	to := slices.Clone(draft.To)
	if len(to) == 0 {
		to = d.evaluate(rules, rc, draft.Data)
	}
	to = slices.DeleteFunc(to, func(id string) bool { return relay.CheckRecipientID(id) != nil })
	if len(to) > 0 {
		return to, nil
	}
	if rules.Fallback != "" {
		return nil, nil
	}
	return nil, &relay.Error{
		Code:   relay.CodeUnknownRecipient,
		Detail: fmt.Sprintf("nobody is named to receive this: post to /hooks/%s/RECIPIENT, or set `to` of [receivers.%s] or `fallback` of [delivery] in relay.toml", rc.Name, rc.Name),
	}
}

// evaluate runs the templates of `to`. One that fails, or names what cannot be a recipient, costs only itself, and the operator is told.
func (d *Door) evaluate(rules *Rules, rc *Receiver, data any) []string {
	var to []string
	for _, template := range rc.To {
		out, err := template.String(data)
		if err != nil {
			d.troubled(rules, rc.Name, "to", err)
			continue
		}
		for _, id := range strings.FieldsFunc(out, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
			if err := relay.CheckRecipientID(id); err != nil {
				d.troubled(rules, rc.Name, "to", err)
			}
			to = append(to, id)
		}
	}
	return to
}

// silent runs disable_notification. When in doubt there is a sound.
func (d *Door) silent(rc *Receiver, draft receivers.Draft) bool {
	if rc.DisableNotification == nil {
		return false
	}
	silent, err := rc.DisableNotification.Bool(draft.Data)
	if err != nil {
		d.troubled(d.Rules(), rc.Name, "disable_notification", err)
	}
	return silent && err == nil
}
