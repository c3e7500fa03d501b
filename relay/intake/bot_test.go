package intake_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// newLobbyOfBots has a second bot, team, with whom ops has another group and alice a chat.
func newLobbyOfBots(t *testing.T) *lobby {
	l := newLobby(t)
	l.rules.Bots = []string{relay.FirstBot, "team"}
	for recipient, chat := range map[string]int64{"ops": -2002, "alice": 11} {
		if err := l.db.Bind(t.Context(), recipient, relay.Chat{Bot: "team", ChatID: chat, Type: "private", State: relay.Active}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// send takes a message in and tells where it goes: the bot, a colon, and yes for what is held.
func (l *lobby) send(body string) ([]string, error) {
	l.t.Helper()
	m, err := l.door.Message(l.t.Context(), intake.Caller{}, intake.Call{Body: []byte(body)})
	if err != nil {
		return nil, err
	}
	return placesOf(m), nil
}

func placesOf(m *relay.Message) []string {
	var out []string
	for _, d := range m.Deliveries {
		place := d.Recipient + " by " + d.Bot
		if d.State == relay.Held {
			place = d.Recipient + " waits for " + d.Bot
		}
		out = append(out, place)
	}
	slices.Sort(out)
	return out
}

func TestMessagesNameABot(t *testing.T) {
	l := newLobbyOfBots(t)
	for body, want := range map[string][]string{
		`{"to":["ops","alice"],"text":"x"}`:                    {"alice by team", "ops by ", "ops by team"},
		`{"to":["ops","alice"],"text":"x","bot":"team"}`:       {"alice by team", "ops by team"},
		`{"to":["ops","alice","new"],"text":"x","bot":"team"}`: {"alice by team", "new waits for team", "ops by team"},
		`{"to":["ops","alice"],"text":"x","bot":"telegram"}`:   {"alice waits for telegram", "ops by "},
		`{"to":"new","text":"x"}`:                              {"new waits for "},
	} {
		if got, err := l.send(body); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", body, got, err, want)
		}
	}
	for _, body := range []string{`{"to":"ops","text":"x","bot":"tean"}`, `{"to":"ops","text":"x","bot":""}`} {
		if _, err := l.send(body); relay.ErrorCode(err) != relay.CodeInvalidField || !strings.Contains(err.Error(), "there are telegram, team") {
			t.Errorf("%s: %v", body, err)
		}
	}
	l.rules.Reject = true
	if _, err := l.send(`{"to":"alice","text":"x","bot":"telegram"}`); relay.ErrorCode(err) != relay.CodeRecipientNotLinked || !strings.Contains(err.Error(), "`tgrelay link --bot telegram`") {
		t.Errorf("nobody is connected at that bot: %v", err)
	}
}

// A chat that both bots are in gets one copy.
func TestSharedChat(t *testing.T) {
	l := newLobbyOfBots(t)
	if err := l.db.Bind(t.Context(), "ops", relay.Chat{Bot: "team", ChatID: opsChat, Type: "supergroup", State: relay.Active}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string][]string{
		`{"to":"ops","text":"x"}`:              {"ops by ", "ops by team"},
		`{"to":"ops","text":"x","bot":"team"}`: {"ops by team", "ops by team"},
	} {
		if got, err := l.send(body); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", body, got, err, want)
		}
	}
}

// A receiver's bot tells all of a conversation: its beginning, what is new, what people do, and the end.
func TestReceiversNameABot(t *testing.T) {
	l := newLobbyOfBots(t)
	for _, rc := range l.rules.Receivers {
		rc.Bot, rc.OnUpdate = "team", relay.Reply
	}
	l.hook("json", `{"text":"x"}`)
	l.hook("alertmanager", group("g", firstTime, "a"))
	l.hook("alertmanager", group("g", firstTime, "a", "b"))
	page, err := l.db.Deliveries(t.Context(), relay.DeliveryQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) < 3 {
		t.Fatalf("%d deliveries", len(page.Items))
	}
	for _, d := range page.Items {
		if d.Bot != "team" || d.ChatID != -2002 {
			t.Errorf("%s goes by %q to %d", d.Receiver, d.Bot, d.ChatID)
		}
	}
}

// Whom nobody else is named for is told by whichever bot there is.
func TestFallbackHasAnotherBot(t *testing.T) {
	l := newLobbyOfBots(t)
	l.rules.Receivers["json"].Bot = "team"
	hook := func() []string {
		t.Helper()
		messages, err := l.door.Hook(t.Context(), intake.Caller{}, intake.Hook{Receiver: "json", Request: receivers.Request{Receiver: "json", Body: []byte(`{"text":"x"}`)}})
		if err != nil {
			t.Fatal(err)
		}
		return placesOf(messages[0])
	}
	if got := hook(); !slices.Equal(got, []string{"admin by "}) {
		t.Errorf("%q", got)
	}
	if err := l.db.Bind(t.Context(), "admin", relay.Chat{Bot: "team", ChatID: 7, Type: "private", State: relay.Active}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := hook(); !slices.Equal(got, []string{"admin by team"}) {
		t.Errorf("%q", got)
	}
}

// Who blocked one bot hears from the other, also where the chat is two recipients': what fails at the first is no reason to leave out the second.
func TestSharedChatBlockedAtOne(t *testing.T) {
	l := newLobbyOfBots(t)
	ctx := t.Context()
	for recipient, bot := range map[string]string{"ada": "", "duty": "team"} {
		if err := l.db.Bind(ctx, recipient, relay.Chat{Bot: bot, ChatID: 21, Type: "private", State: relay.Active}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	const both = `{"to":["ada","duty"],"text":"x"}`
	if got, err := l.send(both); err != nil || !slices.Equal(got, []string{"ada by "}) {
		t.Errorf("one copy: %q, %v", got, err)
	}
	if err := l.db.SetChatState(ctx, "", 21, relay.Blocked); err != nil {
		t.Fatal(err)
	}
	if got, err := l.send(both); err != nil || !slices.Equal(got, []string{"ada by ", "duty by team"}) {
		t.Errorf("blocked at the first: %q, %v", got, err)
	}
}

// A chat that has alerts by one bot is not told them anew by another when they are escalated to somebody who is in it by that one.
func TestEscalationInASharedChat(t *testing.T) {
	l := newLobbyOfBots(t)
	l.alerting()
	if err := l.db.Bind(t.Context(), "boss", relay.Chat{Bot: "team", ChatID: opsChat, Type: "supergroup", State: relay.Active}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := l.db.Unbind(t.Context(), "ops", "team", -2002, 0); err != nil {
		t.Fatal(err)
	}
	l.hook("alertmanager", group("g", firstTime, "a"))
	l.sent(opsChat)
	l.amend(func(t *relay.Thread, s *thread.State) {
		s.Escalation = &thread.Escalation{To: []string{"boss"}, At: time.Now()}
		t.To = append(t.To, "boss")
	})
	if got := l.sent(opsChat); len(got) != 2 || got[0].OnUpdate != relay.Edit || got[1].OnUpdate != relay.Reply || got[1].Recipient != "ops" {
		t.Errorf("the bot that told it says: %s", texts(got))
	}
	by, err := l.db.Heads(t.Context(), "team", opsChat, time.Now(), 10)
	if err != nil || len(by) > 0 {
		t.Errorf("the other bot says: %s, %v", texts(by), err)
	}
}

// The log says by which bot a delivery did not arrive, where it is not the first.
func TestFailureNamesTheBot(t *testing.T) {
	l := newLobbyOfBots(t)
	for bot, want := range map[string]bool{"": false, "team": true} {
		var log strings.Builder
		door := intake.New(intake.Options{Outbox: l.db, Directory: l.db, Threads: l.db, Log: slog.New(slog.NewTextHandler(&log, nil)), Registerer: prometheus.NewRegistry()}, l.rules)
		door.Failed(relay.Delivery{Recipient: "ada", Bot: bot, ChatID: 7, State: relay.Failed})
		if got := strings.Contains(log.String(), "bot=team"); got != want || !strings.Contains(log.String(), "recipient=ada") {
			t.Errorf("%q: %s", bot, log.String())
		}
	}
}
