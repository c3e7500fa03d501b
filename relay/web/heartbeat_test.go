package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/web"
)

func seenIn(seen *[]string) func(context.Context, string) error {
	return func(_ context.Context, name string) error {
		switch name {
		case "backup":
			*seen = append(*seen, name)
			return nil
		case "ill":
			return &relay.Error{Code: relay.CodeStorageUnavailable, Err: errors.New("the disk")}
		}
		return &relay.Error{Code: relay.CodeNotFound, Detail: "there is no heartbeat " + name}
	}
}

func TestSignsOfLife(t *testing.T) {
	var seen []string
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) { o.Seen = seenIn(&seen) })
	for _, c := range []struct {
		method, path string
		header       []string
		status       int
	}{
		{"POST", "/hooks/heartbeat/backup", nil, 202},
		{"GET", "/hooks/heartbeat/backup", nil, 202},
		{"HEAD", "/hooks/heartbeat/backup", nil, 202},
		{"PUT", "/hooks/heartbeat/backup/", nil, 202},
		{"GET", "/hooks/heartbeat/backup", []string{"Sec-Fetch-Site", "none"}, 202}, // typed into a browser
		{"GET", "/hooks/heartbeat/backup", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"DELETE", "/hooks/heartbeat/backup", nil, 405},
		{"POST", "/hooks/heartbeat/nosuch", nil, 404},
		{"POST", "/hooks/heartbeat/ill", nil, 503},
	} {
		before := len(seen)
		a := h.call(t, c.method, c.path, "whatever", c.header...)
		if counted := len(seen) > before; a.status != c.status || counted != (a.status == 202) {
			t.Errorf("%s %s %v: %d, counted: %v; want %d", c.method, c.path, c.header, a.status, counted, c.status)
		}
		if a.status == 202 && len(a.body) > 0 {
			t.Errorf("%s: cron would mail %q", c.method, a.body)
		}
	}
}

func TestWhoseTokensGiveSignsOfLife(t *testing.T) {
	var seen []string
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) {
		o.Seen = seenIn(&seen)
		hooks := []web.Scope{web.ScopeHooks}
		o.Tokens = []web.Token{
			{Name: "any", SHA256: hash("any"), Scopes: hooks},
			{Name: "sends", SHA256: hash("sends"), Scopes: []web.Scope{web.ScopeSend}},
			{Name: "cron", SHA256: hash("cron"), Scopes: hooks, Receivers: []string{"heartbeat"}},
			{Name: "alerts", SHA256: hash("alerts"), Scopes: hooks, Receivers: []string{"alertmanager"}},
			{Name: "shop", SHA256: hash("shop"), Scopes: hooks, Namespace: "shop"},
			{Name: "shop-cron", SHA256: hash("shop-cron"), Scopes: hooks, Namespace: "shop", Receivers: []string{"heartbeat"}},
		}
	})
	if err := h.db.SetSender(t.Context(), "ada", onboarding.Hash("person"), time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	for token, status := range map[string]int{
		"": 401, "wrong": 401, "sends": 403, "any": 202, "cron": 202, "alerts": 403, "shop": 403, "shop-cron": 202, "person": 403,
	} {
		var header []string
		if token != "" {
			header = []string{"Authorization", "Bearer " + token}
		}
		if a := h.call(t, "POST", "/hooks/heartbeat/backup", "", header...); a.status != status {
			t.Errorf("token %q: %d %s; want %d", token, a.status, a.body, status)
		}
	}
	if a := h.call(t, "POST", "/hooks/json/ops", "{}", "Authorization", "Bearer cron"); a.status != 403 {
		t.Errorf("a token for signs of life posts a webhook: %d", a.status)
	}
}

// seen notes a sign of life that came by an alert. That it is not stored costs nobody anything.
func (h *house) seen(_ context.Context, name string) error {
	h.alive = append(h.alive, name)
	return errors.New("not stored")
}

// textOf is what the answer to a hook says will arrive.
func (h *house) textOf(t *testing.T, a answer) (text string) {
	t.Helper()
	var got struct{ Messages []struct{ ID relay.ID } }
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	for _, m := range got.Messages {
		kept, err := h.db.Message(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		text += kept.Content.Text.Text
	}
	return text
}

// The alert of a heartbeat is a sign of life and arrives nowhere, all others do.
func TestAlertsOfHeartbeats(t *testing.T) {
	const (
		watchdog = `{"status":"firing","labels":{"alertname":"Watchdog"}}`
		over     = `{"status":"resolved","labels":{"alertname":"Watchdog"}}`
		down     = `{"status":"firing","labels":{"alertname":"Down"}}`
	)
	h := newHouse(t, func(o *web.Options, r *intake.Rules) {
		match, err := labels.NewMatcher(labels.MatchEqual, "alertname", "Watchdog")
		if err != nil {
			t.Fatal(err)
		}
		r.Heartbeats = []intake.Heartbeat{
			{Name: "one", Receiver: "alertmanager", Matchers: labels.Matchers{match}},
			{Name: "two", Receiver: "alertmanager", Matchers: labels.Matchers{match}},
			{Name: "other", Receiver: "grafana", Matchers: labels.Matchers{match}},
		}
		o.Tokens = []web.Token{
			{Name: "am", SHA256: hash("am"), Scopes: []web.Scope{web.ScopeHooks}},
			{Name: "shop", SHA256: hash("shop"), Scopes: []web.Scope{web.ScopeHooks}, Namespace: "shop"},
		}
	})
	for _, c := range []struct {
		token, receiver, alerts string
		seen, arrives           string
	}{
		{"am", "alertmanager", watchdog, "one two", ""},
		{"am", "alertmanager", watchdog + "," + down, "one two", "🔥 Down"},
		{"am", "alertmanager", over, "", ""},
		{"am", "alertmanager", over + "," + down, "", "🔥 Down"},
		{"am", "alertmanager", down, "", "🔥 Down"},
		{"am", "grafana", watchdog, "other", ""},
		{"am", "json", watchdog, "", "firing"},
		{"shop", "alertmanager", watchdog, "", "🔥 Watchdog"},
	} {
		h.alive = nil
		a := h.call(t, "POST", "/hooks/"+c.receiver+"/ops", fmt.Sprintf(`{"status":"firing","alerts":[%s]}`, c.alerts), "Authorization", "Bearer "+c.token)
		slices.Sort(h.alive)
		if got := strings.Join(h.alive, " "); a.status != 202 || got != c.seen {
			t.Errorf("%s %s: %d, seen %q; want %q", c.receiver, c.alerts, a.status, got, c.seen)
		}
		if got := h.textOf(t, a); !strings.Contains(got, c.arrives) || (c.arrives == "") != (got == "") {
			t.Errorf("%s %s: %q arrives; want %q", c.receiver, c.alerts, got, c.arrives)
		}
	}
}
