package receivers

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/render"
)

// gotify stands in for a Gotify server (gotify/server: router, api/message.go) as far as applications speak to one: they post messages.
type gotify struct{}

// gotifyPriority is that of a message that names none: an ordinary one.
const gotifyPriority = 5

// push is the data of the template gotify.message.
type push struct {
	Title    string
	Message  string
	Priority int64 // 0 to 10: from 4 on with a sound, from 8 on of high priority
	Markdown bool
	Click    string      // the address that the notification opens
	Image    string      // the address of its picture
	Extras   any         // as they came
	Links    []Reference // that can be no button
	around

	extras json.RawMessage
}

type gotifyMessage struct {
	Message  text            `json:"message"`
	Title    text            `json:"title"`
	Priority *count          `json:"priority"`
	Extras   json.RawMessage `json:"extras"`
}

// gotifyExtras are those with a meaning (https://gotify.net/docs/msgextras).
type gotifyExtras struct {
	Display struct {
		ContentType text `json:"contentType"`
	} `json:"client::display"`
	Notification struct {
		Click struct {
			URL text `json:"url"`
		} `json:"click"`
		BigImageURL text `json:"bigImageUrl"`
	} `json:"client::notification"`
}

func (gotify) Decode(r Request) ([]Draft, error) {
	m, err := r.gotify()
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(string(m.Message)) == "" {
		return nil, invalid("message", "a text is wanted")
	}
	p := m.push()
	p.around = r.around()
	draft := Draft{Template: "gotify.message", Plain: strings.TrimSpace(p.Title + "\n" + p.Message)}
	draft.Buttons, p.Links = buttonsOrLinks(opener(p.Click))
	if webAddress(p.Image) {
		draft.Media = &relay.Media{Kind: relay.Photo, URL: p.Image}
	}
	draft.Data = p
	return []Draft{draft}, nil
}

// gotify reads JSON, or a form.
func (r Request) gotify() (m gotifyMessage, err error) {
	if r.isJSON() {
		return m, decode(r.Body, &m)
	}
	f, err := r.form()
	if err != nil {
		return m, err
	}
	m.Message, m.Title = text(readable(f.Get("message"))), text(readable(f.Get("title")))
	if p := f.Get("priority"); p != "" {
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return m, invalid("priority", "a whole number is wanted")
		}
		m.Priority = (*count)(&n)
	}
	return m, nil
}

func (m gotifyMessage) push() push {
	p := push{Title: string(m.Title), Message: string(m.Message), Priority: gotifyPriority}
	if m.Priority != nil {
		p.Priority = int64(*m.Priority)
	}
	var known gotifyExtras
	var all any
	if json.Unmarshal(m.Extras, &all) == nil && all != nil {
		p.Extras, p.extras = render.Numbers(all), m.Extras
		_ = json.Unmarshal(m.Extras, &known) // what is of another kind means nothing
	}
	p.Markdown = strings.HasPrefix(string(known.Display.ContentType), "text/markdown")
	p.Click, p.Image = string(known.Notification.Click.URL), string(known.Notification.BigImageURL)
	return p
}

// Route takes POST /message below the receiver or below a recipient. Clients ask for version and health.
func (gotify) Route(method, path string) (Route, bool) {
	recipient, call := path, ""
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		recipient, call = path[:i], path[i+1:]
	} else {
		recipient, call = "", path
	}
	switch {
	case strings.Contains(recipient, "/"):
	case method == http.MethodPost && call == "message":
		return Route{Recipient: recipient}, true
	case method == http.MethodGet && call == "version":
		return page(map[string]string{"version": "2.0.0", "commit": "tgrelay", "buildDate": ""}), true
	case method == http.MethodGet && call == "health":
		return page(map[string]string{"health": "green", "database": "green"}), true
	}
	return Route{}, false
}

func (gotify) Token(r *http.Request, _ string) string {
	if token := r.URL.Query().Get("token"); token != "" {
		return token
	}
	return r.Header.Get("X-Gotify-Key")
}

func (gotify) Taken(r Request, stored []relay.ID, at time.Time) Answer {
	m, err := r.gotify()
	if err != nil || len(stored) == 0 {
		return answerJSON(http.StatusOK, struct{}{})
	}
	p := m.push()
	return answerJSON(http.StatusOK, struct {
		ID       uint32          `json:"id"`
		AppID    int             `json:"appid"`
		Message  string          `json:"message"`
		Title    string          `json:"title"`
		Priority int64           `json:"priority"`
		Extras   json.RawMessage `json:"extras,omitempty"`
		Date     time.Time       `json:"date"`
	}{binary.BigEndian.Uint32(stored[0][12:]) >> 1, 1, p.Message, p.Title, p.Priority, p.extras, at})
}

func (gotify) Refused(status int, e *relay.Error) Answer {
	detail := e.Detail
	if refuses(e, "message") {
		detail = "Field 'message' is required"
	}
	return answerJSON(status, struct {
		Error       string `json:"error"`
		Code        int    `json:"errorCode"`
		Description string `json:"errorDescription"`
	}{http.StatusText(status), status, detail})
}
