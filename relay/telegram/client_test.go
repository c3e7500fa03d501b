package telegram_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

const token = "123456:AAtest-token-that-nobody-may-see_42"

// book is a log that can be read while it is written.
type book struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newLog() (*slog.Logger, *book) {
	var b book
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), &b
}

func newClient(t *testing.T, url string, transport http.RoundTripper) (*telegram.Client, *book, *prometheus.Registry) {
	t.Helper()
	log, b := newLog()
	registry := prometheus.NewRegistry()
	c, err := telegram.New(telegram.Options{Token: secret.New(token), APIURL: url, Transport: transport, Log: log, Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	return c, b, registry
}

// serve answers all calls by h.
func serve(t *testing.T, h http.HandlerFunc) *telegram.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, _, _ := newClient(t, server.URL, nil)
	return c
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestSendMessage(t *testing.T) {
	var got map[string]any
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/bot"+token+"/sendMessage" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, `{"ok":true,"result":{"message_id":7,"date":1,"chat":{"id":5,"type":"private"},"new_field":{}}}`)
	})
	m, err := c.SendMessage(t.Context(), telegram.SendMessage{
		ChatID: 5, MessageThreadID: 3, Text: "a < b", Entities: []markup.Entity{{Type: markup.Bold, Offset: 0, Length: 1}},
		DisableNotification: true, ReplyMarkup: json.RawMessage(`{"inline_keyboard":[]}`),
	})
	if err != nil || m.MessageID != 7 || m.Chat.ID != 5 {
		t.Fatalf("%+v, %v", m, err)
	}
	want := map[string]any{
		"chat_id": 5., "message_thread_id": 3., "text": "a < b", "disable_notification": true,
		"entities": []any{map[string]any{"type": "bold", "offset": 0., "length": 1.}}, "reply_markup": map[string]any{"inline_keyboard": []any{}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAnswers(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		header http.Header
		want   telegram.Error
	}{
		"flood":          {429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 9","parameters":{"retry_after":9}}`, nil, telegram.Error{Code: 429, Reason: telegram.RateLimited, RetryAfter: 9 * time.Second}},
		"flood, header":  {429, `{"ok":false,"error_code":429,"description":"Too Many Requests"}`, http.Header{"Retry-After": {"4"}}, telegram.Error{Code: 429, Reason: telegram.RateLimited, RetryAfter: 4 * time.Second}},
		"flood, nothing": {429, `{"ok":false,"error_code":429,"description":"Too Many Requests"}`, nil, telegram.Error{Code: 429, Reason: telegram.RateLimited, RetryAfter: time.Second}},
		"flood, gateway": {429, `<html>`, http.Header{"Retry-After": {"30"}}, telegram.Error{Code: 429, Reason: telegram.RateLimited, RetryAfter: 30 * time.Second}},
		"migrated":       {400, `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1009}}`, nil, telegram.Error{Code: 400, Reason: telegram.Migrated, MigrateToChatID: -1009}},
		"blocked":        {403, `{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}`, nil, telegram.Error{Code: 403, Reason: telegram.Blocked}},
		"403 of a proxy": {403, `<html>Forbidden</html>`, nil, telegram.Error{Code: 403, Reason: telegram.BadAnswer}},
		"404 of others":  {404, `404 page not found`, nil, telegram.Error{Code: 404, Reason: telegram.BadAnswer}},
		"404":            {404, `{"ok":false,"error_code":404,"description":"Not Found"}`, nil, telegram.Error{Code: 404, Reason: telegram.BadToken}},
		"gateway":        {502, `<html><h1>502 Bad Gateway</h1></html>`, nil, telegram.Error{Code: 502, Reason: telegram.ServerError}},
		"too large":      {413, ``, nil, telegram.Error{Code: 413, Reason: telegram.TooLarge}},
		"empty":          {200, ``, nil, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"web page":       {200, `<html>log in</html>`, nil, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"truncated":      {200, `{"ok":true,"result":{"id":1,`, nil, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"wrong result":   {200, `{"ok":true,"result":[]}`, nil, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"other JSON":     {200, `{"hello":"world"}`, nil, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"redirect":       {302, ``, http.Header{"Location": {"/elsewhere"}}, telegram.Error{Code: 302, Reason: telegram.BadAnswer}},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				for k, v := range row.header {
					w.Header()[k] = v
				}
				says(row.status, row.body)(w, r)
			})
			_, err := c.GetMe(t.Context())
			got, ok := errors.AsType[*telegram.Error](err)
			if !ok {
				t.Fatalf("no *Error: %v", err)
			}
			if got.Description == "" || got.Method != "getMe" {
				t.Errorf("it does not say what happened: %+v", got)
			}
			row.want.Method, row.want.Description, row.want.Err = got.Method, got.Description, got.Err
			if *got != row.want {
				t.Errorf("got %+v, want %+v", *got, row.want)
			}
		})
	}
}

func TestNotSentAndUnknown(t *testing.T) {
	hangUp := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	}
	_, err := serve(t, hangUp).GetMe(t.Context())
	if telegram.ReasonOf(err) != telegram.OutcomeUnknown {
		t.Errorf("hung up after the request: %v", err)
	}

	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"ok":true`)
	}
	_, err = serve(t, cut).GetMe(t.Context())
	if telegram.ReasonOf(err) != telegram.OutcomeUnknown {
		t.Errorf("cut off in the answer: %v", err)
	}

	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	c, _, _ := newClient(t, closed.URL, nil)
	if _, err = c.GetMe(t.Context()); telegram.ReasonOf(err) != telegram.NotSent {
		t.Errorf("refused connection: %v", err)
	}

	untrusted := httptest.NewUnstartedServer(says(200, `{}`))
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	untrusted.StartTLS()
	defer untrusted.Close()
	c, _, _ = newClient(t, untrusted.URL, nil)
	if _, err = c.GetMe(t.Context()); telegram.ReasonOf(err) != telegram.NotSent {
		t.Errorf("failed TLS handshake: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	waiting := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client went away
		cancel()
		<-r.Context().Done()
	}
	if _, err = serve(t, waiting).GetMe(ctx); telegram.ReasonOf(err) != telegram.OutcomeUnknown || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while waiting: %v", err)
	}
}

// TestTokenStaysHidden provokes every kind of failure with servers that send the token back.
func TestTokenStaysHidden(t *testing.T) {
	redirect := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Path)
		w.WriteHeader(http.StatusFound)
	}
	jsonEcho := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		fmt.Fprintf(w, `{"ok":false,"error_code":404,"description":"Not Found: %s and %s"}`, r.URL.Path, r.URL.EscapedPath())
	}
	pageEcho := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		fmt.Fprintf(w, "<p>The requested URL %s was not found on this server.</p>", r.URL.Path)
	}
	badResult := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"ok":true,"result":%q}`, r.URL.Path)
	}
	for name, h := range map[string]http.HandlerFunc{"redirect": redirect, "JSON": jsonEcho, "page": pageEcho, "result": badResult} {
		server := httptest.NewServer(h)
		c, log, _ := newClient(t, server.URL, nil)
		_, err := c.GetMe(t.Context())
		checkHidden(t, name, err, log)
		checkHidden(t, name+" health", c.Healthy(), log)
		server.Close()
		_, err = c.SendMessage(t.Context(), telegram.SendMessage{ChatID: 1, Text: "x"})
		checkHidden(t, name+" closed", err, log)
	}
	leaky := tripper(func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("cannot do %s", r.URL) })
	c, log, _ := newClient(t, "http://telegram.test", leaky)
	_, err := c.GetMe(t.Context())
	checkHidden(t, "transport", err, log)
	_, err = telegram.New(telegram.Options{Token: secret.New(token), ProxyURL: secret.New("ftp://me:" + token + "@proxy")})
	checkHidden(t, "proxy", err, log)
	_, err = telegram.New(telegram.Options{Token: secret.New(token), APIURL: "http://me:" + token + "\x7f@host"})
	checkHidden(t, "api_url", err, log)
}

func checkHidden(t *testing.T, name string, err error, log *book) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", name)
		return
	}
	text := fmt.Sprintf("%v %+v %#v %s", err, err, err, log.String())
	for e := err; e != nil; e = errors.Unwrap(e) {
		text += fmt.Sprintf(" %+v %s", e, e.Error())
	}
	_, half, _ := strings.Cut(token, ":")
	if strings.Contains(text, half) {
		t.Errorf("%s shows the token: %s", name, text)
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOptions(t *testing.T) {
	if _, err := telegram.New(telegram.Options{}); err == nil || !strings.Contains(err.Error(), "token_file") {
		t.Errorf("without a token: %v", err)
	}
	if _, err := telegram.New(telegram.Options{Token: secret.New(token), APIURL: "api.telegram.org"}); err == nil {
		t.Error("api_url without a scheme was taken")
	}
}

func TestProxy(t *testing.T) {
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Host + " " + r.Header.Get("Proxy-Authorization")
		says(200, `{"ok":true,"result":{"id":1}}`)(w, r)
	}))
	defer proxy.Close()
	c, err := telegram.New(telegram.Options{
		Token: secret.New(token), APIURL: "http://telegram.test", ProxyURL: secret.New(strings.Replace(proxy.URL, "//", "//me:pw@", 1)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetMe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got != "telegram.test Basic bWU6cHc=" {
		t.Errorf("the proxy got %q", got)
	}
}

func TestMetrics(t *testing.T) {
	answers := []string{`{"ok":true,"result":{}}`, `{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":3}}`}
	c, _, registry := newClient(t, "http://telegram.test", tripper(func(*http.Request) (*http.Response, error) {
		if len(answers) == 0 {
			return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
		}
		w := httptest.NewRecorder()
		_, _ = w.WriteString(answers[0])
		answers = answers[1:]
		return w.Result(), nil
	}))
	for range 3 {
		_, _ = c.GetMe(t.Context())
	}
	err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP tgrelay_telegram_requests_total Calls of the Bot API by method and HTTP status; not_sent or outcome_unknown where there was no answer.
# TYPE tgrelay_telegram_requests_total counter
tgrelay_telegram_requests_total{code="200",method="getMe"} 1
tgrelay_telegram_requests_total{code="429",method="getMe"} 1
tgrelay_telegram_requests_total{code="not_sent",method="getMe"} 1
# HELP tgrelay_telegram_retry_after_seconds_total Seconds of waiting that Telegram asked for (retry_after).
# TYPE tgrelay_telegram_retry_after_seconds_total counter
tgrelay_telegram_retry_after_seconds_total 3
`), "tgrelay_telegram_requests_total", "tgrelay_telegram_retry_after_seconds_total")
	if err != nil {
		t.Error(err)
	}
}

func TestOwnTransportSpeaksToTheNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, _, _ := newClient(t, "http://"+l.Addr().String(), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.GetMe(ctx); telegram.ReasonOf(err) != telegram.OutcomeUnknown {
		t.Errorf("a server that accepts and says nothing: %v", err)
	}
}

func TestForumTopics(t *testing.T) {
	api := &botAPI{on: map[string]func(map[string]any) string{
		"createForumTopic": answers(`{"ok":true,"result":{"message_thread_id":7,"name":"payments","icon_color":7322096}}`, `{"ok":false,"error_code":400,"description":"Bad Request: the chat is not a forum"}`),
		"reopenForumTopic": answers(`{"ok":true,"result":true}`, `{"ok":false,"error_code":400,"description":"Bad Request: TOPIC_NOT_MODIFIED"}`),
	}}
	c, _, _ := newClient(t, "http://telegram.test", api)
	create, reopen := telegram.CreateForumTopic{ChatID: -1001, Name: "payments"}, telegram.ReopenForumTopic{ChatID: -1001, MessageThreadID: 7}
	made, err := c.CreateForumTopic(t.Context(), create)
	if err != nil || *made != (telegram.ForumTopic{MessageThreadID: 7, Name: "payments"}) {
		t.Errorf("%+v, %v", made, err)
	}
	if err := c.ReopenForumTopic(t.Context(), reopen); err != nil {
		t.Error(err)
	}
	if _, err := c.CreateForumTopic(t.Context(), create); telegram.ReasonOf(err) != telegram.NotForum {
		t.Errorf("in a group without topics: %v", err)
	}
	if err := c.ReopenForumTopic(t.Context(), reopen); telegram.ReasonOf(err) != telegram.NotModified {
		t.Errorf("one that is open: %v", err)
	}
	if got := api.of("reopenForumTopic")[0].params; got["chat_id"] != -1001. || got["message_thread_id"] != 7. {
		t.Errorf("parameters %v", got)
	}
}
