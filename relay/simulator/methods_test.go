package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"slices"
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
	photo := object{"type": "photo", "media": "https://example.org/x.png"}
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
		{"sendPhoto", object{"photo": "http://grafana/x.png"}, "Bad Request: failed to get HTTP URL content"},
		{"sendPhoto", object{"photo": "http://192.168.1.1/x.png"}, "Bad Request: failed to get HTTP URL content"},
		{"sendMediaGroup", object{}, `Bad Request: parameter "media" is required`},
		{"sendMediaGroup", object{"media": "no JSON"}, "Bad Request: can't parse media JSON object"},
		{"sendMediaGroup", object{"media": []object{}}, "Bad Request: there are no messages to send"},
		{"sendMediaGroup", object{"media": slices.Repeat([]object{photo}, 11)}, "Bad Request: too many messages to send as an album"},
		{"sendMediaGroup", object{"media": []object{photo, {"type": "document", "media": photo["media"]}}}, "Bad Request: document can't be mixed with other media types"},
		{"sendMediaGroup", object{"media": []object{photo, {"type": "photo", "media": "http://grafana/x.png"}}}, `Bad Request: failed to send message #2 with the error message "WEBPAGE_CURL_FAILED"`},
		{"sendMediaGroup", object{"media": []object{photo, {"type": "photo", "media": "attach://nothing"}}}, "Bad Request: can't parse InputMedia: media not found"},
		{"sendMediaGroup", object{"media": []object{photo, {"type": "photo", "media": "AgAD"}}}, "Bad Request: wrong file identifier/HTTP URL specified"},
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

// png is as much of a picture as the simulator looks at.
const png = "\x89PNG\r\n\x1a\n"

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
		{"sendPhoto", "photo", "photo", png, ""},
		{"sendPhoto", "photo", "elsewhere", png, ""},
		{"sendPhoto", "photo", "photo", "<html>", "Bad Request: IMAGE_PROCESS_FAILED"},
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
	if a := upload("sendPhoto", "photo", "photo", "x.png", png); json.Unmarshal(a.Result, &photo) != nil || len(photo.Photo) == 0 {
		t.Errorf("a photo's sizes: %s", a.Result)
	}
}

// An album is messages of their own that go together, and count each.
func TestAlbums(t *testing.T) {
	b := newBot(t, simulator.Options{Limits: simulator.Limits{Chat: 3}})
	ada := b.ada()
	media := []object{
		{"type": "photo", "media": "https://example.org/1.png", "caption": "*two*", "parse_mode": "MarkdownV2"},
		{"type": "photo", "media": "https://example.org/2.png"},
	}
	var sent []struct {
		Caption string
		AlbumID string `json:"media_group_id"`
	}
	b.ok("sendMediaGroup", object{"chat_id": ada.ID, "media": media, "reply_to_message_id": 1, "disable_notification": true}, &sent)
	if len(sent) != 2 || sent[0].Caption != "two" || sent[0].AlbumID == "" || sent[0].AlbumID != sent[1].AlbumID {
		t.Errorf("%+v", sent)
	}
	got := simulator.FromBot(b.sim.Messages(ada.ID))
	if len(got) != 2 || got[1].AlbumID != sent[0].AlbumID || got[1].FileName != "2.png" || !got[1].Silent || got[1].ReplyTo != 1 || len(got[0].Entities) != 1 {
		t.Errorf("%+v", got)
	}
	b.ok("sendMessage", object{"chat_id": ada.ID, "text": "the third in this second"}, nil)
	if a := b.call("sendMessage", object{"chat_id": ada.ID, "text": "the fourth"}); a.Parameters.RetryAfter == 0 {
		t.Errorf("%+v", a)
	}
}

func TestCaptionsAndFilesAreChanged(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	b.ok("sendPhoto", object{"chat_id": ada.ID, "photo": "https://example.org/1.png", "caption": "one"}, nil)
	b.ok("sendMessage", object{"chat_id": ada.ID, "text": "a text"}, nil)
	edit := func(method string, id int, more object) string {
		more["chat_id"], more["message_id"] = ada.ID, id
		return b.call(method, more).Description
	}
	const same = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"
	for _, c := range []struct {
		method string
		id     int
		more   object
		want   string
	}{
		{"editMessageText", 2, object{"text": "x"}, "Bad Request: there is no text in the message to edit"},
		{"editMessageCaption", 3, object{"caption": "x"}, "Bad Request: there is no caption in the message to edit"},
		{"editMessageCaption", 2, object{"caption": strings.Repeat("x", 1025)}, "Bad Request: message caption is too long"},
		{"editMessageCaption", 2, object{"caption": "*two*", "parse_mode": "MarkdownV2"}, ""},
		{"editMessageCaption", 2, object{"caption": "*two*", "parse_mode": "MarkdownV2"}, same},
		{"editMessageReplyMarkup", 2, object{"reply_markup": `{"inline_keyboard":[[{"text":"a","callback_data":"b"}]]}`}, ""},
		{"editMessageMedia", 2, object{"media": object{"type": "photo", "media": "http://10.1.1.1/x.png"}}, "Bad Request: failed to get HTTP URL content"},
		{"editMessageMedia", 2, object{"media": object{"type": "document", "media": "https://example.org/2.pdf", "caption": "two"}}, ""},
		{"editMessageMedia", 3, object{"media": object{"type": "photo", "media": "https://example.org/3.png", "caption": "three"}}, ""},
		{"editMessageMedia", 3, object{}, "Bad Request: can't parse input media JSON object"},
	} {
		if got := edit(c.method, c.id, c.more); got != c.want {
			t.Errorf("%s of %d: got %q, want %q", c.method, c.id, got, c.want)
		}
	}
	got := simulator.FromBot(b.sim.Messages(ada.ID))
	if len(got) != 2 || got[0].FileName != "2.pdf" || got[0].Photo != "" || got[0].Text != "two" || got[0].ReplyMarkup != nil || got[1].Photo == "" || got[1].Text != "three" {
		t.Errorf("%+v", got)
	}
}
