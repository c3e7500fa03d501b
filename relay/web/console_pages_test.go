package web_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/web"
	"github.com/tgrelay/tgrelay/relay/web/console"
)

// send sends one as the boss and returns the ID of its first delivery.
func (h *house) send(t *testing.T, to, text string) string {
	t.Helper()
	a := h.call(t, "POST", "/api/v1/messages", fmt.Sprintf(`{"to":%q,"text":%q}`, to, text), "Authorization", "Bearer boss")
	_, after, _ := strings.Cut(string(a.body), `"deliveries":[{"id":"`)
	id, _, ok := strings.Cut(after, `"`)
	if a.status != 202 || !ok {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return id
}

// fail writes that a delivery failed.
func (h *house) fail(t *testing.T, id string) {
	t.Helper()
	d, err := relay.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.db.Finish(t.Context(), relay.Outcome{Delivery: d, State: relay.Failed, Reason: "blocked", LastError: "Forbidden: bot was blocked by the user", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

func (h *house) state(t *testing.T, id string) relay.State {
	t.Helper()
	parsed, err := relay.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	d, err := h.db.Delivery(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return d.State
}

// wants holds that a page was shown with all of some texts.
func (p page) wants(t *testing.T, texts ...string) {
	t.Helper()
	if p.StatusCode != 200 {
		t.Errorf("%s: %d %s", p.Request.URL, p.StatusCode, p.body)
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("%s lacks %q", p.Request.URL, text)
		}
	}
}

func TestConsoleDeliveries(t *testing.T) {
	h := newHouse(t, operators)
	h.bind(t, "ops", 1)
	h.bind(t, "team-a", 2)
	v := h.visit(t).signIn("boss")
	v.get("/deliveries").wants(t, "Nothing has come in yet")
	var ids []string
	for i := range 120 {
		ids = append(ids, h.send(t, "ops", fmt.Sprint("message ", i)))
	}
	secret := h.send(t, "team-a", "<script>alert(1)</script> for the team")
	for _, id := range append(ids[:60:60], secret) {
		h.fail(t, id)
	}
	first := v.get("/deliveries")
	first.wants(t, "/deliveries/"+secret, "/deliveries/"+ids[119], "Older")
	_, next, _ := strings.Cut(first.body, `href="/deliveries?after=`)
	next, _, _ = strings.Cut(next, `"`)
	second := v.get("/deliveries?after=" + next)
	second.wants(t, "Newest", "/deliveries/"+ids[60])
	if strings.Contains(second.body, ids[119]) {
		t.Error("the second page shows what the first did")
	}
	v.get("/deliveries?state=failed&recipient=team-a").wants(t, secret, "blocked by the user", "Retry all")
	v.get("/deliveries?recipient=nobody").wants(t, "Nothing fits")
	v.get("/deliveries?since="+time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04")).wants(t, "Nothing fits")
	v.get("/deliveries/"+secret).wants(t, "&lt;script&gt;", "Retry", "Forbidden: bot was blocked")
	for path, want := range map[string]int{"/deliveries?state=lost": 400, "/deliveries?since=soon": 400, "/deliveries?after=x": 400, "/deliveries/x": 404, "/deliveries/" + relay.NewID().String(): 404} {
		if p := v.get(path); p.StatusCode != want || !strings.Contains(p.body, `role="alert"`) {
			t.Errorf("%s: %d", path, p.StatusCode)
		}
	}

	if p := v.post("/deliveries/retry", "id", ids[0], "back", "/deliveries/"+ids[0]); p.Header.Get("Location") != "/deliveries/"+ids[0]+"?done=retried" || h.state(t, ids[0]) != relay.Queued {
		t.Errorf("%d %v %s", p.StatusCode, p.Header, h.state(t, ids[0]))
	}
	if p := v.post("/deliveries/discard", "id", ids[1], "id", ids[2], "id", ids[0], "id", "x", "back", "https://evil.example/"); p.Header.Get("Location") != "/?done=discarded-many" || h.state(t, ids[2]) != relay.Discarded || h.state(t, ids[0]) != relay.Queued {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	if p := v.post("/deliveries/retry", "id", ids[1], "back", "/deliveries"); p.Header.Get("Location") != "/deliveries?done=none" {
		t.Errorf("what is discarded stays so: %v", p.Header)
	}
	if p := v.post("/deliveries/discard", "all", "1", "state", "failed", "recipient", "ops", "back", "/deliveries"); p.Header.Get("Location") != "/deliveries?done=discarded-many" || h.state(t, ids[59]) != relay.Discarded || h.state(t, secret) != relay.Failed || h.state(t, ids[60]) != relay.Queued {
		t.Errorf("%d %v %s", p.StatusCode, p.Header, p.body)
	}
	v.get("/deliveries?done=discarded-many").wants(t, "They are discarded")
	if p := v.post("/deliveries/discard", "all", "1", "back", "/deliveries"); p.Header.Get("Location") != "/deliveries?done=none" {
		t.Errorf("without a state nothing is changed: %v", p.Header)
	}
	if !strings.Contains(h.log.String(), "did=discarded token=boss") {
		t.Error("the log does not say who did it")
	}
}

// pairs is a storage that discards two deliveries at a time only. What is for broken cannot be written, which shows after another was.
type pairs struct {
	relay.Outbox
	came    atomic.Int64
	both    chan struct{} // closed when two came
	changed chan struct{} // closed when one was discarded
	broken  string
}

func (o *pairs) Discard(ctx context.Context, id relay.ID, now time.Time) (*relay.Delivery, error) {
	d, err := o.Delivery(ctx, id)
	if err != nil {
		return nil, err
	}
	if d.Recipient == o.broken {
		<-o.changed
		return nil, errors.New("the disk is on fire")
	}
	if o.broken != "" {
		defer close(o.changed)
		return o.Outbox.Discard(ctx, id, now)
	}
	if o.came.Add(1) == 2 {
		close(o.both)
	}
	select {
	case <-o.both:
		return o.Outbox.Discard(ctx, id, now)
	case <-time.After(10 * time.Second):
		return nil, errors.New("one delivery waits for the other")
	}
}

// Many deliveries are changed in few commits, and what was changed is logged though something fails then.
func TestConsoleChangesManyTogether(t *testing.T) {
	outbox := &pairs{both: make(chan struct{}), changed: make(chan struct{})}
	h := newHouse(t, func(o *web.Options, rules *intake.Rules) {
		operators(o, rules)
		outbox.Outbox, o.Outbox = o.Outbox, outbox
	})
	h.bind(t, "ops", 1)
	h.bind(t, "team-a", 2)
	v := h.visit(t).signIn("boss")
	failed := func(to string) string {
		id := h.send(t, to, "x")
		h.fail(t, id)
		return id
	}
	if p := v.post("/deliveries/discard", "id", failed("ops"), "id", failed("ops"), "back", "/deliveries"); p.Header.Get("Location") != "/deliveries?done=discarded-many" {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	outbox.broken = "team-a"
	if p := v.post("/deliveries/discard", "id", failed("ops"), "id", failed("team-a"), "back", "/deliveries"); p.StatusCode != 500 {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	if !strings.Contains(h.log.String(), "did=discarded token=boss deliveries=1") {
		t.Error("what was changed before something failed is not logged")
	}
}

// A token's recipients bound what its pages show and do, and read only looks.
func TestConsoleShowsWhatTheTokenReaches(t *testing.T) {
	h := newHouse(t, operators)
	h.bind(t, "ops", 1)
	h.bind(t, "team-a", 2)
	h.bind(t, "shop:alice", 3)
	ops, team := h.send(t, "ops", "for ops"), h.send(t, "team-a", "for the team")
	h.fail(t, ops)
	h.fail(t, team)
	v := h.visit(t).signIn("team")
	for _, path := range []string{"/", "/deliveries", "/recipients"} {
		p := v.get(path)
		p.wants(t)
		if strings.Contains(p.body, `/ops"`) || strings.Contains(p.body, ops) {
			t.Errorf("%s shows what the token does not reach", path)
		}
	}
	v.get("/").wants(t, "Your part of the relay")
	v.get("/deliveries").wants(t, team)
	v.get("/recipients/team-a").wants(t, team)
	for _, path := range []string{"/deliveries/" + ops, "/recipients/ops", "/recipients/ops/forget", "/overview/stream"} {
		if p := v.get(path); p.StatusCode != 404 {
			t.Errorf("%s: %d", path, p.StatusCode)
		}
	}
	for _, act := range [][]string{
		{"/recipients/ops/forget"},
		{"/recipients/ops/change", "paused", "true"},
		{"/recipients/ops/chat", "chat_id", "1", "do", "unbind"},
		{"/recipients/ops/test"},
		{"/links/new", "recipient", "ops"},
		{"/try/send", "to", "ops", "text", "x"},
	} {
		if p := v.post(act[0], act[1:]...); p.StatusCode != 404 && p.StatusCode != 403 {
			t.Errorf("%v: %d", act, p.StatusCode)
		}
	}
	if v.post("/deliveries/retry", "id", ops, "back", "/deliveries"); h.state(t, ops) != relay.Failed {
		t.Error("a delivery out of reach is retried")
	}
	if v.post("/deliveries/retry", "all", "1", "state", "failed", "back", "/deliveries"); h.state(t, ops) != relay.Failed || h.state(t, team) != relay.Queued {
		t.Error("all is more than the token reaches, or less")
	}

	if p := v.get("/deliveries/" + team); strings.Contains(p.body, "boss") {
		t.Error("another token is named")
	}

	shop := h.visit(t).signIn("shop")
	shop.get("/recipients").wants(t, `href="/recipients/alice"`)
	shop.get("/recipients/alice").wants(t, "private")
	if p := shop.post("/recipients/alice/change", "paused", "true"); p.Header.Get("Location") != "/recipients/alice?done=paused" {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}

	eyes := h.visit(t).signIn("eyes")
	eyes.get("/deliveries/"+ops).wants(t, "for ops")
	for _, act := range []string{"/deliveries/retry", "/deliveries/discard", "/recipients/ops/forget", "/recipients/ops/change", "/recipients/ops/chat", "/recipients/ops/test", "/links/new", "/try/send"} {
		if p := eyes.post(act, "id", ops, "all", "1", "state", "failed", "to", "ops", "text", "x", "recipient", "ops"); p.StatusCode != 403 {
			t.Errorf("who only looks does %s: %d", act, p.StatusCode)
		}
		if p := h.visit(t).post(act); p.StatusCode != 303 || p.Header.Get("Location") != "/sign-in" {
			t.Errorf("nobody does %s: %d", act, p.StatusCode)
		}
	}
	if r, err := h.db.Recipient(t.Context(), "ops"); err != nil || r.Paused || h.state(t, ops) != relay.Failed {
		t.Errorf("something was changed: %+v %v", r, err)
	}
}

// Whoever reaches some recipients only is not led through pages of what cannot be seen.
func TestConsoleLooksFurtherForSomeRecipients(t *testing.T) {
	h := newHouse(t, operators)
	h.bind(t, "ops", 1)
	h.bind(t, "team-a", 2)
	var ids []string
	for range 60 {
		ids = append(ids, h.send(t, "team-a", "x"))
	}
	for range 70 {
		h.send(t, "ops", "x")
	}
	v := h.visit(t).signIn("team")
	p := v.get("/deliveries")
	p.wants(t, ids[59], ids[10])
	_, next, _ := strings.Cut(p.body, `href="/deliveries?after=`)
	next, _, _ = strings.Cut(next, `"`)
	second := v.get("/deliveries?after=" + next)
	second.wants(t, ids[9], ids[0])
	if strings.Contains(p.body, ids[9]) || strings.Contains(second.body, ids[10]) || strings.Contains(second.body, ">Older<") {
		t.Error("the pages do not follow one another")
	}
}

// A page's cursor names nobody whom the token does not reach, and leads past them.
func TestRecipientsOutOfReachAreNotNamed(t *testing.T) {
	h := newHouse(t, operators)
	for i := range 120 {
		h.bind(t, fmt.Sprintf("other-%03d", i), int64(100+i))
	}
	h.bind(t, "team-a", 1)
	for i := range 60 {
		h.bind(t, fmt.Sprintf("unseen-%03d", i), int64(300+i))
	}
	h.bind(t, "team-b", 2)
	v := h.visit(t).signIn("team")
	p := v.get("/recipients")
	p.wants(t, "/recipients/team-a", "/recipients/team-b")
	if strings.Contains(p.body, "other-") || strings.Contains(p.body, "unseen-") {
		t.Error("the page names others")
	}
	var all []string
	for path := "/api/v1/recipients?limit=1"; path != ""; {
		a := h.call(t, "GET", path, "", "Authorization", "Bearer team")
		if a.status != 200 || strings.Contains(string(a.body), "other-") || strings.Contains(string(a.body), "unseen-") {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var got struct {
			Items []struct{ ID string }
			Next  string
		}
		if err := json.Unmarshal(a.body, &got); err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Items {
			all = append(all, r.ID)
		}
		if path = ""; got.Next != "" {
			path = "/api/v1/recipients?limit=1&after=" + got.Next
		}
	}
	if fmt.Sprint(all) != "[team-a team-b]" {
		t.Errorf("%v", all)
	}
}

func TestConsoleRecipients(t *testing.T) {
	h := newHouse(t, nil)
	v := h.visit(t)
	v.get("/recipients").wants(t, "Nobody is connected yet", "/links/new")
	v.get("/recipients/ops").wants(t, "No chat is connected")
	if p := v.get("/recipients/no%20name"); p.StatusCode != 404 {
		t.Errorf("%d", p.StatusCode)
	}
	for i := range 60 {
		h.bind(t, fmt.Sprintf("user-%02d", i), int64(100+i))
	}
	h.bind(t, "ops", 1)
	h.bind(t, "ops", 2)
	v.get("/recipients").wants(t, "user-00", "after=user-48")
	v.get("/recipients?prefix=user-5").wants(t, "user-55")
	v.get("/recipients?prefix=x").wants(t, "Nobody by that name")
	v.header.Set("HX-Request", "true")
	if p := v.get("/recipients?prefix=op"); strings.Contains(p.body, "<html") || !strings.Contains(p.body, "/recipients/ops") {
		t.Errorf("a part is wanted: %s", p.body)
	}
	v.header.Del("HX-Request")

	change := func(path string, pairs ...string) {
		t.Helper()
		if p := v.post(path, pairs...); p.StatusCode != 303 {
			t.Errorf("%s %v: %d %s", path, pairs, p.StatusCode, p.body)
		}
	}
	change("/recipients/ops/change", "paused", "true")
	change("/recipients/ops/change", "note", "on call")
	change("/recipients/ops/chat", "chat_id", "1", "do", "mute", "for", "8h")
	v.get("/recipients/ops").wants(t, "paused", "on call", "muted", "Resume")
	change("/recipients/ops/change", "paused", "false")
	change("/recipients/ops/chat", "chat_id", "1", "do", "unmute")
	change("/recipients/ops/test")
	if p := v.post("/recipients/ops/change"); p.StatusCode != 400 { // an empty form takes nothing away
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
	change("/recipients/ops/chat", "chat_id", "2", "do", "unbind")
	ops, err := h.db.Recipient(t.Context(), "ops")
	if err != nil || len(ops.Chats) != 1 || ops.Paused || ops.Note != "on call" || !ops.Chats[0].MutedUntil.IsZero() {
		t.Errorf("%+v %v", ops, err)
	}
	for _, wrong := range [][]string{{"chat_id", "7", "do", "unbind"}, {"chat_id", "1", "do", "sing"}, {"chat_id", "1", "do", "mute", "for", "ever"}} {
		if p := v.post("/recipients/ops/chat", wrong...); p.StatusCode/100 != 4 {
			t.Errorf("%v: %d", wrong, p.StatusCode)
		}
	}
	v.get("/recipients/ops/forget").wants(t, "Forget ops?", "cannot be taken back")
	if p := v.post("/recipients/ops/forget"); p.Header.Get("Location") != "/recipients?done=forgotten" {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	if _, err := h.db.Recipient(t.Context(), "ops"); relay.ErrorCode(err) != relay.CodeUnknownRecipient {
		t.Errorf("it is still there: %v", err)
	}
}

func TestConsoleLinks(t *testing.T) {
	h := newHouse(t, nil)
	v := h.visit(t)
	v.get("/links/new?recipient=alice").wants(t, `value="alice"`)
	for _, wrong := range [][]string{{"recipient", "no name"}, {"recipient", "a", "expires_in", "soon"}, {"recipient", "a", "max_uses", "0"}, {"recipient", "a", "target", "moon"}} {
		if p := v.post("/links/new", wrong...); p.StatusCode != 400 || !strings.Contains(p.body, `role="alert"`) {
			t.Errorf("%v: %d", wrong, p.StatusCode)
		}
	}
	p := v.post("/links/new", "recipient", "alice", "target", "private", "expires_in", "2h", "max_uses", "2")
	p.wants(t, "<svg", "https://t.me/relay_bot?start=", "/start ", h.URL+"/link/", "Waiting for somebody")
	if p.Header.Get("Cache-Control") != "no-store" {
		t.Error("the page with the token is kept")
	}
	_, id, _ := strings.Cut(p.body, "/links/")
	id = id[:36]
	_, token, _ := strings.Cut(p.body, "?start=")
	token, _, _ = strings.Cut(token, `"`)
	came := make(chan page)
	go func() { came <- v.get("/links/" + id + "/state?wait=1") }()
	chat := relay.Chat{ChatID: 7, Type: "private", Title: "Ada", State: relay.Active}
	if _, err := h.desk.Redeem(context.Background(), token, 7, relay.Redemption{Chat: chat, Place: relay.TargetPrivate, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for state := <-came; !strings.Contains(state.body, "Connected"); state = v.get("/links/" + id + "/state") {
		if !strings.Contains(state.body, "Waiting") {
			t.Fatal(state.body)
		}
	}
	if err := h.db.Bind(t.Context(), "alice", relay.Chat{Bot: "team", ChatID: 1001, Type: "private", Title: "Elsewhere"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	state := v.get("/links/" + id + "/state")
	state.wants(t, "Ada", "1 of 2 did")
	if strings.Contains(state.body, "Elsewhere") {
		t.Error("a chat with another bot counts as connected by the link")
	}
	v.get("/recipients/alice").wants(t, "Revoke", "Ada")
	if p := v.post("/links/" + id + "/revoke"); p.Header.Get("Location") != "/recipients/alice?done=revoked" {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	if strings.Contains(h.log.String(), token) {
		t.Error("the log holds the token of a link")
	}
}

func TestConsoleTry(t *testing.T) {
	h := newHouse(t, nil)
	h.bind(t, "ops", 1)
	v := h.visit(t)
	v.get("/try?text="+url.QueryEscape("*a* b")).wants(t, "*a* b", "tg-text")
	v.post("/try/preview", "text", "*a* b", "parse_mode", "MarkdownV2").wants(t, `id="preview"`, "<b>a</b>")
	v.post("/try/preview", "text", "a.b", "parse_mode", "MarkdownV2").wants(t, "byte offset 1")
	v.post("/try/preview", "text", " ").wants(t, "while you write")
	p := v.post("/try/send", "to", "ops, ops", "text", "hello", "silent", "1", "priority", "high")
	if p.StatusCode != 303 || !strings.HasPrefix(p.Header.Get("Location"), "/deliveries/") {
		t.Fatalf("%d %s", p.StatusCode, p.body)
	}
	v.get(p.Header.Get("Location")).wants(t, "hello", "without a sound", "high", "Accepted")
	for _, wrong := range [][]string{{"to", "no/name", "text", "x"}, {"to", "", "text", "x"}, {"to", "ops", "text", ""}, {"to", "ops", "text", "a.b", "parse_mode", "MarkdownV2"}} {
		if p := v.post("/try/send", wrong...); p.StatusCode != 400 || !strings.Contains(p.body, `role="alert"`) || !strings.Contains(p.body, "<textarea") {
			t.Errorf("%v: %d", wrong, p.StatusCode)
		}
	}
	if p := v.post("/try/send", "to", "ops", "text", strings.Repeat("x", 3<<20)); p.StatusCode != 413 {
		t.Errorf("%d", p.StatusCode)
	}
}

func TestConsoleOverview(t *testing.T) {
	beat := console.Heartbeat{Name: "watchdog", Interval: 5 * time.Minute, Missing: true}
	status := console.Status{Version: "1.2.3", Started: time.Now(), Bots: []console.Bot{{Name: "telegram", Username: "relay_bot"}}, TelegramFault: "telegram cannot be reached", Size: 5 << 20, Free: 7 << 30, Recipients: 12345, Gone: 2, Heartbeats: []console.Heartbeat{beat}}
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) {
		o.Status = func(context.Context) console.Status { return status }
	})
	h.bind(t, "ops", 1)
	h.fail(t, h.send(t, "ops", "one"))
	h.send(t, "ops", "two")
	v := h.visit(t)
	p := v.get("/")
	p.wants(t, "In <b>2</b>", "Failed <b>1</b>", "Waiting <b>1</b>", "@relay_bot", "cannot be reached", "5.0 MiB", "7.0 GiB", "12,345", "watchdog", "missing", "tgrelay 1.2.3", "<rect", `data-live="/overview/stream"`)
	if len(p.body) > 30<<10 {
		t.Errorf("%d bytes", len(p.body))
	}

	// What changes is sent, and the stream ends with the server.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", h.URL+"/overview/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(response.Header)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	h.send(t, "ops", "three")
	found := false
	for !found && lines.Scan() {
		found = strings.Contains(lines.Text(), "In <b>3</b>")
	}
	if !found {
		t.Error("the change is not sent")
	}
	h.web.EndStreams()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream ends by %v", err)
	}
}

func TestConsoleReceivers(t *testing.T) {
	h := newHouse(t, func(o *web.Options, rules *intake.Rules) {
		operators(o, rules)
		rules.Receivers["json"].KeepPayloads = 2
		rules.Receivers["json"].Signature = receivers.Signature{Secret: secret.New("key"), Header: "X-Hub-Signature-256"}
		o.Tokens = append(o.Tokens, web.Token{Name: "some", SHA256: hash("some"), Scopes: []web.Scope{web.ScopeAdmin}, Receivers: []string{"grafana"}})
	})
	v := h.visit(t).signIn("boss")
	v.get("/receivers").wants(t, "/receivers/alertmanager", h.URL+"/hooks/ntfy/ops", "0 of 2")
	v.get("/receivers/alertmanager").wants(t, "webhook_configs", "credentials_file", h.URL+"/hooks/alertmanager/ops", "keep_payloads = 10")
	v.get("/receivers/grafana").wants(t, "contactPoints", "authorization_scheme")
	for _, name := range []string{"gotify", "apprise", "text", "telepush", "ntfy"} {
		v.get("/receivers/"+name).wants(t, "curl", name)
	}
	if p := v.get("/receivers/nosuch"); p.StatusCode != 404 {
		t.Errorf("%d", p.StatusCode)
	}
	mac := hmac.New(sha256.New, []byte("key"))
	const body = `{"title":"Backup","text":"<b>finished</b>"}`
	mac.Write([]byte(body))
	a := h.call(t, "POST", "/hooks/json/ops", body, "X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)), "Authorization", "Bearer boss", "Content-Type", "application/json")
	if a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	p := v.get("/receivers/json")
	p.wants(t, "&lt;b&gt;finished", "Send again", "is checked")
	_, id, _ := strings.Cut(p.body, `name="payload" value="`)
	id = id[:36]
	sent := v.post("/receivers/json/replay", "payload", id, "to", "grace")
	if !strings.HasPrefix(sent.Header.Get("Location"), "/deliveries/") {
		t.Fatalf("%d %s", sent.StatusCode, sent.body)
	}
	v.get(sent.Header.Get("Location")).wants(t, "grace", "&lt;b&gt;finished")
	if again := v.get("/receivers/json"); strings.Count(again.body, "Send again") != 1 {
		t.Error("what was sent again is kept once more")
	}
	v.get("/templates?receiver=json&sample="+id).wants(t, "&lt;b&gt;finished", "came in")
	if p := v.post("/receivers/json/replay", "payload", relay.NewID().String()); p.StatusCode != 404 {
		t.Errorf("%d", p.StatusCode)
	}

	eyes := h.visit(t).signIn("eyes")
	if p := eyes.get("/receivers/json"); strings.Contains(p.body, "Send again") || eyes.post("/receivers/json/replay", "payload", id).StatusCode != 403 {
		t.Error("who only looks sends webhooks again")
	}
	team := h.visit(t).signIn("team")
	if p := team.get("/receivers/json"); strings.Contains(p.body, "&lt;b&gt;finished") || team.post("/receivers/json/replay", "payload", id, "to", "team-a").StatusCode != 404 {
		t.Error("who reaches some recipients only sees the webhooks of all")
	}
	some := h.visit(t).signIn("some")
	if p := some.get("/deliveries"); strings.Contains(p.body, "alertmanager") || !strings.Contains(p.body, "<option>grafana") {
		t.Error("deliveries name a receiver that the token does not reach")
	}
	if p := some.get("/receivers"); strings.Contains(p.body, "alertmanager") || some.get("/receivers/json").StatusCode != 404 || some.get("/templates?receiver=json").StatusCode != 404 || some.post("/templates/preview", "receiver", "json").StatusCode != 404 {
		t.Error("a receiver that the token does not reach is shown")
	}
}

// A webhook that is sent again reaches whom it had reached, though another than its sender sends it.
func TestConsoleSendsAgainToTheSame(t *testing.T) {
	h := newHouse(t, func(o *web.Options, rules *intake.Rules) {
		operators(o, rules)
		rules.Receivers["ntfy"].KeepPayloads = 2
		rules.Receivers["json"].KeepPayloads = 2
	})
	h.bind(t, "alice", 1)
	h.bind(t, "shop:alice", 2)
	v := h.visit(t).signIn("boss")
	for _, c := range []struct{ receiver, path, body string }{{"json", "/hooks/json/alice", `{"title":"x"}`}, {"ntfy", "/hooks/ntfy", `{"topic":"alice","message":"x"}`}} {
		if a := h.call(t, "POST", c.path, c.body, "Authorization", "Bearer shop", "Content-Type", "application/json"); a.status/100 != 2 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		_, form, _ := strings.Cut(v.get("/receivers/"+c.receiver).body, `name="payload" value="`)
		sent := v.post("/receivers/"+c.receiver+"/replay", "payload", form[:36])
		if !strings.HasPrefix(sent.Header.Get("Location"), "/deliveries/") {
			t.Fatalf("%d %s", sent.StatusCode, sent.body)
		}
		v.get(sent.Header.Get("Location")).wants(t, "To shop:alice", "token boss")
	}
	v.get("/receivers/json").wants(t, `value="shop:alice"`)
}

func TestConsoleTemplates(t *testing.T) {
	h := newHouse(t, operators)
	v := h.visit(t).signIn("eyes")
	p := v.get("/templates")
	p.wants(t, "{{ define &#34;alertmanager.message&#34;", "mixed-1-three-firing", "tg-bubble", "tg-night")
	v.get("/templates?receiver=json").wants(t, "finished in 3 min", "json.message")
	for _, c := range []struct{ text, mode, payload, want string }{
		{`{{ define "json.message" }}*{{ .title }}*{{ end }}`, "MarkdownV2", `{"title":"a*b"}`, "<b>a*b</b>"},
		{`{{ define "json.message" }}<i>{{ .title }}</i>{{ end }}`, "HTML", `{"title":"<x>"}`, "<i>&lt;x&gt;</i>"},
		{"{{ define \"json.message\" }}\nx\n{{ nonsense }}{{ end }}", "MarkdownV2", `{}`, "Line 3: function"},
		{`{{ define "json.message" }}{{ .title`, "MarkdownV2", `{}`, "Line 1"},
		{`{{ define "json.message" }}*{{ .title }}{{ end }}`, "MarkdownV2", `{"title":"x"}`, "never closed"},
		{`{{ define "other" }}x{{ end }}`, "MarkdownV2", `{"title":"x"}`, "defines no template"},
		{`{{ define "json.message" }}{{ end }}`, "MarkdownV2", `{"title":"x"}`, "Nothing is sent"},
		{`{{ define "json.message" }}x{{ end }}`, "MarkdownV2", `{`, "error"},
		{`{{ define "json.message" }}x{{ end }}`, "Word", `{}`, "error"},
	} {
		if p := v.post("/templates/preview", "receiver", "json", "text", c.text, "parse_mode", c.mode, "payload", c.payload); p.StatusCode != 200 || !strings.Contains(p.body, c.want) {
			t.Errorf("%s: %d lacks %q\n%s", c.text, p.StatusCode, c.want, p.body)
		}
	}
	if p := v.post("/templates/preview", "receiver", "json", "text", `{{ define "json.message" }}x{{ end }}`, "parse_mode", "none", "payload", "{}"); !strings.Contains(p.body, "<html") || !strings.Contains(p.body, "json.message") {
		t.Error("without scripts there is no page")
	}
	v.header.Set("HX-Request", "true")
	if p := v.post("/templates/preview", "receiver", "json", "text", "x", "parse_mode", "none", "payload", "{}"); strings.Contains(p.body, "<html") || !strings.Contains(p.body, `id="rendered"`) {
		t.Error(p.body)
	}
	if source := h.rules.Templates.Source("json.message"); strings.Contains(source, "a*b") {
		t.Error("what was tried is in force")
	}
}
