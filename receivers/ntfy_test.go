package receivers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// server is a type that stands in for a server.
func server(t testing.TB, name string) receivers.Server {
	t.Helper()
	kind, _ := receivers.Get(name)
	s, ok := kind.(receivers.Server)
	if !ok {
		t.Fatalf("%s stands in for no server", name)
	}
	return s
}

// request is one as it comes: "PUT ops/deploy?t=Title", headers as "Name: value", and a body.
func request(t testing.TB, line, body string, headers ...string) receivers.Request {
	t.Helper()
	method, target, _ := strings.Cut(line, " ")
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	r := receivers.Request{Receiver: "r", Method: method, Path: u.Path, Query: u.Query(), Header: http.Header{}, Body: []byte(body)}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// builtin is the set of the built-in templates.
var builtin = sync.OnceValues(func() (*render.Set, error) {
	return render.New(render.Options{Now: func() time.Time { return now }})
})

// seen is what a draft becomes by its type's template, with what else is asked for: as Telegram's HTML, buttons, file.
func seen(t testing.TB, d receivers.Draft) string {
	t.Helper()
	set, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	text, err := set.Execute(d.Template, markup.MarkdownV2, d.Data)
	if err != nil {
		t.Fatal(err)
	}
	out := text.ExpandTabs().Normalize().HTML()
	for _, b := range d.Buttons {
		out += fmt.Sprintf(" [%s %s%s", b.Text, b.URL, b.Copy)
		if b.Call != nil {
			out += b.Call.Method + " " + b.Call.URL
		}
		out += "]"
	}
	if m := d.Media; m != nil {
		out += fmt.Sprintf(" (%s %s%s %d)", m.Kind, m.Name, m.URL, len(d.File))
	}
	return strings.TrimSpace(out)
}

func decoded(t testing.TB, kind receivers.Type, r receivers.Request) string {
	t.Helper()
	drafts, err := kind.Decode(r)
	if err != nil {
		var e *relay.Error
		if !errors.As(err, &e) || e.Code.Status() != http.StatusBadRequest {
			t.Fatalf("%v is no refusal", err)
		}
		return "refused " + e.Detail
	}
	var all []string
	for _, d := range drafts {
		all = append(all, seen(t, d))
	}
	return strings.Join(all, " + ")
}

func TestNtfyPublishing(t *testing.T) {
	for _, c := range []struct {
		line, body string
		headers    []string
		want       string
	}{
		{"PUT ops", "hi *there*", nil, "hi *there*"},
		{"POST ops", " padded\n", []string{"Title: Plain"}, "<b>Plain</b>\npadded"},
		// A header wins over the query, and the full name over short ones.
		{"POST ops?title=query&p=5", "x", []string{"T: short", "X-Title: full"}, "<b>full</b>\nx"},
		{"POST ops?x-title=query", "x", nil, "<b>query</b>\nx"},
		{"POST ops", "x", []string{"Title: =?UTF-8?Q?Gr=C3=BCn?= =?iso-8859-1?Q?gr=FCn?="}, "<b>Grüngrün</b>\nx"},
		{"POST ops", "x", []string{"Title: Grün \xff"}, "<b>Grün \uFFFD</b>\nx"},
		{"GET ops/publish?m=a%5Cnb&ta=tada,x%20y,%2B1", "", nil, "🎉👍 a\nb\n🏷 <i>x y</i>"},
		{"GET ops/send", "", nil, "triggered"},
		{"POST ops?message=query", "body", nil, "body"},
		{"POST ops", "", []string{"Message: header"}, "header"},
		{"POST ops", "**b** _i_", []string{"Content-Type: text/markdown; charset=utf-8"}, "<b>b</b> <i>i</i>"},
		{"POST ops?md=1", "# b", nil, "<b>b</b>"},
		{"POST ops", "x", []string{"Click: https://example.org/a?b=c"}, "x [🔗 example.org https://example.org/a?b=c]"},
		{"POST ops", "x", []string{"Click: mailto:a@example.org"}, "x\n🔗 mailto:a@example.org mailto:a@example.org"},
		{"POST ops", "x", []string{"Click: http://nas/x"}, "x\n🔗 nas http://nas/x"},
		{"POST ops", "text", []string{"Attach: https://example.org/a/flower.jpg"}, "text (photo https://example.org/a/flower.jpg 0)"},
		{"POST ops", "text", []string{"Attach: https://example.org/a.zip", "Filename: b.zip"}, "text (document b.ziphttps://example.org/a.zip 0)"},
		{"PUT ops?f=../etc/a.txt", "file", nil, "(document a.txt 4)"},
		{"PUT ops", "\x89PNG\r\n\x1a\n\xff", []string{"Message: look"}, "look (photo attachment.png 9)"},
		{"PUT ops", "\xff\xfe\x00", nil, "(document attachment.bin 3)"},
		{
			"PUT ops", "x",
			[]string{`Actions: view, "Open, \"it\"", https://example.org; copy, Code, 12 34; http, 'Do it', https://example.org/do, method=put`},
			`x [Open, "it" https://example.org] [Code 12 34] [Do it PUT https://example.org/do]`,
		},
		{"PUT ops", "x", []string{`Actions: [{"action":"view","label":"Open","url":"https://example.org"},{"action":"broadcast","label":"Phone"}]`}, "x [Open https://example.org]"},
		{"PUT ops", "x", []string{"Priority: u=1, i"}, "x"},
		{"PUT ops", "x", []string{"Email: a@example.org", "X-Firebase: no", "Cache: no", "X-UnifiedPush: 1"}, "x"},
		{
			"POST ", `{"topic":"ops","title":"T","message":"m","tags":["warning","nas"],"priority":4,"click":"https://example.org","attach":"https://example.org/f.pdf","actions":[{"action":"copy","label":"C","value":"v"}],"email":"x"}`, nil,
			"⚠️ <b>T</b>\nm\n🏷 <i>nas</i> [🔗 example.org https://example.org] [C v] (document https://example.org/f.pdf 0)",
		},
		{"POST ", `{"topic":"ops"}`, nil, "triggered"},
		{"DELETE ops/deploy", "", nil, "🗑 <i>deleted</i>"},
		{"PUT ops/deploy/clear", "", nil, ""},

		{"POST ops", "x", []string{"Priority: 6"}, "refused priority: 1 to 5, or min, low, default, high, max is wanted"},
		{"POST ops", "x", []string{"Attach: file:///etc/passwd"}, "refused attach: an address that begins with https:// or http:// is wanted"},
		{"POST ops", "x", []string{"Actions: dance, Label"}, `refused actions: unknown action "dance"; one of view, http, copy`},
		{"POST ops", "x", []string{`Actions: view, "open`}, "refused actions: a quote is not closed"},
		{"POST ops", "x", []string{"Actions: view, a, b, c"}, `refused actions: the term "=c" is not understood; want key=value`},
		{"POST ops", "x", []string{"Actions: copy, a, b; copy, a, b; copy, a, b; copy, a, b"}, "refused actions: at most 3 are wanted"},
		{"POST ops", "x", []string{"In: 5s"}, "refused delay: the time is over, or nearer than 10s"},
		{"POST ops", "x", []string{"X-Sequence-ID: a b"}, "refused sequence_id: 1 to 64 letters, digits, _ and - are wanted"},
		{"POST ", `{"message":"m"}`, nil, "refused topic: 1 to 64 letters, digits, _ and - are wanted, beginning with a letter or digit: the topic is the recipient"},
		{"POST ", `not JSON`, nil, "refused the body is no JSON: invalid character 'o' in literal null (expecting 'u') at byte 2"},
	} {
		if got := decoded(t, server(t, "ntfy"), request(t, c.line, c.body, c.headers...)); got != c.want {
			t.Errorf("%s %q %q\n got %s\nwant %s", c.line, c.headers, c.body, got, c.want)
		}
	}
}

func TestNtfyDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is Saturday, 1 January 2000, midnight
		now := time.Now().In(time.Local)
		for delay, want := range map[string]time.Duration{
			"946688400": time.Unix(946688400, 0).Sub(now), "30m": 30 * time.Minute, "in 2 hours": 2 * time.Hour, "1h30m": 90 * time.Minute, "1 day, 2 hours": 26 * time.Hour, "3d": 72 * time.Hour,
			"1 week": 7 * 24 * time.Hour, "tomorrow": 24 * time.Hour,
		} {
			if got := delayOf(t, delay); got != now.Add(want).UTC() {
				t.Errorf("%s: %v, want %v", delay, got, now.Add(want).UTC())
			}
		}
		at := func(day, hour, minute int) time.Time {
			t := time.Date(now.Year(), now.Month(), now.Day()+day, hour, minute, 0, 0, time.Local)
			if day == 0 && t.Before(now) {
				t = t.AddDate(0, 0, 1)
			}
			return t.UTC()
		}
		monday := (8 - int(now.Weekday())) % 7
		if monday == 0 {
			monday = 7
		}
		for delay, want := range map[string]time.Time{
			"10am": at(0, 10, 0), "8:30pm": at(0, 20, 30), "18:45": at(0, 18, 45), "tomorrow, 10am": at(1, 10, 0), "Tomorrow at 9:05": at(1, 9, 5), "monday, 7am": at(monday, 7, 0), "mon noon": at(monday, 12, 0),
			"today 23:59": at(0, 23, 59), "tomorrow 12am": at(1, 0, 0),
		} {
			if got := delayOf(t, delay); got != want {
				t.Errorf("%s: %v, want %v", delay, got, want)
			}
		}
		for _, delay := range []string{"soon", "10", "25:00", "13pm", "tomorrow x", "0", "-5m", "5 fortnights", "2 years", "400d", "9999999999999m", "monday monday", "10:99"} {
			if got := delayOf(t, delay); !got.IsZero() {
				t.Errorf("%s: %v", delay, got)
			}
		}
	})
}

// delayOf is when a message is to be sent; zero where the delay is refused.
func delayOf(t *testing.T, delay string) time.Time {
	drafts, err := server(t, "ntfy").Decode(request(t, "PUT ops", "x", "Delay: "+delay))
	if err != nil {
		var e *relay.Error
		if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Pointer != "/delay" {
			t.Errorf("%s: %v", delay, err)
		}
		return time.Time{}
	}
	return drafts[0].SendAt
}

func TestNtfyRoutes(t *testing.T) {
	for line, want := range map[string]string{
		"POST ": "publish", "PUT ops": "publish ops", "POST ops": "publish ops", "GET ops": "publish ops", "GET ops/trigger": "publish ops", "PUT ops/publish": "publish ops",
		"PUT ops/deploy-1": "publish ops", "DELETE ops/deploy-1": "publish ops", "PUT ops/deploy-1/clear": "publish ops", "GET v1/health": "open page", "GET ops/auth": "page ops",
		"GET ": "nothing", "GET ops/json": "nothing", "GET ops/sse": "nothing", "DELETE ops": "nothing", "PUT a/b/c/d": "nothing", "PUT o.p": "nothing", "PUT v1/x": "nothing", "POST v1": "nothing",
		"PATCH ops": "nothing", "PUT a/b/c": "nothing", "PUT ops/auth": "nothing",
	} {
		method, path, _ := strings.Cut(line, " ")
		route, ok := server(t, "ntfy").Route(method, path)
		got := "publish " + route.Recipient
		switch {
		case !ok:
			got = "nothing"
		case route.Open:
			got = "open page"
		case route.Page != nil:
			got = "page " + route.Recipient
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// An update of a message names the ID that its first answer gave, or an ID of the sender's.
func TestNtfySequences(t *testing.T) {
	ntfy := server(t, "ntfy")
	key := func(r receivers.Request) string {
		drafts, err := ntfy.Decode(r)
		if err != nil {
			t.Fatal(err)
		}
		inline, err := newSet(t).Inline("{{ .SequenceID }}")
		if err != nil {
			t.Fatal(err)
		}
		key, err := inline.String(drafts[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		var m struct{ ID string }
		if json.Unmarshal(ntfy.Taken(r, []relay.ID{drafts[0].ID}, now).Body, &m) != nil || len(m.ID) != 12 {
			t.Errorf("the answer's ID is %q", m.ID)
		}
		if key == m.ID {
			return "its own"
		}
		return key
	}
	for line, want := range map[string]string{"PUT ops": "its own", "PUT ops/a-1": "a-1", "DELETE ops/a-1": "a-1", "GET ops/publish?sequence-id=q": "q"} {
		if got := key(request(t, line, "x")); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	if got := key(request(t, "PUT ops", "x", "X-Sequence-ID: h")); got != "h" {
		t.Errorf("header: %q", got)
	}
}

func TestNtfyAnswers(t *testing.T) {
	id := relay.ID{15: 0x10}
	for _, c := range []struct {
		r    receivers.Request
		want string
	}{
		{
			request(t, "PUT ops?title=T&p=high&ta=a,warning&click=https://example.org", "m"),
			`{"id":"000000000001","time":1795455000,"event":"message","topic":"ops","title":"T","message":"m","priority":4,"tags":["a","warning"],"click":"https://example.org"}`,
		},
		{request(t, "PUT ops?f=a.txt&md=1", "file"), `{"id":"000000000001","time":1795455000,"event":"message","topic":"ops","attachment":{"name":"a.txt","type":"text/plain","size":4,"url":""},"content_type":"text/markdown"}`},
		{request(t, "PUT ops/s?delay=1795458600", "m"), `{"id":"000000000001","sequence_id":"s","time":1795458600,"event":"message","topic":"ops","message":"m"}`},
	} {
		if got := strings.TrimSpace(string(server(t, "ntfy").Taken(c.r, []relay.ID{id}, now).Body)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	for _, c := range []struct {
		status int
		e      relay.Error
		want   string
	}{
		{401, relay.Error{Code: relay.CodeUnauthenticated, Detail: "who?"}, `{"code":40101,"http":401,"error":"who?","link":"https://ntfy.sh/docs/publish/"}`},
		{503, relay.Error{Code: relay.CodeStorageUnavailable, Detail: "later"}, `{"code":50301,"http":503,"error":"later","link":"https://ntfy.sh/docs/publish/"}`},
		{400, relay.Error{Code: relay.CodeInvalidJSON, Detail: "x"}, `{"code":40017,"http":400,"error":"x","link":"https://ntfy.sh/docs/publish/"}`},
		{405, relay.Error{Code: relay.CodeMethodNotAllowed}, `{"code":40500,"http":405,"error":"","link":"https://ntfy.sh/docs/publish/"}`},
	} {
		a := server(t, "ntfy").Refused(c.status, &c.e)
		if got := strings.TrimSpace(string(a.Body)); got != c.want || a.Status != c.status {
			t.Errorf("%d %s, want %s", a.Status, got, c.want)
		}
	}
}

func TestTokensOfOtherServers(t *testing.T) {
	for _, c := range []struct{ kind, path, query, header, want string }{
		{"ntfy", "ops", "auth=QmVhcmVyIHRrX3g", "", "tk_x"},     // Bearer tk_x
		{"ntfy", "ops", "auth=QmFzaWMgT25SclgzZz0", "", "tk_x"}, // Basic OnRrX3g=, which is :tk_x
		{"ntfy", "ops", "auth=%21%21", "", ""},
		{"ntfy", "ops", "token=x", "", ""},
		{"gotify", "message", "token=q", "X-Gotify-Key: h", "q"},
		{"gotify", "message", "", "X-Gotify-Key: h", "h"},
		{"apprise", "notify/x", "token=q", "X-Gotify-Key: h", ""},
		{"telepush", "messages/a1b2c3", "", "", "a1b2c3"},
		{"telepush", "messages/a1b2c3", "", "Authorization: Bearer x", ""},
	} {
		r := &http.Request{URL: &url.URL{RawQuery: c.query}, Header: http.Header{}}
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			r.Header.Set(name, value)
		}
		if got := server(t, c.kind).Token(r, c.path); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
