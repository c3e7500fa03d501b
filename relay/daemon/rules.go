package daemon

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/heartbeat"
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
	inlets := b.inlets()
	if len(c.Templates.Paths()) > 0 || len(b.inletFiles) > 0 {
		operators = b.templates()
	}
	rules := &intake.Rules{
		Builtin: builtin, Templates: operators,
		Fallback: c.Delivery.Fallback, MaxAge: c.Delivery.MaxAge, LongText: c.Delivery.LongText, SurgeAfter: c.Delivery.SurgeAfter, Reject: c.Delivery.OnUnlinked == "reject",
		Events:    c.Events.URL != "",
		Receivers: map[string]*intake.Receiver{}, Bots: botsOf(c),
	}
	if len(b.faults) > 0 {
		return nil, b.faults
	}
	for _, t := range c.Auth.Tokens {
		if t.Namespace != "" {
			rules.Namespaces = append(rules.Namespaces, t.Namespace)
		}
	}
	for name, h := range c.Heartbeats {
		if h.Receiver != "" {
			rules.Heartbeats = append(rules.Heartbeats, intake.Heartbeat{Name: name, Receiver: h.Receiver, Matchers: h.Matching})
		}
	}
	for name, r := range c.Receivers {
		rules.Receivers[name] = b.receiver(rules.Templates, name, r)
		if r.Type == "telepush" {
			rules.Receivers[name].Type = receivers.Telepush{Inlets: inlets[name]}
		}
	}
	if len(b.faults) > 0 {
		return nil, b.faults
	}
	return rules, nil
}

// botsOf are the names by which bots are asked for.
func botsOf(c *config.Config) []string {
	var names []string
	for _, name := range c.BotNames() {
		names = append(names, relay.BotAsked(name))
	}
	return names
}

// builder gathers the faults of a configuration.
type builder struct {
	c      *config.Config
	faults config.Faults

	inletFiles []render.File // the templates of telepush's inlets
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
	set, err := render.New(render.Options{Files: append(files, b.inletFiles...)})
	if err != nil {
		b.fault("templates.files", "%v", err)
	}
	return set
}

func (b *builder) receiver(set *render.Set, name string, r config.Receiver) *intake.Receiver {
	key := "receivers." + name
	mode, _ := markup.ParseMode(r.ParseMode) // checked by package config
	rc := &intake.Receiver{
		Name: name, Template: r.Template, Bot: r.Bot, Mode: mode, AllowQueryToken: r.AllowQueryToken, OnUpdate: relay.OnUpdate(r.OnUpdate),
		SplitBy: r.SplitBy, Buttons: r.Buttons, Managed: b.managed(name), HTTPActions: r.HTTPActions, Aliases: r.Aliases, KeepPayloads: r.KeepPayloads,
	}
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
	rc.To = b.inlines(set, key+".to", r.To)
	if !slices.ContainsFunc(r.To, func(to string) bool { return strings.Contains(to, "{{") }) {
		rc.Fixed = r.To
	}
	rc.Visible = b.inlines(set, key+".visible", r.Visible)
	rc.Escalate = intake.Escalate{After: r.Escalate.After, To: b.inlines(set, key+".escalate.to", r.Escalate.To)}
	if r.Key != "" {
		rc.Key = b.inline(set, key+".key", r.Key)
	}
	if r.Priority != "" && r.Priority != "normal" {
		rc.Priority = b.inline(set, key+".priority", r.Priority)
	}
	if r.DisableNotification != "false" && r.DisableNotification != "" {
		rc.DisableNotification = b.inline(set, key+".disable_notification", string(r.DisableNotification))
	}
	if r.Topic != "" {
		rc.Topic = b.inline(set, key+".topic", r.Topic)
	}
	return rc
}

// managed reports whether an Alertmanager is known for a receiver.
func (b *builder) managed(receiver string) bool {
	for _, a := range b.c.Alertmanagers {
		if slices.Contains(a.Receivers, receiver) {
			return true
		}
	}
	return false
}

func (b *builder) inlines(set *render.Set, key string, texts []string) []*render.Inline {
	var all []*render.Inline
	for _, text := range texts {
		all = append(all, b.inline(set, key, text))
	}
	return all
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
		token := web.Token{Name: name, SHA256: t.Hash, Receivers: t.Receivers, Recipients: t.Recipients, Namespace: t.Namespace, Rate: web.Rate(t.Rate), Sources: t.Sources}
		for _, s := range t.Scopes {
			token.Scopes = append(token.Scopes, web.Scope(s))
		}
		tokens = append(tokens, token)
	}
	return tokens
}

// heartbeatsOf are the signs of life to wait for.
func heartbeatsOf(c *config.Config) []heartbeat.Heartbeat {
	var all []heartbeat.Heartbeat
	for name, h := range c.Heartbeats {
		beat := heartbeat.Heartbeat{Name: name, Receiver: h.Receiver, Interval: h.Interval, Repeat: h.Repeat, To: h.To}
		for _, m := range h.Matching {
			beat.Matchers = append(beat.Matchers, m.String())
		}
		all = append(all, beat)
	}
	return all
}
