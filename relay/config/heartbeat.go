package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tgrelay/tgrelay/relay/alertmanager"
)

// Heartbeat is a sign of life that comes again and again: an always-firing alert, or a call of /hooks/heartbeat/NAME.
type Heartbeat struct {
	Receiver string        `toml:"receiver"` // whose alerts count; empty: the call only
	Matchers []string      `toml:"matchers"` // Alertmanager's, of the alerts that count; all of them
	Interval time.Duration `toml:"interval"` // the longest silence that is well
	Repeat   time.Duration `toml:"repeat"`   // how often a silence is told again; 0: never
	To       []string      `toml:"to"`       // recipient IDs; empty: delivery.fallback

	// Matching are the Matchers, read.
	Matching labels.Matchers
}

// beatsEvery and tellsEvery are interval and repeat where the file has none. The latter is Alertmanager's repeat_interval.
const (
	beatsEvery = 5 * time.Minute
	tellsEvery = 4 * time.Hour
)

// completeHeartbeats gives each key that is not in the file its default.
func (c *Config) completeHeartbeats() {
	for name, h := range c.Heartbeats {
		given := func(key string) bool { return c.lines[child("heartbeats", name)+"."+key] > 0 }
		if !given("interval") {
			h.Interval = beatsEvery
		}
		if !given("repeat") {
			h.Repeat = tellsEvery
		}
		c.Heartbeats[name] = h
	}
}

// ofAlerts are the types whose webhooks hold alerts.
var ofAlerts = []string{"alertmanager", "grafana"}

func (k *checker) heartbeats(all map[string]Heartbeat) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		h, key := all[name], child("heartbeats", name)
		k.require(receiverName.MatchString(name), key, "%.60q cannot name a heartbeat: use small letters, digits, _ and -, beginning with a letter or digit", name)
		k.source(key, &h)
		k.times(key, h)
		for _, to := range h.To {
			k.recipient(key+".to", to)
		}
		if len(h.To) == 0 && !k.faulty(key+".to") {
			k.require(k.c.Delivery.Fallback != "", key+".to", "nobody would hear of a silence: name recipients here, or one for all such cases as fallback of [delivery]")
		}
		all[name] = h
	}
}

func (k *checker) times(key string, h Heartbeat) {
	if !k.faulty(key + ".interval") {
		k.require(h.Interval >= time.Second, key+".interval", "want 1s or more: the longest silence that is well")
	}
	if !k.faulty(key + ".repeat") {
		k.require(h.Repeat == 0 || h.Repeat >= time.Second, key+".repeat", "want 1s or more, or 0s to tell a silence once")
	}
}

// source checks whose alerts are the sign of life, and which of them.
func (k *checker) source(key string, h *Heartbeat) {
	if h.Receiver == "" {
		k.require(len(h.Matchers) == 0 || k.faulty(key+".receiver"), key+".receiver",
			"missing: whose alerts do the matchers mean? Without matchers, calls of /hooks/heartbeat/NAME are the sign of life")
		return
	}
	r, known := k.c.Receivers[h.Receiver]
	switch {
	case !known:
		k.fault(key+".receiver", "there is no receiver %.60q; there are %s", h.Receiver, strings.Join(slices.Sorted(maps.Keys(k.c.Receivers)), ", "))
	case r.Type != "" && !slices.Contains(ofAlerts, r.Type):
		k.fault(key+".receiver", "receiver %s is of type %s, whose webhooks hold no alerts; take one of type %s, or leave it out and call /hooks/heartbeat/NAME",
			h.Receiver, r.Type, strings.Join(ofAlerts, " or "))
	}
	if !k.faulty(key + ".matchers") {
		k.matchers(key+".matchers", h)
	}
}

// matchers reads them in either of Alertmanager's syntaxes. It refuses what Alertmanager refuses for a silence: to mean every alert.
func (k *checker) matchers(key string, h *Heartbeat) {
	fine := true
	for _, text := range h.Matchers {
		some, err := alertmanager.ParseMatchers(text)
		if err != nil || len(some) == 0 {
			k.fault(key, "%.100q is no matcher; want some as Alertmanager has them, such as [\"alertname=Watchdog\"]", text)
			fine = false
		}
		h.Matching = append(h.Matching, some...)
	}
	selects := slices.ContainsFunc(h.Matching, func(m *labels.Matcher) bool { return !m.Matches("") })
	k.require(selects || !fine, key, "they fit every alert, so that none would be delivered; want some that fit the sign of life only, such as [\"alertname=Watchdog\"]")
}
