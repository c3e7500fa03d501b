package web_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/web"
)

// newHouseOfBots has a second bot, team.
func newHouseOfBots(t *testing.T) *house {
	return newHouse(t, func(_ *web.Options, rules *intake.Rules) { rules.Bots = []string{relay.FirstBot, "team"} })
}

func (a answer) wants(t *testing.T, status int, says ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%d %s, want %d", a.status, a.body, status)
	}
	for _, want := range says {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("%s lacks %q", a.body, want)
		}
	}
}

func (a answer) lacks(t *testing.T, words ...string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(string(a.body), word) {
			t.Errorf("%s has %q", a.body, word)
		}
	}
}

func TestMessagesByABot(t *testing.T) {
	h := newHouseOfBots(t)
	h.bind(t, "alice", 1001)
	if err := h.db.Bind(t.Context(), "alice", relay.Chat{Bot: "team", ChatID: 1001, Type: "private", State: relay.Active}, time.Now()); err != nil {
		t.Fatal(err)
	}
	h.call(t, "POST", "/api/v1/messages", `{"to":"alice","text":"x"}`).lacks(t, `"bot"`)
	a := h.call(t, "POST", "/api/v1/messages", `{"to":["alice","bob"],"text":"x","bot":"team"}`)
	a.wants(t, 202, `"recipient":"alice","bot":"team","chat_id":1001`, `"recipient":"bob","bot":"team","state":"held"`)
	h.call(t, "POST", "/api/v1/messages", `{"to":"bob","text":"x","bot":"telegram"}`).wants(t, 202, `"recipient":"bob","bot":"telegram","state":"held"`)
	a = h.call(t, "POST", "/api/v1/messages", `{"to":"alice","text":"x","bot":"tean"}`)
	if p := a.problem(t); a.status != 400 || p.Code != "invalid_field" || p.Errors[0].Pointer != "/bot" || !strings.Contains(p.Detail, "there are telegram, team") {
		t.Errorf("%d %s", a.status, a.body)
	}
	h.call(t, "GET", "/api/v1/recipients/alice", "").wants(t, 200, `{"chat_id":1001,`, `{"bot":"team","chat_id":1001,`)
	for query, want := range map[string]int{"": 4, "?bot=team": 2, "?bot=telegram": 2, "?bot=telegram&state=held": 1, "?bot=gone": 0} {
		var page struct{ Items []relay.Delivery }
		if a := h.call(t, "GET", "/api/v1/deliveries"+query, ""); json.Unmarshal(a.body, &page) != nil || len(page.Items) != want {
			t.Errorf("%s: %d of %s", query, len(page.Items), a.body)
		}
	}
	// A batch answers for each; the same key with another bot is another request.
	h.call(t, "POST", "/api/v1/messages:batch", `{"messages":[{"to":"alice","text":"x","bot":"tean"},{"to":"alice","text":"x","bot":"team"}]}`).wants(t, 202, `/messages/0/bot`, `"bot":"team"`)
	const body = `{"to":"alice","text":"once","bot":"team"}`
	h.call(t, "POST", "/api/v1/messages", body, "Idempotency-Key", "k").wants(t, 202)
	if a := h.call(t, "POST", "/api/v1/messages", body, "Idempotency-Key", "k"); a.status != 202 || a.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %v", a.status, a.header)
	}
	h.call(t, "POST", "/api/v1/messages", `{"to":"alice","text":"once"}`, "Idempotency-Key", "k").wants(t, 422, "idempotency_mismatch")
}

func TestLinksOfABot(t *testing.T) {
	h := newHouseOfBots(t)
	h.call(t, "POST", "/api/v1/links", `{"recipient":"alice"}`).lacks(t, `"bot"`)
	h.call(t, "POST", "/api/v1/links", `{"recipient":"alice","bot":"telegram"}`).lacks(t, `"bot"`)
	a := h.call(t, "POST", "/api/v1/links", `{"recipient":"alice","bot":"team","target":"group"}`)
	a.wants(t, 201, `"bot":"team"`, `https://t.me/team_bot?startgroup=`, `/start@team_bot `)
	var link struct {
		ID      relay.ID
		PageURL string `json:"page_url"`
	}
	if err := json.Unmarshal(a.body, &link); err != nil {
		t.Fatal(err)
	}
	h.call(t, "GET", "/api/v1/links/"+link.ID.String(), "").wants(t, 200, `"bot":"team"`)
	_, token, _ := strings.Cut(link.PageURL, "#")
	h.call(t, "POST", "/link/"+link.ID.String(), `{"token":"`+token+`"}`).wants(t, 200, "https://t.me/team_bot?startgroup=")
	h.call(t, "POST", "/api/v1/links", `{"recipient":"alice","bot":"tean"}`).wants(t, 400, "/bot", "there are telegram, team")
}

func TestChatsOfABot(t *testing.T) {
	h := newHouseOfBots(t)
	h.call(t, "PUT", "/api/v1/recipients/alice/chats/1001?bot=team", "").wants(t, 200, `"bot":"team"`)
	h.call(t, "PUT", "/api/v1/recipients/alice/chats/1001", "").wants(t, 200, `{"chat_id":1001`)
	h.call(t, "PUT", "/api/v1/recipients/alice/chats/1001?bot=tean", "").wants(t, 400, "there are telegram, team")
	h.call(t, "DELETE", "/api/v1/recipients/alice/chats/1001?bot=telegram", "").wants(t, 204)
	left := h.call(t, "GET", "/api/v1/recipients/alice", "")
	left.wants(t, 200, `{"bot":"team","chat_id":1001`)
	left.lacks(t, `{"chat_id":1001`)

	export := h.call(t, "GET", "/api/v1/recipients/export", "")
	export.wants(t, 200, `{"recipient":"alice","bot":"team","chat_id":1001`)
	other := newHouseOfBots(t)
	other.call(t, "POST", "/api/v1/recipients/import", string(export.body)).wants(t, 200, `"imported":1,"failed":0`)
	if again := other.call(t, "GET", "/api/v1/recipients/export", ""); string(again.body) != string(export.body) {
		t.Errorf("%s, want %s", again.body, export.body)
	}
	single := newHouse(t, func(_ *web.Options, rules *intake.Rules) { rules.Bots = []string{relay.FirstBot} })
	single.call(t, "POST", "/api/v1/recipients/import", string(export.body)).wants(t, 200, `"imported":0,"failed":1`, `/bot: there is no bot \"team\"; there are telegram`)
	h.call(t, "DELETE", "/api/v1/recipients/alice/chats/1001?bot=team", "").wants(t, 204)
}

// With several bots the console says which one; with one it does not.
func TestConsoleOfBots(t *testing.T) {
	h := newHouseOfBots(t)
	for _, chat := range []string{"1001", "1001?bot=team"} {
		h.call(t, "PUT", "/api/v1/recipients/alice/chats/"+chat, "").wants(t, 200)
	}
	h.call(t, "POST", "/api/v1/messages", `{"to":["alice","bob"],"text":"x","bot":"team"}`).wants(t, 202)
	page := func(path string) answer { return h.call(t, "GET", path, "", "Accept", "text/html") }
	page("/links/new?recipient=alice&bot=team").wants(t, 200, `<select id="bot" name="bot"><option>telegram</option><option selected>team</option>`)
	page("/recipients/alice").wants(t, 200, "bot telegram", "bot team", `name="bot" value="team"`)
	page("/recipients").wants(t, 200, "(telegram)", "(team)")
	list := page("/deliveries?bot=team")
	list.wants(t, 200, `<option selected>team</option>`, `<td class="opt">team</td>`, "alice", "bob")
	none := page("/deliveries?bot=telegram")
	none.wants(t, 200, "Nothing fits")

	made := h.call(t, "POST", "/links/new", "recipient=carol&bot=team&target=private", "Content-Type", "application/x-www-form-urlencoded")
	made.wants(t, 200, "with the bot team", "https://t.me/team_bot?start=")
	h.call(t, "POST", "/links/new", "recipient=carol&bot=tean", "Content-Type", "application/x-www-form-urlencoded").wants(t, 400, "there are telegram, team")
	h.call(t, "POST", "/recipients/alice/chat", "do=unbind&chat_id=1001&bot=team", "Content-Type", "application/x-www-form-urlencoded").wants(t, 303)
	left := page("/recipients/alice")
	left.wants(t, 200, "bot telegram")
	left.lacks(t, `name="bot" value="team"`)

	one := newHouse(t, func(_ *web.Options, rules *intake.Rules) { rules.Bots = []string{relay.FirstBot} })
	one.bind(t, "alice", 1001)
	one.call(t, "POST", "/api/v1/messages", `{"to":"alice","text":"x"}`).wants(t, 202)
	for _, path := range []string{"/links/new", "/recipients/alice", "/recipients", "/deliveries", "/receivers/json"} {
		a := one.call(t, "GET", path, "", "Accept", "text/html")
		a.wants(t, 200)
		a.lacks(t, ">Bot<", "bot telegram", "(telegram)", `id="bot"`)
	}
}

// Addresses of other bridges name a chat by its number: whoever is connected to it with both bots has it alone all the same.
func TestNumberOfAChatAtTwoBots(t *testing.T) {
	h := newHouse(t, func(_ *web.Options, rules *intake.Rules) {
		rules.Bots = []string{relay.FirstBot, "team"}
		rules.Receivers["alertmanager"].Aliases = []string{"prometheus_bot"}
	})
	for _, chat := range []string{"1001", "1001?bot=team"} {
		h.call(t, "PUT", "/api/v1/recipients/ada/chats/"+chat, "").wants(t, 200)
	}
	a := h.call(t, "POST", "/alert/1001", alert)
	a.wants(t, 202, `"recipient":"ada","chat_id":1001`)
	a.lacks(t, `"bot"`)
	h.call(t, "PUT", "/api/v1/recipients/ada/chats/1002?bot=team", "").wants(t, 200)
	h.call(t, "POST", "/alert/1001", alert).wants(t, 404, "alone")
}
