package simulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

var (
	curl = regexp.MustCompile(`^//\tcurl (?:-X (\w+) )?(?:--json '([^']*)' )?"?\$SIM(/sim/[^\s"]*)"?`)
	tg   = regexp.MustCompile(`https://t\.me/…`)
)

// Every line of the package comment's table works, in its order.
func TestControlAsDocumented(t *testing.T) {
	b := newBot(t, simulator.Options{})
	server := httptest.NewServer(b.sim)
	defer server.Close()
	comment, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(comment)) {
		found := curl.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		lines++
		method, body, path := found[1], found[2], found[3]
		link := "https://t.me/relay_bot?start=x"
		if strings.Contains(path, "/groups/") {
			link = "https://t.me/relay_bot?startgroup=x"
		}
		body = tg.ReplaceAllString(body, link)
		switch {
		case body != "":
			method = http.MethodPost
		case method == "":
			method = http.MethodGet
		}
		prepare(t, b, path)
		if status, answer := do(t, server.URL, method, path, body); status != http.StatusOK {
			t.Errorf("%s %s %s: %d %s", method, path, body, status, answer)
		}
	}
	if lines < 14 {
		t.Errorf("the comment has %d lines of curl", lines)
	}
}

// prepare does what the line needs to have happened.
func prepare(t *testing.T, b *bot, path string) {
	t.Helper()
	switch {
	case strings.HasSuffix(path, "/press"):
		b.ok("sendMessage", object{"chat_id": 1001, "text": "x", "reply_markup": object{"inline_keyboard": [][]object{{{"text": "Open", "url": "https://example.org/"}}}}}, nil)
		for _, m := range b.sim.Messages(1001) {
			if m.FromBot && m.ID != 3 {
				t.Fatalf("the message with the button has the id %d", m.ID)
			}
		}
	case strings.HasSuffix(path, "/topics") && b.sim.Find(-1_000_000_005_002) == nil:
		b.sim.Forum("Forum", b.sim.User("Ada"))
	case strings.Contains(path, "/messages"):
		b.sim.User("Ada").Unblock()
		b.ok("sendMessage", object{"chat_id": 1001, "text": "awaited"}, nil)
	}
}

func do(t *testing.T, base, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

func TestControlRefusals(t *testing.T) {
	b := newBot(t, simulator.Options{})
	server := httptest.NewServer(b.sim)
	defer server.Close()
	do(t, server.URL, "POST", "/sim/users", `{"name":"Ada"}`)
	b.sim.Supergroup("S", b.sim.User("Ada"))
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/sim/users", `{}`, 400, "a name is wanted"},
		{"POST", "/sim/users", `{"nme":"x"}`, 400, "unknown field"},
		{"POST", "/sim/users/7/write", `{"text":"x"}`, 400, "there is no user 7"},
		{"POST", "/sim/users/1001/open", `{"link":"https://t.me/x"}`, 400, "not to relay_bot"},
		{"POST", "/sim/users/1001/press", `{"message_id":9}`, 400, "there is no message 9"},
		{"POST", "/sim/groups", `{"title":"x","kind":"party"}`, 400, "kind is group"},
		{"POST", "/sim/groups/-1/upgrade", ``, 400, "there is no group"},
		{"POST", "/sim/groups/-1000000005001/upgrade", ``, 400, "only a basic group"},
		{"POST", "/sim/groups/-1000000005001/topics", `{"name":"x"}`, 400, "of kind forum"},
		{"POST", "/sim/groups/-1000000005001/topics/7/close", ``, 400, "there is no topic 7"},
		{"POST", "/sim/groups/-1000000005001/topics/7/rename", `{"name":"x"}`, 400, "there is no topic 7"},
		{"GET", "/sim/groups/-1/topics", ``, 400, "there is no group"},
		{"POST", "/sim/groups/-1/topics/7/delete", ``, 400, "there is no group"},
		{"DELETE", "/sim/groups/-1/forum", ``, 400, "there is no group"},
		{"POST", "/sim/groups/-1000000005001/bot", `{"user_id":1001,"status":"king"}`, 400, "status is one of administrator"},
		{"POST", "/sim/groups/-1000000005001/open", `{"user_id":7}`, 400, "there is no user 7"},
		{"POST", "/sim/groups/-1000000005001/open", `{"user_id":1001,"link":"https://t.me/relay_bot"}`, 400, "no parameter startgroup"},
		{"POST", "/sim/groups", `{"title":"x","members":[7]}`, 400, "there is no user 7"},
		{"POST", "/sim/faults", `{"kind":"rain"}`, 400, "one of [too_many_requests"},
		{"GET", "/sim/chats/1001/messages?wait=1h", ``, 400, "at most 1m"},
		{"GET", "/sim/nowhere", ``, 404, ""},
	} {
		if status, answer := do(t, server.URL, c.method, c.path, c.body); status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s %s: %d %s; want %d with %q", c.method, c.path, c.body, status, answer, c.status, c.says)
		}
	}
}
