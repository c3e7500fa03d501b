package main_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tgrelay/tgrelay/relay/events"
)

const eventsKey = "the key of the tests' events, 32b"

// application hears of events, and answers what the test wants.
type application struct {
	*httptest.Server
	mu     sync.Mutex
	got    []event
	answer func(e event) (status int, body string)
}

type event struct {
	ID   string
	Type string
	Data struct {
		Recipient string
		Data      string
		Chat      struct {
			ChatID int64 `json:"chat_id"`
			State  string
			Title  string
		}
		Delivery struct{ ID, State, Reason string }
		From     struct {
			UserID    int64 `json:"user_id"`
			Recipient string
		}
	}
}

func newApplication(t *testing.T) *application {
	t.Helper()
	a := &application{answer: func(event) (int, string) { return 204, "" }}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id, at := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
		if got := r.Header.Get("Webhook-Signature"); got != events.Sign([]byte(eventsKey), id, at, body) {
			t.Errorf("signature %q of %s", got, body)
		}
		e := event{ID: id}
		if err := json.Unmarshal(body, &e); err != nil {
			t.Errorf("%v in %s", err, body)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		status, answer := a.answer(e)
		if status < 300 {
			a.got = append(a.got, e)
		}
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *application) config() string {
	return fast + "[events]\nurl = \"" + a.URL + "\"\nsecret = \"whsec_" + base64.StdEncoding.EncodeToString([]byte(eventsKey)) + "\"\n"
}

// types are those of the events that were taken.
func (a *application) types() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var types []string
	for _, e := range a.got {
		types = append(types, e.Type)
	}
	return strings.Join(types, " ")
}

func (a *application) last() event {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.got[len(a.got)-1]
}

// An application hears of everything that concerns its users, in order, also of what happened while it was down.
func TestApplicationHearsOfEvents(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	w := newWorld(t, a.config())
	ada := w.connect("Ada", "alice")
	heard := func(types string) {
		t.Helper()
		w.eventually(func() bool { return a.types() == types })
	}
	heard("recipient.linked")
	if e := a.last(); e.Data.Recipient != "alice" || e.Data.Chat.ChatID != ada || e.Data.Chat.State != "active" {
		t.Errorf("%+v", e)
	}
	a.mu.Lock()
	a.answer = func(event) (int, string) { return 503, "" }
	a.mu.Unlock()
	w.send("alice", "hello")
	w.messages(ada, 2)
	w.allSent()
	w.restart() // what was not told yet is kept
	a.mu.Lock()
	a.answer = func(event) (int, string) { return 204, "" }
	a.mu.Unlock()
	heard("recipient.linked message.sent")
	w.do("POST", w.sim+"/sim/users/"+strconv.FormatInt(ada, 10)+"/block", "", nil)
	heard("recipient.linked message.sent recipient.blocked")
	w.send("alice", "to nobody")
	w.do("POST", w.sim+"/sim/users/"+strconv.FormatInt(ada, 10)+"/unblock", "", nil)
	heard("recipient.linked message.sent recipient.blocked message.failed recipient.linked")
	w.do("DELETE", w.relay+"/api/v1/recipients/alice/chats/"+strconv.FormatInt(ada, 10), "", nil)
	heard("recipient.linked message.sent recipient.blocked message.failed recipient.linked recipient.unlinked")
	if e := a.last(); e.Data.Recipient != "alice" || e.Data.Chat.ChatID != ada || e.Data.Chat.Title != "Ada" {
		t.Errorf("%+v", e)
	}
}

// A person presses an application's button: the application hears of it, and its answer is seen.
func TestPressedButton(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	w := newWorld(t, a.config())
	ada := w.connect("Ada", "alice")
	a.mu.Lock()
	a.answer = func(e event) (int, string) {
		if e.Type != "button.pressed" {
			return 204, ""
		}
		return 200, `{"text":"Approved!","message":{"text":"Deploy 42: approved by *Ada*","parse_mode":"MarkdownV2"}}`
	}
	a.mu.Unlock()
	w.do("POST", w.relay+"/api/v1/messages", `{"to":"alice","text":"Deploy 42?","reply_markup":{"inline_keyboard":[[{"text":"Approve","callback":"approve:42"}]]}}`, nil)
	asked := w.messages(ada, 2)[1]
	var pressed struct {
		Query string `json:"callback_query_id"`
	}
	w.do("POST", w.sim+"/sim/users/"+strconv.FormatInt(ada, 10)+"/press", `{"message_id":`+strconv.FormatInt(asked.ID, 10)+`,"text":"Approve"}`, &pressed)
	w.eventually(func() bool {
		m := w.messages(ada, 2)[1]
		return m.ID == asked.ID && m.Text == "Deploy 42: approved by Ada" && len(m.Entities) == 1 && len(m.ReplyMarkup) == 0
	})
	found := false
	a.mu.Lock()
	for _, e := range a.got {
		if e.Type == "button.pressed" {
			found = e.Data.Recipient == "alice" && e.Data.Data == "approve:42" && e.Data.From.UserID == ada && e.Data.From.Recipient == "alice"
		}
	}
	a.mu.Unlock()
	if !found {
		t.Errorf("events %+v", a.got)
	}
	status, body := w.call("POST", w.relay+"/api/v1/messages", `{"to":"alice","text":"x","reply_markup":{"inline_keyboard":[[{"text":"a","callback":"tgrelay:x"},{"text":"b","callback":"x","url":"https://example.org"},{"text":"c","callback_data":"x"},{"text":"d"}]]}}`)
	for _, pointer := range []string{"0/0/callback", "0/1/callback", "0/2/callback_data", "0/3/url"} {
		if status != 400 || !strings.Contains(body, `"/reply_markup/inline_keyboard/`+pointer+`"`) {
			t.Errorf("%d %s lacks %s", status, body, pointer)
		}
	}
}
