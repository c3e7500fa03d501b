package chat_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// Who made a token at one bot keeps it when starting another: it is the same recipient's.
func TestSelfServiceAtTwoBots(t *testing.T) {
	r := newRoom(t)
	r.self = true
	token := regexp.MustCompile(`Bearer ([A-Za-z0-9_-]{32})'`)
	made := token.FindStringSubmatch(r.say(private, 7, "/start"))
	if made == nil {
		t.Fatal("no token")
	}
	works := func(token string) bool {
		t.Helper()
		who, err := r.db.SenderOf(t.Context(), onboarding.Hash(token))
		if err != nil && relay.ErrorCode(err) != relay.CodeNotFound {
			t.Fatal(err)
		}
		return who == "tg-7"
	}
	team := r.team()
	if got := team.say(private, 7, "/start"); !strings.Contains(got, "Connected as tg-7") {
		t.Errorf("at the second bot: %q", got)
	}
	if !works(made[1]) {
		t.Error("the token of the first bot works no longer")
	}
	own, err := r.db.Recipient(t.Context(), "tg-7")
	if err != nil || len(own.Chats) != 2 || own.Chats[1].Bot != "team" {
		t.Errorf("chats %+v, %v", own, err)
	}
	again := token.FindStringSubmatch(team.say(private, 7, "/token"))
	if again == nil || works(made[1]) || !works(again[1]) {
		t.Errorf("a new token at the second bot: %q", again)
	}
}

// A link that is opened at another bot is no wrong guess: the person is told whose it is. In a channel or group both bots hear the command, and
// only the one that is meant answers.
func TestLinkOfAnotherBot(t *testing.T) {
	r := newRoom(t)
	team := r.team()
	of := func(bot string, target relay.Target) string {
		t.Helper()
		link, err := r.desk.Make(t.Context(), onboarding.Request{Recipient: "ops", Bot: bot, Target: target, MaxUses: 2})
		if err != nil {
			t.Fatal(err)
		}
		return link.URL[strings.LastIndexByte(link.URL, '=')+1:]
	}
	for range 7 { // more than there are wrong guesses
		if got := r.say(private, 7, "/start "+of("team", relay.TargetPrivate)); !strings.Contains(got, "@team_bot") {
			t.Fatalf("the team's link at the first bot: %q", got)
		}
		if got := team.say(private, 7, "/start "+of("", relay.TargetPrivate)); !strings.Contains(got, "@relay_bot") {
			t.Fatalf("the first bot's link at the team's: %q", got)
		}
	}
	command := "/link " + of("team", relay.TargetGroup)
	channel := telegram.Chat{ID: -9, Type: "channel", Title: "News"}
	post := telegram.Update{ChannelPost: &telegram.Message{Chat: channel, SenderChat: &channel, Text: command}}
	if got := r.handle(post); got != "" {
		t.Errorf("the first bot says in the channel: %q", got)
	}
	if got := team.handle(post); !strings.Contains(got, "Connected") {
		t.Errorf("the team's bot says in the channel: %q", got)
	}
	if got := r.say(group, 7, command); got != "" {
		t.Errorf("the first bot says in the group: %q", got)
	}
	if got := team.say(group, 7, command); !strings.Contains(got, "Connected") {
		t.Errorf("the team's bot says in the group: %q", got)
	}
	if got := r.say(group, 7, command); got != "" {
		t.Errorf("the first bot says after that: %q", got)
	}
}
