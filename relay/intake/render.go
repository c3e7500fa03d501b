package intake

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// render makes the request's text: of markup, of plain text with entities, or by a template. For callers of the API
// the markup is parsed exactly as Telegram would, errors and offsets included.
func (r *request) render(rules *Rules) error {
	if r.template != "" {
		return r.renderTemplate(rules.Templates)
	}
	text := markup.Text{Text: *r.text, Entities: r.entities}
	var err error
	if r.modeSet {
		text, err = markup.Parse(r.mode, *r.text)
	} else {
		err = markup.Check(text)
	}
	if err != nil {
		return invalidMarkup(err)
	}
	r.content.Text = tidy(text)
	if r.content.Text.Text == "" && r.content.Media == nil {
		return &relay.Error{Code: relay.CodeInvalidField, Detail: "/text: nothing of the text can be seen", Fields: []relay.FieldError{
			{Pointer: "/text", Detail: "nothing of the text can be seen"},
		}}
	}
	return nil
}

func (r *request) renderTemplate(set *render.Set) error {
	if !set.Has(r.template) {
		return &relay.Error{
			Code: relay.CodeUnknownTemplate, Detail: fmt.Sprintf("there is no template %.100q; [templates] files in relay.toml adds some", r.template),
			Fields: []relay.FieldError{{Pointer: "/template", Detail: "unknown template"}},
		}
	}
	mode := markup.MarkdownV2
	if r.modeSet {
		mode = r.mode
	}
	text, err := set.Execute(r.template, mode, r.data)
	if err != nil {
		return &relay.Error{Code: relay.CodeTemplateError, Detail: err.Error(), Fields: []relay.FieldError{{Pointer: "/template", Detail: err.Error()}}}
	}
	r.content.Text = tidy(text)
	return nil
}

func invalidMarkup(err error) error {
	e := &relay.Error{Code: relay.CodeInvalidMarkup, Detail: err.Error()}
	var parse *markup.ParseError
	if errors.As(err, &parse) {
		e.Detail = "can't parse the text: " + parse.Error()
	}
	e.Fields = []relay.FieldError{{Pointer: "/text", Detail: e.Detail}}
	return e
}

// tidy does what Telegram will do to the text, except that it keeps the columns of code: Telegram makes one space of a TAB.
func tidy(text markup.Text) markup.Text { return text.ExpandTabs().Normalize() }

// show renders a draft by the receiver's template, else by the type's own as it is built in, else as plain text: a webhook is
// never refused for what a template did. problem is what the operator should hear of, nil if all went well; step is what served instead.
func show(rules *Rules, rc *Receiver, draft receivers.Draft) (text markup.Text, step string, problem error) {
	name, mode := rc.look(draft)
	text, problem = rules.Templates.Execute(name, mode, draft.Data)
	if problem == nil {
		alone := draft.Media != nil || draft.File != nil // a file needs no words
		if text = tidy(text); text.Text == "" && !alone && !rules.Templates.Own(rc.Template) {
			text = tidy(markup.Text{Text: plain(draft)}) // of blanks: only the operator's own template may say nothing
		}
		return text, "", nil
	}
	text, err := rules.Builtin.Execute(draft.Template, markup.MarkdownV2, draft.Data)
	if err == nil {
		return tidy(text), stepBuiltin, problem
	}
	return tidy(markup.Text{Text: plain(draft)}), stepPlain, errors.Join(problem, err)
}

// look is the template that shows a draft, and what it writes.
func (rc *Receiver) look(draft receivers.Draft) (template string, mode markup.Mode) {
	if draft.Inlet != "" {
		return draft.Inlet, draft.InletMode
	}
	return rc.Template, rc.Mode
}

func plain(draft receivers.Draft) string {
	text := draft.Plain
	if draft.Notification != nil {
		text = draft.Notification.Plain()
	}
	if strings.TrimSpace(text) == "" {
		return "(a webhook that could not be shown)"
	}
	return render.Cut(text, render.MaxOutput)
}
