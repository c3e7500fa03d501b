package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/client"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
)

const (
	idText = "019a0000-0000-7000-8000-000000000001"
	token  = "s3cr3t-token"
)

var (
	id, _ = relay.ParseID(idText)
	at    = time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
)

// exchange is one request as it must arrive, and its answer.
type exchange struct {
	request string // method and path with query
	body    string // JSON; empty: none
	status  int
	answer  string
}

// newClient is a client of a server that expects one exchange.
func newClient(t *testing.T, e exchange) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Method + " " + r.RequestURI; got != e.request {
			t.Errorf("request %s, want %s", got, e.request)
		}
		if got := r.Header.Get("Authorization"); got != "Bearer "+token {
			t.Errorf("Authorization %q", got)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if (e.body == "") != (len(body) == 0) || e.body != "" && !sameJSON(t, string(body), e.body) {
			t.Errorf("body %s, want %s", body, e.body)
		}
		if (e.body != "") != (r.Header.Get("Content-Type") == "application/json") {
			t.Errorf("Content-Type %q of body %q", r.Header.Get("Content-Type"), body)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(e.status)
		io.WriteString(w, e.answer)
	}))
	t.Cleanup(server.Close)
	return connect(t, server.URL)
}

func connect(t *testing.T, server string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Server: server, Token: secret.New(token)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var va, vb any
	if err := errors.Join(json.Unmarshal([]byte(a), &va), json.Unmarshal([]byte(b), &vb)); err != nil {
		t.Errorf("%s or %s is no JSON: %v", a, b, err)
	}
	return cmp.Equal(va, vb)
}

// check compares what a call gave.
func check(t *testing.T, got any, err error, want any) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const acceptedJSON = `{"id": "` + idText + `", "deliveries": [{"id": "` + idText + `", "recipient": "alice", "chat_id": 1001, "state": "queued"}, {"id": "` + idText + `", "recipient": "bob", "chat_id": null, "state": "held"}]}`

var accepted = client.Accepted{ID: id, Deliveries: []relay.Delivery{
	{ID: id, Recipient: "alice", ChatID: 1001, State: relay.Queued},
	{ID: id, Recipient: "bob", State: relay.Held},
}}

func TestSendMessage(t *testing.T) {
	for name, c := range map[string]struct {
		request client.MessageRequest
		body    string
	}{
		"least": {client.MessageRequest{To: []string{"alice"}, Text: "hi"}, `{"to": ["alice"], "text": "hi"}`},
		"most": {
			client.MessageRequest{
				To: []string{"alice", "ops"}, Text: "Deploy *done*", ParseMode: markup.MarkdownV2,
				Entities:    []markup.Entity{{Type: markup.Bold, Offset: 7, Length: 4}},
				ReplyMarkup: json.RawMessage(`{"inline_keyboard": []}`), LinkPreviewOptions: json.RawMessage(`{"is_disabled": true}`),
				DisableNotification: true, ProtectContent: true, Priority: relay.High, SendAt: at, ExpiresIn: "2h",
			},
			`{"to": ["alice", "ops"], "text": "Deploy *done*", "parse_mode": "MarkdownV2", "entities": [{"type": "bold", "offset": 7, "length": 4}],
			  "reply_markup": {"inline_keyboard": []}, "link_preview_options": {"is_disabled": true}, "disable_notification": true,
			  "protect_content": true, "priority": "high", "send_at": "2026-01-01T08:00:00Z", "expires_in": "2h"}`,
		},
		"template": {
			client.MessageRequest{To: []string{"alice"}, Template: "deploy", Data: map[string]int{"took": 42}},
			`{"to": ["alice"], "template": "deploy", "data": {"took": 42}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newClient(t, exchange{"POST /api/v1/messages", c.body, 202, acceptedJSON}).SendMessage(t.Context(), c.request)
			check(t, got, err, &accepted)
		})
	}
}

func TestMessage(t *testing.T) {
	got, err := newClient(t, exchange{"GET /api/v1/messages/" + idText, "", 200, `{"id": "` + idText + `", "created_at": "2026-01-01T08:00:00Z",
		"receiver": null, "text": "hi", "entities": [{"type": "bold", "offset": 0, "length": 2}], "deliveries": [{"id": "` + idText + `",
		"message_id": "` + idText + `", "recipient": "alice", "chat_id": 1001, "message_thread_id": null, "receiver": null, "state": "sent",
		"priority": "high", "attempts": 2, "reason": null, "last_error": null, "telegram_message_ids": [7, 8],
		"created_at": "2026-01-01T08:00:00Z", "not_before": null, "sent_at": "2026-01-01T08:00:00Z"}]}`}).Message(t.Context(), id)
	check(t, got, err, &client.Message{
		ID: id, CreatedAt: at, Text: "hi", Entities: []markup.Entity{{Type: markup.Bold, Length: 2}},
		Deliveries: []relay.Delivery{{
			ID: id, MessageID: id, Recipient: "alice", ChatID: 1001, State: relay.Sent, Priority: relay.High, Attempts: 2,
			TelegramMessageIDs: []int64{7, 8}, CreatedAt: at, SentAt: at,
		}},
	})
}

func TestDeliveries(t *testing.T) {
	answer := `{"items": [{"id": "` + idText + `", "state": "failed", "reason": "blocked"}], "next": "abc"}`
	want := relay.Page[relay.Delivery]{Items: []relay.Delivery{{ID: id, State: relay.Failed, Reason: "blocked"}}, Next: "abc"}
	got, err := newClient(t, exchange{"GET /api/v1/deliveries?after=x%26y&limit=5&recipient=a%2Bb&state=failed", "", 200, answer}).
		Deliveries(t.Context(), relay.DeliveryQuery{State: relay.Failed, Recipient: "a+b", After: "x&y", Limit: 5})
	check(t, got, err, want)
	got, err = newClient(t, exchange{"GET /api/v1/deliveries?receiver=grafana&since=2026-01-01T08%3A00%3A00Z&until=2026-01-01T08%3A00%3A00Z", "", 200, answer}).
		Deliveries(t.Context(), relay.DeliveryQuery{Receiver: "grafana", Since: at, Until: at})
	check(t, got, err, want)
	got, err = newClient(t, exchange{"GET /api/v1/deliveries", "", 200, `{"items": [], "next": null}`}).Deliveries(t.Context(), relay.DeliveryQuery{})
	check(t, got, err, relay.Page[relay.Delivery]{Items: []relay.Delivery{}})
}

const linkJSON = `"id": "` + idText + `", "recipient": "alice", "target": "private", "state": "open", "uses": 0, "max_uses": 1, "created_at": "2026-01-01T08:00:00Z", "expires_at": "2026-01-01T08:00:00Z"`

var link = relay.Link{ID: id, Recipient: "alice", Target: relay.TargetPrivate, State: relay.LinkOpen, MaxUses: 1, CreatedAt: at, ExpiresAt: at}

func TestCreateLink(t *testing.T) {
	body := `{"recipient": "alice", "target": "private", "expires_in": "24h", "max_uses": 1, "qr": true}`
	answer := `{` + linkJSON + `, "url": "https://t.me/relay_bot?start=x", "start_command": "/start x", "qr_svg": "<svg/>"}`
	got, err := newClient(t, exchange{"POST /api/v1/links", body, 201, answer}).CreateLink(t.Context(),
		client.LinkRequest{Recipient: "alice", Target: relay.TargetPrivate, ExpiresIn: "24h", MaxUses: 1, QR: true})
	check(t, got, err, &client.NewLink{Link: link, URL: "https://t.me/relay_bot?start=x", StartCommand: "/start x", QRSVG: "<svg/>"})

	got, err = newClient(t, exchange{"POST /api/v1/links", `{"recipient": "bob"}`, 201, `{` + linkJSON + `}`}).
		CreateLink(t.Context(), client.LinkRequest{Recipient: "bob"})
	check(t, got, err, &client.NewLink{Link: link})
}

func TestLinks(t *testing.T) {
	one, err := newClient(t, exchange{"GET /api/v1/links/" + idText, "", 200, `{` + linkJSON + `}`}).Link(t.Context(), id)
	check(t, one, err, &link)
	for recipient, request := range map[string]string{"": "GET /api/v1/links", "alice": "GET /api/v1/links?recipient=alice"} {
		got, err := newClient(t, exchange{request, "", 200, `{"items": [{` + linkJSON + `}], "next": null}`}).Links(t.Context(), relay.LinkQuery{Recipient: recipient})
		check(t, got.Items, err, []relay.Link{link})
	}
	if err := newClient(t, exchange{"DELETE /api/v1/links/" + idText, "", 204, ""}).RevokeLink(t.Context(), id); err != nil {
		t.Error(err)
	}
}

func TestRecipients(t *testing.T) {
	const answer = `{"id": "a@b", "created_at": "2026-01-01T08:00:00Z", "paused": false, "locale": null, "chats": [{"chat_id": -1001,
		"message_thread_id": 7, "type": "supergroup", "title": "Ops", "username": null, "state": "active", "linked_at": "2026-01-01T08:00:00Z", "muted_until": null}]}`
	want := relay.Recipient{ID: "a@b", CreatedAt: at, Chats: []relay.Binding{{
		Chat: relay.Chat{ChatID: -1001, MessageThreadID: 7, Type: "supergroup", Title: "Ops", State: relay.Active}, LinkedAt: at,
	}}}
	one, err := newClient(t, exchange{"GET /api/v1/recipients/a@b", "", 200, answer}).Recipient(t.Context(), "a@b")
	check(t, one, err, &want)
	got, err := newClient(t, exchange{"GET /api/v1/recipients?after=a&limit=10&prefix=team-", "", 200, `{"items": [` + answer + `], "next": "a@b"}`}).
		Recipients(t.Context(), relay.RecipientQuery{Prefix: "team-", After: "a", Limit: 10})
	check(t, got, err, relay.Page[relay.Recipient]{Items: []relay.Recipient{want}, Next: "a@b"})
}

func TestHook(t *testing.T) {
	for recipient, request := range map[string]string{"": "POST /hooks/json", "team/a b": "POST /hooks/json/team%2Fa%20b"} {
		got, err := newClient(t, exchange{request, `{"x": 1}`, 202, `{"messages": [` + acceptedJSON + `]}`}).
			Hook(t.Context(), "json", recipient, []byte(`{"x": 1}`))
		check(t, got, err, []client.Accepted{accepted})
	}
}

func TestReady(t *testing.T) {
	if err := newClient(t, exchange{"GET /-/ready", "", 200, `{"status": "ready"}`}).Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// serve answers every request in the same way.
func serve(t *testing.T, status int, header http.Header, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name := range header {
			w.Header().Set(name, header.Get(name))
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestProblem(t *testing.T) {
	url := serve(t, 503, http.Header{"Content-Type": {"application/problem+json; charset=utf-8"}, "Retry-After": {"7"}},
		`{"detail": "the disk is full", "code": "storage_unavailable", "title": "x", "status": 503, "type": "about:blank", "errors": [{"pointer": "/to/0", "detail": "no"}]}`)
	c := connect(t, url)
	want := &relay.Error{
		Code: relay.CodeStorageUnavailable, Detail: "the disk is full", RetryAfter: 7 * time.Second,
		Fields: []relay.FieldError{{Pointer: "/to/0", Detail: "no"}},
	}
	sent, err := c.SendMessage(t.Context(), client.MessageRequest{})
	if sent != nil {
		t.Errorf("an answer beside the error: %+v", sent)
	}
	for name, err := range map[string]error{"send": err, "ready": c.Ready(t.Context()), "revoke": c.RevokeLink(t.Context(), id)} {
		got, ok := errors.AsType[*relay.Error](err)
		if !ok {
			t.Errorf("%s: %T: %v", name, err, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if page, err := c.Deliveries(t.Context(), relay.DeliveryQuery{}); relay.ErrorCode(err) != relay.CodeStorageUnavailable || page.Items != nil {
		t.Errorf("list: %+v, %v", page, err)
	}
}

func TestNotTgrelay(t *testing.T) {
	problem := http.Header{"Content-Type": {"application/problem+json"}}
	for name, c := range map[string]struct{ url, want string }{
		"proxy":           {serve(t, 502, nil, "<html>"), "answers 502 Bad Gateway, which is not how tgrelay answers"},
		"redirect":        {serve(t, 302, http.Header{"Location": {"/login"}}, ""), "answers 302 Found"},
		"broken problem":  {serve(t, 400, problem, "{"), "answers 400 Bad Request"},
		"foreign problem": {serve(t, 400, problem, `{"title": "x"}`), "answers 400 Bad Request"},
		"no JSON":         {serve(t, 200, nil, "<html>"), "is there really tgrelay, of this version?"},
		"empty":           {serve(t, 200, nil, ""), "is there really tgrelay, of this version?"},
	} {
		_, err := connect(t, c.url).Link(t.Context(), id)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.url) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, server := range []string{gone.URL, "unix:" + filepath.Join(t.TempDir(), "absent.sock")} {
		err := connect(t, server).Ready(t.Context())
		if err == nil || !strings.Contains(err.Error(), "no tgrelay answers at "+server+": is it running? `tgrelay serve`") {
			t.Errorf("%s: %v", server, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	err := connect(t, server.URL).Ready(ctx)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "is it running") {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"id": "`+idText+`"}`)
	})}}
	server.Start()
	t.Cleanup(server.Close)
	got, err := connect(t, "unix:"+path).Message(t.Context(), id)
	check(t, got, err, &client.Message{ID: id})
}

func TestServerForms(t *testing.T) {
	url := serve(t, 200, nil, `{}`)
	host := strings.TrimPrefix(url, "http://")
	for _, server := range []string{url, url + "/", host, url + "/prefix/"} {
		if err := connect(t, server).Ready(t.Context()); err != nil {
			t.Errorf("%s: %v", server, err)
		}
	}
	if _, err := client.New(client.Options{}); err != nil {
		t.Errorf("default: %v", err)
	}
	for _, server := range []string{"unix:", "ftp://x", "http://", "http://x?y", "://", "http://user:hunter2@host:port"} {
		_, err := client.New(client.Options{Server: server})
		if err == nil || !strings.Contains(err.Error(), "write it like") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", server, err)
		}
	}
}

// TestNoSecretInErrors holds for the token and for a password in the server's address.
func TestNoSecretInErrors(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	c := connect(t, strings.Replace(gone.URL, "//", "//user:hunter2@", 1))
	err := c.Ready(t.Context())
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), token) {
		t.Errorf("error: %v", err)
	}
}

func TestOwnHTTPClientStaysAsItIs(t *testing.T) {
	own := &http.Client{Timeout: time.Minute}
	c, err := client.New(client.Options{Server: serve(t, 200, nil, `{}`), HTTPClient: own})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(t.Context()); err != nil || own.CheckRedirect != nil || own.Timeout != time.Minute {
		t.Errorf("error %v, client %+v", err, own)
	}
}
