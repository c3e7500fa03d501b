package receivers

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// Telepush stands in for a telepush server (muety/telepush: inlets/default, inlets/config_inlet.go, handlers/message.go).
type Telepush struct {
	Inlets map[string]Inlet // by their names, in small letters
}

// telepushMessage is the data of the template telepush.message.
type telepushMessage struct {
	Origin string
	Text   string
	Plain  bool // the text is no markup
	around
}

// inletMessage is the data of an inlet's template.
type inletMessage struct {
	Message any
	Vars    map[string]string
	around
}

type telepushJSON struct {
	Text     text                 `json:"text"`
	Origin   text                 `json:"origin"`
	Type     text                 `json:"type"`
	File     text                 `json:"file"` // base64
	Filename text                 `json:"filename"`
	Options  map[string]wireTruth `json:"options"`
}

// wireTruth is true, or a text or number that says so.
type wireTruth bool

func (t *wireTruth) UnmarshalJSON(b []byte) error {
	*t = wireTruth(truth(strings.Trim(string(b), `"`)))
	return nil
}

func (t Telepush) Decode(r Request) ([]Draft, error) {
	if name := inletOf(r.Path); name != "" && name != "default" {
		return t.decodeInlet(r, name)
	}
	m, err := r.telepush()
	if err != nil {
		return nil, err
	}
	data := telepushMessage{
		Origin: orElse(string(m.Origin), "Telepush"), Text: strings.TrimSpace(string(m.Text)), around: r.around(),
		Plain: bool(m.Options["disable_markdown"]) || truth(r.Query.Get("disable_markdown")),
	}
	draft := Draft{Template: "telepush.message", Data: data, Plain: data.Origin + " wrote:\n\n" + data.Text}
	switch {
	case strings.EqualFold(string(m.Type), "FILE"):
		content, err := base64.StdEncoding.DecodeString(string(m.File))
		if err != nil || len(content) == 0 {
			return nil, invalid("file", "a file in base64 is wanted")
		}
		draft.Media, draft.File = &relay.Media{Kind: relay.Document, Name: orElse(named(string(m.Filename)), "file")}, content
	case data.Text == "":
		return nil, invalid("text", "a text is wanted")
	}
	return []Draft{draft}, nil
}

// telepush reads JSON; where the body is none, the query has the same fields.
func (r Request) telepush() (m telepushJSON, err error) {
	if len(r.Body) > 0 && r.isJSON() {
		return m, decode(r.Body, &m)
	}
	f, err := r.form()
	if err != nil {
		return m, err
	}
	get := func(name string) text { return text(readable(f.Get(name))) }
	return telepushJSON{Text: get("text"), Origin: get("origin"), Type: get("type"), File: get("file"), Filename: get("filename")}, nil
}

func (t Telepush) decodeInlet(r Request, name string) ([]Draft, error) {
	inlet, known := t.Inlets[name]
	if !known {
		return nil, &relay.Error{Code: relay.CodeNotFound, Detail: "there is no inlet " + name + ": `inlets` of the receiver names the files"}
	}
	data := inletMessage{Message: readable(string(r.Body)), Vars: map[string]string{}, around: r.around()}
	if inlet.JSON {
		var document any
		if err := decode(r.Body, &document); err != nil {
			return nil, err
		}
		data.Message = render.Numbers(document)
	}
	for name, header := range inlet.HeaderVars {
		data.Vars[name] = data.Header(header)
	}
	return []Draft{{
		Template: "telepush.inlet", Data: data, Plain: readable(string(r.Body)), Inlet: inlet.Template, InletMode: markup.Markdown,
	}}, nil
}

// inletOf is the name of the inlet in a path: inlets/NAME/RECIPIENT; empty for messages/RECIPIENT.
func inletOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) == 3 && parts[0] == "inlets" {
		return strings.ToLower(parts[1])
	}
	return ""
}

// Route takes messages/RECIPIENT and inlets/NAME/RECIPIENT, as they stand behind telepush's /api.
func (t Telepush) Route(method, path string) (Route, bool) {
	parts := strings.Split(path, "/")
	name := inletOf(path)
	get := method == http.MethodGet && (name == "" || name == "default")
	switch {
	case method != http.MethodPost && !get:
	case len(parts) == 2 && parts[0] == "messages", name != "":
		return Route{Recipient: parts[len(parts)-1]}, true
	}
	return Route{}, false
}

// Token is what stands for the recipient: telepush knows no other.
func (Telepush) Token(r *http.Request, path string) string {
	if r.Header.Get("Authorization") != "" {
		return ""
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}

// Taken answers as telepush does: it sent, or will (async).
func (Telepush) Taken(r Request, _ []relay.ID, _ time.Time) Answer {
	if truth(r.Query.Get("async")) {
		return Answer{Status: http.StatusAccepted}
	}
	return Answer{Status: http.StatusOK}
}

// Refused answers with a sentence.
func (Telepush) Refused(status int, e *relay.Error) Answer { return answerText(status, e.Detail+"\n") }
