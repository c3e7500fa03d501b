package simulator

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tgrelay/tgrelay/relay/markup"
)

const (
	maxText    = 4096  // code points, after parsing
	maxCaption = 1024  // the same
	maxMarkup  = 32768 // bytes, before parsing
	maxData    = 64    // bytes of callback_data
)

func now() int64 { return time.Now().Unix() }

func (s *Server) sendMessage(a *arguments) *answer {
	c, refusal := s.writable(a)
	if refusal != nil {
		return refusal
	}
	text, refusal := readText(a, "text", "entities", maxText)
	if refusal != nil {
		return refusal
	}
	return s.send(c, a, &Message{Text: text.Text, Entities: text.Entities, Preview: raw(a, "link_preview_options")})
}

func raw(a *arguments, name string) json.RawMessage {
	if text := a.text(name); json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return nil
}

// send finishes what all sending methods have in common.
func (s *Server) send(c *chat, a *arguments, m *Message) *answer {
	if refusal := s.sendAll(c, a, m); refusal != nil {
		return refusal
	}
	return done(s.object(c, m))
}

// sendAll puts messages into a chat that are sent together, or none of them.
func (s *Server) sendAll(c *chat, a *arguments, messages ...*Message) *answer {
	thread, refusal := s.thread(c, a)
	if refusal != nil {
		return refusal
	}
	keyboard, refusal := readKeyboard(a)
	if refusal != nil {
		return refusal
	}
	reply, refusal := c.replyTo(a)
	if refusal != nil {
		return refusal
	}
	if seconds := s.rates.take(s.options.Limits, c, time.Now(), len(messages)); seconds > 0 {
		return tooMany(seconds)
	}
	for _, m := range messages {
		m.FromBot, m.bot, m.From, m.ThreadID, m.ReplyMarkup, m.ReplyTo = true, s, s.options.Username, thread, keyboard, reply
		m.Silent, m.Protected = a.boolean("disable_notification"), a.boolean("protect_content")
		s.put(c, m)
	}
	return nil
}

// readText reads text and parse_mode or entities, and cleans it, with the server's errors.
func readText(a *arguments, name, entities string, limit int) (markup.Text, *answer) {
	text := markup.Text{Text: a.text(name)}
	what, empty := "message", "message text is empty"
	if name == "caption" {
		what, empty = "message caption", ""
	}
	if text.Text == "" {
		if empty == "" {
			return text, nil
		}
		return text, failed(400, "Bad Request: %s", empty)
	}
	if len(text.Text) > maxMarkup {
		return text, failed(400, "Bad Request: text is too long")
	}
	if !utf8.ValidString(text.Text) {
		return text, failed(400, "Bad Request: strings must be encoded in UTF-8")
	}
	mode, known := markup.ParseMode(a.text("parse_mode"))
	if !known {
		return text, failed(400, "Bad Request: unsupported parse_mode")
	}
	var err error
	if mode != markup.Plain {
		text, err = markup.Parse(mode, text.Text)
	} else {
		text.Entities, err = readEntities(a.text(entities))
		if err == nil {
			err = markup.Check(text)
		}
	}
	if err != nil {
		return text, failed(400, "%s", describe(err))
	}
	text = text.Normalize()
	switch {
	case text.Text == "" && name == "text":
		return text, failed(400, "Bad Request: text must be non-empty")
	case utf8.RuneCountInString(text.Text) > limit:
		return text, failed(400, "Bad Request: %s is too long", what)
	}
	return detect(text), nil
}

func readEntities(text string) ([]markup.Entity, error) {
	var entities []markup.Entity
	if json.Unmarshal([]byte(text), &entities) != nil {
		return nil, nil // ignored without an error, as the server does
	}
	for _, e := range entities {
		if e.Type == "" {
			//lint:ignore ST1005 Telegram's own words
			return nil, errors.New("Bad Request: can't parse MessageEntity: Can't find field \"type\"")
		}
	}
	return entities, nil
}

// describe is the description of the answer; markup's errors bring theirs.
func describe(err error) string {
	if d, ok := err.(interface{ Description() string }); ok {
		return d.Description()
	}
	return err.Error()
}

var (
	commandName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	detected    = regexp.MustCompile(`(?:^|[\s(])(/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?|https?://[^\s<>"]+\.[^\s<>"]+|@[A-Za-z0-9_]{4,32}|#[\pL\pN_]+)`)
)

// detect finds what Telegram marks by itself: commands, addresses, mentions and hashtags, where nothing is marked yet.
func detect(text markup.Text) markup.Text {
	if !strings.ContainsAny(text.Text, "/@#") {
		return text
	}
	for _, at := range detected.FindAllStringSubmatchIndex(text.Text, -1) {
		word := text.Text[at[2]:at[3]]
		e := markup.Entity{Type: detectedType(word), Offset: units(text.Text[:at[2]]), Length: units(word)}
		if !overlaps(text.Entities, e) {
			text.Entities = append(text.Entities, e)
		}
	}
	return text
}

func detectedType(word string) markup.Type {
	switch word[0] {
	case '/':
		return "bot_command"
	case '@':
		return "mention"
	case '#':
		return "hashtag"
	}
	return "url"
}

func overlaps(entities []markup.Entity, e markup.Entity) bool {
	for _, other := range entities {
		if e.Offset < other.Offset+other.Length && other.Offset < e.Offset+e.Length {
			return true
		}
	}
	return false
}

func units(s string) int { return markup.Text{Text: s}.Len() }

// replyTo reads reply_parameters, or the older reply_to_message_id.
func (c *chat) replyTo(a *arguments) (int64, *answer) {
	parameters := struct {
		MessageID int64 `json:"message_id"`
		Allow     bool  `json:"allow_sending_without_reply"`
	}{a.id("reply_to_message_id"), a.boolean("allow_sending_without_reply")}
	if text := a.text("reply_parameters"); text != "" && json.Unmarshal([]byte(text), &parameters) != nil {
		return 0, failed(400, "Bad Request: object expected as reply parameters")
	}
	if parameters.MessageID == 0 || c.message(parameters.MessageID) != nil {
		return parameters.MessageID, nil
	}
	if parameters.Allow {
		return 0, nil
	}
	return 0, failed(400, "Bad Request: message to be replied not found")
}
