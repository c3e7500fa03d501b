package receivers

import (
	"mime"
	"strings"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/tgrelay/tgrelay/relay"
)

// plainText takes any body as text. A title comes in a header (X-Title or Title) or in the query.
type plainText struct{}

// note is the data of the template text.message.
type note struct {
	Title string
	Text  string
	around
}

func (plainText) Decode(r Request) ([]Draft, error) {
	n := note{Title: strings.TrimSpace(r.parameter("X-Title", "Title")), Text: strings.TrimSpace(r.text()), around: r.around()}
	if n.Title == "" && n.Text == "" {
		return nil, &relay.Error{Code: relay.CodeInvalidField, Detail: "the body is empty: the text of the message is wanted"}
	}
	return []Draft{{Template: "text.message", Data: n, Plain: strings.TrimSpace(n.Title + "\n" + n.Text)}}, nil
}

// text is the body in UTF-8. What is not of the charset that it names, or of UTF-8 where it names none, becomes U+FFFD.
func (r Request) text() string {
	body := string(r.Body)
	if _, params := r.contentType(); params["charset"] != "" {
		if charset, err := htmlindex.Get(params["charset"]); err == nil {
			if decoded, err := charset.NewDecoder().String(body); err == nil {
				body = decoded
			}
		}
	}
	return readable(body)
}

// readable is a text without what no chat can show.
func readable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// parameter is the first of some headers that is there, else the first of the query's parameters of those names in small letters. Headers
// may be encoded as those of mails (RFC 2047).
func (r Request) parameter(names ...string) string {
	for _, name := range names {
		if v := r.Header.Get(name); v != "" {
			if decoded, err := new(mime.WordDecoder).DecodeHeader(v); err == nil {
				v = decoded
			}
			return readable(v)
		}
	}
	for _, name := range names {
		if v := r.Query.Get(strings.ToLower(name)); v != "" {
			return readable(v)
		}
	}
	return ""
}
