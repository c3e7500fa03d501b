package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// Receiver is a named inlet: it turns one kind of webhook into messages.
type Receiver struct {
	Type                string    `toml:"type" one_of:"alertmanager|grafana|json|ntfy|gotify|apprise|telepush|text"`
	To                  []string  `toml:"to"`       // recipient IDs or text/template; empty: the request's path names the recipient
	Template            string    `toml:"template"` // the name of one
	ParseMode           string    `toml:"parse_mode" one_of:"MarkdownV2|HTML|Markdown|none"`
	Topic               string    `toml:"topic"` // text/template; empty: none
	Bot                 string    `toml:"bot"`   // the name of one, FirstBot for that of [telegram]; empty: whichever the recipient is connected to
	DisableNotification Condition `toml:"disable_notification"`
	AllowQueryToken     bool      `toml:"allow_query_token"`
	Priority            string    `toml:"priority"` // high, normal or low, or text/template that writes one
	Key                 string    `toml:"key"`      // text/template; empty: the type's own, which is the group key for alerts
	OnUpdate            string    `toml:"on_update" one_of:"reply|edit|new"`
	SplitBy             []string  `toml:"split_by"` // labels of alerts
	Buttons             bool      `toml:"buttons"`  // below alerts
	Visible             []string  `toml:"visible"`  // matchers of the alerts that a chat may see, or text/template; empty: all
	Escalate            Escalate  `toml:"escalate"`
	KeepPayloads        int       `toml:"keep_payloads"` // how many of the last webhooks are kept in memory, for the console
	HTTPActions         []string  `toml:"http_actions"`  // hosts that buttons of ntfy's messages may call
	Inlets              []string  `toml:"inlets"`        // files of telepush's, or globs
	Aliases             []string  `toml:"aliases" one_of:"alertmanager-bot|prometheus_bot|alertgram|alertly|ntfy"`

	// What the sender signs with, and where it puts the signature and its time. Without a header it is known by the request.
	HMACSecret          secret.Value `toml:"hmac_secret"` // empty: no signature is wanted
	HMACSecretFile      string       `toml:"hmac_secret_file"`
	HMACSecretEnv       string       `toml:"hmac_secret_env"`
	HMACHeader          string       `toml:"hmac_header"`
	HMACTimestampHeader string       `toml:"hmac_timestamp_header"`
}

// Escalate is who is told of alerts that fire on without anybody reacting.
type Escalate struct {
	After time.Duration `toml:"after"` // 0: nobody is
	To    []string      `toml:"to"`    // recipient IDs or text/template
}

// Condition is a text/template that writes true or false.
type Condition string

// UnmarshalTOML takes a string or a boolean.
func (c *Condition) UnmarshalTOML(value any) error {
	switch v := value.(type) {
	case string:
		*c = Condition(cmp.Or(v, "false"))
	case bool:
		*c = Condition(fmt.Sprint(v))
	default:
		return mismatch(`true, false or a template that writes one of them`, value)
	}
	return nil
}

// kind is what a type of receivers has of its own: the defaults of keys.
type kind struct {
	silent   Condition // disable_notification
	update   string    // on_update
	priority string
	key      string
	mode     string // parse_mode; empty: MarkdownV2
	alerts   bool   // it is about alerts
	asked    bool   // there is none unless the file has one
}

// resolved makes no sound.
const resolved Condition = `{{ eq .Status "resolved" }}`

var kinds = map[string]kind{
	"alertmanager": {silent: resolved, update: "reply", alerts: true},
	"grafana":      {silent: resolved, update: "reply", alerts: true},
	"json":         {silent: "false", update: "edit"},
	"ntfy": {
		silent: `{{ lt .Priority 3 }}`, update: "edit", key: `{{ .SequenceID }}`,
		priority: `{{ if gt .Priority 3 }}high{{ else if lt .Priority 3 }}low{{ else }}normal{{ end }}`,
	},
	"gotify": {
		silent: `{{ lt .Priority 4 }}`, update: "edit",
		priority: `{{ if ge .Priority 8 }}high{{ else if lt .Priority 4 }}low{{ else }}normal{{ end }}`,
	},
	"apprise":  {silent: "false", update: "edit"},
	"text":     {silent: "false", update: "edit"},
	"telepush": {silent: "false", update: "edit", mode: "Markdown", asked: true},
}

// signatures is hmac_header by type.
var signatures = map[string]string{"grafana": "X-Grafana-Alerting-Signature"}

// completeReceivers adds the receivers that exist without being configured, and gives each key that is not in the file
// its default, which depends on the type.
func (c *Config) completeReceivers() {
	for typ, its := range kinds {
		if _, configured := c.Receivers[typ]; !configured && !its.asked {
			c.Receivers[typ] = Receiver{}
		}
	}
	for name, r := range c.Receivers {
		given := func(key string) bool { return c.lines[child("receivers", name)+"."+key] > 0 }
		if _, isType := kinds[name]; isType && r.Type == "" {
			r.Type = name
		}
		its := kinds[r.Type]
		if !given("template") {
			r.Template = r.Type + ".message"
		}
		if !given("disable_notification") {
			r.DisableNotification = its.silent
		}
		if !given("hmac_header") {
			r.HMACHeader = signatures[r.Type]
		}
		if !given("parse_mode") {
			r.ParseMode = cmp.Or(its.mode, "MarkdownV2")
		}
		if !given("priority") {
			r.Priority = cmp.Or(its.priority, "normal")
		}
		if !given("on_update") {
			r.OnUpdate = its.update
		}
		if !given("key") {
			r.Key = its.key
		}
		if !given("buttons") {
			r.Buttons = its.alerts
		}
		c.Receivers[name] = r
	}
}

var (
	headerName   = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$") // RFC 9110, section 5.6.2
	receiverName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	// recipientID is the rule of relay.CheckRecipientID, which stands on the same floor as this package.
	recipientID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$`)
)

// maxPayloads is how many webhooks a receiver may keep.
const maxPayloads = 100

// maxTopicName is relay.MaxTopicName, which stands on the same floor as this package.
const maxTopicName = 128

func (k *checker) receiver(name string, r Receiver) {
	key := child("receivers", name)
	k.require(receiverName.MatchString(name), key, "%.60q cannot name a receiver: use small letters, digits, _ and -, beginning with a letter or digit", name)
	k.require(name != "heartbeat", key, "the name heartbeat is taken by /hooks/heartbeat/NAME; use another")
	if r.Type == "" && !k.faulty(key+".type") {
		k.fault(key+".type", "missing; one of %s", strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	for _, to := range r.To {
		if !strings.Contains(to, "{{") {
			k.recipient(key+".to", to)
		}
	}
	k.priority(key+".priority", r.Priority)
	k.knownBot(key+".bot", r.Bot)
	k.require(r.KeepPayloads >= 0 && r.KeepPayloads <= maxPayloads, key+".keep_payloads", "want a number from 0 to %d", maxPayloads)
	k.alerts(key, r)
	if !strings.Contains(r.Topic, "{{") {
		length := (markup.Text{Text: r.Topic}).Len()
		k.require(length <= maxTopicName, key+".topic", "has %d characters; a topic's name has %d at most", length, maxTopicName)
	}
	k.require(r.Template != "" || k.faulty(key+".template"), key+".template", "empty; want the name of a template, or leave it out for %s.message", r.Type)
}

func (k *checker) priority(key, priority string) {
	fine := slices.Contains([]string{"high", "normal", "low"}, priority) || strings.Contains(priority, "{{")
	k.require(fine || k.faulty(key), key, "unknown priority %.60q; one of high, normal, low, or a template that writes one of them", priority)
}

// alerts checks what receivers of alerts alone have.
func (k *checker) alerts(key string, r Receiver) {
	if !kinds[r.Type].alerts && r.Type != "" {
		for name, given := range map[string]bool{
			"split_by": len(r.SplitBy) > 0, "visible": len(r.Visible) > 0, "buttons": r.Buttons, "escalate": r.Escalate.After > 0 || len(r.Escalate.To) > 0,
		} {
			k.require(!given, key+"."+name, "is for receivers of alerts: type alertmanager or grafana")
		}
		return
	}
	for _, matcher := range r.Visible {
		if _, err := alertmanager.ParseMatchers(matcher); err != nil && !strings.Contains(matcher, "{{") {
			k.fault(key+".visible", "%.60q is no matcher; want one such as team=infra or severity=~\"critical|warning\"", matcher)
		}
	}
	e := r.Escalate
	for _, to := range e.To {
		if !strings.Contains(to, "{{") {
			k.recipient(key+".escalate.to", to)
		}
	}
	k.require(e.After <= 0 || len(e.To) > 0 || k.faulty(key+".escalate.to"), key+".escalate.to", "who is to be told? Name a recipient")
	k.require(e.After > 0 || len(e.To) == 0 || k.faulty(key+".escalate.after"), key+".escalate.after", `when? Want a duration such as "15m"`)
}

// signature reads the secret with which a receiver's requests are signed.
func (k *checker) signature(key string, r *Receiver) {
	v, err := k.secret(key+".hmac_secret", secret.Source{Value: r.HMACSecret, File: r.HMACSecretFile, Env: r.HMACSecretEnv})
	r.HMACSecret, r.HMACSecretFile = v, k.c.path(r.HMACSecretFile)
	for name, header := range map[string]string{"hmac_header": r.HMACHeader, "hmac_timestamp_header": r.HMACTimestampHeader} {
		at := key + "." + name
		k.require(header == "" || headerName.MatchString(header), at, "this is no name of a header; want one such as %q", "X-Hub-Signature-256")
		if errors.Is(err, secret.ErrNone) && header != "" && header != signatures[r.Type] {
			k.fault(at, "there is no secret to check it with: give hmac_secret_file too")
		}
	}
}

func (k *checker) recipient(key, id string) {
	k.require(recipientID.MatchString(id), key, "%.140q cannot name a recipient: use 1 to 128 letters, digits and . _ : @ + -, beginning with a letter or digit", id)
}
