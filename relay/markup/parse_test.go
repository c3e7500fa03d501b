package markup_test

import (
	"fmt"
	"testing"

	"github.com/tgrelay/tgrelay/relay/markup"
)

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		mode   markup.Mode
		text   string
		want   string
		offset int
	}{
		{"MarkdownV2", "🏟 🏟![👍](tg://emoji?id=1234", "Can't find end of a URL at byte offset 17", 17},
		{"MarkdownV2", "a *b", "Can't find end of Bold entity at byte offset 2", 2},
		{"MarkdownV2", "a.", `Character '.' is reserved and must be escaped with the preceding '\' (at byte offset 1)`, 1},
		{"HTML", "<b>x</i>", `Unmatched end tag at byte offset 4, expected "</b>", found "</i>"`, 4},
		{"HTML", "<tg-time unix=5 format=q>x</tg-time>", "Invalid date format used (at byte offset 0)", 0},
		{"HTML", "a<i><b>x", `Can't find end tag corresponding to start tag "b" (at byte offset 4)`, 4},
		{"MarkdownV2", "a ![x](e.com)", "Invalid tg://emoji or tg://time URL specified (at byte offset 2)", 2},
		{"Markdown", "a_b", "Can't find end of the entity starting at byte offset 1", 1},
	} {
		_, err := markup.Parse(c.mode, c.text)
		e, ok := err.(*markup.ParseError)
		if !ok || e.Error() != c.want || e.Offset != c.offset {
			t.Errorf("%s %q: %#v, want %q", c.mode, c.text, err, c.want)
		}
	}
}

// TestParseTimes: the unix of a tg-time is read up to the first character that is no digit, in 32 bits.
func TestParseTimes(t *testing.T) {
	for unix, want := range map[string]int64{"5x": 5, "-5": 0, "4294967301": 5, "": 0} {
		text, err := markup.Parse(markup.HTML, `<tg-time unix="`+unix+`">x</tg-time>`)
		if err != nil || len(text.Entities) > 1 {
			t.Fatalf("%q: %+v, %v", unix, text, err)
		}
		var got int64
		for _, e := range text.Entities {
			got = e.UnixTime
		}
		if got != want {
			t.Errorf("%q is %d, want %d", unix, got, want)
		}
	}
}

func ExampleParse() {
	text, err := markup.Parse(markup.MarkdownV2, `*Deploy* done in 42s\.`)
	fmt.Println(text.Text, text.Entities[0].Type, text.Entities[0].Length, err)
	_, err = markup.Parse(markup.MarkdownV2, "Deploy done.")
	fmt.Println(err)
	// Output:
	// Deploy done in 42s. bold 6 <nil>
	// Character '.' is reserved and must be escaped with the preceding '\' (at byte offset 11)
}

func ExampleParseTemplate() {
	name := markup.Value("a*b_c.example")
	text := markup.ParseTemplate(markup.MarkdownV2, "*"+name+"* is down! [graph](http://prometheus:9090/"+name+")")
	fmt.Println(text.Text)
	fmt.Println(text.HTML())
	// Output:
	// a*b_c.example is down! graph (http://prometheus:9090/a*b_c.example)
	// <b>a*b_c.example</b> is down! graph (http://prometheus:9090/a*b_c.example)
}

func ExampleEscape() {
	fmt.Println(markup.Escape(markup.MarkdownV2, "v1.2 (beta)"))
	fmt.Println(markup.Escape(markup.HTML, "a < b & c"))
	// Output:
	// v1\.2 \(beta\)
	// a &lt; b &amp; c
}
