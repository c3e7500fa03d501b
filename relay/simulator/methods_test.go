package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// What has no test of its own: each refusal in Telegram's words, and what works without a result worth looking at.
func TestMethods(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	forum, restricted := b.sim.Forum("F", ada), b.sim.Supergroup("R", ada)
	forum.AddBot(ada)
	forum.SetBot(ada, "administrator")
	restricted.AddBot(ada)
	restricted.SetBot(ada, "restricted")
	topic := forum.Topic("x")
	entity := func(fields object) object { return object{"text": "a😀", "entities": []object{fields}} }
	for _, c := range []struct {
		method      string
		arguments   object
		description string // empty: it works
	}{
		{"sendMessage", entity(object{"type": "bold", "offset": 5, "length": 1}), "Bad Request: entity begins after the end of the text at UTF-16 offset 5"},
		{"sendMessage", entity(object{"type": "bold", "offset": 1, "length": 9}), "Bad Request: entity beginning at UTF-16 offset 1 ends after the end of the text at UTF-16 offset 10"},
		{"sendMessage", entity(object{"type": "bold", "offset": -1, "length": 1}), "Bad Request: receive an entity with incorrect offset -1"},
		{"sendMessage", entity(object{"type": "bolder", "offset": 0, "length": 1}), "Bad Request: can't parse MessageEntity: Unsupported type specified"},
		{"sendMessage", entity(object{"type": "mention", "offset": 0, "length": 1}), ""},
		{"sendMessage", object{"text": "<b>x</b>", "parse_mode": "HTML", "entities": []object{{"type": "bolder"}}}, ""},
		{"sendMessage", object{"text": "x", "entities": "no JSON"}, ""},
		{"sendMessage", object{"text": strings.Repeat("😀", 4096)}, ""},
		{"sendMessage", object{"text": strings.Repeat("<b>x</b>", 4096), "parse_mode": "HTML"}, ""},
		{"sendMessage", object{"text": "<b> </b>", "parse_mode": "HTML"}, "Bad Request: text must be non-empty"},
		{"sendMessage", object{"text": "x", "reply_to_message_id": 99, "allow_sending_without_reply": true}, ""},
		{"sendMessage", object{"text": "x", "reply_parameters": "no JSON"}, "Bad Request: object expected as reply parameters"},
		{"sendMessage", object{"text": "x", "reply_markup": `{"inline_keyboard":[[{"text":"a","callback_data":""}]]}`}, "Bad Request: BUTTON_DATA_INVALID"},
		{"sendMessage", object{"text": "x", "reply_markup": `{"inline_keyboard":[[{"text":"a","copy_text":{"text":""}}]]}`}, "Bad Request: BUTTON_COPY_TEXT_INVALID"},
		{"sendMessage", object{"text": "x", "reply_markup": `{"inline_keyboard":[[{"text":"a","copy_text":{"text":"b"}}]]}`}, ""},
		{"sendMessage", object{"text": "x", "message_thread_id": 77}, ""}, // no forum: it is ignored
		{"sendMessage", object{"chat_id": forum.ID(), "text": "x", "message_thread_id": topic}, ""},
		{"sendPhoto", object{}, "Bad Request: there is no photo in the request"},
		{"sendPhoto", object{"photo": "attach://nothing"}, "Bad Request: wrong file identifier/HTTP URL specified"},
		{"sendPhoto", object{"chat_id": restricted.ID(), "photo": "https://example.org/x.png"}, "Bad Request: not enough rights to send photos to the chat"},
		{"sendDocument", object{"chat_id": restricted.ID(), "document": "https://example.org/x"}, "Bad Request: not enough rights to send documents to the chat"},
		{"sendDocument", object{"document": "https://example.org/x", "caption": "<b>", "parse_mode": "HTML"}, `Bad Request: can't parse entities: Can't find end tag corresponding to start tag "b"`},
		{"getFile", object{"file_id": "nothing"}, "Bad Request: invalid file_id"},
		{"getChat", object{}, ""},
		{"getChat", object{"chat_id": 77}, "Bad Request: chat not found"},
		{"getChatMember", object{"chat_id": forum.ID(), "user_id": 77}, "Bad Request: user not found"},
		{"getChatMember", object{"chat_id": forum.ID(), "user_id": 123456789}, ""},
		{"sendChatAction", object{"action": "typing"}, ""},
		{"sendChatAction", object{"action": "sleeping"}, "Bad Request: wrong parameter action in request"},
		{"createForumTopic", object{"name": "x"}, "Bad Request: the chat is not a forum"},
		{"createForumTopic", object{"chat_id": forum.ID()}, "Bad Request: title must be non-empty"},
		{"closeForumTopic", object{"chat_id": forum.ID(), "message_thread_id": 99}, "Bad Request: TOPIC_ID_INVALID"},
		{"closeForumTopic", object{"chat_id": forum.ID(), "message_thread_id": topic}, ""},
		{"closeForumTopic", object{"chat_id": forum.ID(), "message_thread_id": topic}, "Bad Request: TOPIC_NOT_MODIFIED"},
		{"setMyCommands", object{"commands": "x"}, "Bad Request: can't parse commands JSON object"},
		{"setMyCommands", object{"commands": []object{{"command": "Start", "description": "x"}}}, "Bad Request: BOT_COMMAND_INVALID"},
		{"setMyCommands", object{"commands": []object{{"command": "start"}}}, "Bad Request: command description must be non-empty"},
		{"leaveChat", object{"chat_id": forum.ID()}, ""},
		{"sendMessage", object{"chat_id": forum.ID(), "text": "x"}, "Forbidden: bot is not a member of the supergroup chat"},
	} {
		if c.arguments["chat_id"] == nil {
			c.arguments["chat_id"] = ada.ID
		}
		if a := b.call(c.method, c.arguments); a.Description != c.description {
			t.Errorf("%s %.90v:\n got %q\nwant %q", c.method, fmt.Sprint(c.arguments), a.Description, c.description)
		}
	}
}

func TestCommandsAreKept(t *testing.T) {
	b := newBot(t, simulator.Options{})
	want := []map[string]string{{"command": "start", "description": "Begin"}}
	b.ok("setMyCommands", object{"commands": want}, nil)
	var got []map[string]string
	b.ok("getMyCommands", nil, &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	german := object{"scope": object{"type": "all_private_chats"}, "language_code": "de"}
	b.ok("getMyCommands", german, &got)
	if len(got) != 0 {
		t.Errorf("another menu is %v", got)
	}
}

// The same text by another way of marking, and the same keyboard with its fields in another order, are no change.
func TestNotModified(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	b.ok("sendMessage", object{
		"chat_id": ada.ID, "text": "a <b>b</b>", "parse_mode": "HTML", "reply_markup": `{"inline_keyboard": [[{"text":"x", "callback_data":"y"}]]}`,
	}, nil)
	same := `{"inline_keyboard":[[{"callback_data":"y","text":"x"}]]}`
	edit := object{"chat_id": ada.ID, "message_id": 2, "text": "a *b*", "parse_mode": "MarkdownV2", "reply_markup": same}
	if a := b.call("editMessageText", edit); !strings.HasPrefix(a.Description, "Bad Request: message is not modified") {
		t.Errorf("marked otherwise: %q", a.Description)
	}
	b.ok("editMessageText", object{"chat_id": ada.ID, "message_id": 2, "text": "plain"}, nil)
	plain := object{"chat_id": ada.ID, "message_id": 2, "text": "plain", "parse_mode": "HTML", "reply_markup": `{"inline_keyboard":[]}`}
	if a := b.call("editMessageText", plain); !strings.HasPrefix(a.Description, "Bad Request: message is not modified") {
		t.Errorf("nothing marked: %q", a.Description)
	}
	last := b.sim.Messages(ada.ID)[1]
	if got := last.Content(); got.Text != "plain" || len(got.Entities) != 0 || last.ReplyMarkup != nil {
		t.Errorf("%+v", last)
	}
}

func TestAttachedUploads(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	upload := func(method, field, part, name, content string) answer {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		_ = form.WriteField("chat_id", "1001")
		if part != field {
			_ = form.WriteField(field, "attach://"+part)
		}
		w, err := form.CreateFormFile(part, name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(content))
		_ = form.Close()
		return b.request("POST", b.path(method), form.FormDataContentType(), &body)
	}
	for _, c := range []struct{ method, field, part, content, want string }{
		{"sendPhoto", "photo", "photo", "png", ""},
		{"sendPhoto", "photo", "elsewhere", "png", ""},
		{"sendDocument", "document", "document", "", "Bad Request: file must be non-empty"},
		{"sendPhoto", "photo", "photo", strings.Repeat("x", 10<<20+1), "Request Entity Too Large"},
	} {
		if a := upload(c.method, c.field, c.part, "x.png", c.content); a.Description != c.want {
			t.Errorf("%s by %s: %q, want %q", c.method, c.part, a.Description, c.want)
		}
	}
	b.ok("sendDocument", object{"chat_id": ada.ID, "document": "https://example.org/logs/all.txt"}, nil)
	sent := simulator.FromBot(b.sim.Messages(ada.ID))
	if len(sent) != 3 || sent[0].Photo == "" || sent[2].FileName != "all.txt" {
		t.Errorf("%+v", sent)
	}
	var photo struct{ Photo []json.RawMessage }
	if a := upload("sendPhoto", "photo", "photo", "x.png", "png"); json.Unmarshal(a.Result, &photo) != nil || len(photo.Photo) == 0 {
		t.Errorf("a photo's sizes: %s", a.Result)
	}
}
