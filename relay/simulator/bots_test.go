package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

const (
	teamToken = "234567891:AAsimulated-token-of-team_bot"
	teamLink  = "https://t.me/team_bot?start=x"
)

// newBots are two bots of one Telegram.
func newBots(t testing.TB, o simulator.Options) (first, team *bot) {
	first = newBot(t, o)
	return first, &bot{t, first.sim.AddBot(teamToken, "team_bot")}
}

func TestEachBotHasItsOwn(t *testing.T) {
	first, team := newBots(t, simulator.Options{})
	var me struct {
		ID       int64
		Username string
	}
	team.ok("getMe", nil, &me)
	if me.ID != 234567891 || me.Username != "team_bot" {
		t.Errorf("it is %+v", me)
	}
	ada := first.sim.User("Ada")
	if err := ada.Open(teamLink); err != nil {
		t.Fatal(err)
	}
	if got := team.updates(nil); len(got) != 1 || got[0].Message.Text != "/start x" || got[0].Message.Chat.ID != ada.ID {
		t.Errorf("team hears %+v", got)
	}
	if got := first.updates(nil); len(got) != 0 {
		t.Errorf("the first hears %+v", got)
	}
	if a := first.call("sendMessage", object{"chat_id": ada.ID, "text": "x"}); a.Description != "Bad Request: chat not found" {
		t.Errorf("the first has not met her: %q", a.Description)
	}
	var sent struct {
		ID   int64                     `json:"message_id"`
		From struct{ Username string } `json:"from"`
	}
	team.ok("sendMessage", object{"chat_id": ada.ID, "text": "by team"}, &sent)
	if sent.From.Username != "team_bot" {
		t.Errorf("from %q", sent.From.Username)
	}
	if n := len(simulator.FromBot(first.sim.Messages(ada.ID))); n != 0 {
		t.Errorf("%d messages in the chat with the first", n)
	}
	write(t, ada, "/start")
	ada.Block() // the first alone
	if a := first.call("sendMessage", object{"chat_id": ada.ID, "text": "x"}); a.status != http.StatusForbidden {
		t.Errorf("to who has blocked the first: %d", a.status)
	}
	team.ok("editMessageText", object{"chat_id": ada.ID, "message_id": sent.ID, "text": "edited"}, nil)
	ada.Delete()
	if a := team.call("sendMessage", object{"chat_id": ada.ID, "text": "x"}); a.Description != "Forbidden: user is deactivated" {
		t.Errorf("to nobody any more: %q", a.Description)
	}
}

func TestBotsInOneGroup(t *testing.T) {
	first, team := newBots(t, simulator.Options{})
	ada := first.sim.User("Ada")
	g := first.sim.Group("Ops", ada)
	if err := ada.OpenInGroup("https://t.me/team_bot?startgroup=x", g); err != nil {
		t.Fatal(err)
	}
	if a := first.call("sendMessage", object{"chat_id": g.ID(), "text": "x"}); a.Description != "Bad Request: chat not found" {
		t.Errorf("the first was not added: %q", a.Description)
	}
	g.AddBot(ada)
	heard, heardTeam := len(first.updates(nil)), len(team.updates(nil))
	for _, text := range []string{"/status", "/status@team_bot"} {
		if err := ada.Write(g.ID(), text); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(first.updates(nil)) - heard; n != 1 {
		t.Errorf("the first hears %d, want what is for all", n)
	}
	if n := len(team.updates(nil)) - heardTeam; n != 2 {
		t.Errorf("team hears %d, want both", n)
	}
	var sent struct {
		ID int64 `json:"message_id"`
	}
	team.ok("sendMessage", object{"chat_id": g.ID(), "text": "x", "reply_markup": object{"inline_keyboard": [][]object{{{"text": "Go", "callback_data": "go"}}}}}, &sent)
	for _, method := range []string{"editMessageText", "deleteMessage"} {
		if a := first.call(method, object{"chat_id": g.ID(), "message_id": sent.ID, "text": "y"}); a.OK {
			t.Errorf("%s of another bot's message", method)
		}
	}
	heard = len(first.updates(nil))
	p, err := ada.Press(g.ID(), sent.ID, "Go")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(first.updates(nil)) - heard; n != 0 {
		t.Error("the first hears of a press of another bot's button")
	}
	if a := first.call("answerCallbackQuery", object{"callback_query_id": p.Query}); a.OK {
		t.Error("another bot answers a press")
	}
	team.ok("answerCallbackQuery", object{"callback_query_id": p.Query, "text": "done"}, nil)
	if text, answered := first.sim.Toast(p.Query); !answered || text != "done" {
		t.Errorf("toast %q", text)
	}
	super := g.Upgrade()
	super.Kick(ada) // the first
	team.ok("sendMessage", object{"chat_id": super.ID(), "text": "still here"}, nil)
	if a := first.call("sendMessage", object{"chat_id": super.ID(), "text": "x"}); a.status != http.StatusForbidden {
		t.Errorf("the first was removed: %d", a.status)
	}
}

func TestRatesAreEachBotsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, team := newBots(t, simulator.Options{Limits: simulator.Limits{Global: 2}})
		ada := first.ada()
		if err := ada.Open(teamLink); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			first.ok("sendMessage", object{"chat_id": ada.ID, "text": "x"}, nil)
			team.ok("sendMessage", object{"chat_id": ada.ID, "text": "x"}, nil)
		}
		if a := first.call("sendMessage", object{"chat_id": ada.ID, "text": "x"}); a.status != http.StatusTooManyRequests {
			t.Errorf("a third: %d", a.status)
		}
		if f, s := first.sim.Violations(), team.sim.Violations(); f != 1 || s != 0 {
			t.Errorf("%d and %d violations", f, s)
		}
	})
}

// A file_id is good for the bot that has it, and for no other.
func TestFilesAreEachBotsOwn(t *testing.T) {
	first, team := newBots(t, simulator.Options{})
	ada := first.ada()
	if err := ada.Open(teamLink); err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Document struct {
			ID string `json:"file_id"`
		}
	}
	first.ok("sendDocument", object{"chat_id": ada.ID, "document": "https://example.org/a.txt"}, &sent)
	first.ok("sendDocument", object{"chat_id": ada.ID, "document": sent.Document.ID}, nil)
	if a := team.call("sendDocument", object{"chat_id": ada.ID, "document": sent.Document.ID}); a.OK {
		t.Error("another bot's file_id is taken")
	}
}

func TestFaultsOfOneBot(t *testing.T) {
	first, team := newBots(t, simulator.Options{})
	first.sim.Fail(simulator.Fault{Kind: simulator.Status, Bot: "team_bot"})
	if a := team.call("getMe", nil); a.OK {
		t.Error("no fault of team")
	}
	first.ok("getMe", nil, nil)
	calls := first.sim.Calls()
	if len(calls) != 2 || calls[0].Bot != "team_bot" || calls[1].Bot != "relay_bot" {
		t.Errorf("calls %+v", calls)
	}
}

func TestControlOfBots(t *testing.T) {
	first, team := newBots(t, simulator.Options{})
	server := httptest.NewServer(first.sim)
	defer server.Close()
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/sim/bots", "", 200, `{"id":234567891,"username":"team_bot"}`},
		{"POST", "/sim/users", `{"name":"Ada"}`, 200, "1001"},
		{"POST", "/sim/users/1001/open", `{"link":"` + teamLink + `"}`, 200, ""},
		{"GET", "/sim/chats/1001/messages?bot=team_bot", "", 200, "/start x"},
		{"GET", "/sim/chats/1001/messages", "", 200, "[]"},
		{"POST", "/sim/users/1001/block?bot=team_bot", "", 200, ""},
		{"GET", "/sim/chats?bot=other_bot", "", 400, `there is no bot \"other_bot\", but relay_bot or team_bot`},
	} {
		if status, answer := do(t, server.URL, c.method, c.path, c.body); status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, answer)
		}
	}
	if a := team.call("sendMessage", object{"chat_id": 1001, "text": "x"}); a.status != http.StatusForbidden {
		t.Errorf("team is blocked: %d", a.status)
	}
}
