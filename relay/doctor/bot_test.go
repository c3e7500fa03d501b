package doctor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/store"
)

const teamToken = "234567:" + half

// Each bot is looked at, and what is ill says whose it is, and where it is mended.
func TestSeveralBots(t *testing.T) {
	h := newHouse(t, "[bots.team]\ntoken = \""+teamToken+"\"\n")
	team := h.sim.AddBot(teamToken, "team_bot")
	h.expect("bot", "ok", "[telegram] @relay_bot (123456)", "[bots.team] @team_bot (234567)")
	if got := h.look("clock"); strings.Contains(got, "[") {
		t.Errorf("one way is looked at twice: %s", got)
	}
	h.sim.Fail(simulator.Fault{Kind: simulator.Status, Method: "getMe", Code: 401, Description: "Unauthorized", Bot: team.Username()})
	h.expect("bot", "failure", "[telegram] @relay_bot", "[bots.team] ", "put it into [bots.team]")
	h.write("relay.toml", "", 0o644)
	h.expect("files", "warning", "it holds secrets itself")

	h = newHouse(t, "[bots.team]\ntoken = \""+teamToken+"\"\nmode = \"webhook\"\nproxy_url = \"http://127.0.0.1:9\"\n[bots.team.webhook]\nurl = \"https://127.0.0.1:8443/team\"\n")
	h.sim.AddBot(teamToken, "team_bot")
	h.expect("webhook", "ok", "[telegram] none, as polling needs it")
	h.expect("webhook", "warning", "[bots.team] none, and mode is", "set-webhook --bot team")
	h.expect("proxy", "failure", "of bots.team.proxy_url cannot be reached")
	h.expect("certificates", "warning", "127.0.0.1:8443 shows none")
}

// A token that systemd brings stands in no file that others may read.
func TestCredentialOfABot(t *testing.T) {
	h := newHouse(t, "")
	t.Setenv("CREDENTIALS_DIRECTORY", h.dir)
	h.write("bot-token.team", teamToken, 0o600)
	h = newHouse(t, "[bots.team]\n")
	h.write("relay.toml", "", 0o644)
	h.expect("files", "ok")
}

// What waits for a bot that was taken out of relay.toml is told of.
func TestAwaitedBots(t *testing.T) {
	h := newHouse(t, "[bots.team]\ntoken = \""+teamToken+"\"\n")
	db, err := store.Open(t.Context(), store.Options{URL: h.options.Config.Storage.URL})
	if err != nil {
		t.Fatal(err)
	}
	for _, bot := range []string{"team", "gone", relay.FirstBot, ""} {
		id := relay.NewID()
		m := &relay.Message{ID: id, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), Bot: bot, Deliveries: []relay.Delivery{
			{ID: relay.NewID(), MessageID: id, Recipient: "alice", Bot: bot, State: relay.Held, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)},
			{ID: relay.NewID(), MessageID: id, Recipient: "bob", Bot: relay.BotOf(bot), ChatID: 7, State: relay.Queued, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)},
		}}
		if err := db.Accept(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	h.expect("storage", "warning", "wait for the bot gone", "`tgrelay deliveries --bot gone`")
	if got := h.look("storage"); strings.Contains(got, "bot team") || strings.Contains(got, "bot telegram") {
		t.Errorf("it complains of bots that are there: %s", got)
	}
}
