package receivers

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/yuin/goldmark-emoji/definition"

	"github.com/tgrelay/tgrelay/relay"
)

// fill reads what a message has beside its body, asking for it by all names that ntfy knows: the first is the header's full one.
func (p *publication) fill(get func(names ...string) string, now time.Time) (err error) {
	if p.Topic == "" {
		if p.Topic = get("X-Topic", "Topic"); relay.CheckRecipientID(p.Topic) != nil || !topicName.MatchString(p.Topic) {
			return invalid("topic", "1 to 64 letters, digits, _ and - are wanted, beginning with a letter or digit: the topic is the recipient")
		}
	}
	if p.SequenceID == "" {
		p.SequenceID = get("X-Sequence-ID", "Sequence-ID", "SID")
	}
	if p.SequenceID != "" && !topicName.MatchString(p.SequenceID) {
		return invalid("sequence_id", "1 to 64 letters, digits, _ and - are wanted")
	}
	p.Title = get("X-Title", "Title", "t")
	p.Message = strings.ReplaceAll(get("X-Message", "Message", "m"), `\n`, "\n")
	p.Click, p.Icon = get("X-Click", "Click"), get("X-Icon", "Icon")
	p.Markdown = truth(get("X-Markdown", "Markdown", "md"))
	p.tag(get("X-Tags", "Tags", "Tag", "ta"))
	p.attach = file{url: get("X-Attach", "Attach", "a"), name: named(get("X-Filename", "Filename", "file", "f"))}
	if p.attach.url != "" && !webAddress(p.attach.url) {
		return invalid("attach", "an address that begins with https:// or http:// is wanted")
	}
	if p.Priority, err = ntfyPriority(get("X-Priority", "Priority", "prio", "p")); err != nil {
		return err
	}
	if p.at, err = ntfyDelay(get("X-Delay", "Delay", "X-At", "At", "X-In", "In"), now); err != nil {
		return err
	}
	p.actions, err = ntfyActions(get("X-Actions", "Actions", "Action"))
	return err
}

func truth(s string) bool { return slices.Contains([]string{"1", "yes", "true"}, strings.ToLower(s)) }

var emojis = definition.Github()

// tag takes the tags apart: those that are the short code of an emoji, and others.
func (p *publication) tag(list string) {
	for tag := range strings.SplitSeq(list, ",") {
		if tag = strings.TrimSpace(tag); tag == "" {
			continue
		}
		p.tags = append(p.tags, tag)
		if emoji, known := emojis.Get(tag); known && emoji.IsUnicode() {
			p.Emoji += string(emoji.Unicode)
		} else {
			p.Tags = append(p.Tags, tag)
		}
	}
}

// ntfyJSON is a message published as JSON (docs/publish.md, “Publish as JSON”).
type ntfyJSON struct {
	Topic      text            `json:"topic"`
	Message    text            `json:"message"`
	Title      text            `json:"title"`
	Priority   text            `json:"priority"`
	Tags       []text          `json:"tags"`
	Click      text            `json:"click"`
	Icon       text            `json:"icon"`
	Attach     text            `json:"attach"`
	Filename   text            `json:"filename"`
	Markdown   text            `json:"markdown"`
	Delay      text            `json:"delay"`
	SequenceID text            `json:"sequence_id"`
	Actions    json.RawMessage `json:"actions"`
}

// ntfyFields are the fields of a JSON document, by the names of their headers.
func (r Request) ntfyFields() (func(names ...string) string, error) {
	var m ntfyJSON
	if err := decode(r.Body, &m); err != nil {
		return nil, err
	}
	tags := make([]string, len(m.Tags))
	for i, tag := range m.Tags {
		tags[i] = string(tag)
	}
	if m.Priority == "0" {
		m.Priority = "" // ntfy's own clients write it for none
	}
	if m.Message == "" && m.Attach == "" {
		m.Message = "triggered"
	}
	fields := map[string]string{
		"X-Topic": string(m.Topic), "X-Message": string(m.Message), "X-Title": string(m.Title), "X-Priority": string(m.Priority), "X-Tags": strings.Join(tags, ","),
		"X-Click": string(m.Click), "X-Icon": string(m.Icon), "X-Attach": string(m.Attach), "X-Filename": string(m.Filename), "X-Markdown": string(m.Markdown),
		"X-Delay": string(m.Delay), "X-Sequence-ID": string(m.SequenceID), "X-Actions": actionsOf(m.Actions),
	}
	return func(names ...string) string { return readable(fields[names[0]]) }, nil
}

// actionsOf are actions as a text: the list itself, or the short form within a string.
func actionsOf(raw json.RawMessage) string {
	var short string
	if json.Unmarshal(raw, &short) == nil {
		return short
	}
	return string(raw)
}

// Token is that of ?auth=, where senders put what else stands in the header Authorization: base64, as for URLs.
func (ntfy) Token(r *http.Request, _ string) string {
	encoded := r.URL.Query().Get("auth")
	if encoded == "" {
		encoded = r.URL.Query().Get("authorization")
	}
	header, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil || len(header) == 0 {
		return ""
	}
	as := &http.Request{Header: http.Header{"Authorization": {string(header)}}}
	if _, password, ok := as.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(string(header), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return ""
}

// The shortest and longest delays.
const (
	minDelay = 10 * time.Second // ntfy's
	maxDelay = 366 * 24 * time.Hour
)

// ntfyDelay is when a message is to be sent: zero for at once.
func ntfyDelay(s string, now time.Time) (time.Time, error) {
	if s = strings.ToLower(strings.TrimSpace(s)); s == "" {
		return time.Time{}, nil
	}
	at, ok := moments(s, now)
	switch {
	case !ok:
		return at, invalid("delay", "this time is not understood; want Unix seconds, a duration such as 30m or 2 days, or a time such as 10am, 18:30, or tomorrow, 8:00")
	case at.Before(now.Add(minDelay)):
		return at, invalid("delay", "the time is over, or nearer than "+minDelay.String())
	case at.After(now.Add(maxDelay)):
		return at, invalid("delay", "the time is more than a year away")
	}
	return at.UTC().Truncate(time.Millisecond), nil
}

// moments reads a time: in seconds since 1970, from now, or as people say it.
func moments(s string, now time.Time) (time.Time, bool) {
	if unix, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(unix, 0), unix > 0
	}
	if d, ok := length(strings.TrimPrefix(s, "in ")); ok {
		return now.Add(d), true
	}
	return spoken(s, now)
}
