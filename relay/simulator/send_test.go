package simulator_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

type object = map[string]any

func TestSendRefusals(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada, root := b.ada(), b.sim.User("Root")
	blocked := b.sim.User("Blocked")
	gone := b.sim.User("Gone")
	for _, u := range []*simulator.User{blocked, gone} {
		if err := u.Write(u.ID, "/start"); err != nil {
			t.Fatal(err)
		}
	}
	blocked.Block()
	gone.Delete()
	stranger := b.sim.User("Stranger")
	kicked, left, super, channel := b.sim.Group("K", root), b.sim.Group("L", root), b.sim.Supergroup("S", root), b.sim.Channel("C", root)
	forum, upgraded, restricted := b.sim.Forum("F", root), b.sim.Group("U", root), b.sim.Supergroup("R", root)
	for _, g := range []*simulator.Group{kicked, left, super, channel, forum, upgraded, restricted} {
		g.AddBot(root)
	}
	kicked.Kick(root)
	left.SetBot(root, "left")
	super.Kick(root)
	channel.SetBot(root, "member")
	restricted.SetBot(root, "restricted")
	closed := forum.Topic("closed")
	if err := forum.CloseTopic(closed); err != nil {
		t.Fatal(err)
	}
	after := upgraded.Upgrade()
	button := func(fields object) object {
		return object{"inline_keyboard": [][]object{{fields}}}
	}
	for _, c := range []struct {
		arguments   object
		code        int
		description string
	}{
		{object{"chat_id": ada.ID}, 400, "Bad Request: message text is empty"},
		{object{"chat_id": ada.ID, "text": " \n\u200b"}, 400, "Bad Request: text must be non-empty"},
		{object{"chat_id": ada.ID, "text": strings.Repeat("x", 4097)}, 400, "Bad Request: message is too long"},
		{object{"chat_id": ada.ID, "text": strings.Repeat("😀", 4097)}, 400, "Bad Request: message is too long"},
		{object{"chat_id": ada.ID, "text": strings.Repeat("x", 32769)}, 400, "Bad Request: text is too long"},
		{object{"chat_id": ada.ID, "text": "a.b", "parse_mode": "MarkdownV2"}, 400, `Bad Request: can't parse entities: Character '.' is reserved and must be escaped with the preceding '\'`},
		{object{"chat_id": ada.ID, "text": "<b>x", "parse_mode": "html"}, 400, `Bad Request: can't parse entities: Can't find end tag corresponding to start tag "b"`},
		{object{"chat_id": ada.ID, "text": "x", "parse_mode": "Word"}, 400, "Bad Request: unsupported parse_mode"},
		{object{"chat_id": ada.ID, "text": "x", "entities": []object{{"type": "text_link", "offset": 0, "length": 1, "url": "http://localhost/"}}}, 400, "Bad Request: entity URL 'http://localhost/' is invalid: Wrong HTTP URL"},
		{object{"chat_id": ada.ID, "text": "x", "reply_markup": button(object{"text": "a"})}, 400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"},
		{object{"chat_id": ada.ID, "text": "x", "reply_markup": button(object{"text": "", "url": "https://example.org"})}, 400, "Bad Request: inline keyboard button text must be non-empty"},
		{object{"chat_id": ada.ID, "text": "x", "reply_markup": button(object{"text": "a", "url": "http://nodot/"})}, 400, "Bad Request: inline keyboard button URL 'http://nodot/' is invalid: Wrong HTTP URL"},
		{object{"chat_id": ada.ID, "text": "x", "reply_markup": button(object{"text": "a", "callback_data": strings.Repeat("x", 65)})}, 400, "Bad Request: BUTTON_DATA_INVALID"},
		{object{"chat_id": ada.ID, "text": "x", "reply_markup": "nonsense"}, 400, "Bad Request: can't parse reply keyboard markup JSON object"},
		{object{"chat_id": ada.ID, "text": "x", "reply_parameters": object{"message_id": 99}}, 400, "Bad Request: message to be replied not found"},
		{object{"chat_id": "abc", "text": "x"}, 400, "Bad Request: chat not found"},
		{object{"chat_id": 77, "text": "x"}, 400, "Bad Request: chat not found"},
		{object{"chat_id": stranger.ID, "text": "x"}, 400, "Bad Request: chat not found"},
		{object{"chat_id": "@nobody", "text": "x"}, 400, "Bad Request: chat not found"},
		{object{"chat_id": blocked.ID, "text": "x"}, 403, "Forbidden: bot was blocked by the user"},
		{object{"chat_id": gone.ID, "text": "x"}, 403, "Forbidden: user is deactivated"},
		{object{"chat_id": kicked.ID(), "text": "x"}, 403, "Forbidden: bot was kicked from the group chat"},
		{object{"chat_id": super.ID(), "text": "x"}, 403, "Forbidden: bot was kicked from the supergroup chat"},
		{object{"chat_id": left.ID(), "text": "x"}, 403, "Forbidden: bot is not a member of the group chat"},
		{object{"chat_id": channel.ID(), "text": "x"}, 400, "Bad Request: need administrator rights in the channel chat"},
		{object{"chat_id": restricted.ID(), "text": "x"}, 400, "Bad Request: not enough rights to send text messages to the chat"},
		{object{"chat_id": forum.ID(), "text": "x", "message_thread_id": 999}, 400, "Bad Request: message thread not found"},
		{object{"chat_id": forum.ID(), "text": "x", "message_thread_id": closed}, 400, "Bad Request: TOPIC_CLOSED"},
		{object{"chat_id": upgraded.ID(), "text": "x"}, 400, "Bad Request: group chat was upgraded to a supergroup chat"},
	} {
		a := b.call("sendMessage", c.arguments)
		if a.OK || a.status != c.code || a.ErrorCode != c.code || a.Description != c.description {
			t.Errorf("%.80v:\n got %d %q\nwant %d %q", c.arguments, a.status, a.Description, c.code, c.description)
		}
	}
	if a := b.call("sendMessage", object{"chat_id": upgraded.ID(), "text": "x"}); a.Parameters.MigrateTo != after.ID() {
		t.Errorf("migrate_to_chat_id %d, want %d", a.Parameters.MigrateTo, after.ID())
	}
	b.ok("sendMessage", object{"chat_id": after.ID(), "text": "x"}, nil)
}

func TestSendResult(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	var m struct {
		MessageID int64 `json:"message_id"`
		Date      int64
		Text      string
		Entities  []struct {
			Type           string
			Offset, Length int
		}
		Chat, From struct{ ID int64 }
	}
	b.ok("sendMessage", object{"chat_id": ada.ID, "text": "*a* b /help https://example\\.org/x @relay \\#tag\t", "parse_mode": "MarkdownV2"}, &m)
	if m.Text != "a b /help https://example.org/x @relay #tag" || m.Chat.ID != ada.ID || m.From.ID != 123456789 || m.Date == 0 {
		t.Errorf("%+v", m)
	}
	var types []string
	for _, e := range m.Entities {
		types = append(types, e.Type)
	}
	if got := strings.Join(types, " "); got != "bold bot_command url mention hashtag" {
		t.Errorf("entities %s", got)
	}
}

func TestEditAndDelete(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	var m struct {
		MessageID int64 `json:"message_id"`
	}
	keyboard := object{"inline_keyboard": [][]object{{{"text": "a", "callback_data": "x"}}}}
	b.ok("sendMessage", object{"chat_id": ada.ID, "text": "one", "reply_markup": keyboard}, &m)
	for _, c := range []struct {
		method      string
		arguments   object
		description string // empty: it works
	}{
		{"editMessageText", object{"message_id": m.MessageID, "text": "one", "reply_markup": keyboard}, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"},
		{"editMessageText", object{"message_id": m.MessageID, "text": "two"}, ""},
		{"editMessageText", object{"message_id": 99, "text": "two"}, "Bad Request: message to edit not found"},
		{"editMessageText", object{"message_id": 1, "text": "two"}, "Bad Request: message can't be edited"},
		{"editMessageText", object{"text": "two"}, "Bad Request: message identifier is not specified"},
		{"editMessageText", object{"message_id": m.MessageID}, "Bad Request: message text is empty"},
		{"editMessageReplyMarkup", object{"message_id": m.MessageID, "reply_markup": keyboard}, ""},
		{"deleteMessage", object{"message_id": 99}, "Bad Request: message to delete not found"},
		{"deleteMessage", object{"message_id": m.MessageID}, ""},
		{"deleteMessage", object{"message_id": m.MessageID}, "Bad Request: message to delete not found"},
		{"editMessageText", object{"message_id": m.MessageID, "text": "three"}, "Bad Request: message to edit not found"},
	} {
		c.arguments["chat_id"] = ada.ID
		if a := b.call(c.method, c.arguments); a.Description != c.description {
			t.Errorf("%s %v: %q, want %q", c.method, c.arguments, a.Description, c.description)
		}
	}
	last := b.sim.Messages(ada.ID)[1]
	if last.Text != "two" || !last.Edited || !last.Deleted {
		t.Errorf("%+v", last)
	}
}

func TestFiles(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("chat_id", "1001")
	_ = form.WriteField("caption", "a *log*")
	_ = form.WriteField("parse_mode", "MarkdownV2")
	part, err := form.CreateFormFile("document", "log.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte("the content"))
	_ = form.Close()
	a := b.request("POST", b.path("sendDocument"), form.FormDataContentType(), &body)
	var m struct {
		Caption  string
		Document struct {
			FileID   string `json:"file_id"`
			FileName string `json:"file_name"`
		}
	}
	if err := json.Unmarshal(a.Result, &m); err != nil || m.Caption != "a log" || m.Document.FileName != "log.txt" {
		t.Fatalf("%+v %s", m, a.Description)
	}
	var file struct {
		Path string `json:"file_path"`
	}
	b.ok("getFile", object{"file_id": m.Document.FileID}, &file)
	w := httptest.NewRecorder()
	b.sim.ServeHTTP(w, httptest.NewRequest("GET", "/file/bot"+b.sim.Token()+"/"+file.Path, nil))
	if w.Body.String() != "the content" {
		t.Errorf("downloaded %q", w.Body)
	}
	b.ok("sendDocument", object{"chat_id": ada.ID, "document": m.Document.FileID}, nil)
	b.ok("sendPhoto", object{"chat_id": ada.ID, "photo": "https://example.org/x.png"}, nil)
	for arguments, want := range map[string]string{
		"":        "Bad Request: there is no document in the request",
		"nothing": "Bad Request: wrong file identifier/HTTP URL specified",
	} {
		if a := b.call("sendDocument", object{"chat_id": ada.ID, "document": arguments}); a.Description != want {
			t.Errorf("%q: %q", arguments, a.Description)
		}
	}
	if a := b.call("sendPhoto", object{"chat_id": ada.ID, "photo": "https://example.org/x.png", "caption": strings.Repeat("x", 1025)}); a.Description != "Bad Request: message caption is too long" {
		t.Errorf("a long caption: %q", a.Description)
	}
}
