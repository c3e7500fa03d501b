package relay_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

func TestTopicName(t *testing.T) {
	family := "👩‍👩‍👧" // 8 units
	for text, want := range map[string]string{
		"payments":                          "payments",
		" pay\n ments\t":                    "pay ments",
		"":                                  "",
		" \n\u200b ":                        "",
		strings.Repeat("x", 200):            strings.Repeat("x", 128),
		strings.Repeat("x ", 100):           strings.TrimSpace(strings.Repeat("x ", 64)),
		strings.Repeat("x", 127) + "😀":      strings.Repeat("x", 127),
		strings.Repeat("x", 121) + family:   strings.Repeat("x", 121),
		strings.Repeat("x", 120) + family:   strings.Repeat("x", 120) + family,
		"{{ .x }} <b>*_`":                   "{{ .x }} <b>*_`",
		strings.Repeat("e\u0301", 65) + "!": strings.Repeat("e\u0301", 64),
	} {
		if got := relay.TopicName(text); got != want {
			t.Errorf("%q names %q, want %q", text, got, want)
		}
	}
}

func FuzzTopicName(f *testing.F) {
	for _, seed := range []string{"payments", " a\nb ", strings.Repeat("👩‍👩‍👧", 40), "\xff\xfe", "\u202e\u200b", strings.Repeat("e\u0301", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := relay.TopicName(text)
		switch {
		case !utf8.ValidString(name):
			t.Errorf("%q is no UTF-8", name)
		case markup.Text{Text: name}.Len() > relay.MaxTopicName:
			t.Errorf("%q has %d units", name, markup.Text{Text: name}.Len())
		case relay.TopicName(name) != name:
			t.Errorf("%q becomes %q, which becomes %q", text, name, relay.TopicName(name))
		}
	})
}
