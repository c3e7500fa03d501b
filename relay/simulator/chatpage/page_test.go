package chatpage_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/simulator/chatpage"
)

type site struct {
	t   *testing.T
	sim *simulator.Server
	url string
}

func newSite(t *testing.T) *site {
	t.Helper()
	sim := simulator.New(simulator.Options{})
	server := httptest.NewServer(chatpage.Handler(sim))
	t.Cleanup(server.Close)
	return &site{t, sim, server.URL}
}

func (s *site) get(path string) (*http.Response, string) {
	s.t.Helper()
	answer, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(body)
}

// upload sends a file as the bot does.
func (s *site) upload(method, field, name string, content []byte) {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	form.WriteField("chat_id", "1001")
	part, err := form.CreateFormFile(field, name)
	if err != nil {
		s.t.Fatal(err)
	}
	part.Write(content)
	form.Close()
	answer, err := http.Post(s.url+"/bot"+s.sim.Token()+"/"+method, form.FormDataContentType(), &body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s", method, answer.Status)
	}
}

func (s *site) has(page string, parts ...string) {
	s.t.Helper()
	for _, part := range parts {
		if !strings.Contains(page, part) {
			s.t.Errorf("%q is not in the page:\n%s", part, page)
		}
	}
}

func TestFiles(t *testing.T) {
	s := newSite(t)
	s.sim.User("Ada").Write(1001, "/start")
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	s.upload("sendPhoto", "photo", "chart.png", picture.Bytes())
	s.upload("sendDocument", "document", `evil".html`, []byte("<script>alert(1)</script>"))
	_, page := s.get("/")
	s.has(page, `src="/page/files/file-1"`, `href="/page/files/file-2"`)

	answer, body := s.get("/page/files/file-1")
	if answer.Header.Get("Content-Type") != "image/png" || body != picture.String() {
		t.Errorf("%v", answer.Header)
	}
	answer, _ = s.get("/page/files/file-2")
	if h := answer.Header; h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a file that is no picture could be run: %v", h)
	}
	if answer, _ := s.get("/page/files/file-3"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("%s", answer.Status)
	}
}

// What a message, a name or an address says cannot become part of the page.
func TestPageEscapes(t *testing.T) {
	s := newSite(t)
	const evil = `<img src=x onerror=alert(1)>"'`
	u := s.sim.User(evil)
	u.Write(1001, evil)
	s.sim.Group(evil, u).AddBot(u)
	for _, path := range []string{"/", "/?p=1001.-5001", "/relay_bot?start=" + strings.ReplaceAll("<img>\"", " ", "")} {
		answer, page := s.get(path)
		if strings.Contains(page, "<img src=x") || strings.Contains(page, "<img>\"") {
			t.Errorf("%s: %s", path, page)
		}
		if !strings.Contains(answer.Header.Get("Content-Security-Policy"), "script-src 'self'") {
			t.Errorf("%s: %v", path, answer.Header)
		}
	}
}

func TestAddresses(t *testing.T) {
	s := newSite(t)
	ada, bob := s.sim.User("Ada"), s.sim.User("Bob")
	g := s.sim.Group("Ops", ada, bob)
	g.AddBot(ada)
	for i := range 300 {
		bob.Write(g.ID(), fmt.Sprintf("message %d", i))
	}
	_, page := s.get("/?p=1001.-5001&p=1002.-5001&p=1001.-5001&p=9.9&p=nonsense")
	s.has(page, `id="pane-1001.-5001"`, `id="pane-1002.-5001"`, "message 299")
	if n := strings.Count(page, `class="pane"`); n != 2 {
		t.Errorf("%d panes", n)
	}
	if strings.Contains(page, "message 42<") {
		t.Error("old messages are drawn too")
	}
	g.Upgrade()
	_, page = s.get("/?p=1001.-5001")
	s.has(page, `id="pane-1001.-1000000005001"`)
	ada.Delete()
	_, page = s.get("/?p=1001.1001&p=1002.1002")
	s.has(page, `id="pane-1002.1002"`)
	if strings.Contains(page, "pane-1001") {
		t.Error("who deleted the account still looks on")
	}
}

// With one bot nobody needs its name; with several each place says whose it is.
func TestSeveralBots(t *testing.T) {
	s := newSite(t)
	ada := s.sim.User("Ada")
	if _, page := s.get("/"); strings.Contains(page, "@relay_bot") && !strings.Contains(page, "Chat with the bot") {
		t.Errorf("one bot is named:\n%s", page)
	}
	team := s.sim.AddBot("234567891:AAsimulated", "team_bot")
	answer, page := s.get("/team_bot?start=x")
	s.has(page, "<h1>team_bot</h1>", `data-at="@team_bot"`)
	if answer.StatusCode != http.StatusOK {
		t.Errorf("link: %s", answer.Status)
	}
	if err := ada.Open("https://t.me/team_bot?start=x"); err != nil {
		t.Fatal(err)
	}
	g := s.sim.Group("Ops", ada)
	team.Find(g.ID()).AddBot(ada)
	_, page = s.get("/?p=1001.1001&p=1001.1001@team_bot&p=1001.-5001&p=1001.1001@other_bot")
	s.has(page,
		"</span> @relay_bot</a>", "</span> @team_bot</a>", `id="pane-1001.1001@team_bot"`, "/start</span> x",
		`/sim/users/1001/write?bot=team_bot"`, "Block @team_bot", "@relay_bot is not here, @team_bot is a member", "Add @relay_bot", "Remove @team_bot", `/sim/groups/-5001/bot?bot=team_bot"`,
	)
	if n := strings.Count(page, `class="pane"`); n != 3 {
		t.Errorf("%d panes", n)
	}
}

// The page hears of what happens, and of a call of the bot.
func TestEvents(t *testing.T) {
	s := newSite(t)
	answer, err := http.Get(s.url + "/page/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	event := func() string {
		buffer := make([]byte, 64)
		n, err := answer.Body.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	first := event()
	s.sim.User("Ada").Write(1001, "/start")
	if second := event(); second == first || !strings.HasPrefix(second, "data: ") {
		t.Errorf("%q after %q", second, first)
	}
}
