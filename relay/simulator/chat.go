package simulator

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// chat is a private chat, group, supergroup or channel, and all that was said in it.
type chat struct {
	id       int64
	kind     string // private, group, supergroup, channel
	title    string
	username string
	person   *User // of a private chat
	forum    bool

	stands   map[*Server]*stand // the bots'
	members  map[int64]string   // people's
	topics   map[int64]*topic
	migrated int64 // the supergroup that a group became
	last     int64 // message_id, the people's messages included
	messages []*Message
}

// Message is a message in a chat, as the people in it see it.
type Message struct {
	ID          int64           `json:"message_id"`
	ChatID      int64           `json:"chat_id"`
	ThreadID    int64           `json:"message_thread_id,omitempty"`
	From        string          `json:"from"`
	FromBot     bool            `json:"from_bot"`
	Text        string          `json:"text"` // or a caption
	Entities    []markup.Entity `json:"entities,omitempty"`
	ReplyMarkup json.RawMessage `json:"reply_markup,omitempty"`
	ReplyTo     int64           `json:"reply_to_message_id,omitempty"`
	Photo       string          `json:"photo,omitempty"`    // file_id
	Document    string          `json:"document,omitempty"` // file_id
	FileName    string          `json:"file_name,omitempty"`
	AlbumID     string          `json:"media_group_id,omitempty"` // what messages of one album have in common
	Preview     json.RawMessage `json:"link_preview_options,omitempty"`
	Silent      bool            `json:"silent,omitempty"`
	Protected   bool            `json:"protected,omitempty"`
	Edited      bool            `json:"edited,omitempty"`
	Deleted     bool            `json:"deleted,omitempty"`
	Date        int64           `json:"date"`              // Unix seconds
	Service     string          `json:"service,omitempty"` // the Bot API's name of what a service message tells

	sender *User   // nil for a bot and for service messages of nobody
	bot    *Server // whose it is, service messages included; nil for people's and nobody's
}

// Content is the message's text with its entities.
func (m *Message) Content() markup.Text { return markup.Text{Text: m.Text, Entities: m.Entities} }

func (c *chat) object() map[string]any {
	o := map[string]any{"id": c.id, "type": c.kind}
	if c.title != "" {
		o["title"] = c.title
	}
	if c.username != "" {
		o["username"] = c.username
	}
	if c.person != nil {
		o["first_name"] = c.person.Name
	}
	if c.forum {
		o["is_forum"] = true
	}
	return o
}

// object is the Bot API's Message.
func (s *Server) object(c *chat, m *Message) map[string]any {
	o := map[string]any{"message_id": m.ID, "chat": c.object(), "date": m.Date}
	switch {
	case m.bot != nil && c.kind != "channel":
		o["from"] = m.bot.me()
	case m.sender != nil:
		o["from"] = m.sender.object()
	case c.kind == "channel":
		o["sender_chat"] = c.object()
	}
	text, entities := "text", "entities"
	if m.Photo != "" || m.Document != "" {
		text, entities = "caption", "caption_entities"
	}
	if m.Text != "" {
		o[text] = m.Text
	}
	if len(m.Entities) > 0 {
		o[entities] = m.Entities
	}
	s.addMedia(o, m)
	if m.AlbumID != "" {
		o["media_group_id"] = m.AlbumID
	}
	if m.ThreadID != 0 {
		o["message_thread_id"], o["is_topic_message"] = m.ThreadID, true
	}
	if m.ReplyMarkup != nil {
		o["reply_markup"] = m.ReplyMarkup
	}
	if m.Edited {
		o["edit_date"] = m.Date
	}
	return o
}

// put adds a message and forgets the oldest beyond what is kept.
func (s *Server) put(c *chat, m *Message) {
	c.last++
	m.ID, m.ChatID, m.Date = c.last, c.id, now()
	c.messages = append(c.messages, m)
	if n := len(c.messages) - s.options.KeepMessages; n > 0 {
		clear(c.messages[:n])
		c.messages = c.messages[n:]
	}
	s.wake()
}

func (c *chat) message(id int64) *Message {
	for i := len(c.messages) - 1; i >= 0; i-- {
		if m := c.messages[i]; m.ID == id && !m.Deleted {
			return m
		}
	}
	return nil
}

// find is the chat of the argument chat_id, if the bot has met it.
func (s *Server) find(a *arguments) (*chat, *answer) {
	text := strings.TrimSpace(a.text("chat_id"))
	if text == "" {
		return nil, failed(400, "Bad Request: chat_id is empty")
	}
	if name, ok := strings.CutPrefix(text, "@"); ok {
		for _, c := range s.chats {
			if strings.EqualFold(c.username, name) && c.kind != "private" {
				return c, nil
			}
		}
		return nil, failed(400, "Bad Request: chat not found")
	}
	id, err := strconv.ParseInt(text, 10, 64)
	c := s.chats[id]
	if err != nil || c == nil || c.at(s).status == "" {
		return nil, failed(400, "Bad Request: chat not found")
	}
	return c, nil
}

// writable is the chat of the argument chat_id, if the bot may write there.
func (s *Server) writable(a *arguments) (*chat, *answer) { return s.sendable(a, "text messages") }

// sendable is the chat of the argument chat_id, if the bot may send something there.
func (s *Server) sendable(a *arguments, what string) (*chat, *answer) {
	c, refusal := s.find(a)
	if refusal != nil {
		return nil, refusal
	}
	if c.migrated != 0 {
		upgraded := failed(400, "Bad Request: group chat was upgraded to a supergroup chat")
		upgraded.migrateTo = c.migrated
		return nil, upgraded
	}
	status := c.at(s).status
	kind := map[string]string{"group": "group chat", "supergroup": "supergroup chat", "channel": "channel chat"}[c.kind]
	switch {
	case c.kind == "private" && c.person.deleted:
		return nil, failed(403, "Forbidden: user is deactivated")
	case c.kind == "private" && status == "kicked":
		return nil, failed(403, "Forbidden: bot was blocked by the user")
	case status == "kicked":
		return nil, failed(403, "Forbidden: bot was kicked from the %s", kind)
	case status == "left":
		return nil, failed(403, "Forbidden: bot is not a member of the %s", kind)
	case c.kind == "channel" && status != "administrator":
		return nil, failed(400, "Bad Request: need administrator rights in the channel chat")
	case status == "restricted":
		return nil, failed(400, "Bad Request: not enough rights to send %s to the chat", what)
	}
	return c, nil
}

// thread checks message_thread_id: only a forum has topics, and the general one is not named.
func (s *Server) thread(c *chat, a *arguments) (int64, *answer) {
	id := a.id("message_thread_id")
	if id == 0 || !c.forum {
		return 0, nil
	}
	t := c.topics[id]
	switch {
	case t == nil:
		return 0, failed(400, "Bad Request: message thread not found")
	case t.closed && !c.at(s).managesTopics():
		return 0, failed(400, "Bad Request: TOPIC_CLOSED")
	}
	return id, nil
}

func (s *Server) getChat(a *arguments) *answer {
	c, refusal := s.find(a)
	if refusal != nil {
		return refusal
	}
	return done(c.object())
}

func (s *Server) getChatMember(a *arguments) *answer {
	c, refusal := s.find(a)
	if refusal != nil {
		return refusal
	}
	id := a.id("user_id")
	for _, b := range s.bots {
		if id == b.botID {
			return done(b.standing(c, c.at(b).status))
		}
	}
	u := s.users[id]
	if u == nil {
		return failed(400, "Bad Request: user not found")
	}
	status := c.members[id]
	if status == "" {
		status = "left"
	}
	return done(map[string]any{"status": status, "user": u.object()})
}

func (s *Server) leaveChat(a *arguments) *answer {
	c, refusal := s.find(a)
	if refusal != nil {
		return refusal
	}
	c.at(s).status = "left"
	return done(true)
}

func (s *Server) sendChatAction(a *arguments) *answer {
	if _, refusal := s.writable(a); refusal != nil {
		return refusal
	}
	switch a.text("action") {
	case "typing", "upload_photo", "upload_document", "upload_video", "record_video", "find_location":
		return done(true)
	}
	return failed(400, "Bad Request: wrong parameter action in request")
}
