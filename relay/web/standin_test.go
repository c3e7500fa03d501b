package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/web"
)

// guarded is a house whose callers need tokens.
func guarded(t *testing.T) *house {
	t.Helper()
	key := func(name, token string, recipients, receivers []string) web.Token {
		return web.Token{Name: name, SHA256: sha256.Sum256([]byte(token)), Scopes: []web.Scope{web.ScopeHooks}, Recipients: recipients, Receivers: receivers}
	}
	return newHouse(t, func(o *web.Options, rules *intake.Rules) {
		o.Tokens = []web.Token{
			key("all", "tk_all", nil, nil), key("ada", "a1b2c3", []string{"ada"}, nil), key("teams", "tk_teams", []string{"team-*"}, nil), key("gotify", "tk_gotify", nil, []string{"gotify"}),
		}
		rules.Receivers["telepush"] = &intake.Receiver{Name: "telepush", Type: receivers.Telepush{}, Template: "telepush.message"}
	})
}

// Each server's callers find their tokens taken where they put them, and read refusals in that server's shape.
func TestStandInsAskForTokens(t *testing.T) {
	h := guarded(t)
	as := func(scheme string) string { return base64.RawURLEncoding.EncodeToString([]byte(scheme)) }
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(":tk_all"))
	for _, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		says               string
	}{
		{"PUT", "/hooks/ntfy/ops", "x", []string{"Authorization", "Bearer tk_all"}, 200, `"event":"message","topic":"ops"`},
		{"PUT", "/hooks/ntfy/ops", "x", []string{"Authorization", basic}, 200, `"topic":"ops"`},
		{"PUT", "/hooks/ntfy/ops?auth=" + as("Bearer tk_all"), "x", nil, 200, `"topic":"ops"`},
		{"GET", "/hooks/ntfy/ops/publish?m=x&auth=" + as(basic), "", nil, 200, `"message":"x"`},
		{"PUT", "/hooks/ntfy/ops?token=tk_all", "x", nil, 401, `{"code":40101,"http":401,"error":"send a token`},
		{"PUT", "/hooks/ntfy/ops", "x", []string{"X-Gotify-Key", "tk_all"}, 200, `"topic":"ops"`},
		{"PUT", "/hooks/ntfy/ops", "x", []string{"Authorization", "Bearer tk_teams"}, 403, `{"code":40301,"http":403,"error":"this token may not send to`},
		{"PUT", "/hooks/ntfy/ops", "x", []string{"Authorization", "Bearer tk_gotify"}, 403, `{"code":40301,"http":403,"error":"this token may not use receiver ntfy"`},
		{"POST", "/hooks/ntfy", `{"topic":"ops"}`, []string{"Authorization", "Bearer tk_teams"}, 403, `"http":403`},
		{"GET", "/hooks/ntfy/ops/auth", "", []string{"Authorization", "Bearer tk_all"}, 200, `{"success":true}`},
		{"GET", "/hooks/ntfy/ops/auth", "", nil, 401, `{"code":40101`},
		{"GET", "/hooks/ntfy/v1/health", "", nil, 200, `{"healthy":true}`},
		{"GET", "/hooks/ntfy/ops/json", "", nil, 404, `{"code":40401`},
		{"PUT", "/hooks/ntfy/ops", strings.Repeat("x", 10_001), []string{"Authorization", "Bearer tk_all"}, 413, `{"code":41301,"http":413,"error":"the body is larger than 10000 bytes`},
		{"POST", "/hooks/gotify/ops/message", "message=x", []string{"Content-Type", "application/x-www-form-urlencoded", "X-Gotify-Key", "tk_gotify"}, 200, `"appid":1,"message":"x"`},
		{"POST", "/hooks/gotify/ops/message?token=tk_gotify", "message=x", nil, 200, `"message":"x"`},
		{"POST", "/hooks/gotify/ops/message", "message=x", []string{"Authorization", "Bearer tk_gotify"}, 200, `"message":"x"`},
		{"POST", "/hooks/gotify/message?token=tk_gotify", "message=x", nil, 404, `{"error":"Not Found","errorCode":404,"errorDescription":"nobody is named to receive this`},
		{"POST", "/hooks/apprise/notify/ops", `{"body":"x"}`, []string{"Authorization", basic}, 200, `"error":null`},
		{"POST", "/hooks/apprise/notify/ops?token=tk_all", `{"body":"x"}`, nil, 401, `"error":"send a token`},
		{"POST", "/api/messages/a1b2c3", `{"text":"x"}`, nil, 200, ""},
		{"GET", "/api/messages/a1b2c3?text=x", "", nil, 200, ""},
		{"POST", "/api/messages/ops", `{"text":"x"}`, []string{"Authorization", "Bearer tk_all"}, 200, ""},
		{"POST", "/api/messages/ops", `{"text":"x"}`, nil, 401, "this token is not known"},
		{"POST", "/api/messages/tk_teams", `{"text":"x"}`, nil, 403, "does not say whom a message is for"},
		{"PUT", "/api/messages/a1b2c3", `{"text":"x"}`, nil, 404, "serve nothing"},
	} {
		a := h.call(t, c.method, c.path, c.body, c.headers...)
		if a.status != c.status || !strings.Contains(string(a.body), c.says) || c.says == "" && len(a.body) > 0 {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, a.status, a.body, c.status, c.says)
		}
		if c.status == 401 && a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s: the answer asks for no token", c.method, c.path)
		}
	}
	if strings.Contains(h.log.String(), "tk_") || strings.Contains(h.log.String(), "a1b2c3") {
		t.Errorf("the log tells a token: %s", h.log.String())
	}
}

// Other types know no GET, and are not changed by those that do.
func TestOtherTypesServeNoFurtherPaths(t *testing.T) {
	h := newHouse(t, nil)
	delete(h.rules.Receivers, "telepush")
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/hooks/json/ops", 405, "POST, PUT"},
		{"DELETE", "/hooks/json/ops", 405, "POST, PUT"},
		{"GET", "/hooks/json", 405, "POST, PUT"},
		{"POST", "/hooks/json/ops/x", 404, ""},
		{"GET", "/hooks/none/x/y", 404, ""},
		{"POST", "/alert/1", 404, ""},
		{"POST", "/webhooks/telegram/1", 404, ""},
		{"POST", "/alerts", 404, ""},
		{"POST", "/v1/alertmanager/1", 404, ""},
		{"POST", "/", 405, "GET"},
		{"PUT", "/ops", 404, ""},
		{"POST", "/api/messages/ops", 404, ""},
		{"GET", "/api/inlets/default/ops", 404, ""},
	} {
		a := h.call(t, c.method, c.path, "{}")
		if a.problem(t); a.status != c.status || a.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d %q", c.method, c.path, a.status, a.header.Get("Allow"))
		}
	}
	if a := h.call(t, "GET", "/hooks/ntfy/ops/publish?m=x", "", "Sec-Fetch-Site", "cross-site"); a.status != http.StatusForbidden {
		t.Errorf("a page of another site publishes: %d %s", a.status, a.body)
	}
}

// A chat that is named by its number gets what is for it, if it is the only one of a recipient whom the caller reaches.
func TestBridgesReachChats(t *testing.T) {
	h := newHouse(t, func(o *web.Options, rules *intake.Rules) {
		rules.Receivers["alertmanager"].Aliases = []string{"prometheus_bot", "alertly"}
		o.Tokens = []web.Token{{Name: "am", SHA256: sha256.Sum256([]byte("tk_am")), Scopes: []web.Scope{web.ScopeHooks}, Recipients: []string{"ada", "both"}}}
	})
	h.bind(t, "ada", 1001)
	h.bind(t, "both", 1002)
	h.bind(t, "both", 1003)
	h.bind(t, "boss", 1004)
	for path, want := range map[string]string{
		"/alert/1001": `202 "recipient":"ada","chat_id":1001`, "/v1/alertmanager/1001": `202 "chat_id":1001`,
		"/alert/1002": "404 no recipient is connected to the chat 1002 alone", "/alert/1004": "404 no recipient is connected to the chat 1004 alone", "/alert/-1005": "404 alone",
		"/v1/alertmanager/1001,1004": "404 1004", "/v1/alertmanager/1001,": "400 is no number of a chat", "/v1/alertmanager/1001:x": "400 is no number",
	} {
		a := h.call(t, "POST", path, strings.Replace(alert, `"groupKey":"g"`, fmt.Sprintf(`"groupKey":%q`, path), 1), "Authorization", "Bearer tk_am")
		status, says, _ := strings.Cut(want, " ")
		if fmt.Sprint(a.status) != status || !strings.Contains(string(a.body), says) {
			t.Errorf("%s: %d %s, want %s", path, a.status, a.body, want)
		}
	}
	if a := h.call(t, "POST", "/alert/1001", alert); a.status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s", a.status, a.body)
	}
}
