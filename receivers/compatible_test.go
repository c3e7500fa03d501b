package receivers_test

import (
	"bytes"
	"errors"
	"mime/multipart"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

const (
	asJSON = "Content-Type: application/json"
	asForm = "Content-Type: application/x-www-form-urlencoded"
)

func TestGotifyMessages(t *testing.T) {
	form, boundary := multi(t, map[string]string{"message": "m", "title": "T", "priority": "3"}, "")
	for _, c := range []struct {
		body, header, want string
	}{
		{`{"message":"m *x*","title":"T"}`, asJSON, "<b>T</b>\nm *x*"},
		{`message=a+b&title=T`, asForm, "<b>T</b>\na b"},
		{form, boundary, "<b>T</b>\nm"},
		{`{"message":"*m*","extras":{"client::display":{"contentType":"text/markdown"},"other":{"x":1}}}`, asJSON, "<i>m</i>"},
		{
			`{"message":"m","extras":{"client::notification":{"click":{"url":"https://example.org"},"bigImageUrl":"https://example.org/a.png"}}}`, asJSON,
			"m [🔗 example.org https://example.org] (photo https://example.org/a.png 0)",
		},
		{`{"message":"m","priority":"high","extras":[1]}`, asJSON, "m"},
		{`{"message":"m","extras":{"client::notification":{"click":5,"bigImageUrl":"javascript:x"}}}`, asJSON, "m"},
		{`{"title":"T"}`, asJSON, "refused message: a text is wanted"},
		{`message=m&priority=x`, asForm, "refused priority: a whole number is wanted"},
		{`{"message":`, asJSON, "refused the body is no JSON: the body ends too early"},
	} {
		if got := decoded(t, server(t, "gotify"), request(t, "POST message", c.body, c.header)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
	for line, want := range map[string]string{
		"POST message": "", "POST ops/message": "ops", "GET version": "page", "GET ops/health": "page", "GET message": "nothing", "POST ops": "nothing", "POST a/b/message": "nothing", "POST ": "nothing", "GET application": "nothing",
	} {
		method, path, _ := strings.Cut(line, " ")
		route, ok := server(t, "gotify").Route(method, path)
		if got := route.Recipient; ok && route.Page == nil && got != want || ok && route.Page != nil && want != "page" || !ok && want != "nothing" {
			t.Errorf("%s: %q %v", line, got, ok)
		}
	}
}

// multi is a form with parts; of a file "file" the name is a.txt.
func multi(t testing.TB, fields map[string]string, content string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if content != "" {
		part, err := w.CreateFormFile("attach", "dir/a.txt")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return b.String(), "Content-Type: " + w.FormDataContentType()
}

func TestAppriseNotifications(t *testing.T) {
	form, boundary := multi(t, map[string]string{"body": "b", "tag": "a"}, "content")
	for _, c := range []struct{ body, header, want string }{
		{`{"body":"b *x*","title":"T","type":"failure","tag":["a","b"]}`, asJSON, "❌ <b>T</b>\nb *x*"},
		{`{"version":"1.0","title":"T","message":"m","type":"info","attachments":[{"filename":"../a.txt","base64":"YQ==","mimetype":"text/plain"}]}`, asJSON, "<b>T</b>\nm (document a.txt 1)"},
		{`{"body":"b","attach":["https://example.org/a.png",{"url":"https://example.org/b.pdf"}]}`, asJSON, "b (photo https://example.org/a.png 0) + (document https://example.org/b.pdf 0)"},
		{`{"attachment":"https://example.org/a.zip"}`, asJSON, "(document https://example.org/a.zip 0)"},
		{`{"body":"**b**","format":"Markdown"}`, asJSON, "<b>b</b>"},
		{`{"body":"<b>b</b><br>c","format":"html"}`, asJSON, "<b>b</b>\nc"},
		{`body=b&type=success&attach=https%3A%2F%2Fexample.org%2Fa.txt`, asForm, "✅ b (document https://example.org/a.txt 0)"},
		{form, boundary, "b (document a.txt 7)"},
		{`{"title":"","body":""}`, asJSON, "refused body: a text or an attachment is wanted"},
		{`{"body":"b","format":"rtf"}`, asJSON, "refused format: one of text, markdown, html is wanted"},
		{`{"body":"b","attach":"/etc/passwd"}`, asJSON, "refused attach: an address that begins with https:// or http:// is wanted, or an upload"},
		{`{"body":"b","attachments":[{"filename":"a","base64":"!"}]}`, asJSON, "refused attachments: a filename with the file in base64 is wanted"},
	} {
		if got := decoded(t, server(t, "apprise"), request(t, "POST notify/ops", c.body, c.header)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
	for line, want := range map[string]string{"POST notify/ops": "ops", "POST notify": "", "POST ": "", "PUT ops": "ops", "POST ops": "ops", "GET notify/ops": "nothing", "POST add/ops": "nothing", "POST a/b/c": "nothing"} {
		method, path, _ := strings.Cut(line, " ")
		if route, ok := server(t, "apprise").Route(method, path); ok != (want != "nothing") || ok && route.Recipient != want {
			t.Errorf("%s: %q %v", line, route.Recipient, ok)
		}
	}
}

func TestTelepushMessages(t *testing.T) {
	for _, c := range []struct{ line, body, want string }{
		{"POST messages/x", `{"text":"m","origin":"cron"}`, "<b>cron</b> wrote:\n\nm"},
		{"GET messages/x?text=a*b&origin=o", "", "<b>o</b> wrote:\n\na*b"},
		{"POST messages/x?disable_markdown=true", `{"text":"*m*"}`, "<b>Telepush</b> wrote:\n\n*m*"},
		{"POST inlets/default/x", `{"type":"FILE","file":"YQ==","filename":"/x/a.txt","text":"t"}`, "<b>Telepush</b> wrote:\n\nt (document a.txt 1)"},
		{"POST messages/x", `{"type":"FILE","file":"?"}`, "refused file: a file in base64 is wanted"},
		{"POST messages/x", `{}`, "refused text: a text is wanted"},
	} {
		if got := decoded(t, server(t, "telepush"), request(t, c.line, c.body)); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.line, c.body, got, c.want)
		}
	}
	_, err := server(t, "telepush").Decode(request(t, "POST inlets/none/x", "{}"))
	if relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("an unknown inlet: %v", err)
	}
}

func TestInlets(t *testing.T) {
	files, err := filepath.Glob("testdata/inlets/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		inlet, define, err := receivers.ParseInlet("telepush", read(t, file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		set, err := render.New(render.Options{Files: []render.File{{Name: file, Text: define}}})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		kind := receivers.Telepush{Inlets: map[string]receivers.Inlet{inlet.Name: inlet}}
		drafts, err := kind.Decode(request(t, "POST inlets/"+inlet.Name+"/x", `{"type":"*_[x](y)`+"`"+`","alerts":[{"status":"firing","labels":{"a":"*b_"}}]}`))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		text, err := set.Execute(drafts[0].Inlet, drafts[0].InletMode, drafts[0].Data)
		if err != nil || markup.Check(text.Normalize()) != nil || !strings.ContainsAny(text.Text, "*_") {
			t.Errorf("%s: %q %v", file, text.Text, err)
		}
	}
	for content, want := range map[string]string{
		"name: [": "did not find expected", "name: 'a b'\ntemplate: x": `name: "a b" cannot name an inlet`, "name: a": "template: it is missing", "": "name: ",
	} {
		if _, _, err := receivers.ParseInlet("telepush", []byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

// Whatever the bytes are, a compatible type refuses them with a sentence or makes a message that Telegram takes, and it can answer.
func FuzzCompatible(f *testing.F) {
	types := []string{"ntfy", "gotify", "apprise", "telepush", "text"}
	for i, seed := range [][3]string{
		{"PUT ops", "Actions: view, a, https://example.org; copy, b, c", "text"},
		{"POST ", "", `{"topic":"ops","actions":[{"action":"http","label":"a","url":"https://x"}],"tags":["a"],"delay":"10m"}`},
		{"POST message", asJSON, `{"message":"m","extras":{"client::display":{"contentType":"text/markdown"}}}`},
		{"POST notify/x", asJSON, `{"body":"b","attach":["https://x/y"],"format":"html"}`},
		{"POST inlets/default/x", asJSON, `{"text":"a","type":"FILE","file":"YQ=="}`},
		{"POST x", "Content-Type: text/plain; charset=utf-16", "a\x00"},
		{"GET ops/publish?m=x&in=tomorrow", "Title: =?utf-8?q?a?=", ""},
		{"POST notify", "Content-Type: multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\nc\r\n--x--"},
	} {
		f.Add(uint8(i%len(types)), seed[0], seed[1], []byte(seed[2]))
	}
	set := newSet(f)
	f.Fuzz(func(t *testing.T, which uint8, line, header string, body []byte) {
		kind, _ := receivers.Get(types[int(which)%len(types)])
		if _, target, _ := strings.Cut(line, " "); strings.ContainsAny(target, "%:\x7f") || strings.ContainsFunc(target, func(r rune) bool { return r < ' ' }) {
			t.Skip("no address")
		}
		r := request(t, line, string(body), header)
		drafts, err := kind.Decode(r)
		if err != nil {
			var e *relay.Error
			if !errors.As(err, &e) || e.Detail == "" {
				t.Fatalf("refused without a sentence: %v", err)
			}
			return
		}
		var ids []relay.ID
		for _, d := range drafts {
			ids = append(ids, relay.NewID())
			text, err := set.Execute(d.Template, markup.MarkdownV2, d.Data)
			if err != nil {
				t.Fatalf("the template fails: %v", err)
			}
			if text = text.ExpandTabs().Normalize(); text.Text != "" && markup.Check(text) != nil {
				t.Errorf("Telegram would refuse %q", text.Text)
			}
		}
		if s, ok := kind.(receivers.Server); ok {
			if a := s.Taken(r, ids, now); a.Status/100 != 2 {
				t.Errorf("answered %d", a.Status)
			}
		}
	})
}

// FuzzInlet: a file is an inlet or says what is wrong with it.
func FuzzInlet(f *testing.F) {
	for _, name := range []string{"words", "orders", "alerts"} {
		b, err := os.ReadFile("testdata/inlets/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		inlet, define, err := receivers.ParseInlet("telepush", content)
		if err == nil && (inlet.Name == "" || define == "") {
			t.Errorf("%q is an inlet without a name or template", content)
		}
	})
}
