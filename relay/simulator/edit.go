package simulator

import (
	"encoding/json"
	"reflect"
)

// edit is what all editing methods have in common: the chat and the message, which has to be the bot's own.
func (s *Server) edited(a *arguments) (*chat, *Message, *answer) {
	c, refusal := s.writable(a)
	if refusal != nil {
		return nil, nil, refusal
	}
	m := c.message(a.id("message_id"))
	switch {
	case a.text("message_id") == "":
		return nil, nil, failed(400, "Bad Request: message identifier is not specified")
	case m == nil:
		return nil, nil, failed(400, "Bad Request: message to edit not found")
	case m.bot != s || !m.FromBot:
		return nil, nil, failed(400, "Bad Request: message can't be edited")
	}
	return c, m, nil
}

func (s *Server) editMessageText(a *arguments) *answer {
	c, m, refusal := s.edited(a)
	if refusal != nil {
		return refusal
	}
	if m.Photo != "" || m.Document != "" {
		return failed(400, "Bad Request: there is no text in the message to edit")
	}
	text, refusal := readText(a, "text", "entities", maxText)
	if refusal != nil {
		return refusal
	}
	return s.change(c, a, m, Message{Text: text.Text, Entities: text.Entities})
}

func (s *Server) editMessageCaption(a *arguments) *answer {
	c, m, refusal := s.edited(a)
	if refusal != nil {
		return refusal
	}
	if m.Photo == "" && m.Document == "" {
		return failed(400, "Bad Request: there is no caption in the message to edit")
	}
	caption, refusal := readText(a, "caption", "caption_entities", maxCaption)
	if refusal != nil {
		return refusal
	}
	to := m.file()
	to.Text, to.Entities = caption.Text, caption.Entities
	return s.change(c, a, m, to)
}

// editMessageMedia puts another file and caption in the place of a file, or of a text.
func (s *Server) editMessageMedia(a *arguments) *answer {
	c, m, refusal := s.edited(a)
	if refusal != nil {
		return refusal
	}
	var media inputMedia
	if text := a.text("media"); text == "" || json.Unmarshal([]byte(text), &media) != nil {
		return failed(400, "Bad Request: can't parse input media JSON object")
	}
	to, refusal := s.input(a, &media)
	if refusal != nil {
		return refusal
	}
	if m.AlbumID != "" && (to.Photo == "") != (m.Photo == "") {
		return failed(400, "Bad Request: message can't be edited")
	}
	return s.change(c, a, m, *to)
}

func (s *Server) editMessageReplyMarkup(a *arguments) *answer {
	c, m, refusal := s.edited(a)
	if refusal != nil {
		return refusal
	}
	to := m.file()
	to.Text, to.Entities = m.Text, m.Entities
	return s.change(c, a, m, to)
}

// file is a message with the same file and nothing else.
func (m *Message) file() Message {
	return Message{Photo: m.Photo, Document: m.Document, FileName: m.FileName}
}

// change writes new content and keyboard. Without reply_markup the keyboard goes; without any difference nothing does.
func (s *Server) change(c *chat, a *arguments, m *Message, to Message) *answer {
	keyboard, refusal := readKeyboard(a)
	if refusal != nil {
		return refusal
	}
	if m.Text == to.Text && reflect.DeepEqual(m.Entities, to.Entities) && m.Photo == to.Photo && m.Document == to.Document && sameJSON(m.ReplyMarkup, keyboard) {
		return failed(400, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")
	}
	if seconds := s.rates.take(s.options.Limits, c, clock(), 1); seconds > 0 {
		return tooMany(seconds)
	}
	m.Text, m.Entities, m.ReplyMarkup, m.Edited = to.Text, to.Entities, keyboard, true
	m.Photo, m.Document, m.FileName = to.Photo, to.Document, to.FileName
	s.wake()
	return done(s.object(c, m))
}

// sameJSON compares as values: neither the order of fields nor blanks make a keyboard another.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	_, _ = json.Unmarshal(a, &x), json.Unmarshal(b, &y) // nothing is nil
	return reflect.DeepEqual(x, y)
}

// deleteAge is how old a message may be to be deleted, in seconds: 48 h.
const deleteAge = 48 * 3600

func (s *Server) deleteMessage(a *arguments) *answer {
	c, refusal := s.writable(a)
	if refusal != nil {
		return refusal
	}
	m := c.message(a.id("message_id"))
	switch {
	case m == nil:
		return failed(400, "Bad Request: message to delete not found")
	case now()-m.Date > deleteAge, m.bot != s && c.kind != "private" && c.at(s).status != "administrator":
		return failed(400, "Bad Request: message can't be deleted")
	}
	m.Deleted = true
	s.wake()
	return done(true)
}
