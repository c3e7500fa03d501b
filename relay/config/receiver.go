package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// Receiver is a named inlet: it turns one kind of webhook into messages.
type Receiver struct {
	Type                string    `toml:"type" one_of:"alertmanager|grafana|json"`
	To                  []string  `toml:"to"`       // recipient IDs or text/template; empty: the request's path names the recipient
	Template            string    `toml:"template"` // the name of one
	ParseMode           string    `toml:"parse_mode" one_of:"MarkdownV2|HTML|Markdown|none"`
	DisableNotification Condition `toml:"disable_notification"`
	AllowQueryToken     bool      `toml:"allow_query_token"`

	// What the sender signs with, and where it puts the signature and its time. Without a header it is known by the request.
	HMACSecret          secret.Value `toml:"hmac_secret"` // empty: no signature is wanted
	HMACSecretFile      string       `toml:"hmac_secret_file"`
	HMACSecretEnv       string       `toml:"hmac_secret_env"`
	HMACHeader          string       `toml:"hmac_header"`
	HMACTimestampHeader string       `toml:"hmac_timestamp_header"`
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

// silent is disable_notification by type: what is resolved makes no sound.
var silent = map[string]Condition{
	"alertmanager": `{{ eq .Status "resolved" }}`,
	"grafana":      `{{ eq .Status "resolved" }}`,
	"json":         "false",
}

// signatures is hmac_header by type.
var signatures = map[string]string{"grafana": "X-Grafana-Alerting-Signature"}

// completeReceivers adds the receivers that exist without being configured, and gives each key that is not in the file
// its default, which depends on the type.
func (c *Config) completeReceivers() {
	for typ := range silent {
		if _, configured := c.Receivers[typ]; !configured {
			c.Receivers[typ] = Receiver{}
		}
	}
	for name, r := range c.Receivers {
		given := func(key string) bool { return c.lines[child("receivers", name)+"."+key] > 0 }
		if _, isType := silent[name]; isType && r.Type == "" {
			r.Type = name
		}
		if !given("template") {
			r.Template = r.Type + ".message"
		}
		if !given("disable_notification") {
			r.DisableNotification = silent[r.Type]
		}
		if !given("hmac_header") {
			r.HMACHeader = signatures[r.Type]
		}
		if !given("parse_mode") {
			r.ParseMode = "MarkdownV2"
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

func (k *checker) receiver(name string, r Receiver) {
	key := child("receivers", name)
	k.require(receiverName.MatchString(name), key, "%.60q cannot name a receiver: use small letters, digits, _ and -, beginning with a letter or digit", name)
	k.require(name != "heartbeat", key, "the name heartbeat is taken by /hooks/heartbeat/NAME; use another")
	if r.Type == "" && !k.faulty(key+".type") {
		k.fault(key+".type", "missing; one of %s", strings.Join(slices.Sorted(maps.Keys(silent)), ", "))
	}
	for _, to := range r.To {
		if !strings.Contains(to, "{{") {
			k.recipient(key+".to", to)
		}
	}
	k.require(r.Template != "" || k.faulty(key+".template"), key+".template", "empty; want the name of a template, or leave it out for %s.message", r.Type)
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
