package daemon

import (
	"fmt"
	"os"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/web"
)

// Rules makes the door's rules of a configuration, templates parsed. The error is config.Faults: what only the templates'
// own parser can find.
func Rules(c *config.Config) (*intake.Rules, error) {
	b := &builder{c: c}
	builtin, err := render.New(render.Options{})
	if err != nil {
		return nil, fmt.Errorf("parse the built-in templates: %w", err) // a fault of the program, found by its tests
	}
	operators := builtin
	if len(c.Templates.Paths()) > 0 {
		operators = b.templates()
	}
	rules := &intake.Rules{
		Builtin: builtin, Templates: operators,
		Fallback: c.Delivery.Fallback, MaxAge: c.Delivery.MaxAge, LongText: c.Delivery.LongText, SurgeAfter: c.Delivery.SurgeAfter, Reject: c.Delivery.OnUnlinked == "reject",
		Events:    c.Events.URL != "",
		Receivers: map[string]*intake.Receiver{},
	}
	if len(b.faults) > 0 {
		return nil, b.faults
	}
	for name, r := range c.Receivers {
		rules.Receivers[name] = b.receiver(rules.Templates, name, r)
	}
	if len(b.faults) > 0 {
		return nil, b.faults
	}
	return rules, nil
}

// builder gathers the faults of a configuration.
type builder struct {
	c      *config.Config
	faults config.Faults
}

func (b *builder) fault(key, format string, args ...any) {
	b.faults = append(b.faults, b.c.Fault(key, format, args...))
}

func (b *builder) templates() *render.Set {
	var files []render.File
	for _, path := range b.c.Templates.Paths() {
		text, err := os.ReadFile(path)
		if err != nil {
			b.fault("templates.files", "%v", err)
			continue
		}
		files = append(files, render.File{Name: path, Text: string(text)})
	}
	set, err := render.New(render.Options{Files: files})
	if err != nil {
		b.fault("templates.files", "%v", err)
	}
	return set
}

func (b *builder) receiver(set *render.Set, name string, r config.Receiver) *intake.Receiver {
	key := "receivers." + name
	mode, _ := markup.ParseMode(r.ParseMode) // checked by package config
	rc := &intake.Receiver{Name: name, Template: r.Template, Mode: mode, AllowQueryToken: r.AllowQueryToken}
	var known bool
	if rc.Type, known = receivers.Get(r.Type); !known {
		b.fault(key+".type", "unknown type %q", r.Type)
	}
	rc.Signature = receivers.Signature{Secret: r.HMACSecret, Header: r.HMACHeader, TimestampHeader: r.HMACTimestampHeader}
	if err := rc.Signature.Check(); err != nil {
		b.fault(key+".hmac_header", "%v", err)
	}
	if !set.Has(r.Template) {
		b.fault(key+".template", "there is no template %q; [templates] files brings your own", r.Template)
	}
	for _, to := range r.To {
		rc.To = append(rc.To, b.inline(set, key+".to", to))
	}
	if r.DisableNotification != "false" && r.DisableNotification != "" {
		rc.DisableNotification = b.inline(set, key+".disable_notification", string(r.DisableNotification))
	}
	return rc
}

func (b *builder) inline(set *render.Set, key, text string) *render.Inline {
	template, err := set.Inline(text)
	if err != nil {
		b.fault(key, "%v", err)
	}
	return template
}

// tokensOf are the keys to the HTTP interface.
func tokensOf(c *config.Config) []web.Token {
	var tokens []web.Token
	for name, t := range c.Auth.Tokens {
		token := web.Token{Name: name, SHA256: t.Hash, Receivers: t.Receivers, Recipients: t.Recipients, Namespace: t.Namespace}
		for _, s := range t.Scopes {
			token.Scopes = append(token.Scopes, web.Scope(s))
		}
		tokens = append(tokens, token)
	}
	return tokens
}
