package intake

import (
	"context"
	"encoding/json"
	"fmt"

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

// Preview renders without sending: {"receiver": NAME, "payload": …}, or a message as Message takes it. Errors: those of
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
		return previewOf(m.Content, render.Surprises(m.Content.Text)), nil
	}
	var name string
	o.Field("receiver", &name)
	payload := o.Raw("payload")
	if payload == nil {
		o.Fault("payload", "the webhook's document is wanted")
	}
	if err := o.Err(); err != nil {
		return nil, err
	}
	return PreviewHook(rules, name, payload)
}

// PreviewHook shows what a webhook would become. Errors: relay.CodeUnknownReceiver and those of the receiver's type.
func PreviewHook(rules *Rules, receiver string, payload json.RawMessage) (*Preview, error) {
	rc, known := rules.Receivers[receiver]
	if !known {
		return nil, &relay.Error{Code: relay.CodeUnknownReceiver, Detail: fmt.Sprintf("there is no receiver %.100q", receiver)}
	}
	drafts, err := rc.Type.Decode(receivers.Request{Receiver: receiver, Body: payload})
	if err != nil {
		return nil, err
	}
	text, step, problem := show(rules, rc, drafts[0])
	if problem != nil {
		return previewOf(fitting(rules, text), []string{fmt.Sprintf("the template failed, and %s served instead: %s", step, problem)}), nil
	}
	warnings, err := rules.Templates.Lint(rc.Template, rc.Mode, drafts[0].Data)
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
