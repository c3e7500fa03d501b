package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/client"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/web"
	"github.com/tgrelay/tgrelay/relay/web/openapitest"
)

// realServer is the interface over a real storage; nothing is delivered. db and desk stand for what else happens in a daemon.
type realServer struct {
	*web.Server
	db   *store.DB
	desk *onboarding.Desk
}

func newServer(ctx context.Context, dir string) (*realServer, error) {
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	db, err := store.Open(ctx, store.Options{URL: "sqlite:" + dir + "/relay.db", CacheSize: 100, Log: log, Registerer: registry})
	if err != nil {
		return nil, err
	}
	templates, err := render.New(render.Options{Files: []render.File{{Name: "my.tmpl", Text: `{{ define "deploy" }}Deploy took *{{ .took }}*{{ end }}`}}})
	if err != nil {
		return nil, err
	}
	kind, _ := receivers.Get("json")
	rules := &intake.Rules{
		Templates: templates, Builtin: templates, MaxAge: time.Hour,
		Receivers: map[string]*intake.Receiver{"json": {Name: "json", Type: kind, Template: "json.message", Mode: markup.MarkdownV2}},
	}
	desk := onboarding.New(onboarding.Options{
		Links: db, Username: func(string) string { return "relay_bot" }, LinkURL: func(string) string { return "https://t.me" }, TTL: func() time.Duration { return time.Hour }, Registerer: registry,
	})
	server := web.New(web.Options{
		Door: intake.New(intake.Options{Outbox: db, Directory: db, Threads: db, Log: log, Registerer: registry}, rules), Desk: desk,
		Outbox: db, Directory: db, Links: db, Senders: db, Notes: db, Settings: web.Settings{MaxBody: 1 << 20}, Log: log, Registerer: registry,
		Healthy: func() error { return nil },
		Ready:   func(context.Context) error { return nil }, Accepting: func(context.Context) error { return nil }, Reload: func() ([]string, error) { return nil, errors.New("relay.toml: line 1: nonsense") },
		Seen: func(_ context.Context, name string) error {
			if name != "backup" {
				return &relay.Error{Code: relay.CodeNotFound, Detail: "there is no heartbeat " + name}
			}
			return nil
		},
	})
	return &realServer{server, db, desk}, nil
}

// realClient is a client of a real server; what they say to each other is as openapi.json has it.
func realClient(t *testing.T) (*client.Client, *realServer) {
	t.Helper()
	server, err := newServer(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.db.Close() })
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	c, err := client.New(client.Options{Server: listening.URL, HTTPClient: &http.Client{Transport: openapitest.Transport{TB: t}}})
	if err != nil {
		t.Fatal(err)
	}
	return c, server
}

// must is for what has to go well.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantCode(t *testing.T, code relay.Code, err error) {
	t.Helper()
	if e, ok := errors.AsType[*relay.Error](err); !ok || e.Code != code || e.Detail == "" {
		t.Errorf("error %v, want a *relay.Error with %s", err, code)
	}
}

func TestMessagesOfARealServer(t *testing.T) {
	c, _ := realClient(t)
	ctx := t.Context()
	must[*relay.Recipient](t)(c.BindChat(ctx, "alice", relay.Chat{ChatID: 1001}))
	send := must[*client.Accepted](t)
	everything := client.MessageRequest{
		To: []string{"alice", "ops"}, Text: "Deploy *done*", ParseMode: markup.MarkdownV2, Photo: "https://example.org/a.png",
		ReplyMarkup: json.RawMessage(`{"inline_keyboard":[[{"text":"Open","url":"https://example.org"}]]}`), LinkPreviewOptions: json.RawMessage(`{"is_disabled":true}`),
		DisableNotification: true, ProtectContent: true, Key: "deploy-1", OnUpdate: relay.Reply, Topic: "deploys", Priority: relay.High,
		SendAt: time.Now().Add(time.Hour), ExpiresIn: "2h", IdempotencyKey: "first try",
	}
	first, again := send(c.SendMessage(ctx, everything)), send(c.SendMessage(ctx, everything))
	if first.ID != again.ID || first.Replayed || !again.Replayed || len(first.Deliveries) != 2 || first.Deliveries[1].State != relay.Held {
		t.Errorf("sent twice with one key: %+v and %+v", first, again)
	}
	everything.Text = "another"
	_, err := c.SendMessage(ctx, everything)
	wantCode(t, relay.CodeIdempotencyMismatch, err)

	upload := client.MessageRequest{To: []string{"alice"}, Text: "Report", File: &client.File{Kind: relay.Document, Name: "report.json", Content: []byte(`{"disk": 91}`)}}
	if a := send(c.SendMessage(ctx, upload)); len(a.Deliveries) != 1 {
		t.Errorf("upload: %+v", a)
	}
	m := must[*client.Message](t)(c.Message(ctx, first.ID))
	if m.Text != "Deploy done" || len(m.Entities) != 1 || len(m.Deliveries) != 2 || m.Deliveries[0].Key != "deploy-1" {
		t.Errorf("message: %+v", m)
	}
	_, err = c.SendMessage(ctx, client.MessageRequest{To: []string{"no spaces", ""}, Template: "deploy", ExpiresIn: "soon"})
	wantCode(t, relay.CodeInvalidField, err)
	if e := new(relay.Error); !errors.As(err, &e) || len(e.Fields) != 3 || e.Fields[0].Pointer != "/to/0" {
		t.Errorf("not all faults are told: %v", err)
	}

	preview := must[*client.Preview](t)
	if p := preview(c.Render(ctx, client.MessageRequest{To: []string{"x"}, Template: "deploy", Data: map[string]string{"took": "4.2s"}, ParseMode: markup.MarkdownV2})); p.Text.Text != "Deploy took 4.2s" || len(p.Parts) != 1 {
		t.Errorf("render: %+v", p)
	}
	if p := preview(c.RenderHook(ctx, client.HookRequest{Receiver: "json", Payload: json.RawMessage(`{"text":"x"}`), Headers: map[string]string{"X-Event": "a"}, Query: map[string]string{"b": "c"}})); len(p.Parts) != 1 {
		t.Errorf("render a hook: %+v", p)
	}
	if taken := must[[]client.Accepted](t)(c.Hook(ctx, "json", "alice", []byte(`{"text":"x"}`))); len(taken) != 1 || len(taken[0].Deliveries) != 1 {
		t.Errorf("hook: %+v", taken)
	}
	_, err = c.Hook(ctx, "nosuch", "alice", []byte(`{}`))
	wantCode(t, relay.CodeUnknownReceiver, err)
	for _, do := range []func(context.Context, relay.ID) (*relay.Delivery, error){c.RetryDelivery, c.DiscardDelivery} {
		_, err := do(ctx, first.Deliveries[0].ID)
		wantCode(t, relay.CodeConflict, err)
	}
}

func TestFailedDeliveriesOfARealServer(t *testing.T) {
	c, server := realClient(t)
	ctx := t.Context()
	must[*relay.Recipient](t)(c.BindChat(ctx, "alice", relay.Chat{ChatID: 1001}))
	for _, do := range []func(context.Context, relay.ID) (*relay.Delivery, error){c.RetryDelivery, c.DiscardDelivery} {
		id := must[*client.Accepted](t)(c.SendMessage(ctx, client.MessageRequest{To: []string{"alice"}, Text: "x"})).Deliveries[0].ID
		if err := server.db.Finish(ctx, relay.Outcome{Delivery: id, State: relay.Failed, Reason: "rejected", LastError: "Bad Request", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if d := must[*relay.Delivery](t)(do(ctx, id)); d.State != relay.Queued && d.State != relay.Discarded {
			t.Errorf("%+v", d)
		}
	}
}

func TestRecipientsOfARealServer(t *testing.T) {
	c, _ := realClient(t)
	ctx := t.Context()
	done := must[*client.Imported](t)(c.ImportRecipients(ctx, strings.NewReader(`{"recipient":"ops","chat_id":-100,"message_thread_id":7,"title":"Ops"}`+"\n{}\n")))
	if done.Imported != 1 || done.Failed != 1 || done.Errors[0].Line != 2 {
		t.Errorf("import: %+v", done)
	}
	change := must[*relay.Recipient](t)
	if r := change(c.ChangeRecipient(ctx, "ops", relay.RecipientChange{
		Paused: new(true), Locale: new("pt-br"), TimeZone: new("Europe/Berlin"), QuietHours: new(relay.QuietHours("22:00-07:00 hold")), Note: new("on call"),
	})); !r.Paused || r.Locale != "pt-BR" || r.QuietHours != "22:00-07:00 hold" || r.Note != "on call" || r.Chats[0].Title != "Ops" {
		t.Errorf("changed: %+v", r)
	}
	if r := change(c.ChangeRecipient(ctx, "ops", relay.RecipientChange{Note: new("")})); r.Note != "" || !r.Paused {
		t.Errorf("the note taken back, and nothing else: %+v", r)
	}
	var export bytes.Buffer
	if err := c.ExportRecipients(ctx, &export); err != nil || !strings.HasPrefix(export.String(), `{"recipient":"ops","chat_id":-100`) {
		t.Errorf("export: %s %v", &export, err)
	}
	if r := must[*relay.Recipient](t)(c.BindChat(ctx, "ops", relay.Chat{ChatID: 7})); len(r.Chats) != 2 {
		t.Errorf("bound: %+v", r)
	}
	if err := c.UnbindChat(ctx, "ops", relay.Chat{ChatID: -100, MessageThreadID: 7}); err != nil {
		t.Error(err)
	}
	wantCode(t, relay.CodeNotFound, c.UnbindChat(ctx, "ops", relay.Chat{ChatID: -100, MessageThreadID: 7}))
	if err := c.ForgetRecipient(ctx, "ops"); err != nil {
		t.Error(err)
	}
	wantCode(t, relay.CodeUnknownRecipient, c.ForgetRecipient(ctx, "ops"))
	_, err := c.Recipient(ctx, "ops")
	wantCode(t, relay.CodeUnknownRecipient, err)
}

func TestStateOfARealServer(t *testing.T) {
	c, _ := realClient(t)
	ctx := t.Context()
	if err := errors.Join(c.Healthy(ctx), c.Ready(ctx), c.Accepting(ctx), c.Heartbeat(ctx, "backup")); err != nil {
		t.Error(err)
	}
	wantCode(t, relay.CodeNotFound, c.Heartbeat(ctx, "nosuch"))
	_, err := c.Reload(ctx)
	wantCode(t, relay.CodeConflict, err)
	if document := must[json.RawMessage](t)(c.OpenAPI(ctx)); !bytes.Equal(document, bytes.TrimSpace(web.OpenAPI)) {
		t.Errorf("another document: %.100s", document)
	}
}

// Pages are of one item, so that each item is a request.
func TestAll(t *testing.T) {
	c, _ := realClient(t)
	ctx := t.Context()
	for i, id := range []string{"a", "b", "c"} {
		must[*relay.Recipient](t)(c.BindChat(ctx, id, relay.Chat{ChatID: int64(i + 1)}))
		must[*client.Accepted](t)(c.SendMessage(ctx, client.MessageRequest{To: []string{id}, Text: "x"}))
		must[*client.NewLink](t)(c.CreateLink(ctx, client.LinkRequest{Recipient: id}))
	}
	var recipients, deliveries, links []string
	for r, err := range c.AllRecipients(ctx, relay.RecipientQuery{Limit: 1, After: "a"}) {
		recipients = append(recipients, must[relay.Recipient](t)(r, err).ID)
	}
	for d, err := range c.AllDeliveries(ctx, relay.DeliveryQuery{Limit: 1}) {
		deliveries = append(deliveries, must[relay.Delivery](t)(d, err).Recipient)
	}
	for l, err := range c.AllLinks(ctx, relay.LinkQuery{Limit: 1}) {
		links = append(links, must[relay.Link](t)(l, err).Recipient)
		if len(links) == 2 {
			break
		}
	}
	if got := strings.Join([]string{strings.Join(recipients, ""), strings.Join(deliveries, ""), strings.Join(links, "")}, " "); got != "bc cba cb" {
		t.Errorf("recipients, deliveries, links: %s", got)
	}
	errs := 0
	for _, err := range c.AllDeliveries(ctx, relay.DeliveryQuery{After: "nonsense"}) {
		errs++
		wantCode(t, relay.CodeInvalidField, err)
	}
	if errs != 1 {
		t.Errorf("%d errors, want one and then the end", errs)
	}
}

func TestAwaitLink(t *testing.T) {
	c, server := realClient(t)
	ctx := t.Context()
	link := must[*client.NewLink](t)(c.CreateLink(ctx, client.LinkRequest{Recipient: "alice", MaxUses: 2})).Link
	waited := make(chan *relay.Link)
	go func() {
		now, err := c.AwaitLink(ctx, link)
		if err != nil {
			t.Error(err)
		}
		waited <- now
	}()
	if err := server.desk.Revoke(ctx, link.ID); err != nil {
		t.Fatal(err)
	}
	now := <-waited
	if now == nil || now.State != relay.LinkRevoked {
		t.Fatalf("%+v", now)
	}
	if _, err := c.AwaitLink(ctx, link); err != nil {
		t.Errorf("what is otherwise already is not waited for: %v", err)
	}
	_, err := c.AwaitLink(ctx, relay.Link{ID: relay.NewID()})
	wantCode(t, relay.CodeNotFound, err)
	short, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.AwaitLink(short, *now); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

// The server may be silent for as long as it was asked to wait, which is longer than a client waits for other answers.
func TestAwaitLinkIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := relay.Link{ID: id, Target: relay.TargetPrivate, State: relay.LinkOpen, MaxUses: 1}
		asked := 0
		answer := func(r *http.Request) (*http.Response, error) {
			l := known
			if asked++; r.URL.RawQuery != "" {
				time.Sleep(50 * time.Second)
			}
			if asked == 3 {
				l.State = relay.LinkExpired
			}
			if err := r.Context().Err(); err != nil {
				return nil, err
			}
			w := httptest.NewRecorder()
			err := json.NewEncoder(w).Encode(l)
			return w.Result(), err
		}
		c, err := client.New(client.Options{Server: "http://relay", HTTPClient: &http.Client{Timeout: 30 * time.Second, Transport: transport(answer)}})
		if err != nil {
			t.Fatal(err)
		}
		if now, err := c.AwaitLink(t.Context(), known); err != nil || now.State != relay.LinkExpired || asked != 3 {
			t.Errorf("%+v, %v after %d requests", now, err, asked)
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }
