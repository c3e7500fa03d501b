package markup_test

import (
	"testing"

	"github.com/tgrelay/tgrelay/relay/markup"
)

func TestCheck(t *testing.T) {
	bold := func(offset, length int) []markup.Entity {
		return []markup.Entity{{Type: markup.Bold, Offset: offset, Length: length}}
	}
	for _, c := range []struct {
		text     string
		entities []markup.Entity
		want     string
	}{
		{"hello", bold(0, 5), ""},
		{"hello", bold(1, 0), ""},
		{"hello", []markup.Entity{{Type: "mention", Length: 900}}, ""},
		{"hello", []markup.Entity{{Type: markup.Bold, Length: 3}, {Type: markup.Italic, Offset: 1, Length: 4}}, ""},
		{"hello", []markup.Entity{{Type: markup.TextLink, Length: 1, URL: "tg://user?id=5"}}, ""},
		{"hello", []markup.Entity{{Type: "blink", Length: 1}}, "Bad Request: can't parse MessageEntity: Unsupported type specified"},
		{"hello", []markup.Entity{{Type: markup.TextLink, Length: 1, URL: "http://localhost/"}}, "Bad Request: entity URL 'http://localhost/' is invalid: Wrong HTTP URL"},
		{"hello", []markup.Entity{{Type: markup.TextLink, Length: 1}}, "Bad Request: entity URL '' is invalid: URL host is empty"},
		{"hello", bold(6, 1), "Bad Request: entity begins after the end of the text at UTF-16 offset 6"},
		{"hello", bold(5, 1), "Bad Request: entity beginning at UTF-16 offset 5 ends after the end of the text at UTF-16 offset 6"},
		{"hello", bold(1, 5), "Bad Request: entity beginning at UTF-16 offset 1 ends after the end of the text at UTF-16 offset 6"},
		{"👉 👉", bold(1, 1), "Bad Request: entity begins in a middle of a UTF-16 symbol at byte offset 4"},
		{"👉 👉", bold(0, 1), "Bad Request: entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 4"},
		{"hello", bold(-1, 1), "Bad Request: receive an entity with incorrect offset -1"},
		{"hello", bold(1000001, 1), "Bad Request: receive an entity with incorrect offset 1000001"},
		{"hello", bold(0, -1), "Bad Request: receive an entity with incorrect length -1"},
		{"hell\xff", bold(0, 1), "Bad Request: text must be encoded in UTF-8"},
		{"hello", []markup.Entity{{Type: markup.CustomEmoji, Length: 1, CustomEmojiID: "x"}}, "Bad Request: invalid custom emoji identifier specified"},
		{"hello", []markup.Entity{{Type: markup.TextMention, Length: 1}}, "Bad Request: can't parse MessageEntity: Invalid user identifier specified"},
		{"hello", []markup.Entity{{Type: markup.DateTime, Length: 1, UnixTime: 1, DateTimeFormat: "q"}}, "Bad Request: can't parse MessageEntity: Invalid date specified"},
	} {
		got := ""
		if err := markup.Check(markup.Text{Text: c.text, Entities: c.entities}); err != nil {
			got = err.(interface{ Description() string }).Description()
		}
		if got != c.want {
			t.Errorf("%q %+v: %q, want %q", c.text, c.entities, got, c.want)
		}
	}
}

func TestParseMode(t *testing.T) {
	for in, want := range map[string]markup.Mode{"": "", "None": "", "markdown": "Markdown", "MARKDOWNV2": "MarkdownV2", "html": "HTML"} {
		if got, ok := markup.ParseMode(in); got != want || !ok {
			t.Errorf("ParseMode(%q) = %q, %v", in, got, ok)
		}
	}
	if got, ok := markup.ParseMode("MarkdownV3"); ok {
		t.Errorf("ParseMode takes MarkdownV3 as %q", got)
	}
}

func TestParseInvalidUTF8(t *testing.T) {
	for _, mode := range modes {
		_, err := markup.Parse(mode, "a\xff")
		if e, ok := err.(*markup.ParseError); !ok || e.Description() != "Bad Request: text must be encoded in UTF-8" || e.Offset != -1 {
			t.Errorf("%q: %v", mode, err)
		}
	}
}
