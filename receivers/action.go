package receivers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// action is a button of ntfy's (docs/publish.md, “Action buttons”).
type action struct {
	ID      string            `json:"id,omitempty"`
	Action  string            `json:"action"`
	Label   string            `json:"label"`
	Clear   bool              `json:"clear"`
	URL     string            `json:"url,omitempty"`
	Method  string            `json:"method,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Value   string            `json:"value,omitempty"` // that copy copies
}

// maxActions is ntfy's limit.
const maxActions = 3

// ntfyActions reads actions: a list in JSON, or the short form "view, Label, https://…; http, Label, https://…, method=PUT".
func ntfyActions(s string) (actions []action, err error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "" || s == "null":
		return nil, nil
	case strings.HasPrefix(s, "["):
		if json.Unmarshal([]byte(s), &actions) != nil {
			return nil, invalid("actions", "the JSON is no list of actions")
		}
	default:
		if actions, err = shortActions(s); err != nil {
			return nil, err
		}
	}
	if len(actions) > maxActions {
		return nil, invalid("actions", fmt.Sprintf("at most %d are wanted", maxActions))
	}
	for i := range actions {
		if err := actions[i].check(); err != nil {
			return nil, err
		}
	}
	return actions, nil
}

func (a *action) check() error {
	a.Action = strings.ToLower(a.Action)
	switch {
	case !slices.Contains([]string{"view", "http", "copy", "broadcast"}, a.Action):
		return invalid("actions", fmt.Sprintf("unknown action %.40q; one of view, http, copy", a.Action))
	case a.Label == "":
		return invalid("actions", "an action needs a label")
	case a.Action == "view" && a.URL == "", a.Action == "http" && !webAddress(a.URL):
		return invalid("actions", fmt.Sprintf("the action %.40q needs a url", a.Label))
	case a.Action == "copy" && a.Value == "":
		return invalid("actions", fmt.Sprintf("the action %.40q needs a value", a.Label))
	case a.Method != "" && !methodName.MatchString(a.Method):
		return invalid("actions", fmt.Sprintf("%.40q is no method", a.Method))
	}
	return nil
}

var methodName = regexp.MustCompile(`^[A-Za-z]{1,20}$`)

// button is the action as a button, or as a link where Telegram has no such button. What is only for Android (broadcast) is neither.
func (a action) button() ([]Button, []Reference) {
	switch a.Action {
	case "view":
		return buttonsOrLinks(Reference{Text: a.Label, URL: a.URL})
	case "copy":
		if (markup.Text{Text: a.Value}).Len() > maxCopy {
			return nil, []Reference{{Text: a.Label, URL: a.Value}}
		}
		return []Button{{Text: a.Label, Copy: a.Value}}, nil
	case "http":
		method := strings.ToUpper(a.Method)
		if method == "" {
			method = http.MethodPost // ntfy's default
		}
		return []Button{{Text: a.Label, Call: &relay.Call{Method: method, URL: a.URL, Header: a.Headers, Body: a.Body, Label: a.Label}}}, nil
	}
	return nil, nil
}

// shortActions reads the short form. Values may stand in quotes, single or double, with \ before a quote within.
func shortActions(s string) (actions []action, err error) {
	var a action
	place := 0
	for {
		key, value, end, rest, err := term(s)
		if err != nil {
			return nil, err
		}
		if err := a.set(key, value, place); err != nil {
			return nil, err
		}
		s, place = rest, place+1
		if end == ',' {
			continue
		}
		if place > 1 || value != "" { // a ; at the end begins nothing
			actions = append(actions, a)
		}
		if end == 0 {
			return actions, nil
		}
		a, place = action{}, 0
	}
}

// positions are the keys of terms that name none.
var positions = []string{"action", "label", ""}

func (a *action) set(key, value string, place int) error {
	if key == "" && place < len(positions) {
		key = positions[place]
		if place == 2 {
			key = map[string]string{"copy": "value"}[a.Action]
			if key == "" {
				key = "url"
			}
		}
	}
	if name, ok := strings.CutPrefix(key, "headers."); ok {
		if a.Headers == nil {
			a.Headers = map[string]string{}
		}
		a.Headers[name] = value
		return nil
	}
	switch strings.ToLower(key) {
	case "action":
		a.Action = strings.ToLower(value)
	case "label":
		a.Label = value
	case "clear":
		a.Clear = truth(value)
	case "url":
		a.URL = value
	case "method":
		a.Method = value
	case "body":
		a.Body = value
	case "value":
		a.Value = value
	case "id", "intent":
	default:
		if !strings.HasPrefix(key, "extras.") {
			return invalid("actions", fmt.Sprintf("the term %.60q is not understood; want key=value", key+"="+value))
		}
	}
	return nil
}

var termKey = regexp.MustCompile(`^[-.\w]+=`)

// term reads one: what ends it is a comma, a semicolon, or 0 at the end.
func term(s string) (key, value string, end byte, rest string, err error) {
	s = strings.TrimLeft(s, " \t\r\n")
	if found := termKey.FindString(s); found != "" {
		key, s = strings.TrimSuffix(found, "="), s[len(found):]
	}
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		if value, s, err = quoted(s); err != nil {
			return "", "", 0, "", err
		}
		s = strings.TrimLeft(s, " \t\r\n")
		if s != "" && s[0] != ',' && s[0] != ';' {
			return "", "", 0, "", invalid("actions", "a , or ; is missing behind a quote")
		}
	} else {
		i := strings.IndexAny(s, ",;")
		if i < 0 {
			i = len(s)
		}
		value, s = strings.TrimSpace(s[:i]), s[i:]
	}
	if s == "" {
		return key, value, 0, "", nil
	}
	return key, value, s[0], s[1:], nil
}

// quoted reads a value in quotes.
func quoted(s string) (value, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == s[0]:
			i++
			b.WriteByte(s[i])
		case s[i] == s[0]:
			return b.String(), s[i+1:], nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", invalid("actions", "a quote is not closed")
}
