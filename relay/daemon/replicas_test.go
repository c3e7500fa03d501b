package daemon_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// server is the PostgreSQL that tests share; TestMain stops it.
var server struct {
	once sync.Once
	*pgtest.Server
	err     error
	schemas atomic.Int64
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.Server != nil {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// schema is the address of an empty schema on the shared server.
func schema(t *testing.T) string {
	t.Helper()
	server.once.Do(func() { server.Server, server.err = pgtest.Start() })
	switch {
	case server.err != nil && os.Getenv("CI") == "" && errors.Is(server.err, exec.ErrNotFound):
		t.Skipf("PostgreSQL is needed: %v", server.err)
	case server.err != nil:
		t.Fatalf("PostgreSQL is needed: %v", server.err)
	}
	name := fmt.Sprint("relay_", server.schemas.Add(1))
	db, err := sql.Open("pgx", server.URL(""))
	if err == nil {
		_, err = db.Exec(`CREATE SCHEMA ` + name)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return server.URL(name)
}

// replicas are two replicas on one database, with one bot.
type replicas struct {
	t   *testing.T
	sim *simulator.Server
	all [2]*lodging
}

// share starts two replicas, each on an address of its own.
func share(t *testing.T, text string) *replicas {
	t.Helper()
	t.Parallel()
	p := &replicas{t: t, sim: simulator.New(simulator.Options{})}
	text = fmt.Sprintf("[storage]\nurl = %q\n[auth.tokens.app]\ntoken = \"app\"\nscopes = [\"admin\"]\n%s", schema(t), text)
	if !strings.Contains(text, "[telegram]") {
		text += fmt.Sprintf("[telegram]\ntoken = %q\n", simulator.DefaultToken)
	}
	for i := range p.all {
		p.all[i] = p.join(text)
	}
	return p
}

func (p *replicas) join(text string) *lodging {
	p.t.Helper()
	l := &lodging{t: p.t, dir: p.t.TempDir(), sim: p.sim}
	l.write(text)
	c, err := config.Load(l.file())
	if err != nil {
		p.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	l.url = "http://" + listener.Addr().String()
	l.daemon, err = daemon.New(context.Background(), daemon.Options{
		Config: c, Version: "test", Log: slog.New(slog.DiscardHandler), Transport: p.sim.Transport(), Listeners: []net.Listener{listener},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.daemon.Run(ctx) }()
	p.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Errorf("the end: %v", err)
		}
	})
	return l
}

// connect connects a person to a recipient, by a link of the first replica.
func (p *replicas) connect(name, recipient string) *simulator.User {
	p.t.Helper()
	var link struct {
		URL string `json:"url"`
	}
	until(p.t, "links are made", func() bool {
		status, body := p.all[0].post("/api/v1/links", fmt.Sprintf(`{"recipient": %q}`, recipient), "")
		return status == http.StatusCreated && json.Unmarshal([]byte(body), &link) == nil
	})
	u := p.sim.User(name)
	if err := u.Open(link.URL); err != nil {
		p.t.Fatal(err)
	}
	p.wait(u, 1)
	return u
}

// wait waits for messages of the bot in a private chat, and returns their texts.
func (p *replicas) wait(u *simulator.User, n int) []string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	all, err := p.sim.Wait(ctx, u.ID, func(all []simulator.Message) bool { return len(texts(all)) >= n })
	if err != nil {
		p.t.Fatalf("%d messages, want %d: %q", len(texts(all)), n, texts(all))
	}
	return texts(all)
}

// texts are what the bot wrote.
func texts(all []simulator.Message) (out []string) {
	for _, m := range all {
		if m.FromBot && !m.Deleted {
			out = append(out, m.Text)
		}
	}
	return out
}

// settled is what a chat holds when nothing waits any more.
func (p *replicas) settled(u *simulator.User) []string {
	p.t.Helper()
	until(p.t, "nothing waits", func() bool {
		status, body := p.all[1].get("/api/v1/deliveries?state=queued")
		_, sending := p.all[1].get("/api/v1/deliveries?state=sending")
		return status == http.StatusOK && !strings.Contains(body+sending, `"id"`)
	})
	return texts(p.sim.Messages(u.ID))
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

func (l *lodging) get(path string) (int, string) { return l.call("app", http.MethodGet, path, "") }

func (l *lodging) post(path, body, key string) (int, string) {
	r, err := http.NewRequest(http.MethodPost, l.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Authorization", "Bearer app")
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(b)
}

// atOnce posts the same to both replicas at the same time, twice to each, and returns the answers.
func (p *replicas) atOnce(path, body, key string) []string {
	p.t.Helper()
	answers := make([]string, 2*len(p.all))
	var running sync.WaitGroup
	for i := range answers {
		running.Go(func() {
			status, answer := p.all[i%2].post(path, body, key)
			if answers[i] = answer; status >= 300 {
				p.t.Errorf("%d %s", status, answer)
			}
		})
	}
	running.Wait()
	return answers
}

const brisk = "[delivery]\nglobal_rate = 1000\nchat_rate = 1000\nfallback = \"ops\"\n"

// The same Idempotency-Key at both at once makes one message, and all hear of the same.
func TestSameKeyAtTwoReplicas(t *testing.T) {
	p := share(t, brisk)
	ada := p.connect("Ada", "ada")
	const n = 10
	for i := range n {
		var ids []string
		for _, answer := range p.atOnce("/api/v1/messages", fmt.Sprintf(`{"to": "ada", "text": "message %d"}`, i), fmt.Sprint("key-", i)) {
			var m struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal([]byte(answer), &m); err != nil || m.ID == "" {
				t.Errorf("answered %s: %v", answer, err)
			}
			ids = append(ids, m.ID)
		}
		if len(slices.Compact(ids)) != 1 {
			t.Errorf("message %d has the IDs %q", i, ids)
		}
		if status, answer := p.all[i%2].post("/api/v1/messages", `{"to": "ada", "text": "another"}`, fmt.Sprint("key-", i)); status != http.StatusUnprocessableEntity && status != http.StatusConflict {
			t.Errorf("the key with another message: %d %s", status, answer)
		}
	}
	p.wait(ada, 1+n)
	if got := p.settled(ada); len(got) != 1+n {
		t.Errorf("%q", got)
	}
}

// webhook is what an Alertmanager sends of a group.
func webhook(group string, alerts ...string) string {
	var list []string
	status := "resolved"
	for _, a := range alerts {
		name, over, _ := strings.Cut(a, " ")
		alert, ends := "firing", "0001-01-01T00:00:00Z"
		if over != "" {
			alert, ends = "resolved", "2026-01-01T01:00:00Z"
		} else {
			status = "firing"
		}
		list = append(list, fmt.Sprintf(`{"status": %q, "labels": {"alertname": %q, "instance": %q}, "annotations": {"summary": "%[3]s of %[2]s"}, "startsAt": "2026-01-01T00:00:00Z", "endsAt": %[4]q, "generatorURL": "http://p.example.org/g", "fingerprint": "%[2]s-%[3]s"}`,
			alert, group, name, ends))
	}
	return fmt.Sprintf(`{"version": "4", "groupKey": "{}:{alertname=\"%[1]s\"}", "status": %[2]q, "receiver": "telegram", "groupLabels": {"alertname": %[1]q},
		"commonLabels": {"alertname": %[1]q}, "commonAnnotations": {}, "externalURL": "http://am.example.org", "alerts": [%[3]s]}`, group, status, strings.Join(list, ","))
}

const alerting = brisk + "[receivers.alertmanager]\ntype = \"alertmanager\"\nto = [\"ops\"]\n"

// Two Alertmanagers that cannot hear each other send everything twice, each to a replica of its own: it is told once, at each step.
func TestAlertmanagersAtTwoReplicas(t *testing.T) {
	p := share(t, alerting)
	ada := p.connect("Ada", "ops")
	groups := []string{"Down", "Slow", "Full"}
	steps := []struct {
		alerts []string
		want   int // messages in the chat for each group: the first, and answers to it
	}{{[]string{"a"}, 1}, {[]string{"a", "b"}, 2}, {[]string{"a over", "b"}, 2}, {[]string{"a over", "b over"}, 3}}
	for i, s := range steps {
		var running sync.WaitGroup
		for _, g := range groups {
			running.Go(func() { p.atOnce("/hooks/alertmanager", webhook(g, s.alerts...), "") })
		}
		running.Wait()
		if got := p.settled(ada); len(got) != 1+s.want*len(groups) {
			t.Fatalf("step %d: %d messages: %q", i, len(got), got)
		}
	}
}

// A person presses the button of an alert, whoever asks for updates, while news of it come to the other: the conversation holds both.
func TestConversationOverReplicas(t *testing.T) {
	p := share(t, alerting)
	ada := p.connect("Ada", "ops")
	p.mustPost(0, "/hooks/alertmanager", webhook("Down", "a"))
	p.wait(ada, 2)
	first := p.first(ada)
	if _, err := ada.Press(ada.ID, first.ID, "✋ Ack"); err != nil {
		t.Fatalf("%v: the buttons are %s", err, first.ReplyMarkup)
	}
	until(t, "the message says who has it", func() bool { return strings.Contains(p.first(ada).Text, "Ada") })
	for i := range 6 {
		p.mustPost(i%2, "/hooks/alertmanager", webhook("Down", "a", fmt.Sprint("b", i)))
		if got := p.settled(ada); !strings.Contains(p.first(ada).Text, "Ada") || !strings.Contains(strings.Join(got, "\n"), fmt.Sprint("b", i)) {
			t.Fatalf("news %d: %q", i, got)
		}
	}
	p.mustPost(1, "/hooks/alertmanager", webhook("Down", "a over", "b5 over"))
	p.settled(ada)
	if first := p.first(ada); len(first.ReplyMarkup) > 2 && strings.Contains(string(first.ReplyMarkup), "✋ Ack") {
		t.Errorf("it is over, and still to be acknowledged: %+v", first)
	}
}

func (p *replicas) mustPost(replica int, path, body string) {
	p.t.Helper()
	if status, answer := p.all[replica].post(path, body, ""); status >= 300 {
		p.t.Fatalf("%d %s", status, answer)
	}
}

// first is the first message after the welcome.
func (p *replicas) first(u *simulator.User) simulator.Message {
	p.t.Helper()
	n := 0
	for _, m := range p.sim.Messages(u.ID) {
		if m.FromBot && !m.Deleted {
			if n++; n == 2 {
				return m
			}
		}
	}
	p.t.Fatal("there is no message")
	return simulator.Message{}
}

// A live message that is updated through both in turn is edited, and is at last what was said last.
func TestLiveMessageOverReplicas(t *testing.T) {
	p := share(t, brisk)
	ada := p.connect("Ada", "ada")
	const n = 20
	for i := range n {
		p.mustPost(i%2, "/api/v1/messages", fmt.Sprintf(`{"to": "ada", "text": "step %d", "key": "deploy"}`, i))
		if i%5 == 0 {
			p.settled(ada)
		}
	}
	if got := p.settled(ada); len(got) != 2 || got[1] != fmt.Sprint("step ", n-1) {
		t.Errorf("%q", got)
	}
}

// However many updates of a live message both replicas take, they are sent at the chat's rate: what waits is superseded, whoever took it in.
func TestConflationOverReplicas(t *testing.T) {
	p := share(t, "[delivery]\nchat_rate = 1\n")
	ada := p.connect("Ada", "ada")
	const n = 100
	began := time.Now()
	for i := range n {
		p.mustPost(i%2, "/api/v1/messages", fmt.Sprintf(`{"to": "ada", "text": "%d of 100", "key": "progress"}`, i))
	}
	p.settled(ada)
	took := time.Since(began)
	requests := 0
	for _, c := range p.sim.Calls() {
		if c.Method == "sendmessage" || c.Method == "editmessagetext" {
			requests++
		}
	}
	if got := texts(p.sim.Messages(ada.ID)); len(got) != 2 || got[1] != "99 of 100" {
		t.Errorf("%q", got)
	}
	if most := 4 + int(took/time.Second); requests > most {
		t.Errorf("%d requests in %s, want at most %d", requests, took, most)
	}
}

// Webhook mode: Telegram's updates come to both, each several times at once. Each acts once.
func TestUpdatesAtTwoReplicas(t *testing.T) {
	const secret = "s3cret-token"
	p := share(t, brisk+fmt.Sprintf(`[telegram]
token = %q
mode = "webhook"
[telegram.webhook]
url = "https://relay.example.org/telegram"
secret_token = %q
`, simulator.DefaultToken, secret))
	const people = 10
	var running sync.WaitGroup
	for i := range people {
		id := p.sim.User(fmt.Sprint("P", i)).ID
		update := fmt.Sprintf(`{"update_id": %d, "message": {"message_id": 1, "date": 1, "chat": {"id": %d, "type": "private", "first_name": "P"}, "from": {"id": %[2]d, "is_bot": false, "first_name": "P"}, "text": "/help"}}`, 1000+i, id)
		for j := range 4 {
			running.Go(func() {
				r, err := http.NewRequest(http.MethodPost, p.all[j%2].url+"/telegram", strings.NewReader(update))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
				response, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
					t.Errorf("%d, %v", response.StatusCode, err)
				}
			})
		}
	}
	running.Wait()
	until(t, "all are answered", func() bool { return p.answers() >= people })
	time.Sleep(time.Second)
	if n := p.answers(); n != people {
		t.Errorf("%d answers to %d people", n, people)
	}
}

// answers counts what was asked to be sent.
func (p *replicas) answers() (n int) {
	for _, c := range p.sim.Calls() {
		if c.Method == "sendmessage" {
			n++
		}
	}
	return n
}

// Who signs in at one is signed in at the other, until signing out at any.
func TestSessionOverReplicas(t *testing.T) {
	p := share(t, brisk)
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.PostForm(p.all[0].url+"/session/start", url.Values{"token": {"app"}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if len(response.Cookies()) != 1 {
		t.Fatalf("signing in: %s", response.Status)
	}
	cookie := response.Cookies()[0]
	visit := func(replica int, method, path string) int {
		t.Helper()
		r, err := http.NewRequest(method, p.all[replica].url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(cookie)
		r.Header.Set("Origin", p.all[replica].url)
		response, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	for i := range p.all {
		if status := visit(i, http.MethodGet, "/recipients"); status != http.StatusOK {
			t.Errorf("at replica %d: %d", i, status)
		}
	}
	if status := visit(1, http.MethodPost, "/session/end"); status != http.StatusSeeOther {
		t.Errorf("signing out: %d", status)
	}
	for i := range p.all {
		if status := visit(i, http.MethodGet, "/recipients"); status == http.StatusOK {
			t.Errorf("at replica %d the session goes on", i)
		}
	}
}

// Signs of life count at any replica; their absence is told once, and so is their return.
func TestHeartbeatOverReplicas(t *testing.T) {
	p := share(t, brisk+"[heartbeats.backup]\ninterval = \"6s\"\nto = [\"ops\"]\n")
	ada := p.connect("Ada", "ops")
	for i := range 4 {
		p.mustPost(i%2, "/hooks/heartbeat/backup", "")
		time.Sleep(2 * time.Second)
	}
	if got := p.settled(ada); len(got) != 1 {
		t.Errorf("told while all was well: %q", got)
	}
	p.wait(ada, 2)
	until(t, "the return is told", func() bool {
		p.mustPost(1, "/hooks/heartbeat/backup", "")
		return len(texts(p.sim.Messages(ada.ID))) > 2
	})
	time.Sleep(time.Second) // whoever else would tell
	if got := p.settled(ada); len(got) != 3 || !strings.Contains(got[1], "💔") || !strings.Contains(got[2], "💚") {
		t.Errorf("%q", got)
	}
}

// A bot reaches no chats of another's: a relay with another token does not come between those that run, and one alone may have a new bot.
func TestAnotherBotOnTheSameDatabase(t *testing.T) {
	p := share(t, "")
	u := p.connect("Ada", "ada")
	c, err := config.Load(p.all[0].file())
	if err != nil {
		t.Fatal(err)
	}
	c.Telegram.Token = secret.New("987654321:AAthe-token-of-another-bot-000000000")
	_, err = daemon.New(t.Context(), daemon.Options{Config: c, Version: "test", Log: slog.New(slog.DiscardHandler), Transport: p.sim.Transport()})
	if err == nil || !strings.Contains(err.Error(), "the same token") || strings.Contains(err.Error(), "AAthe") {
		t.Errorf("it starts with another bot: %v", err)
	}
	p.all[1].post("/api/v1/messages", `{"to": "ada", "text": "still here"}`, "")
	if got := p.wait(u, 2); got[1] != "still here" {
		t.Errorf("there is %q", got)
	}
}
