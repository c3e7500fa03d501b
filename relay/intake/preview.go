package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// Preview is what a message or a webhook would look like.
type Preview struct {
	markup.Text
	Parts []markup.Text `json:"parts"` // as they are sent
	// ReplyMarkup are the buttons below alerts.
	ReplyMarkup json.RawMessage `json:"reply_markup,omitempty"`
	Warnings    []string        `json:"warnings"`
}

// Preview renders without sending: {"receiver": NAME, "payload": …} with "headers" and "query" where
// templates ask for them, or a message as Message takes it. Errors: those of
// Message, and those of Hook for a webhook.
func (d *Door) Preview(_ context.Context, caller Caller, body []byte) (*Preview, error) {
	o, err := ParseObject(body)
	if err != nil {
		return nil, err
	}
	rules := d.Rules()
	if !o.Has("receiver") && !o.Has("payload") {
		m, _, err := compose(rules, caller, o, Call{Body: body})
		if err != nil {
			return nil, err
		}
		return previewOf(m.Content, render.Surprises(m.Content.Text)), nil
	}
	var name string
	o.Field("receiver", &name)
	hook := receivers.Request{Receiver: name, Header: http.Header{}, Query: url.Values{}, Body: o.Raw("payload")}
	eachPair(o, "headers", hook.Header.Set)
	eachPair(o, "query", hook.Query.Set)
	if hook.Body == nil {
		o.Fault("payload", "the webhook's document is wanted")
	}
	if err := o.Err(); err != nil {
		return nil, err
	}
	return PreviewHook(rules, hook)
}

// eachPair reads an object of texts.
func eachPair(o *Object, field string, set func(name, value string)) {
	var pairs map[string]string
	o.Field(field, &pairs)
	for name, value := range pairs {
		set(name, value)
	}
}

// PreviewHook shows what a webhook would become, whoever signed it; of several messages each is a part. Errors:
// relay.CodeUnknownReceiver and those of the receiver's type.
func PreviewHook(rules *Rules, hook receivers.Request) (*Preview, error) {
	rc, known := rules.Receivers[hook.Receiver]
	if !known {
		return nil, &relay.Error{Code: relay.CodeUnknownReceiver, Detail: fmt.Sprintf("there is no receiver %.100q", hook.Receiver)}
	}
	hook.Signature = rc.Signature
	drafts, err := rc.Type.Decode(hook)
	if err != nil {
		return nil, err
	}
	all := &Preview{Parts: []markup.Text{}, Warnings: []string{}}
	for i, draft := range rc.parts(drafts) {
		one, err := previewDraft(rules, rc, draft)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			all.Text, all.ReplyMarkup = one.Text, buttonsOf(rules, rc, draft)
		}
		all.Parts, all.Warnings = append(all.Parts, one.Parts...), append(all.Warnings, one.Warnings...)
		all.Warnings = append(all.Warnings, rc.faults(draft)...)
	}
	return all, nil
}

// parts are the drafts as they become messages: cut by labels, where the receiver has some.
func (rc *Receiver) parts(drafts []receivers.Draft) []receivers.Draft {
	var parts []receivers.Draft
	for _, draft := range drafts {
		if draft.Notification == nil {
			parts = append(parts, draft)
			continue
		}
		draft.Notification.Buttons = rc.Buttons && len(draft.Notification.Alerts.Firing()) > 0
		if len(rc.SplitBy) == 0 {
			parts = append(parts, draft)
			continue
		}
		for _, part := range draft.Notification.Split(rc.SplitBy) {
			parts = append(parts, part.Draft(draft.Template))
		}
	}
	return parts
}

// buttonsOf are those below the first message about alerts; none where nothing fires.
func buttonsOf(rules *Rules, rc *Receiver, draft receivers.Draft) json.RawMessage {
	n := draft.Notification
	if n == nil || !n.Buttons {
		return nil
	}
	s := &thread.State{}
	s.Hear(draft, time.Now(), rc.Managed)
	return s.Keyboard(&relay.Thread{}, rc.Managed, func(name string) string {
		text, err := rules.Templates.Execute("alerts.button."+name, markup.MarkdownV2, nil)
		if err != nil {
			return name
		}
		return tidy(text).Text
	}, time.Now())
}

// faults are what the receiver's own templates cannot do with a draft.
func (rc *Receiver) faults(draft receivers.Draft) (faults []string) {
	settings := map[string][]*render.Inline{"to": rc.To, "key": {rc.Key}, "priority": {rc.Priority}, "topic": {rc.Topic}}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		for _, template := range settings[name] {
			if template == nil {
				continue
			}
			if _, err := template.String(draft.Data); err != nil {
				faults = append(faults, fmt.Sprintf("the template of %s failed: %s", name, err))
			}
		}
	}
	if rc.DisableNotification != nil {
		if _, err := rc.DisableNotification.Bool(draft.Data); err != nil {
			faults = append(faults, fmt.Sprintf("the template of disable_notification failed: %s", err))
		}
	}
	return faults
}

func previewDraft(rules *Rules, rc *Receiver, draft receivers.Draft) (*Preview, error) {
	text, step, problem := show(rules, rc, draft)
	if problem != nil {
		return previewOf(fitting(rules, text), []string{fmt.Sprintf("the template failed, and %s served instead: %s", step, problem)}), nil
	}
	name, mode := rc.look(draft)
	warnings, err := rules.Templates.Lint(name, mode, draft.Data)
	if err != nil {
		return nil, err
	}
	return previewOf(fitting(rules, text), warnings), nil
}

// PreviewTemplate shows what a template makes of data. Error: the template's.
func PreviewTemplate(rules *Rules, name string, mode markup.Mode, data any) (*Preview, error) {
	text, err := rules.Templates.Execute(name, mode, data)
	if err != nil {
		return nil, err
	}
	warnings, err := rules.Templates.Lint(name, mode, data)
	if err != nil {
		return nil, err
	}
	return previewOf(fitting(rules, tidy(text)), warnings), nil
}

// fitting is a text as long_text has it.
func fitting(rules *Rules, text markup.Text) relay.Content {
	c := relay.Content{Text: text}
	fit(&c, rules.LongText)
	return c
}

func previewOf(c relay.Content, warnings []string) *Preview {
	if warnings == nil {
		warnings = []string{}
	}
	if c.Attachment != nil {
		warnings = append(warnings, "the whole text follows as the file "+c.Attachment.Name)
	}
	first := markup.MaxText
	if c.Media != nil {
		first = markup.MaxCaption
	}
	return &Preview{Text: c.Text, Parts: c.Text.Split(first, markup.MaxText), Warnings: warnings}
}
