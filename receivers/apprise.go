package receivers

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// apprise stands in for an Apprise API server (caronc/apprise-api: POST /notify/KEY), and takes what Apprise's json:// service posts
// (caronc/apprise: plugins/custom_json).
type apprise struct{}

// announcement is the data of the template apprise.message.
type announcement struct {
	Key    string // of the path, which is the recipient
	Title  string
	Body   string
	Type   string // info, success, warning or failure
	Format string // text, markdown or html
	Tag    string // as it came: comma for or, space for and
	around

	files []file
}

var (
	appriseTypes   = []string{"info", "success", "warning", "failure"}
	appriseFormats = []string{"text", "markdown", "html"}
)

func (apprise) Decode(r Request) ([]Draft, error) {
	a, err := r.apprise()
	if err != nil {
		return nil, err
	}
	switch {
	case a.Title == "" && a.Body == "" && len(a.files) == 0:
		return nil, invalid("body", "a text or an attachment is wanted")
	case !slices.Contains(appriseTypes, a.Type):
		return nil, invalid("type", "one of info, success, warning, failure is wanted")
	case !slices.Contains(appriseFormats, a.Format):
		return nil, invalid("format", "one of text, markdown, html is wanted")
	}
	draft := Draft{Template: "apprise.message", Data: a, Plain: strings.TrimSpace(a.Title + "\n" + a.Body)}
	if len(a.files) == 0 {
		return []Draft{draft}, nil
	}
	drafts := make([]Draft, len(a.files))
	for i, f := range a.files { // a message has one file: further ones follow
		draft.Media, draft.File = f.media(), f.content
		drafts[i] = draft
		draft.Data, draft.Plain = announcement{Key: a.Key, Type: "info", Format: "text", Tag: a.Tag, around: a.around}, " "
	}
	return drafts, nil
}

// appriseJSON is the document of either sender.
type appriseJSON struct {
	Title       text            `json:"title"`
	Body        text            `json:"body"`
	Message     text            `json:"message"` // of json://
	Type        text            `json:"type"`
	Format      text            `json:"format"`
	Tag         list            `json:"tag"`
	Tags        list            `json:"tags"`
	Attach      json.RawMessage `json:"attach"`
	Attachment  json.RawMessage `json:"attachment"`
	Attachments json.RawMessage `json:"attachments"` // of json://
}

// list is a text, or a list of texts as one with commas.
type list string

func (l *list) UnmarshalJSON(b []byte) error {
	var several []text
	if json.Unmarshal(b, &several) == nil {
		words := make([]string, len(several))
		for i, t := range several {
			words[i] = string(t)
		}
		*l = list(strings.Join(words, ","))
		return nil
	}
	return (*text)(l).UnmarshalJSON(b)
}

func (r Request) apprise() (announcement, error) {
	a := announcement{around: r.around()}
	if _, key, found := strings.Cut("/"+r.Path, "/notify/"); found {
		a.Key = key
	}
	var err error
	if r.isJSON() {
		err = a.readJSON(r.Body)
	} else {
		err = a.readForm(r)
	}
	a.Title, a.Body = strings.TrimSpace(readable(a.Title)), strings.TrimSpace(readable(a.Body))
	a.Type, a.Format = strings.ToLower(orElse(a.Type, "info")), strings.ToLower(orElse(a.Format, "text"))
	return a, err
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (a *announcement) readJSON(body []byte) error {
	var d appriseJSON
	if err := decode(body, &d); err != nil {
		return err
	}
	a.Title, a.Body, a.Type, a.Format = string(d.Title), orElse(string(d.Body), string(d.Message)), string(d.Type), string(d.Format)
	a.Tag = orElse(string(d.Tag), string(d.Tags))
	for _, raw := range []json.RawMessage{d.Attach, d.Attachment, d.Attachments} {
		if err := a.attach(raw); err != nil {
			return err
		}
	}
	return nil
}

func (a *announcement) readForm(r Request) error {
	f, err := r.form()
	if err != nil {
		return err
	}
	a.Title, a.Body, a.Type, a.Format = f.Get("title"), f.Get("body"), f.Get("type"), f.Get("format")
	a.Tag = orElse(f.Get("tag"), f.Get("tags"))
	a.files = f.files
	for _, field := range []string{"attach", "attachment"} {
		for _, address := range f.Values[field] {
			if err := a.address(address); err != nil {
				return err
			}
		}
	}
	return nil
}

// appriseFile is an attachment: an address, or a file in base64.
type appriseFile struct {
	URL      text `json:"url"`
	Filename text `json:"filename"`
	Base64   text `json:"base64"`
}

// attach reads one attachment or a list: addresses, or objects.
func (a *announcement) attach(raw json.RawMessage) error {
	var several []json.RawMessage
	if json.Unmarshal(raw, &several) != nil {
		several = []json.RawMessage{raw}
	}
	for _, one := range several {
		var address string
		var f appriseFile
		switch {
		case len(one) == 0 || string(one) == "null":
		case json.Unmarshal(one, &address) == nil:
			if err := a.address(address); err != nil {
				return err
			}
		case json.Unmarshal(one, &f) == nil && f.URL != "":
			if err := a.address(string(f.URL)); err != nil {
				return err
			}
		default:
			content, err := base64.StdEncoding.DecodeString(string(f.Base64))
			if err != nil || len(content) == 0 {
				return invalid("attachments", "a filename with the file in base64 is wanted")
			}
			a.files = append(a.files, file{name: named(string(f.Filename)), content: content})
		}
	}
	return nil
}

func (a *announcement) address(address string) error {
	if address == "" {
		return nil
	}
	if !webAddress(address) {
		return invalid("attach", "an address that begins with https:// or http:// is wanted, or an upload")
	}
	a.files = append(a.files, file{url: address})
	return nil
}

// Route takes notify and notify/KEY, and for json:// the receiver's own address and a recipient below it.
func (apprise) Route(method, path string) (Route, bool) {
	key, named := strings.CutPrefix(path, "notify/")
	switch {
	case method == http.MethodGet && path == "status":
		a := answerText(http.StatusOK, "OK")
		return Route{Page: &a, Open: true}, true
	case method != http.MethodPost && method != http.MethodPut || strings.Contains(key, "/"):
		return Route{}, false
	case path == "notify" || !named && path == "":
		return Route{}, true
	}
	return Route{Recipient: key}, true
}

// Token is none of its own: Apprise knows the usual ones.
func (apprise) Token(*http.Request, string) string { return "" }

func (apprise) Taken(r Request, _ []relay.ID, _ time.Time) Answer {
	if wantsJSON(r) {
		return answerJSON(http.StatusOK, map[string]any{"error": nil, "details": []string{}})
	}
	return answerText(http.StatusOK, "Notification(s) sent.\n")
}

func wantsJSON(r Request) bool {
	return r.isJSON() || strings.Contains(r.Header.Get("Accept"), "json")
}

func (apprise) Refused(status int, e *relay.Error) Answer {
	return answerJSON(status, map[string]any{"error": e.Detail, "details": []string{}})
}
