package intake

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// Preview is what a message or a webhook would look like.
type Preview struct {
	markup.Text
	Parts    []markup.Text `json:"parts"` // as they are sent
	Warnings []string      `json:"warnings"`
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
		m, _, err := compose(rules, caller, Call{Body: body})
		if err != nil {
			return nil, err
		}
		return previewOf(m.Content.Text, render.Surprises(m.Content.Text)), nil
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
	for i, draft := range drafts {
		one, err := previewDraft(rules, rc, draft)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			all.Text = one.Text
		}
		all.Parts, all.Warnings = append(all.Parts, one.Parts...), append(all.Warnings, one.Warnings...)
		all.Warnings = append(all.Warnings, rc.faults(draft)...)
	}
	return all, nil
}

// faults are what the receiver's own templates cannot do with a draft.
func (rc *Receiver) faults(draft receivers.Draft) (faults []string) {
	for _, to := range rc.To {
		if _, err := to.String(draft.Data); err != nil {
			faults = append(faults, fmt.Sprintf("the template of to failed: %s", err))
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
		return previewOf(text, []string{fmt.Sprintf("the template failed, and %s served instead: %s", step, problem)}), nil
	}
	warnings, err := rules.Templates.Lint(rc.Template, rc.Mode, draft.Data)
	if err != nil {
		return nil, err
	}
	return previewOf(text, warnings), nil
}

// PreviewTemplate shows what a template makes of data. Error: the template's.
func PreviewTemplate(set *render.Set, name string, mode markup.Mode, data any) (*Preview, error) {
	text, err := set.Execute(name, mode, data)
	if err != nil {
		return nil, err
	}
	warnings, err := set.Lint(name, mode, data)
	if err != nil {
		return nil, err
	}
	return previewOf(tidy(text), warnings), nil
}

func previewOf(text markup.Text, warnings []string) *Preview {
	if warnings == nil {
		warnings = []string{}
	}
	return &Preview{Text: text, Parts: text.Split(markup.MaxText, markup.MaxText), Warnings: warnings}
}
