package main_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// teamToken is what the simulator calls the token of its second bot (--bot).
const teamToken = "987654322:AAsimulated-token-of-team_bot"

// newTeam is a world with a second bot, [bots.team]; at both bots people and updates have the same numbers.
func newTeam(t *testing.T, extra string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), extra: extra + "[bots.team]\ntoken = \"" + teamToken + "\"\n"}
	sim := start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken, "--bot", "team_bot")
	w.sim = sim.await(t, `serves (http://\S+)`)
	return w.begin()
}

// textsBy waits until a bot has written count messages in a private chat and returns their texts.
func (w *world) textsBy(bot string, chat int64, count int) []string {
	w.t.Helper()
	var all []message
	w.do("GET", fmt.Sprintf("%s/sim/chats/%d/messages?wait=%s&count=%d&bot=%s", w.sim, chat, patience, count, bot), "", &all)
	var texts []string
	for _, m := range all {
		if m.FromBot && !m.Deleted {
			texts = append(texts, m.Text)
		}
	}
	if len(texts) < count {
		w.t.Fatalf("%s wrote %q, want %d\n%s", bot, texts, count, w.output())
	}
	return texts
}

// to sends a message, by a bot where one is named, and returns the states of its deliveries.
func (w *world) to(recipient, bot, text string) string {
	w.t.Helper()
	var m struct {
		Deliveries []struct{ State, Bot string }
	}
	body, err := json.Marshal(map[string]string{"to": recipient, "bot": bot, "text": text})
	if err != nil {
		w.t.Fatal(err)
	}
	w.do("POST", w.relay+"/api/v1/messages", strings.Replace(string(body), `"bot":"",`, "", 1), &m)
	var states []string
	for _, d := range m.Deliveries {
		states = append(states, strings.TrimSuffix(d.State+" "+d.Bot, " "))
	}
	return strings.Join(states, ", ")
}

func TestTwoBots(t *testing.T) {
	t.Parallel()
	for mode, extra := range map[string]string{"polling": fast, "webhook": webhookMode + fast} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			twoBots(t, newTeam(t, extra))
		})
	}
}

func twoBots(t *testing.T, w *world) {
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	last := func(bot string, chat int64, count int) string { return w.textsBy(bot, chat, count)[count-1] }
	ada, bob := w.user("Ada"), w.user("Bob")

	// What is held for a bot waits for a chat there; what names none goes to the first chat that there is.
	expect("for the team's bot", w.to("alice", "team", "by the team's"), "held team")
	expect("for any", w.to("alice", "", "by any"), "held")
	first, team := w.link(`{"recipient":"alice"}`), w.link(`{"recipient":"alice","bot":"team"}`)
	if !strings.Contains(first, "/relay_bot?start=") || !strings.Contains(team, "/team_bot?start=") {
		t.Fatalf("the links are %s and %s", first, team)
	}
	w.open(ada, first)
	expect("the first bot", last("relay_bot", ada, 2), "by any")
	w.open(ada, team)
	expect("the team's bot", last("team_bot", ada, 2), "by the team's")

	// Whom both reach is told once, unless a bot is named.
	expect("to both", w.to("alice", "", "once"), "queued")
	expect("to the team's", w.to("alice", "team", "team only"), "queued team")
	expect("to the first's", w.to("alice", "telegram", "first only"), "queued")
	expect("the first bot", strings.Join(w.textsBy("relay_bot", ada, 4)[2:], ", "), "once, first only")
	expect("the team's bot", last("team_bot", ada, 3), "team only")
	w.open(bob, w.link(`{"recipient":"bob","bot":"team"}`))
	w.textsBy("team_bot", bob, 1)
	expect("to who is at the team's only", w.to("bob", "", "hello"), "queued team")
	expect("the team's bot", last("team_bot", bob, 2), "hello")

	// A person who blocks one bot hears from the other.
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/block?bot=team_bot", w.sim, ada), "", nil)
	w.eventually(func() bool { return w.to("alice", "team", "in vain") == "failed team" })
	expect("after one was blocked", w.to("alice", "", "still here"), "queued")
	expect("the first bot", last("relay_bot", ada, 5), "still here")
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/unblock?bot=team_bot", w.sim, ada), "", nil)
	w.eventually(func() bool { return w.to("alice", "team", "back") == "queued team" })

	// What is said to one bot concerns its chat.
	w.say(ada, ada, "/stop")
	asked := w.messages(ada, 6)[5]
	w.press(ada, asked.ID, "Yes")
	w.eventually(func() bool { return w.to("alice", "telegram", "for the first") == "held telegram" })
	expect("after /stop at the first", w.to("alice", "", "by the team's again"), "queued team")
	w.eventually(func() bool {
		return last("team_bot", ada, 4) != "" && slices.Contains(w.textsBy("team_bot", ada, 4), "by the team's again")
	})

	if status, answer := w.call("POST", w.relay+"/api/v1/messages", `{"to":"alice","text":"x","bot":"nobody"}`); status != 400 || !strings.Contains(answer, "team, telegram") && !strings.Contains(answer, "telegram, team") {
		t.Errorf("an unknown bot: %d %s", status, answer)
	}
	_, page := w.call("GET", w.relay+"/metrics", "")
	for _, want := range []string{`tgrelay_telegram_up 1`, `tgrelay_telegram_up{bot="team"} 1`, `tgrelay_delivery_latency_seconds_count{bot="team"}`, "\ntgrelay_delivery_latency_seconds_count "} {
		if !strings.Contains(page, want) {
			t.Errorf("/metrics has no %q", want)
		}
	}

	// After a restart nothing is repeated, and each goes on where it was.
	before := len(w.textsBy("team_bot", ada, 4))
	w.restart()
	expect("after a restart", w.to("alice", "team", "after the restart"), "queued team")
	w.eventually(func() bool { return slices.Contains(w.textsBy("team_bot", ada, before), "after the restart") })
	if got := w.textsBy("team_bot", ada, before); len(got) != before+1 {
		t.Errorf("%d messages by the team's bot, want %d: %q", len(got), before+1, got)
	}
}

// A button below a message of the second bot's is answered by that bot, although the person has the same number at both.
func TestPressedAtSecondBot(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	a.answer = func(e event) (int, string) {
		if e.Type != "button.pressed" {
			return 204, ""
		}
		return 200, `{"text":"Approved!","message":{"text":"approved"}}`
	}
	w := newTeam(t, a.config())
	ada := w.user("Ada")
	for _, link := range []string{`{"recipient":"alice"}`, `{"recipient":"alice","bot":"team"}`} {
		w.open(ada, w.link(link))
	}
	w.textsBy("relay_bot", ada, 1)
	w.textsBy("team_bot", ada, 1)
	w.do("POST", w.relay+"/api/v1/messages", `{"to":"alice","bot":"team","text":"Deploy?","reply_markup":{"inline_keyboard":[[{"text":"Approve","callback":"yes"}]]}}`, nil)
	w.textsBy("team_bot", ada, 2)
	var all []message
	w.do("GET", fmt.Sprintf("%s/sim/chats/%d/messages?bot=team_bot", w.sim, ada), "", &all)
	var pressed struct {
		Query string `json:"callback_query_id"`
	}
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/press?bot=team_bot", w.sim, ada), fmt.Sprintf(`{"message_id":%d,"text":"Approve"}`, all[len(all)-1].ID), &pressed)
	w.eventually(func() bool { return w.textsBy("team_bot", ada, 2)[1] == "approved" })
	if got := w.textsBy("relay_bot", ada, 1); len(got) != 1 {
		t.Errorf("the first bot wrote %q", got)
	}
	var shown struct{ Text string }
	w.eventually(func() bool {
		w.do("GET", w.sim+"/sim/presses/"+pressed.Query+"?bot=team_bot", "", &shown)
		return shown.Text == "Approved!"
	})
}

// While Telegram refuses one bot the other goes on, and afterwards the fallback is told which it was.
func TestOneBotIsRefused(t *testing.T) {
	t.Parallel()
	w := newTeam(t, fast+"fallback = \"admin\"\nalert_after = \"2s\"\n")
	admin := w.connect("Grace", "admin")
	ada := w.user("Ada")
	w.open(ada, w.link(`{"recipient":"alice","bot":"team"}`))
	w.textsBy("team_bot", ada, 1)
	ready := func() (int, string) { return w.call("GET", w.relay+"/-/ready", "") }
	w.eventually(func() bool { status, _ := ready(); return status == 200 })
	w.do("POST", w.sim+"/sim/faults", `{"kind":"status","code":401,"description":"Unauthorized","bot":"team_bot"}`, nil)
	w.to("alice", "", "waits")
	w.eventually(func() bool {
		status, answer := ready()
		return status == 503 && strings.Contains(answer, "bot team: ")
	})
	w.send("admin", "goes on")
	if got := w.textsBy("relay_bot", admin, 2)[1]; got != "goes on" {
		t.Errorf("the first bot wrote %q", got)
	}
	w.eventually(func() bool { return w.setting("trouble.refused.team") != "" })
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	if got := w.textsBy("team_bot", ada, 2)[1]; got != "waits" {
		t.Errorf("the team's bot wrote %q", got)
	}
	w.said(admin, 0, "⚠️ Telegram refused the bot team from ")
	w.eventually(func() bool { status, _ := ready(); return status == 200 })
}

// What waits for a bot that was taken out of relay.toml waits on.
func TestBotIsTakenOut(t *testing.T) {
	t.Parallel()
	w := newTeam(t, fast)
	ada := w.user("Ada")
	w.open(ada, w.link(`{"recipient":"alice","bot":"team"}`))
	w.textsBy("team_bot", ada, 1)
	with := w.extra
	w.process.kill()
	w.extra = fast
	w.serve()
	w.to("alice", "", "waits")
	w.eventually(func() bool {
		status, _ := w.call("POST", w.relay+"/api/v1/links", `{"recipient":"bob"}`)
		return status == 201
	})
	w.restart()
	if !strings.Contains(w.output(), "messages wait for a bot that is not configured any more: they are sent when it is there again, or expire\" bot=team") {
		t.Errorf("nobody says that something waits for a bot that is not there:\n%s", w.output())
	}
	w.process.kill()
	w.extra = with
	w.serve()
	if got := w.textsBy("team_bot", ada, 2)[1]; got != "waits" {
		t.Errorf("%q arrives", got)
	}
}

// Each bot has a rate of its own: two bring more than one may.
func TestRatesOfBots(t *testing.T) {
	t.Parallel()
	const rate, crowd = 5, 20
	w := newTeam(t, fmt.Sprintf("[delivery]\nglobal_rate = %d\nchat_rate = 10000\n", rate))
	links := []string{
		w.link(fmt.Sprintf(`{"recipient":"crowd","max_uses":%d}`, crowd)), w.link(fmt.Sprintf(`{"recipient":"mob","bot":"team","max_uses":%d}`, crowd)),
	}
	people := make([]int64, crowd)
	for i := range people {
		people[i] = w.user(fmt.Sprint("Person ", i))
		for _, link := range links {
			w.open(people[i], link)
		}
	}
	for _, person := range people {
		w.textsBy("relay_bot", person, 1)
		w.textsBy("team_bot", person, 1)
	}
	w.to("crowd", "", "now")
	w.to("mob", "team", "now")
	for _, person := range people {
		w.textsBy("relay_bot", person, 2)
		w.textsBy("team_bot", person, 2)
	}
	sent := w.sentAt("now")
	for bot, at := range sent {
		// A burst of a second's worth may go at once. The rest takes its time.
		if took := at[len(at)-1].Sub(at[0]); len(at) != crowd || took < (crowd-rate)*time.Second/rate-time.Second {
			t.Errorf("%s sent %d in %s", bot, len(at), took)
		}
	}
	both := slices.Concat(sent["relay_bot"], sent["team_bot"])
	if n := busiest(both); n <= 2*rate {
		t.Errorf("both together sent %d in a second at most: one bot could have done that", n)
	}
}

// sentAt are the moments at which bots sent a text.
func (w *world) sentAt(text string) map[string][]time.Time {
	w.t.Helper()
	var calls []struct {
		Bot, Method string
		Arguments   map[string]string
		Status      int
		At          time.Time
	}
	w.do("GET", w.sim+"/sim/calls", "", &calls)
	out := map[string][]time.Time{}
	for _, c := range calls {
		if c.Method == "sendmessage" && c.Arguments["text"] == text && c.Status == 200 {
			out[c.Bot] = append(out[c.Bot], c.At)
		}
	}
	return out
}

// busiest is how many moments are in one second at most.
func busiest(at []time.Time) (most int) {
	slices.SortFunc(at, time.Time.Compare)
	for i, first := range at {
		n := 0
		for _, other := range at[i:] {
			if other.Sub(first) < time.Second {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
