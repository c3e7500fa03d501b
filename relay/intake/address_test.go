package intake_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// A chat that several bots have is told once: by one that reaches it.
func TestChatOfSeveralBots(t *testing.T) {
	const asked = `{"to":"alice","text":"x"}`
	for name, test := range map[string]struct {
		bots    []string // that alice's chat has, in the order of connecting
		blocked []string
		want    string
	}{
		"the first bot, though connected later":          {[]string{"team", ""}, nil, "alice by "},
		"the one that was connected first":               {[]string{"team", "night"}, nil, "alice by team"},
		"one that is not blocked":                        {[]string{"", "team", "night"}, []string{"", "team"}, "alice by night"},
		"one that is configured still":                   {[]string{"old", "night"}, nil, "alice by night"},
		"one that is configured still, though blocked":   {[]string{"old", "night"}, []string{"night"}, "alice by night"},
		"one that is not configured, where none else is": {[]string{"old"}, nil, "alice by old"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLobby(t)
			l.rules.Bots = []string{relay.FirstBot, "night", "team"}
			for i, bot := range test.bots {
				chat := relay.Chat{Bot: bot, ChatID: 11, Type: "private", State: relay.Active}
				if slices.Contains(test.blocked, bot) {
					chat.State = relay.Blocked
				}
				if err := l.db.Bind(t.Context(), "alice", chat, time.Now().Add(time.Duration(i)*time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := l.send(asked); err != nil || !slices.Equal(got, []string{test.want}) {
				t.Errorf("it goes to %q, %v; want %q", got, err, test.want)
			}
		})
	}
}
