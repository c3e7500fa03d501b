package web_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/logging"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/web"
	"github.com/tgrelay/tgrelay/relay/web/openapitest"
)

// house is the interface over a real storage; nothing is delivered.
type house struct {
	*httptest.Server
	db             *store.DB
	web            *web.Server
	desk           *onboarding.Desk
	rules          *intake.Rules
	ready, healthy error
	// restart is what a reload names.
	restart []string
	alive   []string // heartbeats whose alert came
	log     bytes.Buffer
}

func newHouse(t testing.TB, change func(*web.Options, *intake.Rules)) *house {
	t.Helper()
	h := newIndoors(t, change)
	h.Server = httptest.NewServer(h.web)
	t.Cleanup(h.Close)
	return h
}

// newIndoors is a house that listens nowhere.
func newIndoors(t testing.TB, change func(*web.Options, *intake.Rules)) *house {
	t.Helper()
	h := &house{}
	log := slog.New(logging.Requests(slog.NewTextHandler(&h.log, nil)))
	registry := prometheus.NewRegistry()
	var err error
	h.db, err = store.Open(t.Context(), store.Options{URL: "sqlite:" + t.TempDir() + "/relay.db", CacheSize: 100, Log: log, Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.db.Close() })
	h.rules = newRules(t)
	o := web.Options{
		Outbox: h.db, Directory: h.db, Links: h.db, Senders: h.db, Notes: h.db, Settings: web.Settings{MaxBody: 10_000}, Log: log, Registerer: registry,
		Healthy: func() error { return h.healthy },
		Ready:   func(context.Context) error { return h.ready }, Accepting: h.db.Check, Reload: func() ([]string, error) { return h.restart, h.ready },
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}
	if change != nil {
		change(&o, h.rules)
	}
	o.Door = intake.New(intake.Options{Outbox: h.db, Directory: h.db, Threads: h.db, Log: log, Registerer: registry, Alive: h.seen}, h.rules)
	o.Desk = onboarding.New(onboarding.Options{Links: h.db, Username: func(bot string) string { return cmp.Or(bot, "relay") + "_bot" }, LinkURL: func(string) string { return "https://t.me" }, TTL: func() time.Duration { return time.Hour }, Registerer: registry})
	h.desk = o.Desk
	h.web = web.New(o)
	return h
}

func newRules(t testing.TB) *intake.Rules {
	t.Helper()
	set, err := render.New(render.Options{Files: []render.File{{Name: "my.tmpl", Text: `
{{ define "deploy" }}Deploy took *{{ .took }}*{{ end }}
{{ define "fails" }}{{ index .list 7 }}{{ end }}
{{ define "asks" }}{{ header "X-Event" }} {{ query "team" }} {{ header "Authorization" }}{{ query "token" }}.{{ end }}
{{ define "nothing" }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	builtin, err := render.New(render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rules := &intake.Rules{Templates: set, Builtin: builtin, MaxAge: time.Hour, Receivers: map[string]*intake.Receiver{}}
	for _, name := range receivers.Names() {
		kind, _ := receivers.Get(name)
		rules.Receivers[name] = &intake.Receiver{Name: name, Type: kind, Template: name + ".message", Mode: markup.MarkdownV2}
	}
	return rules
}

func (h *house) bind(t testing.TB, recipient string, chatID int64) {
	t.Helper()
	chat := relay.Chat{ChatID: chatID, Type: "private", State: relay.Active}
	if err := h.db.Bind(t.Context(), recipient, chat, time.Now()); err != nil {
		t.Fatal(err)
	}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// call makes a request; headers come in pairs.
func (h *house) call(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := openapitest.Transport{TB: t}.RoundTrip(r) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, b}
}

type problem struct {
	Code   string
	Detail string
	Status int
	Errors []relay.FieldError
}

func (a answer) problem(t *testing.T) problem {
	t.Helper()
	var p problem
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(a.body, &p) != nil {
		t.Fatalf("%d %s %s: want problem+json", a.status, a.header.Get("Content-Type"), a.body)
	}
	if p.Status != a.status {
		t.Errorf("the problem says status %d, HTTP says %d", p.Status, a.status)
	}
	return p
}

const alert = `{"version":"4","status":"firing","receiver":"r","groupKey":"g","alerts":[{"status":"firing","labels":{"alertname":"Up"},"annotations":{},"startsAt":"2026-01-01T00:00:00Z"}],"commonLabels":{"alertname":"Up"}}`

func TestErrorCodes(t *testing.T) {
	h := newHouse(t, nil)
	h.bind(t, "alice", 1001)
	const json = "application/json"
	for _, c := range []struct {
		method, path, body, contentType string
		status                          int
		code, says                      string
	}{
		{"POST", "/api/v1/messages", `{`, json, 400, "invalid_json", "too early"},
		{"POST", "/api/v1/messages", "{\"a\":\"\xff\"}", json, 400, "invalid_json", "UTF-8"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","colour":"red"}`, json, 400, "unknown_field", "/colour"},
		{"POST", "/api/v1/messages", `{"to":7,"text":"x"}`, json, 400, "invalid_field", "/to"},
		{"POST", "/api/v1/messages", `{"to":[],"text":"x"}`, json, 400, "invalid_field", "/to"},
		{"POST", "/api/v1/messages", `{"text":"x"}`, json, 400, "invalid_field", "/to"},
		{"POST", "/api/v1/messages", `{"to":"no spaces","text":"x"}`, json, 400, "invalid_field", "/to/0"},
		{"POST", "/api/v1/messages", `{"to":"alice"}`, json, 400, "invalid_field", "/text"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":""}`, json, 400, "invalid_field", "/text"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":" \n\u200b"}`, json, 400, "invalid_field", "/text"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","parse_mode":"Word"}`, json, 400, "invalid_field", "/parse_mode"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"a.b","parse_mode":"MarkdownV2"}`, json, 400, "invalid_markup", "(at byte offset 1)"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"<b>x","parse_mode":"HTML"}`, json, 400, "invalid_markup", "end tag"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","entities":[{"type":"bold","offset":0,"length":9}]}`, json, 400, "invalid_markup", "ends after"},
		{"POST", "/api/v1/messages", `{"to":"alice","template":"nosuch"}`, json, 400, "unknown_template", "nosuch"},
		{"POST", "/api/v1/messages", `{"to":"alice","template":"fails","data":{"list":[]}}`, json, 400, "template_error", "my.tmpl"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","template":"deploy"}`, json, 400, "invalid_field", "/template"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","data":{}}`, json, 400, "invalid_field", "/data"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","priority":"urgent"}`, json, 400, "invalid_field", "/priority"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","send_at":"tomorrow"}`, json, 400, "invalid_field", "/send_at"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","expires_in":"soon"}`, json, 400, "invalid_field", "/expires_in"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","reply_markup":{"inline_keyboard":[[{"text":"a","url":"http://nodot/"}]]}}`, json, 400, "invalid_field", "/reply_markup/inline_keyboard/0/0/url"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","reply_markup":{"keyboard":[]}}`, json, 400, "invalid_field", "/reply_markup"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"x","link_preview_options":{"off":true}}`, json, 400, "invalid_field", "/link_preview_options"},
		{"POST", "/api/v1/messages", `to=alice`, "application/x-www-form-urlencoded", 415, "unsupported_media_type", "--json"},
		{"POST", "/api/v1/messages", `{"to":"alice","text":"` + strings.Repeat("x", 10_000) + `"}`, json, 413, "body_too_large", "10000 bytes"},
		{"GET", "/api/v1/messages", "", "", 405, "method_not_allowed", "POST"},
		{"GET", "/api/v1/messages/" + relay.NewID().String(), "", "", 404, "not_found", "message"},
		{"GET", "/api/v1/messages/7", "", "", 404, "not_found", ""},
		{"GET", "/api/v1/deliveries?state=lost", "", "", 400, "invalid_field", "state"},
		{"GET", "/api/v1/deliveries?limit=0", "", "", 400, "invalid_field", "limit"},
		{"GET", "/api/v1/deliveries?since=yesterday", "", "", 400, "invalid_field", "since"},
		{"GET", "/api/v1/deliveries?until=12:00", "", "", 400, "invalid_field", "until"},
		{"POST", "/api/v1/deliveries/" + relay.NewID().String() + "/retry", "", "", 404, "not_found", ""},
		{"POST", "/api/v1/deliveries/" + relay.NewID().String() + "/discard", "", "", 404, "not_found", ""},
		{"POST", "/api/v1/links", `{}`, json, 400, "invalid_field", "/recipient"},
		{"POST", "/api/v1/links", `{"recipient":"a b","target":"channel","max_uses":0,"expires_in":"x"}`, json, 400, "invalid_field", "/max_uses"},
		{"GET", "/api/v1/links/" + relay.NewID().String(), "", "", 404, "not_found", ""},
		{"POST", "/api/v1/links", `{"recipient":"a","template":"nosuch"}`, json, 400, "unknown_template", ""},
		{"POST", "/api/v1/links", `{"recipient":"a","data":{}}`, json, 400, "invalid_field", "/data"},
		{"DELETE", "/api/v1/links/" + relay.NewID().String(), "", "", 404, "not_found", ""},
		{"GET", "/api/v1/recipients/nobody", "", "", 404, "unknown_recipient", ""},
		{"DELETE", "/api/v1/recipients/nobody", "", "", 404, "unknown_recipient", ""},
		{"PUT", "/api/v1/recipients/alice/chats/x", "", "", 400, "invalid_field", "chat_id"},
		{"DELETE", "/api/v1/recipients/alice/chats/5", "", "", 404, "not_found", ""},
		{"POST", "/hooks/nosuch/alice", alert, json, 404, "unknown_receiver", "nosuch"},
		{"POST", "/hooks/alertmanager", alert, json, 404, "unknown_recipient", "/hooks/alertmanager/RECIPIENT"},
		{"POST", "/hooks/alertmanager/a%20b", alert, json, 400, "invalid_field", "cannot name a recipient"},
		{"POST", "/hooks/alertmanager/alice", `{"text":"x"}`, json, 400, "invalid_field", "type json"},
		{"POST", "/hooks/alertmanager/alice", `nonsense`, json, 400, "invalid_json", "byte"},
		{"GET", "/hooks/alertmanager/alice", "", "", 405, "method_not_allowed", "POST"},
		{"GET", "/nowhere", "", "", 404, "not_found", ""},
	} {
		t.Run(c.method+" "+c.path+" "+c.code, func(t *testing.T) {
			a := h.call(t, c.method, c.path, c.body, "Content-Type", c.contentType)
			p := a.problem(t)
			if a.status != c.status || (c.code != "" && p.Code != c.code) {
				t.Errorf("%d %s (%s); want %d %s", a.status, p.Code, p.Detail, c.status, c.code)
			}
			if !strings.Contains(string(a.body), c.says) {
				t.Errorf("%s does not say %q", a.body, c.says)
			}
		})
	}
	page := h.call(t, "GET", "/api/v1/deliveries", "")
	if string(page.body) != `{"items":[],"next":null}`+"\n" {
		t.Errorf("something was kept of what was refused: %s", page.body)
	}
}

func TestMessageIsStoredForEachChat(t *testing.T) {
	h := newHouse(t, nil)
	h.bind(t, "alice", 1001)
	h.bind(t, "ops", -1002)
	h.bind(t, "ops", 1001)
	a := h.call(t, "POST", "/api/v1/messages", `{"to":["alice","ops","new","alice"],"text":"*hi* \\.","parse_mode":"MarkdownV2","priority":"high"}`, "Content-Type", "application/json")
	var got struct {
		ID         string
		Deliveries []struct {
			ID, Recipient, State string
			ChatID               int64 `json:"chat_id"`
		}
	}
	if a.status != 202 || json.Unmarshal(a.body, &got) != nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var list []string
	for _, d := range got.Deliveries {
		list = append(list, d.Recipient+" "+d.State)
	}
	if strings.Join(list, ", ") != "alice queued, ops queued, new held" {
		t.Errorf("deliveries %v: a chat that two share gets one copy, a new recipient's is held", list)
	}
	shown := h.call(t, "GET", "/api/v1/messages/"+got.ID, "")
	if !strings.Contains(string(shown.body), `"text":"hi .","entities":[{"type":"bold","offset":0,"length":2}]`) {
		t.Errorf("message %s", shown.body)
	}
	for query, want := range map[string]int{"receiver=grafana": 0, "since=2026-01-01T00:00:00Z": 3, "until=2026-01-01T00:00:00Z": 0} {
		if list := h.call(t, "GET", "/api/v1/deliveries?"+query, ""); strings.Count(string(list.body), `"message_id"`) != want {
			t.Errorf("%s: %s", query, list.body)
		}
	}
	page := h.call(t, "GET", "/api/v1/deliveries?recipient=new&state=held", "")
	if strings.Count(string(page.body), `"recipient":"new"`) != 1 || !strings.Contains(string(page.body), `"telegram_message_ids":[]`) {
		t.Errorf("deliveries %s", page.body)
	}
}

func TestTemplateAndNothing(t *testing.T) {
	h := newHouse(t, nil)
	h.bind(t, "alice", 1001)
	a := h.call(t, "POST", "/api/v1/messages", `{"to":"alice","template":"deploy","data":{"took":12345678901234567890}}`)
	var got struct{ ID string }
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if shown := h.call(t, "GET", "/api/v1/messages/"+got.ID, ""); !strings.Contains(string(shown.body), "Deploy took 12345678901234567890") {
		t.Errorf("message %s", shown.body)
	}
	if a := h.call(t, "POST", "/api/v1/messages", `{"to":"alice","template":"nothing"}`); a.status != 202 || !strings.Contains(string(a.body), `"deliveries":[]`) {
		t.Errorf("a template that renders to nothing: %d %s", a.status, a.body)
	}
}

func TestUnlinkedMayBeRefused(t *testing.T) {
	h := newHouse(t, func(_ *web.Options, r *intake.Rules) { r.Reject = true })
	h.bind(t, "alice", 1001)
	p := h.call(t, "POST", "/api/v1/messages", `{"to":["alice","bob","eve"],"text":"x"}`).problem(t)
	if p.Status != 409 || p.Code != "recipient_not_linked" || len(p.Errors) != 2 || p.Errors[0].Pointer != "/to/1" {
		t.Errorf("%+v", p)
	}
}

// Hooks never redirect: the alert would be lost.
func TestSlashesAreForgiven(t *testing.T) {
	h := newHouse(t, nil)
	for _, path := range []string{"/hooks/alertmanager/ops/", "//hooks/alertmanager//ops", "/hooks/alertmanager/ops"} {
		if a := h.call(t, "POST", path, alert); a.status != 202 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// What the operator's template does is not the sender's fault.
func TestHookFallsBackWhenATemplateFails(t *testing.T) {
	h := newHouse(t, func(_ *web.Options, r *intake.Rules) {
		r.Receivers["alertmanager"].Template = "fails"
		r.Fallback = "admin"
	})
	h.bind(t, "admin", 1)
	if a := h.call(t, "POST", "/hooks/alertmanager/ops", alert); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	h.call(t, "POST", "/hooks/alertmanager/ops", strings.Replace(alert, "firing", "resolved", 1))
	page, err := h.db.Deliveries(t.Context(), relay.DeliveryQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, d := range page.Items {
		m, err := h.db.Message(t.Context(), d.MessageID)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, d.Recipient+": "+m.Content.Text.Text)
	}
	all := strings.Join(texts, "\n")
	if len(page.Items) != 3 || strings.Count(all, "ops: ") != 2 || strings.Count(all, "admin: ⚠️ The template of receiver alertmanager failed") != 1 {
		t.Errorf("want two alerts by the built-in template and one notice, have:\n%s", all)
	}
	metrics := h.call(t, "GET", "/metrics", "")
	if !strings.Contains(string(metrics.body), `tgrelay_render_fallbacks_total{receiver="alertmanager",step="builtin"} 2`) {
		t.Error("the fallbacks are not counted")
	}
}

func hash(token string) [32]byte { return sha256.Sum256([]byte(token)) }

func TestTokensBoundTheirBearer(t *testing.T) {
	h := newHouse(t, func(o *web.Options, r *intake.Rules) {
		r.Receivers["json"].AllowQueryToken = true
		o.Tokens = []web.Token{
			{Name: "am", SHA256: hash("am-token"), Scopes: []web.Scope{web.ScopeHooks}, Receivers: []string{"alertmanager", "json"}, Recipients: []string{"ops", "team-*"}},
			{Name: "app", SHA256: hash("app-token"), Scopes: []web.Scope{web.ScopeSend, web.ScopeLinks, web.ScopeRead}, Recipients: []string{"user-*"}},
			{Name: "root", SHA256: hash("root-token"), Scopes: []web.Scope{web.ScopeAdmin}},
		}
	})
	for _, c := range []struct {
		name, method, path, body, authorization string
		status                                  int
	}{
		{"none", "POST", "/hooks/alertmanager/ops", alert, "", 401},
		{"wrong", "POST", "/hooks/alertmanager/ops", alert, "Bearer nonsense", 401},
		{"bearer", "POST", "/hooks/alertmanager/ops", alert, "Bearer am-token", 202},
		{"basic", "POST", "/hooks/alertmanager/ops", alert, "Basic dXNlcjphbS10b2tlbg==", 202},
		{"glob", "POST", "/hooks/alertmanager/team-red", alert, "bearer am-token", 202},
		{"other recipient", "POST", "/hooks/alertmanager/boss", alert, "Bearer am-token", 403},
		{"other receiver", "POST", "/hooks/grafana/ops", alert, "Bearer am-token", 403},
		{"other scope", "POST", "/api/v1/messages", `{"to":"ops","text":"x"}`, "Bearer am-token", 403},
		{"query", "POST", "/hooks/json/ops?token=am-token", `{"text":"x"}`, "", 202},
		{"query where not allowed", "POST", "/hooks/alertmanager/ops?token=am-token", alert, "", 401},
		{"send", "POST", "/api/v1/messages", `{"to":"user-1","text":"x"}`, "Bearer app-token", 202},
		{"send to others", "POST", "/api/v1/messages", `{"to":["user-1","ops"],"text":"x"}`, "Bearer app-token", 403},
		{"link", "POST", "/api/v1/links", `{"recipient":"user-1"}`, "Bearer app-token", 201},
		{"link for others", "POST", "/api/v1/links", `{"recipient":"ops"}`, "Bearer app-token", 403},
		{"recipient of others", "GET", "/api/v1/recipients/ops", "", "Bearer app-token", 404},
		{"admin", "DELETE", "/api/v1/recipients/user-1", "", "Bearer app-token", 403},
		{"admin by root", "PUT", "/api/v1/recipients/ops/chats/-1001?message_thread_id=5", "", "Bearer root-token", 200},
		{"reload", "POST", "/-/reload", "", "Bearer app-token", 403},
		{"healthy", "GET", "/-/healthy", "", "", 200},
		{"metrics on loopback", "GET", "/metrics", "", "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := h.call(t, c.method, c.path, c.body, "Authorization", c.authorization); a.status != c.status {
				t.Errorf("%d %s; want %d", a.status, a.body, c.status)
			}
		})
	}
	// Behind a proxy that is not trusted, loopback is nobody's proof.
	if a := h.call(t, "GET", "/metrics", "", "X-Forwarded-For", "203.0.113.7"); a.status != 401 {
		t.Errorf("metrics through a proxy: %d", a.status)
	}
	lists := h.call(t, "GET", "/api/v1/deliveries", "", "Authorization", "Bearer app-token")
	if strings.Contains(string(lists.body), `"ops"`) || !strings.Contains(string(lists.body), `"user-1"`) {
		t.Errorf("a list shows what the token does not reach: %s", lists.body)
	}
}

// Without tokens only this machine's own callers are served. What comes through a proxy may come from anywhere, also where the proxy speaks to a
// unix socket: a proxy for Telegram's webhook must not open the whole interface to the Internet.
func TestWithoutTokensAProxyOpensNothing(t *testing.T) {
	h := newHouse(t, nil)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/api/v1/recipients", ""},
		{"GET", "/metrics", ""},
		{"POST", "/api/v1/messages", `{"to":"ops","text":"x"}`},
		{"POST", "/hooks/alertmanager/ops", alert},
		{"GET", "/hooks/ntfy/ops/publish?message=x", ""},
	} {
		if a := h.call(t, c.method, c.path, c.body); a.status/100 != 2 {
			t.Errorf("%s at home: %d %s", c.path, a.status, a.body)
		}
		for _, header := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"} {
			if a := h.call(t, c.method, c.path, c.body, header, "203.0.113.7"); a.status != 401 || !strings.Contains(string(a.body), "tgrelay token new") {
				t.Errorf("%s with %s: %d %s", c.path, header, a.status, a.body)
			}
		}
	}
	for peer, want := range map[string]int{"127.0.0.1:4711": 200, "[::1]:4711": 200, "@": 200, "192.0.2.7:4711": 401, "[2001:db8::7]:4711": 401} {
		r := httptest.NewRequest("GET", "http://127.0.0.1/api/v1/recipients", nil)
		r.RemoteAddr = peer
		w := httptest.NewRecorder()
		if h.web.ServeHTTP(w, r); w.Code != want {
			t.Errorf("from %s: %d, want %d", peer, w.Code, want)
		}
	}
	r := httptest.NewRequest("GET", "http://127.0.0.1/api/v1/recipients", nil)
	r.RemoteAddr = "@"
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	w := httptest.NewRecorder()
	if h.web.ServeHTTP(w, r); w.Code != 401 {
		t.Errorf("through a proxy and a unix socket: %d", w.Code)
	}
}

// A signature stands in for a token, at the receiver that asks for it and for that receiver's own recipients only.
func TestSignatureStandsInForAToken(t *testing.T) {
	const body = `{"text":"x"}`
	mac := hmac.New(sha256.New, []byte("corpus-test-secret"))
	mac.Write([]byte(body))
	right := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	signature := receivers.Signature{Secret: secret.New("corpus-test-secret")}
	tokens := []web.Token{{Name: "all", SHA256: hash("all-token"), Scopes: []web.Scope{web.ScopeHooks}}}
	change := func(tokens []web.Token) func(*web.Options, *intake.Rules) {
		return func(o *web.Options, r *intake.Rules) {
			to, err := r.Templates.Inline("ops")
			if err != nil {
				t.Fatal(err)
			}
			r.Receivers["json"].Signature, r.Receivers["json"].To = signature, []*render.Inline{to}
			o.Tokens = tokens
		}
	}
	guarded := newHouse(t, change(tokens))
	alone := newHouse(t, change(nil))
	for _, c := range []struct {
		name, path, signature, authorization string
		house                                *house
		status                               int
		says                                 string
	}{
		{"signed", "/hooks/json", right, "", guarded, 202, `"recipient":"ops"`},
		{"not signed", "/hooks/json", "", "", guarded, 401, "invalid_signature"},
		{"wrong", "/hooks/json", "sha256=00", "", guarded, 401, "invalid_signature"},
		{"a token is no signature", "/hooks/json", "", "Bearer all-token", guarded, 401, "invalid_signature"},
		{"both", "/hooks/json", right, "Bearer all-token", guarded, 202, `"recipient":"ops"`},
		{"a wrong token beside it", "/hooks/json", right, "Bearer other", guarded, 401, "unauthenticated"},
		{"recipient of the path", "/hooks/json/boss", right, "", guarded, 403, "to /hooks/json and"},
		{"recipient of the path, not signed", "/hooks/json/boss", "", "", guarded, 401, "invalid_signature"},
		{"recipient of the path, with a token", "/hooks/json/boss", right, "Bearer all-token", guarded, 202, `"recipient":"boss"`},
		{"another receiver", "/hooks/alertmanager", right, "", guarded, 401, "unauthenticated"},
		{"a receiver that is none", "/hooks/nosuch", right, "", guarded, 401, "unauthenticated"},
		{"the API", "/api/v1/messages", right, "", guarded, 401, "unauthenticated"},
		{"slashes", "//hooks/json/", right, "", guarded, 202, `"recipient":"ops"`},
		{"no tokens, signed", "/hooks/json/boss", right, "", alone, 202, `"recipient":"boss"`},
		{"no tokens, not signed", "/hooks/json", "", "", alone, 401, "invalid_signature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.house.call(t, "POST", c.path, body, "X-Hub-Signature-256", c.signature, "Authorization", c.authorization)
			if a.status != c.status || !strings.Contains(string(a.body), c.says) {
				t.Errorf("%d %s; want %d with %s", a.status, a.body, c.status, c.says)
			}
		})
	}
}

func TestLinksAreShownOnce(t *testing.T) {
	h := newHouse(t, nil)
	made := h.call(t, "POST", "/api/v1/links", `{"recipient":"alice","qr":true,"expires_in":"2h","max_uses":3}`)
	var link struct {
		ID, URL, State string
		StartCommand   string `json:"start_command"`
		QR             string `json:"qr_svg"`
		MaxUses        int    `json:"max_uses"`
	}
	if err := json.Unmarshal(made.body, &link); err != nil || made.status != 201 {
		t.Fatalf("%d %s", made.status, made.body)
	}
	if !strings.HasPrefix(link.QR, "<svg") || link.State != "open" || link.MaxUses != 3 || !strings.HasPrefix(link.StartCommand, "/start ") {
		t.Errorf("link %s", made.body)
	}
	_, token, _ := strings.Cut(link.URL, "start=")
	for _, path := range []string{"/api/v1/links", "/api/v1/links?recipient=alice", "/api/v1/links/" + link.ID} {
		a := h.call(t, "GET", path, "")
		if a.status != 200 || strings.Contains(string(a.body), token) || !strings.Contains(string(a.body), link.ID) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := h.call(t, "DELETE", "/api/v1/links/"+link.ID, ""); a.status != 204 {
		t.Errorf("revoking: %d %s", a.status, a.body)
	}
	if a := h.call(t, "GET", "/api/v1/links/"+link.ID, ""); !strings.Contains(string(a.body), `"state":"revoked"`) {
		t.Errorf("after revoking: %s", a.body)
	}
	picture := h.call(t, "POST", "/api/v1/links", `{"recipient":"alice"}`, "Accept", "image/png")
	if picture.header.Get("Content-Type") != "image/png" || !bytes.HasPrefix(picture.body, []byte("\x89PNG")) {
		t.Errorf("picture: %s", picture.header)
	}
}

// Who holds the token sees the link's page, and hears of the connection while waiting for it.
func TestLinkPage(t *testing.T) {
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) { o.PublicURL = "https://relay.example.org" })
	var link struct {
		ID      string
		PageURL string `json:"page_url"`
	}
	made := h.call(t, "POST", "/api/v1/links", `{"recipient":"alice"}`)
	if err := json.Unmarshal(made.body, &link); err != nil || made.status != 201 {
		t.Fatalf("%d %s", made.status, made.body)
	}
	base, token, _ := strings.Cut(link.PageURL, "#")
	if base != "https://relay.example.org/link/"+link.ID || token == "" {
		t.Fatalf("page %q", link.PageURL)
	}
	for languages, title := range map[string]string{"": "Connect Telegram", "de-AT,de;q=0.9": "Telegram verbinden", "fr": "Connect Telegram", "zh-TW": "连接 Telegram"} {
		page := h.call(t, "GET", "/link/"+link.ID, "", "Accept-Language", languages)
		if page.status != 200 || !strings.Contains(string(page.body), "<h1>"+title+"</h1>") || strings.Contains(string(page.body), token) {
			t.Errorf("%q: %d %.2000s", languages, page.status, page.body)
		}
	}
	for body, want := range map[string]int{`{"token":"` + token + `"}`: 200, `{"token":"wrong"}`: 404, `{}`: 404, `{"token":1}`: 400, `x`: 400} {
		a := h.call(t, "POST", "/link/"+link.ID, body)
		if a.status != want || want == 200 && !strings.Contains(string(a.body), `"url":"https://t.me/relay_bot?start=`) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := h.call(t, "POST", "/link/"+relay.NewID().String(), `{"token":"`+token+`"}`); a.status != 404 {
		t.Errorf("another link's page takes the token: %d %s", a.status, a.body)
	}
	waiting := make(chan answer, 2)
	go func() { waiting <- h.call(t, "POST", "/link/"+link.ID+"?wait=40s", `{"token":"`+token+`"}`) }()
	go func() { waiting <- h.call(t, "GET", "/api/v1/links/"+link.ID+"?wait=40s", "") }()
	redemption := relay.Redemption{Chat: relay.Chat{ChatID: 7, Type: "private"}, Place: relay.TargetPrivate, At: time.Now()}
	if _, err := h.desk.Redeem(t.Context(), token, 7, redemption); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a := <-waiting; a.status != 200 || !strings.Contains(string(a.body), `"state":"used"`) || strings.Contains(string(a.body), token) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if a := h.call(t, "GET", "/api/v1/links/"+link.ID+"?wait=2h", ""); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Two applications name the same recipient, and neither sees the other's.
func TestNamespaces(t *testing.T) {
	h := newHouse(t, func(o *web.Options, rules *intake.Rules) {
		scopes := []web.Scope{web.ScopeHooks, web.ScopeSend, web.ScopeLinks, web.ScopeRead}
		o.Tokens = []web.Token{
			{Name: "shop", SHA256: sha256.Sum256([]byte("shop-token")), Scopes: scopes, Namespace: "shop", Recipients: []string{"a*"}},
			{Name: "blog", SHA256: sha256.Sum256([]byte("blog-token")), Scopes: scopes, Namespace: "blog"},
			{Name: "boss", SHA256: sha256.Sum256([]byte("boss-token")), Scopes: []web.Scope{web.ScopeAdmin}, Namespace: "shop"},
			{Name: "root", SHA256: sha256.Sum256([]byte("root-token")), Scopes: []web.Scope{web.ScopeAdmin}},
		}
		rules.Fallback = "ops"
	})
	h.bind(t, "shop:alice", 1)
	h.bind(t, "blog:alice", 2)
	h.bind(t, "blog:amy", 3)
	for _, c := range []struct {
		name, token, method, path, body string
		status                          int
		want, not                       string
	}{
		{"send", "shop", "POST", "/api/v1/messages", `{"to":"alice","text":"x"}`, 202, `"recipient":"alice","chat_id":1`, "shop:"},
		{"send to the other's", "shop", "POST", "/api/v1/messages", `{"to":"blog:alice","text":"x"}`, 403, "blog:alice", ""},
		{"a glob is over one's own names", "shop", "POST", "/api/v1/messages", `{"to":"bob","text":"x"}`, 403, `"bob\"`, "shop:"},
		{"hook", "blog", "POST", "/hooks/json/alice", `{"x":1}`, 202, `"recipient":"alice","chat_id":2`, "blog:"},
		{"hook to the fallback", "blog", "POST", "/hooks/json", `{"x":1}`, 202, `"recipient":"ops"`, ""},
		{"link", "shop", "POST", "/api/v1/links", `{"recipient":"amy"}`, 201, `"recipient":"amy"`, "shop:"},
		{"one's links", "shop", "GET", "/api/v1/links?recipient=amy", "", 200, `"recipient":"amy"`, "shop:"},
		{"the other's links", "blog", "GET", "/api/v1/links", "", 200, `"items":[]`, "amy"},
		{"recipients", "shop", "GET", "/api/v1/recipients", "", 200, `"id":"alice"`, "blog"},
		{"a page of them", "blog", "GET", "/api/v1/recipients?limit=1&after=alice", "", 200, `"id":"amy"`, "alice"},
		{"a recipient", "blog", "GET", "/api/v1/recipients/alice", "", 200, `"id":"alice"`, "blog:"},
		{"the other's recipient", "shop", "GET", "/api/v1/recipients/amy", "", 404, "unknown_recipient", ""},
		{"deliveries", "shop", "GET", "/api/v1/deliveries?recipient=alice", "", 200, `"recipient":"alice"`, "shop:"},
		{"all deliveries", "blog", "GET", "/api/v1/deliveries", "", 200, `"chat_id":2`, `"chat_id":1`},
		{"the admin sees all", "root", "GET", "/api/v1/recipients", "", 200, `"id":"shop:alice"`, ""},
		{"a small page of links", "blog", "POST", "/api/v1/links", `{"recipient":"amy"}`, 201, `"recipient":"amy"`, "blog:"},
		{"others' links take no room in it", "shop", "GET", "/api/v1/links?limit=1", "", 200, `"recipient":"amy"`, "shop:"},
		{"nor others' deliveries", "shop", "GET", "/api/v1/deliveries?limit=1", "", 200, `"chat_id":1`, "shop:"},
		{"an application's own admin", "boss", "PATCH", "/api/v1/recipients/alice", `{"note":"x"}`, 200, `"id":"alice"`, "shop:"},
		{"binds", "boss", "PUT", "/api/v1/recipients/zoe/chats/9", "", 200, `"id":"zoe"`, "shop:"},
		{"imports", "boss", "POST", "/api/v1/recipients/import", `{"recipient":"yan","chat_id":8}`, 200, `"imported":1`, ""},
		{"exports", "boss", "GET", "/api/v1/recipients/export", "", 200, `{"recipient":"yan","chat_id":8`, "blog"},
		{"exports its own names", "boss", "GET", "/api/v1/recipients/export", "", 200, `{"recipient":"alice","chat_id":1`, "shop:"},
		{"unbinds", "boss", "DELETE", "/api/v1/recipients/zoe/chats/9", "", 204, "", ""},
		{"forgets", "boss", "DELETE", "/api/v1/recipients/zoe", "", 204, "", ""},
		{"not the other's", "boss", "DELETE", "/api/v1/recipients/blog:amy", "", 404, "unknown_recipient", "shop:"},
		{"nor a chat that is not there", "boss", "DELETE", "/api/v1/recipients/alice/chats/99", "", 404, "not_found", "shop:"},
		{"which is there still", "root", "GET", "/api/v1/recipients/blog:amy", "", 200, `"id":"blog:amy"`, ""},
		{"and reloads nothing", "boss", "POST", "/-/reload", "", 403, "forbidden", ""},
	} {
		a := h.call(t, c.method, c.path, c.body, "Authorization", "Bearer "+c.token+"-token")
		if a.status != c.status || !strings.Contains(string(a.body), c.want) || c.not != "" && strings.Contains(string(a.body), c.not) {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
	var all struct {
		Items []struct{ ID, Recipient string }
	}
	if err := json.Unmarshal(h.call(t, "GET", "/api/v1/deliveries", "", "Authorization", "Bearer root-token").body, &all); err != nil {
		t.Fatal(err)
	}
	for _, d := range all.Items {
		want := 404
		if strings.HasPrefix(d.Recipient, "shop:") {
			want = 409 // it waits still
		}
		for _, what := range []string{"retry", "discard"} {
			if a := h.call(t, "POST", "/api/v1/deliveries/"+d.ID+"/"+what, "", "Authorization", "Bearer boss-token"); a.status != want {
				t.Errorf("%s of %s: %d %s", what, d.Recipient, a.status, a.body)
			}
		}
	}
}

func TestChangeRecipient(t *testing.T) {
	h := newHouse(t, nil)
	h.bind(t, "alice", 1001)
	a := h.call(t, "PATCH", "/api/v1/recipients/alice", `{"paused":true,"locale":"pt-br","time_zone":"europe/berlin","quiet_hours":"22:00 - 7:00","note":"on call"}`)
	for _, want := range []string{`"paused":true`, `"locale":"pt-BR"`, `"time_zone":"Europe/Berlin"`, `"quiet_hours":"22:00-07:00"`, `"note":"on call"`} {
		if a.status != 200 || !strings.Contains(string(a.body), want) {
			t.Errorf("%d %s lacks %s", a.status, a.body, want)
		}
	}
	if a := h.call(t, "POST", "/api/v1/messages", `{"to":"alice","text":"x"}`); !strings.Contains(string(a.body), `"chat_id":1001,"state":"held"`) {
		t.Errorf("to a paused recipient: %s", a.body)
	}
	a = h.call(t, "PATCH", "/api/v1/recipients/alice", `{"paused":false,"time_zone":null,"quiet_hours":"","note":null}`)
	if a.status != 200 || strings.Contains(string(a.body), "Berlin") || strings.Contains(string(a.body), "quiet") || !strings.Contains(string(a.body), "pt-BR") {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = h.call(t, "PATCH", "/api/v1/recipients/alice", `{"paused":"yes","locale":"?","time_zone":"Mars","quiet_hours":"late","note":"`+strings.Repeat("x", 1001)+`","more":1}`)
	for _, pointer := range []string{"/paused", "/locale", "/time_zone", "/quiet_hours", "/note", "/more"} {
		if a.status != 400 || !strings.Contains(string(a.body), `"`+pointer+`"`) {
			t.Errorf("%d %s lacks %s", a.status, a.body, pointer)
		}
	}
	if a := h.call(t, "PATCH", "/api/v1/recipients/bob", `{"paused":true}`); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestExportAndImport(t *testing.T) {
	h := newHouse(t, nil)
	lines := "\ufeff" + `{"recipient":"alice","chat_id":1001,"recipient_settings":{"paused":true,"note":"on leave","locale":"de"}}

{"recipient":"ops","chat_id":-1001234567890,"message_thread_id":7,"title":"Ops <&>","quiet_hours":"22:00-07:00 hold","state":"left"}
{"recipient":"no spaces","chat_id":1}
{"recipient":"bob"}
not JSON
{"recipient":"bob","chat_id":7,"more":1}
{"recipient":"alice","chat_id":1001}
{"recipient":"carol","chat_id":1003}`
	a := h.call(t, "POST", "/api/v1/recipients/import", lines)
	var result struct {
		Imported, Failed int
		Errors           []struct{ Line int }
	}
	if err := json.Unmarshal(a.body, &result); err != nil || a.status != 200 || result.Imported != 4 || result.Failed != 4 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for i, want := range []int{4, 5, 6, 7} {
		if result.Errors[i].Line != want {
			t.Errorf("line %d is complained about, want %d: %s", result.Errors[i].Line, want, a.body)
		}
	}
	export := h.call(t, "GET", "/api/v1/recipients/export", "")
	if export.status != 200 || strings.Count(string(export.body), "\n") != 3 || !strings.Contains(string(export.body), `"title":"Ops <&>"`) {
		t.Fatalf("%d %s", export.status, export.body)
	}
	other := newHouse(t, nil)
	if a := other.call(t, "POST", "/api/v1/recipients/import", string(export.body)); a.status != 200 || !strings.Contains(string(a.body), `"imported":3,"failed":0`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if again := other.call(t, "GET", "/api/v1/recipients/export", ""); !bytes.Equal(again.body, export.body) {
		t.Errorf("after the import:\n%s\nwant\n%s", again.body, export.body)
	}
	for _, want := range []string{`"paused":true,"locale":"de","note":"on leave"`, `"state":"left"`} {
		if !strings.Contains(string(export.body), want) {
			t.Errorf("%s lacks %s", export.body, want)
		}
	}
	long := `{"recipient":"dave","chat_id":5}` + "\n" + strings.Repeat("x", 200_000) + "\n" + `{"recipient":"erin","chat_id":6,"state":"gone"}` + "\n" +
		`{"recipient":"erin","chat_id":6,"recipient_settings":{"time_zone":"Nowhere"}}` + "\n" + `{"recipient":"erin","chat_id":6}`
	a = h.call(t, "POST", "/api/v1/recipients/import", long)
	if a.status != 200 || !strings.Contains(string(a.body), `"imported":2,"failed":3`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for i, want := range []string{`"line":2,"detail":"longer`, `"line":3,"detail":"/state: `, `"line":4,"detail":"recipient_settings: /time_zone: `} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("fault %d: %s lacks %s", i, a.body, want)
		}
	}
	// What became of a chat meanwhile stands, when connections are imported again.
	if err := h.db.SetChatState(t.Context(), "", 1001, relay.Blocked); err != nil {
		t.Fatal(err)
	}
	h.call(t, "POST", "/api/v1/recipients/import", string(export.body))
	if a := h.call(t, "GET", "/api/v1/recipients/alice", ""); !strings.Contains(string(a.body), `"state":"blocked"`) {
		t.Errorf("%s", a.body)
	}
}

func TestRecipients(t *testing.T) {
	h := newHouse(t, nil)
	if a := h.call(t, "PUT", "/api/v1/recipients/ops/chats/-1001234567890?message_thread_id=7", ""); a.status != 200 || !strings.Contains(string(a.body), `"message_thread_id":7`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	h.bind(t, "alice", 1001)
	first := h.call(t, "GET", "/api/v1/recipients?limit=1", "")
	var page struct {
		Items []struct{ ID string }
		Next  string
	}
	if err := json.Unmarshal(first.body, &page); err != nil || len(page.Items) != 1 || page.Items[0].ID != "alice" || page.Next == "" {
		t.Fatalf("first page %s", first.body)
	}
	if second := h.call(t, "GET", "/api/v1/recipients?limit=1&after="+page.Next, ""); !strings.Contains(string(second.body), `"id":"ops"`) {
		t.Errorf("second page %s", second.body)
	}
	for path, want := range map[string]int{"/api/v1/recipients/ops/chats/-1001234567890?message_thread_id=7": 204, "/api/v1/recipients/alice": 204} {
		if a := h.call(t, "DELETE", path, ""); a.status != want {
			t.Errorf("DELETE %s: %d %s", path, a.status, a.body)
		}
	}
	if a := h.call(t, "GET", "/api/v1/recipients/alice", ""); a.status != 404 {
		t.Errorf("forgotten, but there: %s", a.body)
	}
}

func TestReadyAndReload(t *testing.T) {
	h := newHouse(t, nil)
	if a := h.call(t, "GET", "/-/ready", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := h.call(t, "GET", "/-/healthy", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	h.healthy = errors.New("no answer from delivery")
	if p := h.call(t, "GET", "/-/healthy", "").problem(t); p.Status != 503 || p.Code != "not_ready" || p.Detail != "no answer from delivery" {
		t.Errorf("%+v", p)
	}
	h.ready = errors.New("Telegram refuses the bot token (401)")
	p := h.call(t, "GET", "/-/ready", "").problem(t)
	if p.Status != 503 || p.Code != "not_ready" || !strings.Contains(p.Detail, "bot token") {
		t.Errorf("%+v", p)
	}
	h.ready = &relay.Error{Code: relay.CodeStorageUnavailable, Detail: "the database server cannot be reached", Err: errors.New("dial tcp 10.0.0.7:5432")}
	if p := h.call(t, "GET", "/-/ready", "").problem(t); p.Status != 503 || p.Detail != "the database server cannot be reached" {
		t.Errorf("%+v", p)
	}
	h.ready = errors.New("Telegram refuses the bot token (401)")
	if a := h.call(t, "GET", "/-/accepting", ""); a.status != 200 {
		t.Errorf("it takes messages while Telegram refuses the bot: %d %s", a.status, a.body)
	}
	if p := h.call(t, "POST", "/-/reload", "").problem(t); p.Status != 409 || !strings.Contains(p.Detail, "stays in force") {
		t.Errorf("%+v", p)
	}
}

// A caller who does not wait for the answer is no fault of the server's.
func TestCallerWentAway(t *testing.T) {
	h := newIndoors(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(ctx, "POST", "/api/v1/messages", strings.NewReader(`{"to":"ops","text":"hello"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "k")
	r.Host, r.RemoteAddr = "127.0.0.1", "127.0.0.1:1"
	answer := httptest.NewRecorder()
	h.web.ServeHTTP(answer, r)
	if log := h.log.String(); strings.Contains(log, "level=ERROR") || !strings.Contains(log, "a caller went away before the answer") {
		t.Errorf("%d %s: the log says %s", answer.Code, answer.Body, log)
	}
}

func TestRequestID(t *testing.T) {
	h := newHouse(t, nil)
	if a := h.call(t, "GET", "/-/healthy", "", "X-Request-Id", "abc-1"); a.header.Get("X-Request-Id") != "abc-1" {
		t.Errorf("not echoed: %v", a.header)
	}
	if a := h.call(t, "GET", "/-/healthy", "", "X-Request-Id", strings.Repeat("x", 200)); len(a.header.Get("X-Request-Id")) != 36 {
		t.Errorf("an indecent one was kept: %v", a.header)
	}
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	h := newHouse(t, nil)
	a := h.call(t, "POST", "/hooks/json/ops", `{"text":"x"}`, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if a.status != 403 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestStorageTrouble(t *testing.T) {
	h := newHouse(t, nil)
	h.bind(t, "ops", 1)
	h.call(t, "GET", "/api/v1/recipients/ops", "") // known to the cache from now on
	if err := h.db.Close(); err != nil {
		t.Fatal(err)
	}
	a := h.call(t, "POST", "/hooks/alertmanager/ops", alert)
	if a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s; want 503 with Retry-After, which Alertmanager tries again", a.status, a.header, a.body)
	}
}

func TestRenderKeepsNothing(t *testing.T) {
	h := newHouse(t, func(_ *web.Options, r *intake.Rules) {
		asks := *r.Receivers["json"]
		asks.Template = "asks"
		r.Receivers["asks"] = &asks
	})
	for _, c := range []struct {
		body   string
		status int
		says   string
	}{
		{`{"receiver":"alertmanager","payload":` + alert + `}`, 200, `"text":"🔥 Up\nsince 1 Jan 00:00 UTC`},
		{`{"to":"x","text":"*a*","parse_mode":"MarkdownV2"}`, 200, `"text":"a","entities":[{"type":"bold","offset":0,"length":1}],"parts":[{"text":"a"`},
		{`{"to":"x","text":"*a","parse_mode":"MarkdownV2"}`, 400, "invalid_markup"},
		{`{"receiver":"nosuch","payload":{}}`, 404, "unknown_receiver"},
		{`{"receiver":"alertmanager"}`, 400, "/payload"},
		{`{"receiver":"alertmanager","payload":{"a":1}}`, 400, "type json"},
		{`{"receiver":"json","payload":{"a":1},"x":1}`, 400, "/x"},
		{`{"receiver":"asks","payload":{},"headers":{"x-event":"push","authorization":"Bearer t"},"query":{"team":"ops","token":"t"}}`, 200, `"text":"push ops ."`},
		{`{"receiver":"asks","payload":{},"headers":["a"],"query":5}`, 400, "/headers"},
	} {
		if a := h.call(t, "POST", "/api/v1/render", c.body); a.status != c.status || !strings.Contains(string(a.body), c.says) {
			t.Errorf("%s: %d %s; want %d with %s", c.body, a.status, a.body, c.status, c.says)
		}
	}
	if page := h.call(t, "GET", "/api/v1/deliveries", ""); !strings.Contains(string(page.body), `"items":[]`) {
		t.Errorf("kept: %s", page.body)
	}
}

// Whatever bytes a value holds, the hook's message is stored, and what is stored is what Telegram takes.
func TestHostileValuesAreDelivered(t *testing.T) {
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) { o.MaxBody = 4 << 20 })
	h.bind(t, "ops", 1)
	for name, value := range map[string]string{
		"NUL":             `a\u0000b`,
		"lone surrogate":  `a\ud800b`,
		"borders":         `\ufdd0x\ufdd1\ufdd2\ufdd3\ufdd4`,
		"bidi and tabs":   `\u202eabc\t\u200f`,
		"brackets":        strings.Repeat("[", 1<<20),
		"tags":            strings.Repeat("<b>", 1<<18),
		"quotes":          strings.Repeat(`>\n`, 100_000),
		"only invisibles": `\u200b\u200b`,
	} {
		a := h.call(t, "POST", "/hooks/json/ops", `{"text":"`+value+`!"}`)
		if a.status != 202 || !strings.Contains(string(a.body), `"state":"queued"`) {
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		}
	}
	page, err := h.db.Deliveries(t.Context(), relay.DeliveryQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range page.Items {
		m, err := h.db.Message(t.Context(), d.MessageID)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range m.Content.Text.Split(markup.MaxText, markup.MaxText) {
			if err := markup.Check(part); err != nil || part.Text == "" {
				t.Errorf("Telegram would refuse %.40q: %v", part.Text, err)
			}
		}
	}
}

// A caller's hostile markup is an error in linear time, with Telegram's words and offset.
func TestHostileMarkupIsRefused(t *testing.T) {
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) { o.MaxBody = 4 << 20 })
	for _, c := range []struct{ mode, text, says string }{
		{"MarkdownV2", strings.Repeat("[", 1<<20), "invalid_markup"},
		{"MarkdownV2", strings.Repeat("*_", 1<<18), "invalid_markup"},
		{"HTML", strings.Repeat("<b>", 1<<18), "invalid_markup"},
		{"HTML", strings.Repeat("<blockquote>", 100_000), "invalid_markup"},
		{"MarkdownV2", "*open", "Can't find end of Bold entity at byte offset 0"},
		{"HTML", "x <i>open", `Can't find end tag corresponding to start tag \"i\"`},
		{"Markdown", "a_b", "Can't find end of the entity starting at byte offset 1"},
	} {
		body, err := json.Marshal(map[string]string{"to": "ops", "text": c.text, "parse_mode": c.mode})
		if err != nil {
			t.Fatal(err)
		}
		if a := h.call(t, "POST", "/api/v1/messages", string(body)); a.status != 400 || !strings.Contains(string(a.body), c.says) {
			t.Errorf("%s %.20q: %d %.300s", c.mode, c.text, a.status, a.body)
		}
	}
}

// dial is a connection to the house, for what no client sends.
func (h *house) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
