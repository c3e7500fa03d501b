package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// try is the form that sends a message.
type try struct {
	To, Text, ParseMode, Priority string
	Silent                        bool
	Fault                         string
	Shown                         preview
}

func tryOf(f url.Values) try {
	return try{To: f.Get("to"), Text: f.Get("text"), ParseMode: f.Get("parse_mode"), Priority: f.Get("priority"), Silent: f.Get("silent") != ""}
}

// body is the message as the interface takes it.
func (t try) body(to []string) ([]byte, error) {
	m := map[string]any{"to": to, "text": t.Text}
	if t.ParseMode != "" {
		m["parse_mode"] = t.ParseMode
	}
	if t.Priority != "" {
		m["priority"] = t.Priority
	}
	if t.Silent {
		m["disable_notification"] = true
	}
	return json.Marshal(m)
}

// recipients are those that are named, by white space or comma.
func (t try) recipients() []string {
	return strings.FieldsFunc(t.To, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}

// preview is what something would look like, or why it would not.
type preview struct {
	Bubble   bubble
	Empty    bool // nothing was written yet
	Fault    string
	Warnings []string
}

// Try is the page from which a message is sent.
func (c *Console) Try(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	t := tryOf(r.URL.Query())
	t.Shown = c.previewMessage(r, v, t)
	return c.frame(w, r, view{Viewer: v, Page: "try", Title: "Try it", Data: t})
}

// TryPreview shows the message while it is written.
func (c *Console) TryPreview(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	return c.part(w, r, view{Viewer: v, Page: "try", Data: c.previewMessage(r, v, tryOf(f))}, "preview-part")
}

func (c *Console) previewMessage(r *http.Request, v *Viewer, t try) preview {
	if strings.TrimSpace(t.Text) == "" {
		return preview{Empty: true}
	}
	body, err := t.body([]string{"preview"})
	if err != nil {
		return preview{Fault: "This cannot be written as JSON."} // not reached: texts can
	}
	p, err := c.Door.Preview(r.Context(), v.Caller, body)
	if err != nil {
		return preview{Fault: said(err)}
	}
	return preview{Bubble: bubbleOf(relay.Content{Text: p.Text, DisableNotification: t.Silent}), Warnings: p.Warnings}
}

// TrySend sends it.
func (c *Console) TrySend(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	t := tryOf(f)
	body, err := t.body(t.recipients())
	if err != nil {
		return err
	}
	m, err := c.Door.Message(r.Context(), v.Caller, intake.Call{Body: body})
	if err != nil {
		if t.Fault = said(err); t.Fault == "" {
			return err
		}
		t.Shown = c.previewMessage(r, v, t)
		return c.frame(w, r, view{Viewer: v, Page: "try", Title: "Try it", Data: t, Status: relay.ErrorCode(err).Status()})
	}
	c.note(v, "sent a message", "message", m.ID)
	return toDelivery(w, r, m)
}

// said is what an error tells a person: each wrong field where there are some. Empty for what is our own fault.
func said(err error) string {
	var e *relay.Error
	if !errors.As(err, &e) || e.Code == relay.CodeInternal {
		return ""
	}
	var all []string
	for _, f := range e.Fields {
		all = append(all, sentence(strings.TrimPrefix(f.Detail, f.Pointer+": ")))
	}
	if len(all) == 0 {
		all = append(all, sentence(e.Detail))
	}
	return strings.Join(all, " ")
}
