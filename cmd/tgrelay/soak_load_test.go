package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const loadToken = "the-token-of-the-load-of-the-soak"

// callers are programs and people, who go on until they are told to stop.
type callers struct {
	t       testing.TB
	w       *world
	app     *audience
	books   *books
	client  *http.Client
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	again   atomic.Int64
	faults  atomic.Int64 // of this test: answers that nobody expects

	mu      sync.Mutex
	groups  []int64       // that may still become supergroups
	answers map[int64]int // how many the bot owes in a chat, the welcome among them
	names   map[int64]string
}

func newCallers(t testing.TB, w *world, app *audience) *callers {
	l := &callers{t: t, w: w, app: app, books: newBooks(), answers: map[int64]int{}, names: map[int64]string{}, client: &http.Client{
		Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 32},
	}}
	l.ctx, l.cancel = context.WithCancel(t.Context())
	t.Cleanup(l.stop)
	return l
}

func (l *callers) start() {
	l.connect("Grace", "admin")
	for i := range 4 {
		l.spawn(400*time.Millisecond, l.talker(i))
	}
	for i := range 4 {
		l.spawn(time.Second, l.grouper(i))
	}
	l.spawn(2*time.Second, l.batcher())
	l.spawn(700*time.Millisecond, l.liveness())
	l.spawn(1500*time.Millisecond, l.alerter("alertmanager"))
	l.spawn(1500*time.Millisecond, l.alerter("grafana"))
	l.spawn(300*time.Millisecond, l.sender())
	l.spawn(500*time.Millisecond, l.zoo())
	l.spawn(3*time.Second, l.newcomer())
	l.spawn(4*time.Second, l.asker())
	l.spawn(2*time.Second, l.presser())
	l.spawn(5*time.Second, l.fickle())
	l.spawn(10*time.Second, func(int) { l.insist("POST", "/hooks/heartbeat/backup", "", "") })
}

// spawn does something again and again, counting from 0.
func (l *callers) spawn(every time.Duration, do func(n int)) {
	l.running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				do(n)
			case <-l.ctx.Done():
				return
			}
		}
	})
}

func (l *callers) stop() {
	l.cancel()
	l.running.Wait()
	l.client.CloseIdleConnections()
}

// insist asks until it is answered with 2xx; a relay that is down or says 503 is asked again, with the same key. It finishes what it has
// begun when the load ends.
func (l *callers) insist(method, path, body, key string, headers ...string) []byte {
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(50 * time.Millisecond) {
		status, answer, err := l.ask(method, l.w.relay+path, body, append(headers, "Authorization", "Bearer "+loadToken, "Idempotency-Key", strings.Trim(key, "§"))...)
		switch {
		case err == nil && status/100 == 2:
			return answer
		case err == nil && status != http.StatusServiceUnavailable, time.Now().After(deadline):
			if l.faults.Add(1) < 20 {
				l.t.Errorf("%s %s: %d %s %v", method, path, status, answer, err)
			}
			return nil
		}
		l.again.Add(1)
	}
}

func (l *callers) ask(method, address, body string, headers ...string) (int, []byte, error) {
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	response, err := l.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// sim does something to the simulator.
func (l *callers) sim(path, body string, into any) {
	method := "POST"
	if body == "?" {
		method, body = "GET", ""
	}
	status, answer, err := l.ask(method, l.w.sim+path, body)
	if err == nil && status/100 == 2 && into != nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil || status/100 != 2 {
		if l.faults.Add(1) < 20 {
			l.t.Errorf("simulator %s %s: %d %s %v", path, body, status, answer, err)
		}
	}
}

func (l *callers) user(name string) int64 {
	var u struct{ ID int64 }
	l.sim("/sim/users", fmt.Sprintf(`{"name":%q}`, name), &u)
	return u.ID
}

func (l *callers) link(recipient, target string) string {
	var made struct{ URL string }
	answer := l.insist("POST", "/api/v1/links", fmt.Sprintf(`{"recipient":%q,"target":%q}`, recipient, target), "")
	if answer != nil {
		_ = json.Unmarshal(answer, &made) // an empty link is refused by the simulator
	}
	return made.URL
}

// connect onboards a person as a recipient, who may be connected only later: what is sent is held for them.
func (l *callers) connect(name, recipient string) int64 {
	id := l.user(name)
	l.sim(fmt.Sprintf("/sim/users/%d/open", id), fmt.Sprintf(`{"link":%q}`, l.link(recipient, "private")), nil)
	l.owe(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names[id] = recipient
	return id
}

// owe notes that the bot owes an answer in a chat.
func (l *callers) owe(chat int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[chat]++
}

// counted holds that the bot has answered as often as it was asked.
func (l *callers) counted(f found) {
	for chat, owed := range l.answers {
		if f.perChat[chat] < owed {
			l.t.Errorf("in the chat of %s the bot has written %d of %d messages", l.names[chat], f.perChat[chat], owed)
		}
	}
}

func (l *callers) message(to, text, more, key string) []byte {
	body, err := json.Marshal(text)
	if err != nil {
		l.t.Error(err)
	}
	return l.insist("POST", "/api/v1/messages", fmt.Sprintf(`{"to":%q,"text":%s%s}`, to, body, more), key)
}

// talker writes to ten people in turn: each person's messages are a stream. Now and then one is long.
func (l *callers) talker(i int) func(int) {
	people := 10
	for p := range people {
		l.connect(fmt.Sprintf("Talk%d", i*people+p), fmt.Sprintf("talk%d", i*people+p))
	}
	return func(n int) {
		stream := i*people + n%people
		mark := fmt.Sprintf("§talk-%d-%d§", stream, n/people)
		text := mark + " the build *failed*"
		if n%97 == 0 {
			text += strings.Repeat(" and so on", 900)
		}
		if l.message(fmt.Sprintf("talk%d", stream), text, "", mark) != nil {
			l.books.enter(mark, entry{kind: "messages by the API"})
		}
	}
}

// grouper writes to a group that becomes a supergroup some day.
func (l *callers) grouper(i int) func(int) {
	owner := l.user(fmt.Sprintf("Owner%d", i))
	var group struct{ ID int64 }
	l.sim("/sim/groups", fmt.Sprintf(`{"title":"Group %d","members":[%d]}`, i, owner), &group)
	l.sim(fmt.Sprintf("/sim/groups/%d/open", group.ID), fmt.Sprintf(`{"link":%q,"user_id":%d}`, l.link(fmt.Sprintf("group%d", i), "group"), owner), nil)
	l.mu.Lock()
	l.groups = append(l.groups, group.ID)
	l.mu.Unlock()
	return func(n int) {
		mark := fmt.Sprintf("§group-%d-%d§", i, n)
		if l.message(fmt.Sprintf("group%d", i), mark, "", mark) != nil {
			l.books.enter(mark, entry{kind: "messages to groups"})
		}
	}
}

// nextGroup is one that has not become a supergroup; 0: all have.
func (l *callers) nextGroup() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.groups) == 0 {
		return 0
	}
	id := l.groups[0]
	l.groups = l.groups[1:]
	return id
}

// batcher writes to twenty people at once.
func (l *callers) batcher() func(int) {
	const people = 20
	for p := range people {
		l.connect(fmt.Sprintf("Batch%d", p), fmt.Sprintf("batch%d", p))
	}
	return func(n int) {
		var messages, marks []string
		for p := range people {
			marks = append(marks, fmt.Sprintf("§batch-%d-%d§", p, n))
			messages = append(messages, fmt.Sprintf(`{"to":"batch%d","text":%q}`, p, marks[p]))
		}
		answer := l.insist("POST", "/api/v1/messages:batch", `{"messages":[`+strings.Join(messages, ",")+`]}`, fmt.Sprintf("batch-%d", n))
		if answer == nil {
			return
		}
		var all struct {
			Messages []struct{ ID string }
		}
		if err := json.Unmarshal(answer, &all); err != nil || len(all.Messages) != people {
			l.t.Errorf("batch: %v %s", err, answer)
			return
		}
		for p, mark := range marks {
			if all.Messages[p].ID == "" {
				l.t.Errorf("batch: %s", answer)
			}
			l.books.enter(mark, entry{kind: "messages in batches"})
		}
	}
}

// liveness changes a message again and again, ten times each: the last version has to stand in the chat.
func (l *callers) liveness() func(int) {
	l.connect("Live", "live")
	return func(n int) {
		key := n / 10
		mark := fmt.Sprintf("§live-%d-%d§", key, n%10)
		if l.message("live", mark, fmt.Sprintf(`,"key":"live-%d"`, key), "") != nil && n%10 == 9 {
			l.books.enter(mark, entry{kind: "live messages, of ten versions each"})
		}
	}
}

// alerter fires an alert, lets its group grow, and resolves it.
func (l *callers) alerter(receiver string) func(int) {
	l.connect("Alert", "alerts-"+receiver)
	began := time.Now().UTC()
	return func(n int) {
		mark := fmt.Sprintf("§%s-%d§", receiver, n/3)
		firing := []string{"firing", "firing", "resolved"}[n%3]
		var alerts []string
		for i := range 1 + n%3/1 {
			alerts = append(alerts, fmt.Sprintf(`{"status":%q,"labels":{"alertname":%q,"instance":"web-%d"},"annotations":{"summary":"it is down"},"startsAt":%q,"endsAt":%q,"fingerprint":"%016x"}`,
				firing, mark, i, began.Add(time.Duration(n/3)*time.Second).Format(time.RFC3339), map[bool]string{true: "0001-01-01T00:00:00Z", false: began.Add(time.Duration(n) * time.Minute).Format(time.RFC3339)}[firing == "firing"], n/3*10+i))
		}
		body := fmt.Sprintf(`{"receiver":"telegram","status":%q,"alerts":[%s],"groupLabels":{"alertname":%q},"commonLabels":{"alertname":%[3]q},"commonAnnotations":{"summary":"it is down"},"externalURL":"http://alertmanager.example.org","version":"4","groupKey":"{}:{alertname=\"%[3]s\"}","truncatedAlerts":0,"orgId":1,"title":"x","state":"alerting","message":"x"}`,
			firing, strings.Join(alerts, ","), mark)
		if l.insist("POST", "/hooks/"+receiver+"/alerts-"+receiver, body, "") == nil {
			return
		}
		if firing == "resolved" {
			l.books.enter(mark, entry{kind: "alert notifications", also: "✅"})
		}
	}
}

// sender posts what the other kinds of receivers take.
func (l *callers) sender() func(int) {
	kinds := []func(mark string) (path, body string, headers []string){
		func(mark string) (string, string, []string) {
			return "/hooks/json/", `{"title":"News","text":"` + mark + `"}`, nil
		},
		func(mark string) (string, string, []string) {
			return "/hooks/text/", mark, []string{"Content-Type", "text/plain"}
		},
		func(mark string) (string, string, []string) {
			return "/hooks/ntfy/", mark, []string{"Content-Type", "text/plain", "Tags", "warning"}
		},
		func(mark string) (string, string, []string) {
			return "/hooks/gotify/", `{"title":"News","message":"` + mark + `"}`, nil
		},
		func(mark string) (string, string, []string) {
			return "/hooks/apprise/notify/", "body=" + url.QueryEscape(mark), []string{"Content-Type", "application/x-www-form-urlencoded"}
		},
		func(mark string) (string, string, []string) { return "/api/messages/", `{"text":"` + mark + `"}`, nil },
	}
	for i := range kinds {
		l.connect(fmt.Sprintf("Kind%d", i), fmt.Sprintf("kind%d", i))
	}
	return func(n int) {
		i := n % len(kinds)
		mark := fmt.Sprintf("§hook-%d-%d§", i, n)
		path, body, headers := kinds[i](mark)
		recipient := fmt.Sprintf("kind%d", i)
		if path == "/hooks/gotify/" {
			recipient += "/message"
		}
		if l.insist("POST", path+recipient, body, "", headers...) != nil {
			l.books.enter(mark, entry{kind: "webhooks of six kinds"})
		}
	}
}

// zoo posts the recorded webhooks of all senders in turn: as many messages arrive as were accepted.
func (l *callers) zoo() func(int) {
	chat := l.connect("Zoo", "zoo")
	files, err := filepath.Glob("../../receivers/testdata/others/*.json")
	if err != nil || len(files) == 0 {
		l.t.Fatal("no recorded webhooks", err)
	}
	var bodies [][]byte
	for _, file := range files {
		bodies = append(bodies, []byte(payload(l.t, "others/"+filepath.Base(file))))
	}
	return func(n int) {
		body := bodies[n%len(bodies)]
		if !json.Valid(body) {
			return
		}
		answer := l.insist("POST", "/hooks/zoo/zoo", string(body), "")
		if answer == nil {
			return
		}
		var taken struct {
			Messages []struct{ Deliveries []struct{ State string } }
		}
		_ = json.Unmarshal(answer, &taken) // none is none
		for range taken.Messages {
			l.owe(chat)
			l.books.tally("recorded webhooks of all senders")
		}
	}
}

// tally counts what is not found by a mark.
func (b *books) tally(kind string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count[kind]++
}

// newcomer connects somebody new, to whom something is sent before and after.
func (l *callers) newcomer() func(int) {
	return func(n int) {
		recipient := fmt.Sprintf("new%d", n)
		before, after := fmt.Sprintf("§held-%d§", n), fmt.Sprintf("§fresh-%d§", n)
		if l.message(recipient, before, "", before) != nil {
			l.books.enter(before, entry{kind: "messages held until the link was opened"})
		}
		l.connect("New "+recipient, recipient)
		l.books.tally("links opened")
		if l.message(recipient, after, "", after) != nil {
			l.books.enter(after, entry{kind: "messages held until the link was opened"})
		}
	}
}

// asker gives the bot commands.
func (l *callers) asker() func(int) {
	chat := l.connect("Ask", "ask")
	return func(n int) {
		l.sim(fmt.Sprintf("/sim/users/%d/write", chat), fmt.Sprintf(`{"text":%q}`, []string{"/status", "/help", "/start"}[n%3]), nil)
		l.owe(chat)
		l.books.tally("commands in chats")
	}
}

// presser presses a button of each message when it has come; the application hears of it, and what it answers is seen.
func (l *callers) presser() func(int) {
	chat := l.connect("Press", "press")
	pressed := map[string]bool{}
	return func(n int) {
		mark := fmt.Sprintf("§press-%d§", n)
		l.message("press", mark, fmt.Sprintf(`,"reply_markup":{"inline_keyboard":[[{"text":"Approve","callback":"press-%d"}]]}`, n), mark)
		var all []message
		l.sim(fmt.Sprintf("/sim/chats/%d/messages", chat), "?", &all)
		for _, m := range all[max(len(all)-20, 0):] {
			at := markOf.FindString(m.Text)
			if !m.FromBot || at == "" || pressed[at] || !bytes.Contains(m.ReplyMarkup, []byte("Approve")) {
				continue
			}
			pressed[at] = true
			l.sim(fmt.Sprintf("/sim/users/%d/press", chat), fmt.Sprintf(`{"message_id":%d,"text":"Approve"}`, m.ID), nil)
			l.books.enter(at, entry{kind: "buttons pressed", pressed: fmt.Sprintf("press-%s", markOf.FindStringSubmatch(at)[2])})
		}
	}
}

// fickle blocks the bot and lets it in again, and is written to all the time: what did not arrive has failed, and the application heard so.
func (l *callers) fickle() func(int) {
	chat := l.connect("Fickle", "fickle")
	return func(n int) {
		l.sim(fmt.Sprintf("/sim/users/%d/%s", chat, []string{"block", "unblock"}[n%2]), "", nil)
		for i := range 3 {
			mark := fmt.Sprintf("§fickle-%d-%d§", n, i)
			answer := l.message("fickle", mark, "", mark)
			var taken struct{ Deliveries []struct{ ID, State string } }
			if json.Unmarshal(answer, &taken) != nil || len(taken.Deliveries) != 1 {
				continue
			}
			l.books.enter(mark, entry{kind: "messages to somebody who blocks the bot now and then", delivery: taken.Deliveries[0].ID})
			if taken.Deliveries[0].State == "failed" {
				l.app.fail(taken.Deliveries[0].ID) // the caller knows
			}
			time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		}
	}
}

// audience is an application that hears of events, and is out of order now and then.
type audience struct {
	*application
	failures map[string]bool // deliveries
	pressed  map[string]bool // data of buttons
	told     int
}

func newAudience(t *testing.T) *audience {
	a := &audience{application: newApplication(t), failures: map[string]bool{}, pressed: map[string]bool{}}
	a.answer = func(e event) (int, string) {
		a.told++
		a.got = nil // there are too many to be kept
		switch {
		case rand.IntN(100) == 0:
			return 500, ""
		case e.Type == "message.failed":
			a.failures[e.Data.Delivery.ID] = true
		case e.Type == "button.pressed":
			a.pressed[e.Data.Data] = true
			return 200, fmt.Sprintf(`{"text":"Approved!","message":{"text":"§%s§ approved"}}`, e.Data.Data)
		}
		return 204, ""
	}
	return a
}

// config is without the table of [delivery] that the other tests want.
func (a *audience) config() string { return strings.TrimPrefix(a.application.config(), fast) }

func (a *audience) fail(delivery string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures[delivery] = true
}

func (a *audience) heard(pressed string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pressed[pressed]
}

func (a *audience) failed(delivery string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failures[delivery]
}
