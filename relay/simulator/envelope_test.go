package simulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// answer is the Bot API's.
type answer struct {
	OK          bool
	Result      json.RawMessage
	Description string
	ErrorCode   int `json:"error_code"`
	Parameters  struct {
		RetryAfter int   `json:"retry_after"`
		MigrateTo  int64 `json:"migrate_to_chat_id"`
	}

	header http.Header
	status int
}

// bot calls the simulator as a bot does, without sockets.
type bot struct {
	t   testing.TB
	sim *simulator.Server
}

func newBot(t testing.TB, o simulator.Options) *bot {
	return &bot{t, simulator.New(o)}
}

func (b *bot) request(method, path, contentType string, body io.Reader) answer {
	b.t.Helper()
	r := httptest.NewRequest(method, path, body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	b.sim.ServeHTTP(w, r)
	a := answer{header: w.Header(), status: w.Code}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			b.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return a
}

func (b *bot) path(method string) string { return "/bot" + b.sim.Token() + "/" + method }

// call makes a call with JSON.
func (b *bot) call(method string, arguments map[string]any) answer {
	b.t.Helper()
	body, err := json.Marshal(arguments)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.request("POST", b.path(method), "application/json", bytes.NewReader(body))
}

// ok makes a call that succeeds, and decodes the result.
func (b *bot) ok(method string, arguments map[string]any, into any) {
	b.t.Helper()
	a := b.call(method, arguments)
	if !a.OK {
		b.t.Fatalf("%s %v: %d %s", method, arguments, a.ErrorCode, a.Description)
	}
	if into != nil {
		if err := json.Unmarshal(a.Result, into); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bot) ada() *simulator.User {
	b.t.Helper()
	ada := b.sim.User("Ada")
	if err := ada.Open("https://t.me/relay_bot?start"); err != nil {
		b.t.Fatal(err)
	}
	return ada
}

func TestArgumentsComeInManyWays(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	id := "1001"
	form := url.Values{"chat_id": {id}, "text": {"form"}, "disable_notification": {"Yes"}}
	var parts bytes.Buffer
	multi := multipart.NewWriter(&parts)
	for name, value := range map[string]string{"chat_id": id, "text": "multipart", "disable_notification": " 1 "} {
		if err := multi.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := multi.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, path, kind, body, want string }{
		{"GET", b.path("sendMessage") + "?text=query&disable_notification=true&chat_id=" + id, "", "", "query"},
		{"POST", b.path("SENDMESSAGE"), "application/x-www-form-urlencoded", form.Encode(), "form"},
		{"POST", b.path("sendmessage"), multi.FormDataContentType(), parts.String(), "multipart"},
		{"POST", b.path("sendMessage"), "application/json", `{"chat_id":"1001","text":"json","disable_notification":1,"unknown":{"a":[]}}`, "json"},
		{"POST", b.path("sendMessage") + "?text=first", "application/json", `{"chat_id":1001,"text":"second","disable_notification":"TRUE"}`, "first"},
		{"POST", b.path("") + "?method=sendMessage", "application/json", `{"chat_id":1001,"text":"no method in the path","disable_notification":true}`, "no method in the path"},
	} {
		if a := b.request(c.method, c.path, c.kind, strings.NewReader(c.body)); !a.OK {
			t.Errorf("%s: %d %s", c.want, a.ErrorCode, a.Description)
			continue
		}
		got := simulator.FromBot(b.sim.Messages(ada.ID))
		if m := got[len(got)-1]; m.Text != c.want || !m.Silent {
			t.Errorf("%s: %+v", c.want, m)
		}
	}
}

func TestEnvelopeErrors(t *testing.T) {
	b := newBot(t, simulator.Options{})
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
		description              string
	}{
		{"POST", b.path("noSuchMethod"), "", "", 404, "Not Found: method not found"},
		{"GET", "/nowhere", "", "", 404, "Not Found"},
		{"GET", "/botgetMe", "", "", 404, "Not Found"},
		{"GET", "/bot1:short/getMe", "", "", 401, "Unauthorized"},
		{"GET", "/bot123456789:AAanother-token-that-is-long-enough/getMe", "", "", 401, "Unauthorized"},
		{"GET", "/botnonsense/getMe", "", "", 401, "Unauthorized: invalid token specified"},
		{"GET", "/bot0123:AAanother-token-that-is-long-enough/getMe", "", "", 401, "Unauthorized: invalid token specified"},
		{"POST", b.path("sendMessage"), "application/json", `{"chat_id":1001,"text":`, 400, "Bad Request: chat not found"},
		{"POST", b.path("sendMessage"), "text/plain", `{"chat_id":1001}`, 400, "Bad Request: chat_id is empty"},
		{"POST", b.path("sendMessage") + "?chat_id=", "", "", 400, "Bad Request: chat_id is empty"},
		{"PUT", b.path("getMe"), "", "", 501, ""},
	} {
		a := b.request(c.method, c.path, c.kind, strings.NewReader(c.body))
		if a.status != c.status || a.Description != c.description || (a.ErrorCode != c.status && c.description != "") {
			t.Errorf("%s %s: %d %q; want %d %q", c.method, c.path, a.status, a.Description, c.status, c.description)
		}
	}
}

func TestGetMe(t *testing.T) {
	b := newBot(t, simulator.Options{Token: "42:AAthe-token-of-another-bot-0001", Username: "other_bot"})
	var me struct {
		ID       int64
		IsBot    bool `json:"is_bot"`
		Username string
	}
	b.ok("getMe", nil, &me)
	if me.ID != 42 || !me.IsBot || me.Username != "other_bot" {
		t.Errorf("%+v", me)
	}
}

// Whatever the body, the answer is one JSON object that says whether it is ok.
func FuzzArguments(f *testing.F) {
	f.Add("application/json", []byte(`{"chat_id":1001,"text":"x"}`))
	f.Add("application/x-www-form-urlencoded", []byte("chat_id=1&text=%zz"))
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\na\r\n--x--"))
	f.Add("application/json", []byte(`{"chat_id":1001,"text":"x","reply_markup":"{","entities":[{}],"reply_parameters":1}`))
	b := newBot(f, simulator.Options{})
	b.ada()
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		for _, method := range []string{"sendMessage", "editMessageText", "sendDocument", "setMyCommands"} {
			r := httptest.NewRequest("POST", b.path(method)+"?chat_id=1001", bytes.NewReader(body))
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			b.sim.ServeHTTP(w, r)
			var a struct{ OK *bool }
			if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || a.OK == nil {
				t.Fatalf("%s: %d %q", method, w.Code, w.Body)
			}
		}
	})
}
