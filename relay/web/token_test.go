package web_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/web"
)

func tokens() []web.Token {
	return []web.Token{
		{Name: "boss", SHA256: hash("boss"), Scopes: []web.Scope{web.ScopeAdmin}},
		{Name: "slow", SHA256: hash("slow"), Scopes: []web.Scope{web.ScopeSend, web.ScopeHooks}, Receivers: []string{"alertmanager"}, Rate: web.Rate{Count: 3, Per: time.Hour}},
		{Name: "near", SHA256: hash("near"), Scopes: []web.Scope{web.ScopeRead}, Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		{Name: "shop", SHA256: hash("shop"), Scopes: []web.Scope{web.ScopeAdmin}, Namespace: "shop"},
	}
}

func TestRate(t *testing.T) {
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) { o.Tokens = tokens() })
	const message = `{"to":"ops","text":"x"}`
	send := func(path, body string) answer { return h.call(t, "POST", path, body, "Authorization", "Bearer slow") }
	if a := send("/api/v1/messages:batch", `{"messages":[`+message+`,`+message+`,`+message+`,`+message+`]}`); a.status != 429 || !strings.Contains(string(a.body), "fewer") {
		t.Errorf("a batch that can never be: %d %s", a.status, a.body)
	}
	if a := send("/api/v1/messages:batch", `{"messages":[`+message+`,`+message+`]}`); a.status != 202 {
		t.Errorf("a batch of the two that are left: %d %s", a.status, a.body)
	}
	a := send("/api/v1/messages", message)
	if p := a.problem(t); p.Status != 429 || p.Code != "rate_limited" || !strings.Contains(p.Detail, "3 requests in 1h") || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v %v", p, a.header)
	}
	a = send("/hooks/alertmanager/ops", alert) // Alertmanager tries again on 5xx only
	if p := a.problem(t); p.Status != 503 || p.Code != "overloaded" || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v %v", p, a.header)
	}
	h.setTokens(tokens())
	if a := send("/api/v1/messages", message); a.status != 429 {
		t.Errorf("a reload gave it a fresh rate: %d %s", a.status, a.body)
	}
	changed := tokens()
	changed[1].Rate = web.Rate{Count: 60, Per: time.Minute}
	h.setTokens(changed)
	if a := send("/api/v1/messages", message); a.status != 202 {
		t.Errorf("with another rate: %d %s", a.status, a.body)
	}
	if used := h.web.Used(); len(used) != 1 || used["slow"].IsZero() {
		t.Errorf("used: %v", used)
	}
	h.setTokens(tokens()[2:])
	if a := send("/api/v1/messages", message); a.status != 401 {
		t.Errorf("a token that is gone: %d", a.status)
	}
}

// A wrong token, and a right one at the wrong place, are told alike.
func TestSources(t *testing.T) {
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) {
		o.Tokens, o.TrustedProxies = tokens(), []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	read := func(token, from string) answer {
		return h.call(t, "GET", "/api/v1/deliveries", "", "Authorization", "Bearer "+token, "X-Forwarded-For", from, "X-Request-Id", "same")
	}
	if a := read("near", "192.0.2.7"); a.status != 200 {
		t.Errorf("near: %d %s", a.status, a.body)
	}
	far, wrong := read("near", "198.51.100.7"), read("nonsense", "198.51.100.7")
	if far.status != 401 || string(far.body) != string(wrong.body) {
		t.Errorf("far: %d %s\nwrong: %s", far.status, far.body, wrong.body)
	}
	if a := read("near", "192.0.2.7, 198.51.100.7"); a.status != 401 {
		t.Errorf("what a caller claims of itself is believed: %d", a.status)
	}
	if !strings.Contains(h.log.String(), "token=near address=198.51.100.7") {
		t.Errorf("the operator cannot find out why: %s", h.log.String())
	}
}

func TestTokensAreTold(t *testing.T) {
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) { o.Tokens = tokens() })
	h.web.SetUsed(map[string]time.Time{"slow": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "gone": time.Now()})
	list := func(token string) string {
		var p struct{ Items []map[string]any }
		a := h.call(t, "GET", "/api/v1/tokens", "", "Authorization", "Bearer "+token)
		if err := json.Unmarshal(a.body, &p); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, item := range p.Items {
			names = append(names, item["name"].(string))
		}
		return strings.Join(names, " ") + http.StatusText(a.status)
	}
	if got := list("boss"); got != "boss near shop slowOK" {
		t.Error(got)
	}
	if got := list("shop"); got != "shopOK" {
		t.Errorf("an application's administrator sees %s", got)
	}
	if got := list("slow"); got != "Forbidden" {
		t.Error(got)
	}
	a := h.call(t, "GET", "/api/v1/tokens", "", "Authorization", "Bearer boss")
	if want := `{"name":"slow","scopes":["send","hooks"],"receivers":["alertmanager"],"recipients":[],"rate":"3/1h","sources":[],"last_used_at":"2026-01-02T03:04:05Z"}`; !strings.Contains(string(a.body), want) {
		t.Errorf("%s", a.body)
	}
	own := h.call(t, "GET", "/api/v1/token", "", "X-Gotify-Key", "slow")
	if own.status != 200 || !strings.HasPrefix(string(own.body), `{"name":"slow",`) {
		t.Errorf("%d %s", own.status, own.body)
	}
	if a := h.call(t, "GET", "/api/v1/token", ""); a.status != 401 {
		t.Errorf("%d", a.status)
	}
	open := newHouse(t, nil)
	if a := open.call(t, "GET", "/api/v1/token", ""); string(a.body) != `{"scopes":["admin"],"receivers":[],"recipients":[],"sources":[]}`+"\n" {
		t.Errorf("%s", a.body)
	}
}

func (h *house) setTokens(tokens []web.Token) {
	h.web.Set(web.Settings{Tokens: tokens, MaxBody: 10_000}, h.rules)
}
