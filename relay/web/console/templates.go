package console

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// writing is a template that is being written, with a webhook to try it on.
type writing struct {
	Receivers []string
	Receiver  string
	Template  string // the name that the receiver's messages are made by
	Mode      string // what it writes; "none" for nothing but text
	Modes     []string
	Text      string
	Samples   []choice
	Sample    string
	Payload   string
	Shown     preview
}

// choice is one of several webhooks.
type choice struct{ ID, Name string }

// typed is the name that the text of the page has in errors.
const typed = "line"

// Templates shows what a receiver's template makes of a webhook. Nothing of it is kept.
func (c *Console) Templates(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	t, rc, err := c.writing(v, r.URL.Query().Get("receiver"), r.URL.Query().Get("sample"))
	if err != nil {
		return err
	}
	t.Shown = c.previewTemplate(r.Context(), rc, t)
	return c.frame(w, r, view{Viewer: v, Page: "templates", Title: "Templates", Data: t})
}

// writing is where a page begins: the template in force, and a webhook. Error: relay.CodeNotFound.
func (c *Console) writing(v *Viewer, receiver, sample string) (writing, *intake.Receiver, error) {
	rules := c.Door.Rules()
	t := writing{Receiver: receiver, Modes: []string{string(markup.MarkdownV2), string(markup.HTML), string(markup.Markdown), "none"}}
	for _, name := range slices.Sorted(maps.Keys(rules.Receivers)) {
		if v.Receiver(name) {
			t.Receivers = append(t.Receivers, name)
		}
	}
	if receiver == "" && len(t.Receivers) > 0 {
		t.Receiver = t.Receivers[0]
	}
	rc := rules.Receivers[t.Receiver]
	if rc == nil || !v.Receiver(rc.Name) {
		return t, nil, absent("receiver")
	}
	t.Template, t.Mode, t.Text = rc.Template, modeName(rc.Mode), rules.Templates.Source(rc.Template)
	c.sample(v, rc, &t, sample)
	return t, rc, nil
}

func modeName(m markup.Mode) string {
	if m == markup.Plain {
		return "none"
	}
	return string(m)
}

// sample offers webhooks, those that came in first, and takes the wanted one.
func (c *Console) sample(v *Viewer, rc *intake.Receiver, t *writing, wanted string) {
	bodies := map[string]string{}
	offer := func(id, name string, body []byte) {
		t.Samples = append(t.Samples, choice{id, name})
		bodies[id] = indented(body)
	}
	shown := c.receiver(v, rc)
	for _, p := range shown.Payloads {
		offer(p.ID.String(), "came in "+p.At.UTC().Format("15:04:05 UTC"), p.Request.Body)
	}
	samples := samplesOf(shown.Kind)
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		offer(name, strings.TrimSuffix(name, ".json"), samples[name])
	}
	if _, known := bodies[wanted]; !known {
		wanted = t.Samples[0].ID
	}
	t.Sample, t.Payload = wanted, bodies[wanted]
}

// TemplatePreview shows the message while the template is written; to a browser without scripts as a whole page.
func (c *Console) TemplatePreview(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	t, rc, err := c.writing(v, f.Get("receiver"), "")
	if err != nil {
		return err
	}
	t.Mode, t.Text, t.Payload = f.Get("parse_mode"), f.Get("text"), f.Get("payload")
	t.Shown = c.previewTemplate(r.Context(), rc, t)
	if !partial(r) {
		return c.frame(w, r, view{Viewer: v, Page: "templates", Title: "Templates", Data: t})
	}
	return c.part(w, r, view{Viewer: v, Page: "templates", Data: struct{ Data preview }{t.Shown}}, "rendered-part")
}

// previewTemplate runs the text as if it stood in a file of [templates], within the bounds that hold there. Of several at once some wait.
func (c *Console) previewTemplate(ctx context.Context, rc *intake.Receiver, t writing) preview {
	select {
	case c.trials <- struct{}{}:
		defer func() { <-c.trials }()
	case <-ctx.Done(): // each key that is pressed begins one, and leaves the one before
		return preview{}
	}
	rules := *c.Door.Rules()
	set, err := rules.Templates.With(render.File{Name: typed, Text: strings.ReplaceAll(t.Text, "\r\n", "\n")})
	if err != nil {
		return preview{Fault: told(err)}
	}
	mode, known := markup.ParseMode(t.Mode)
	if !known {
		return preview{Fault: "A template writes MarkdownV2, HTML, Markdown or none."}
	}
	trial := *rc
	trial.Mode = mode
	rules.Templates, rules.Receivers = set, map[string]*intake.Receiver{rc.Name: &trial}
	p, err := intake.PreviewHook(&rules, request(rc, t.Payload))
	if err != nil {
		return preview{Fault: said(err)}
	}
	shown := preview{Bubble: bubbleOf(relay.Content{Text: p.Text, ReplyMarkup: p.ReplyMarkup}), Warnings: p.Warnings}
	if !strings.Contains(t.Text, `"`+rc.Template+`"`) {
		shown.Warnings = append(shown.Warnings, `the text defines no template "`+rc.Template+`", so that what is in force is shown`)
	}
	return shown
}

// told is an error of a template for people: "line:3: …" is the third line of the text.
func told(err error) string { return sentence(strings.Replace(err.Error(), typed+":", "line ", 1)) }
