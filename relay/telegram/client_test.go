package telegram_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

const token = "123456789:AAE-abcdefghijklmnopqrstuvwxyz_012"

// roundTrip is a transport without sockets.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// method is the method that a request calls.
func method(r *http.Request) string { return r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] }

func respond(code int, body string) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}
}

// newClient returns a client whose every call is answered by f.
func newClient(t *testing.T, f roundTrip) *telegram.Client {
	t.Helper()
	return mustNew(t, telegram.Options{Token: secret.New(token), Transport: f})
}

func mustNew(t *testing.T, o telegram.Options) *telegram.Client {
	t.Helper()
	c, err := telegram.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// atServer returns a client of a server of its own.
func atServer(t *testing.T, h http.HandlerFunc) *telegram.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return mustNew(t, telegram.Options{Token: secret.New(token), APIURL: s.URL})
}

func asError(t *testing.T, err error) *telegram.Error {
	t.Helper()
	e, ok := errors.AsType[*telegram.Error](err)
	if !ok {
		t.Fatalf("%v (%T) is no *telegram.Error", err, err)
	}
	return e
}

func TestSendMessage(t *testing.T) {
	var path, contentType string
	var body map[string]any
	c := atServer(t, func(w http.ResponseWriter, r *http.Request) {
		path, contentType = r.URL.Path, r.Header.Get("Content-Type")
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, `{"ok":true,"result":{"message_id":42,"date":1,"chat":{"id":7,"type":"private"},"text":"hi","new_field":[]}}`)
	})
	m, err := c.SendMessage(t.Context(), telegram.SendMessage{
		ChatID: 7, Text: "hi", Entities: []markup.Entity{{Type: markup.Bold, Length: 2}}, DisableNotification: true,
		ReplyMarkup: []byte(`{"inline_keyboard":[[{"text":"x","url":"https://example.org"}]]}`), LinkPreviewOptions: []byte(`{"is_disabled":true}`),
	})
	if err != nil || m.MessageID != 42 || m.Chat.ID != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	want := map[string]any{
		"chat_id": 7.0, "text": "hi", "disable_notification": true, "link_preview_options": map[string]any{"is_disabled": true},
		"entities":     []any{map[string]any{"type": "bold", "offset": 0.0, "length": 2.0}},
		"reply_markup": map[string]any{"inline_keyboard": []any{[]any{map[string]any{"text": "x", "url": "https://example.org"}}}},
	}
	if d := cmp.Diff(want, body); d != "" {
		t.Error(d)
	}
	if path != "/bot"+token+"/sendMessage" || contentType != "application/json" {
		t.Errorf("%s %s", path, contentType)
	}
}

func TestMethods(t *testing.T) {
	results := map[string]string{
		"getMe": `{"id":1,"is_bot":true,"first_name":"B","username":"b_bot"}`, "getWebhookInfo": `{"url":"https://x"}`,
		"getChat": `{"id":5,"type":"group"}`, "getChatMember": `{"status":"administrator"}`, "getUpdates": `[]`,
		"editMessageText": `{"message_id":1}`, "sendPhoto": `{"message_id":2}`, "sendDocument": `{"message_id":3}`,
	}
	var called []string
	c := newClient(t, func(r *http.Request) (*http.Response, error) {
		called = append(called, method(r))
		result, ok := results[method(r)]
		if !ok {
			result = "true"
		}
		return respond(200, `{"ok":true,"result":`+result+`}`), nil
	})
	ctx := t.Context()
	one := func(_ any, err error) error { return err }
	for _, err := range []error{
		one(c.GetMe(ctx)), one(c.GetUpdates(ctx, telegram.GetUpdates{})), c.SetWebhook(ctx, telegram.SetWebhook{URL: "https://x"}),
		c.DeleteWebhook(ctx, telegram.DeleteWebhook{}), one(c.GetWebhookInfo(ctx)), one(c.EditMessageText(ctx, telegram.EditMessageText{})),
		c.AnswerCallbackQuery(ctx, telegram.AnswerCallbackQuery{CallbackQueryID: "1"}), c.SetMyCommands(ctx, telegram.SetMyCommands{}),
		one(c.SendPhoto(ctx, telegram.SendPhoto{Photo: "https://x"})), one(c.SendDocument(ctx, telegram.SendDocument{Document: "https://x"})),
		one(c.GetChat(ctx, 5)), one(c.GetChatMember(ctx, telegram.GetChatMember{ChatID: 5, UserID: 6})), c.LeaveChat(ctx, 5),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"getMe", "getUpdates", "setWebhook", "deleteWebhook", "getWebhookInfo", "editMessageText", "answerCallbackQuery", "setMyCommands",
		"sendPhoto", "sendDocument", "getChat", "getChatMember", "leaveChat",
	}
	if d := cmp.Diff(want, called); d != "" {
		t.Error(d)
	}
}

func TestUpload(t *testing.T) {
	fields, files := map[string]string{}, map[string]string{}
	c := newClient(t, func(r *http.Request) (*http.Response, error) {
		_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil {
			t.Error(err)
		}
		form, err := multipart.NewReader(r.Body, params["boundary"]).ReadForm(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range form.Value {
			fields[name] = strings.Join(v, "|")
		}
		for name, v := range form.File {
			f, _ := v[0].Open()
			b, _ := io.ReadAll(f)
			files[name] = v[0].Filename + ":" + string(b)
		}
		return respond(200, `{"ok":true,"result":true}`), nil
	})
	err := c.SetWebhook(t.Context(), telegram.SetWebhook{
		URL: "https://x/\"y", MaxConnections: 3, AllowedUpdates: []string{"message"}, Certificate: &telegram.File{Name: "c.pem", Content: []byte("PEM")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"url": `https://x/"y`, "max_connections": "3", "allowed_updates": `["message"]`}, fields); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"certificate": "c.pem:PEM"}, files); d != "" {
		t.Error(d)
	}
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		code   int
		header http.Header
		body   string
		want   telegram.Error // Description is compared where given
	}{
		"429": {429, nil, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 17","parameters":{"retry_after":17}}`,
			telegram.Error{Code: 429, Reason: telegram.RateLimited, RetryAfter: 17 * time.Second, Description: "Too Many Requests: retry after 17"}},
		"429 of a second at least": {429, nil, `{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":0}}`,
			telegram.Error{Code: 429, Reason: telegram.RateLimited, RetryAfter: time.Second}},
		"429 of a day": {429, nil, `{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":86400}}`,
			telegram.Error{Code: 429, Reason: telegram.RateLimited, RetryAfter: 24 * time.Hour}},
		"429 by header": {429, http.Header{"Retry-After": {"9"}}, `<html>`, telegram.Error{Code: 429, Reason: telegram.RateLimited, RetryAfter: 9 * time.Second}},
		"429 in text":   {400, nil, `{"ok":false,"error_code":400,"description":"Bad Request: FLOOD_WAIT_12"}`, telegram.Error{Code: 400, Reason: telegram.RateLimited, RetryAfter: 12 * time.Second}},
		"429 as string": {429, nil, `{"ok":false,"error_code":"429","description":"x","parameters":{"retry_after":"3"}}`,
			telegram.Error{Code: 429, Reason: telegram.RateLimited, RetryAfter: 3 * time.Second}},
		"migrated": {400, nil, `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234567890}}`,
			telegram.Error{Code: 400, Reason: telegram.Migrated, MigrateToChatID: -1001234567890}},
		"code by status":      {403, nil, `{"ok":false,"description":"Forbidden: bot was blocked by the user"}`, telegram.Error{Code: 403, Reason: telegram.Blocked}},
		"502 in HTML":         {502, nil, `<html><h1>502 Bad Gateway</h1><hr>nginx</html>`, telegram.Error{Code: 502, Reason: telegram.ServerError, Description: "Bad Gateway, with an HTML page"}},
		"403 of a proxy":      {403, nil, `<html>Forbidden: bot was blocked by the user</html>`, telegram.Error{Code: 403, Reason: telegram.BadAnswer}},
		"404 of a web server": {404, nil, `<html>`, telegram.Error{Code: 404, Reason: telegram.BadAnswer}},
		"captive portal":      {200, nil, `<html>Log in</html>`, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"empty":               {200, nil, ``, telegram.Error{Code: 200, Reason: telegram.BadAnswer, Description: "OK, with an empty body"}},
		"cut":                 {200, nil, `{"ok":true,"result":{"mess`, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"foreign object":      {200, nil, `{"status":"fine"}`, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"foreign array":       {200, nil, `[1]`, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"odd ok":              {200, nil, `{"ok":"yes","result":{}}`, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"null":                {200, nil, `null`, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"text":                {200, nil, `hello`, telegram.Error{Code: 200, Reason: telegram.BadAnswer}},
		"413 without body":    {413, nil, ``, telegram.Error{Code: 413, Reason: telegram.TooLarge}},
		"redirect":            {302, http.Header{"Location": {"https://elsewhere.example/bot" + token}}, ``, telegram.Error{Code: 302, Reason: telegram.BadAnswer}},
		"407":                 {407, nil, ``, telegram.Error{Code: 407, Reason: telegram.NotSent}},
		"odd description":     {400, nil, `{"ok":false,"error_code":400,"description":7}`, telegram.Error{Code: 400, Reason: telegram.BadRequest, Description: "no description"}},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, func(*http.Request) (*http.Response, error) {
				resp := respond(c.code, c.body)
				if c.header != nil {
					resp.Header = c.header
				}
				return resp, nil
			})
			_, err := client.SendMessage(t.Context(), telegram.SendMessage{ChatID: 1, Text: "x"})
			got := *asError(t, err)
			c.want.Method = "sendMessage"
			if c.want.Description == "" {
				c.want.Description = got.Description
			}
			if got.Err != nil {
				t.Errorf("there was an answer, but also %v", got.Err)
			}
			if d := cmp.Diff(c.want, got); d != "" || got.Description == "" {
				t.Error(d)
			}
		})
	}
}

func TestOddSuccessCountsAsSent(t *testing.T) {
	for _, result := range []string{`true`, `"x"`, `{"message_id":"no"}`, `{"message_id":8,"chat":[]}`} {
		c := newClient(t, func(*http.Request) (*http.Response, error) {
			return respond(200, `{"ok":true,"result":`+result+`}`), nil
		})
		if _, err := c.SendMessage(t.Context(), telegram.SendMessage{}); err != nil {
			t.Errorf("%s: Telegram says ok, we say %v", result, err)
		}
		if _, err := c.GetMe(t.Context()); asError(t, err).Reason != telegram.BadAnswer {
			t.Errorf("%s: getMe: %v", result, err)
		}
	}
}

func TestUnchangedEditIsNoError(t *testing.T) {
	c := newClient(t, func(*http.Request) (*http.Response, error) {
		return respond(400, `{"ok":false,"error_code":400,"description":"Bad Request: message is not modified: x"}`), nil
	})
	if m, err := c.EditMessageText(t.Context(), telegram.EditMessageText{}); m != nil || err != nil {
		t.Errorf("%v, %v", m, err)
	}
}

// TestLost breaks the connection at each moment of a call.
func TestLost(t *testing.T) {
	reset := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		url   string
		want  telegram.Reason
	}{
		"refused":        {url: "http://127.0.0.1:1", want: telegram.NotSent},
		"no such host":   {url: "http://no-such-host.invalid", want: telegram.NotSent},
		"no TLS":         {serve: func(http.ResponseWriter, *http.Request) {}, url: "https", want: telegram.NotSent},
		"reset":          {serve: func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); reset(w) }, want: telegram.OutcomeUnknown},
		"cut in headers": {serve: func(w http.ResponseWriter, _ *http.Request) { hijackAnd(w, "HTTP/1.1 200 OK\r\nContent-Le") }, want: telegram.OutcomeUnknown},
		"cut in body": {
			serve: func(w http.ResponseWriter, _ *http.Request) {
				hijackAnd(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ok\":tr")
			},
			want: telegram.OutcomeUnknown,
		},
		"no HTTP": {serve: func(w http.ResponseWriter, _ *http.Request) { hijackAnd(w, "SSH-2.0-OpenSSH\r\n\r\n") }, want: telegram.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			base := c.url
			if c.serve != nil {
				s := httptest.NewServer(c.serve)
				defer s.Close()
				s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
				base = strings.Replace(s.URL, "http", max("http", c.url), 1)
			}
			client := mustNew(t, telegram.Options{Token: secret.New(token), APIURL: base})
			_, err := client.SendMessage(t.Context(), telegram.SendMessage{ChatID: 1, Text: "x"})
			if e := asError(t, err); e.Reason != c.want || e.Err == nil || e.Code != 0 {
				t.Errorf("%s %v, want %s", e.Reason, e, c.want)
			}
		})
	}
}

func hijackAnd(w http.ResponseWriter, say string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_, _ = io.WriteString(conn, say)
		_ = conn.Close()
	}
}

func TestLostWithoutTrace(t *testing.T) {
	for want, errs := range map[telegram.Reason][]error{
		telegram.NotSent:        {&net.OpError{Op: "dial", Err: errors.New("x")}, &net.DNSError{}, syscall.ECONNREFUSED},
		telegram.OutcomeUnknown: {io.ErrUnexpectedEOF, syscall.ECONNRESET, errors.New("anything")},
	} {
		for _, lost := range errs {
			c := newClient(t, func(*http.Request) (*http.Response, error) { return nil, lost })
			_, err := c.SendMessage(t.Context(), telegram.SendMessage{})
			if e := asError(t, err); e.Reason != want || e.Unknown() != (want == telegram.OutcomeUnknown) || !e.Outage() {
				t.Errorf("%v is %s, want %s", lost, e.Reason, want)
			}
		}
	}
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestTimeouts(t *testing.T) {
	for name, c := range map[string]struct {
		want time.Duration
		call func(context.Context, *telegram.Client) error
	}{
		"send": {60 * time.Second, func(ctx context.Context, c *telegram.Client) error {
			_, err := c.SendMessage(ctx, telegram.SendMessage{})
			return err
		}},
		"poll": {60 * time.Second, func(ctx context.Context, c *telegram.Client) error {
			_, err := c.GetUpdates(ctx, telegram.GetUpdates{Timeout: 50})
			return err
		}},
		"upload": {5 * time.Minute, func(ctx context.Context, c *telegram.Client) error {
			_, err := c.SendPhoto(ctx, telegram.SendPhoto{})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := c.call(t.Context(), newClient(t, hang))
				if got := time.Since(start); got != c.want {
					t.Errorf("waited %s, want %s", got, c.want)
				}
				if !errors.Is(err, context.DeadlineExceeded) || asError(t, err).Reason != telegram.OutcomeUnknown {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

func TestCancelIsNoOutage(t *testing.T) {
	c := newClient(t, hang)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.SendMessage(ctx, telegram.SendMessage{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not tell that it was called off", err)
	}
	if err := c.Healthy(); strings.Contains(err.Error(), "canceled") {
		t.Errorf("what was called off counts against Telegram: %v", err)
	}
}

// TestKeepAlive holds that many calls at once use again the connections that they opened.
func TestKeepAlive(t *testing.T) {
	const atOnce, rounds = 64, 10
	var mu sync.Mutex
	conns := map[string]bool{}
	c := atServer(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		conns[r.RemoteAddr] = true
		mu.Unlock()
		_, _ = io.WriteString(w, `{"ok":true,"result":{"message_id":1}}`)
	})
	for range rounds {
		var wg sync.WaitGroup
		for range atOnce {
			wg.Go(func() {
				if _, err := c.SendMessage(t.Context(), telegram.SendMessage{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if len(conns) > 2*atOnce {
		t.Errorf("%d calls, %d at once, took %d connections", atOnce*rounds, atOnce, len(conns))
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]telegram.Options{
		"no token":    {},
		"odd token":   {Token: secret.New("12:ab\n")},
		"odd URL":     {Token: secret.New(token), APIURL: "::" + token},
		"no scheme":   {Token: secret.New(token), APIURL: "api.telegram.org"},
		"odd proxy":   {Token: secret.New(token), ProxyURL: secret.New("ftp://user:" + token + "@x")},
		"wrong proxy": {Token: secret.New(token), ProxyURL: secret.New("http://us er:" + token + "@%zz")},
	} {
		if _, err := telegram.New(o); err == nil || strings.Contains(err.Error(), "AAE-") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	answers := []*http.Response{
		respond(200, `{"ok":true,"result":{"message_id":1}}`),
		respond(429, `{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":7}}`),
	}
	c := mustNew(t, telegram.Options{Token: secret.New(token), Registerer: reg, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		if len(answers) == 0 {
			return nil, syscall.ECONNREFUSED
		}
		resp := answers[0]
		answers = answers[1:]
		return resp, nil
	})})
	for range 3 {
		_, _ = c.SendMessage(t.Context(), telegram.SendMessage{})
	}
	err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP tgrelay_telegram_last_update_timestamp_seconds When the last update was received, in Unix time; 0 for never since the start.
# TYPE tgrelay_telegram_last_update_timestamp_seconds gauge
tgrelay_telegram_last_update_timestamp_seconds 0
# HELP tgrelay_telegram_requests_total Calls of the Bot API by method and code: error_code (200 for success), or not_sent or outcome_unknown where no answer came.
# TYPE tgrelay_telegram_requests_total counter
tgrelay_telegram_requests_total{code="200",method="sendMessage"} 1
tgrelay_telegram_requests_total{code="429",method="sendMessage"} 1
tgrelay_telegram_requests_total{code="not_sent",method="sendMessage"} 1
# HELP tgrelay_telegram_retry_after_seconds_total Sum of the waits that Telegram asked for (retry_after).
# TYPE tgrelay_telegram_retry_after_seconds_total counter
tgrelay_telegram_retry_after_seconds_total 7
`), "tgrelay_telegram_requests_total", "tgrelay_telegram_retry_after_seconds_total", "tgrelay_telegram_last_update_timestamp_seconds")
	if err != nil {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"ok":true,"result":[{"update_id":1}]}`, `{"ok":false,"error_code":429,"parameters":{"retry_after":1e300}}`, `<html>`, `{"ok":1}`, ``} {
		f.Add(200, s)
	}
	f.Fuzz(func(t *testing.T, code int, body string) {
		c := newClient(t, func(*http.Request) (*http.Response, error) { return respond(code, body), nil })
		if _, err := c.GetUpdates(t.Context(), telegram.GetUpdates{}); err != nil {
			if e := asError(t, err); e.Reason == "" || e.RetryAfter < 0 {
				t.Errorf("%+v", e)
			}
		}
		if _, err := c.SendMessage(t.Context(), telegram.SendMessage{}); err != nil {
			asError(t, err)
		}
	})
}
