package receivers

import (
	"encoding/base32"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tgrelay/tgrelay/relay"
)

// ntfy stands in for an ntfy server (binwiederhier/ntfy: server/server.go, docs/publish.md) as far as it is published to. The topic is the
// recipient.
type ntfy struct{}

// publication is the data of the template ntfy.message.
type publication struct {
	Topic      string
	Title      string
	Message    string
	Priority   int      // 1 to 5; 3 is the ordinary one
	Emoji      string   // of the tags that have one
	Tags       []string // the others
	Click      string
	Icon       string
	Markdown   bool
	Links      []Reference // that can be no button
	SequenceID string      // of a message that changes; the message's own ID where none is given
	Deleted    bool        // the message is to go
	around

	tags    []string // all
	actions []action
	attach  file
	at      time.Time // zero: at once
	read    bool      // it only says that a message was read
}

// topicName is ntfy's rule for topics and sequence IDs. As a recipient a topic begins with a letter or digit.
var topicName = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

func (ntfy) Decode(r Request) ([]Draft, error) {
	p, err := r.ntfy(time.Now())
	if err != nil || p.read {
		return nil, err
	}
	id := relay.NewID()
	if p.SequenceID == "" {
		p.SequenceID = ntfyID(id)
	}
	draft := Draft{
		Template: "ntfy.message", ID: id, SendAt: p.at, Plain: strings.TrimSpace(p.Title + "\n" + p.Message),
	}
	if p.Topic != "" {
		draft.To = []string{p.Topic}
	}
	if p.attach.url != "" || len(p.attach.content) > 0 {
		draft.Media, draft.File = p.attach.media(), p.attach.content
	}
	draft.Buttons, p.Links = p.buttons()
	draft.Data = p
	return []Draft{draft}, nil
}

// buttons are those of the click address and of the actions.
func (p *publication) buttons() ([]Button, []Reference) {
	buttons, links := buttonsOrLinks(opener(p.Click))
	for _, a := range p.actions {
		button, link := a.button()
		buttons, links = append(buttons, button...), append(links, link...)
	}
	return buttons, links
}

// ntfy reads a request in any of its forms: JSON posted to the root, else the text or file with everything else in headers or the query.
func (r Request) ntfy(now time.Time) (*publication, error) {
	topic, sequence, command := ntfyPath(r.Path)
	p := &publication{Topic: topic, SequenceID: sequence, around: r.around()}
	switch {
	case command == "clear" || command == "read":
		p.read = true
		return p, nil
	case r.Method == http.MethodDelete:
		p.Deleted, p.Priority, p.Message = true, 1, "deleted"
		return p, nil
	case topic == "":
		fields, err := r.ntfyFields()
		if err != nil {
			return nil, err
		}
		return p, p.fill(fields, now)
	}
	if err := p.fill(r.parameter, now); err != nil {
		return nil, err
	}
	kind, _ := r.contentType()
	p.Markdown = p.Markdown || kind == "text/markdown"
	p.body(r.Body)
	return p, nil
}

// body is the text, or the file where it has a name or is none. An empty one leaves the text of header or query.
func (p *publication) body(body []byte) {
	switch {
	case p.attach.url == "" && len(body) > 0 && (p.attach.name != "" || !utf8.Valid(body)):
		p.attach.content = body
	case len(body) > 0:
		p.Message = strings.TrimSpace(readable(string(body)))
	}
	if p.Message == "" && p.attach.url == "" && len(p.attach.content) == 0 {
		p.Message = "triggered" // ntfy's word for it
	}
}

// ntfyPath is topic, sequence ID and command of a path below the receiver.
func ntfyPath(path string) (topic, sequence, command string) {
	parts := strings.Split(path, "/")
	topic = parts[0]
	if len(parts) > 1 {
		command = parts[1]
		if !slices.Contains(publishing, command) && command != "auth" {
			sequence, command = command, ""
		}
	}
	if len(parts) > 2 {
		command = parts[2]
	}
	return topic, sequence, command
}

// publishing are the words by which a GET publishes.
var publishing = []string{"publish", "send", "trigger"}

// Route knows publishing, updating and deleting, and what the command-line client asks.
func (ntfy) Route(method, path string) (Route, bool) {
	topic, sequence, command := ntfyPath(path)
	send := method == http.MethodPost || method == http.MethodPut
	fine := topicName.MatchString(topic) && (sequence == "" || topicName.MatchString(sequence)) && strings.Count(path, "/") <= 2
	switch {
	case path == "":
		return Route{}, send
	case method == http.MethodGet && path == "v1/health":
		return page(map[string]bool{"healthy": true}), true
	case !fine || topic == "v1":
		return Route{}, false
	case command == "auth" && sequence == "":
		a := answerJSON(http.StatusOK, map[string]bool{"success": true})
		return Route{Recipient: topic, Page: &a}, method == http.MethodGet
	case sequence == "" && (command == "" || slices.Contains(publishing, command)):
		return Route{Recipient: topic}, send || method == http.MethodGet
	case sequence != "" && command == "":
		return Route{Recipient: topic}, send || method == http.MethodDelete
	case sequence != "" && (command == "clear" || command == "read"):
		return Route{Recipient: topic}, method == http.MethodPut
	}
	return Route{}, false
}

// ntfyID is the ID of a message as ntfy has them: twelve characters.
func ntfyID(id relay.ID) string {
	return base32.HexEncoding.EncodeToString(id[8:])[:12]
}

// published is ntfy's message.
type published struct {
	ID          string      `json:"id"`
	SequenceID  string      `json:"sequence_id,omitempty"`
	Time        int64       `json:"time"`
	Event       string      `json:"event"`
	Topic       string      `json:"topic"`
	Title       string      `json:"title,omitempty"`
	Message     string      `json:"message,omitempty"`
	Priority    int         `json:"priority,omitempty"`
	Tags        []string    `json:"tags,omitempty"`
	Click       string      `json:"click,omitempty"`
	Icon        string      `json:"icon,omitempty"`
	Actions     []action    `json:"actions,omitempty"`
	Attachment  *attachment `json:"attachment,omitempty"`
	ContentType string      `json:"content_type,omitempty"`
}

type attachment struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	Size int    `json:"size,omitempty"`
	URL  string `json:"url"`
}

func (ntfy) Taken(r Request, stored []relay.ID, at time.Time) Answer {
	p, err := r.ntfy(at)
	if err != nil {
		return answerJSON(http.StatusOK, struct{}{})
	}
	m := published{
		Time: at.Unix(), Event: "message", Topic: p.Topic, SequenceID: p.SequenceID, Title: p.Title, Message: p.Message, Priority: p.Priority, Tags: p.tags,
		Click: p.Click, Icon: p.Icon, Actions: p.actions,
	}
	if len(stored) > 0 {
		m.ID = ntfyID(stored[0])
	}
	if m.Priority == ordinary {
		m.Priority = 0 // as ntfy leaves it out
	}
	if !p.at.IsZero() {
		m.Time = p.at.Unix()
	}
	switch {
	case p.Deleted:
		m.Event, m.Message, m.Priority = "message_delete", "", 0
	case p.read:
		m.Event = "message_clear"
	case p.Markdown:
		m.ContentType = "text/markdown"
	}
	if p.attach.url != "" || len(p.attach.content) > 0 {
		m.Attachment = &attachment{Name: p.attach.media().Name, Type: p.attach.kind(), Size: len(p.attach.content), URL: p.attach.url}
	}
	return answerJSON(http.StatusOK, m)
}

// ntfyCodes are ntfy's own (server/errors.go), by field and by status.
var (
	ntfyFieldCodes  = map[string]int{"delay": 40004, "priority": 40007, "topic": 40009, "attach": 40013, "actions": 40018, "sequence_id": 40049}
	ntfyStatusCodes = map[int]int{
		http.StatusBadRequest: 40000, http.StatusUnauthorized: 40101, http.StatusForbidden: 40301, http.StatusNotFound: 40401, http.StatusConflict: 40901,
		http.StatusRequestEntityTooLarge: 41301, http.StatusTooManyRequests: 42901, http.StatusInternalServerError: 50001, http.StatusServiceUnavailable: 50301,
	}
)

func (ntfy) Refused(status int, e *relay.Error) Answer {
	code := ntfyStatusCodes[status]
	if code == 0 {
		code = status * 100
	}
	if e.Code == relay.CodeInvalidJSON {
		code = 40017
	}
	for field, its := range ntfyFieldCodes {
		if refuses(e, field) {
			code = its
		}
	}
	return answerJSON(status, struct {
		Code  int    `json:"code"`
		HTTP  int    `json:"http"`
		Error string `json:"error"`
		Link  string `json:"link,omitempty"`
	}{code, status, e.Detail, "https://ntfy.sh/docs/publish/"})
}

const ordinary = 3

// priorities are ntfy's, by the words for them.
var priorities = map[string]int{"": ordinary, "min": 1, "low": 2, "default": ordinary, "high": 4, "max": 5, "urgent": 5}

// browsers send a header Priority of their own (RFC 9218).
var urgency = regexp.MustCompile(`^(u=\d,\s*(i|\d)|u=\d|i)$`)

func ntfyPriority(s string) (int, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if n, err := strconv.Atoi(s); err == nil && n >= 1 && n <= 5 {
		return n, nil
	}
	n, known := priorities[s]
	switch {
	case known:
		return n, nil
	case urgency.MatchString(s):
		return ordinary, nil
	}
	return 0, invalid("priority", "1 to 5, or min, low, default, high, max is wanted")
}
