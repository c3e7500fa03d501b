package chat_test

import (
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/chat"
)

func TestParseCommand(t *testing.T) {
	for _, c := range []struct {
		text, name, argument string
		ours                 bool
	}{
		{"/start", "start", "", true},
		{"/start abc", "start", "abc", true},
		{"/START   abc ", "start", "abc", true},
		{"/start\nabc", "start", "abc", true},
		{"/start@relay_bot abc", "start", "abc", true},
		{"/start@Relay_Bot", "start", "", true},
		{"/start@other_bot abc", "", "", false},
		{"/link a b", "link", "a b", true},
		{"start", "", "", false},
		{"/", "", "", false},
		{"", "", "", false},
		{" /start", "", "", false},
	} {
		name, argument, ours := chat.ParseCommand(c.text, "relay_bot")
		if name != c.name || argument != c.argument || ours != c.ours {
			t.Errorf("%q: %q %q %v; want %q %q %v", c.text, name, argument, ours, c.name, c.argument, c.ours)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, seed := range []string{"/start abc", "/start@relay_bot x", "/@", "/ x", "//", "\n/start"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, argument, ours := chat.ParseCommand(text, "relay_bot")
		if ours && (!strings.HasPrefix(text, "/") || strings.ContainsAny(name, " @")) {
			t.Errorf("%q is the command %q", text, name)
		}
		if !ours && (name != "" || argument != "") {
			t.Errorf("%q is no command, but %q %q", text, name, argument)
		}
	})
}
