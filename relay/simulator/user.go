package simulator

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/tgrelay/tgrelay/relay/markup"
)

func lower(s string) string { return strings.ToLower(s) }

// User is a person. The methods are what a person does; they return an error where a client would not let one.
type User struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username,omitempty"`
	Language string `json:"language_code,omitempty"`

	deleted bool
	server  *Server
}

func (u *User) object() map[string]any {
	o := map[string]any{"id": u.ID, "is_bot": false, "first_name": u.Name}
	if u.Username != "" {
		o["username"] = u.Username
	}
	if u.Language != "" {
		o["language_code"] = u.Language
	}
	return o
}

// User returns the person of a name, made at the first call. The private chat with the bot has the person's ID. What the person does is
// with this bot, and in groups with all.
func (s *Server) User(name string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.Name == name {
			return u
		}
	}
	id := s.nextUser
	s.nextUser++
	for _, b := range s.bots {
		b.meet(&User{ID: id, Name: name, Username: lower(name), Language: "en"})
	}
	return s.users[id]
}

// startParameter is what a deep link may carry (Telegram: links to bots).
var startParameter = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

// parameter is the bot that a deep link of a kind, start or startgroup, leads to, and its payload.
func (s *Server) parameter(link, kind string) (*Server, string, error) {
	parsed, err := url.Parse(link)
	if err != nil {
		return nil, "", fmt.Errorf("open %q: %w", link, err)
	}
	username := strings.Trim(parsed.Path, "/")
	bot := s.Bot(username)
	if bot == nil {
		return nil, "", fmt.Errorf("open %q: it leads to %q, not to %s", link, username, s.usernames())
	}
	payload := parsed.Query().Get(kind)
	if !parsed.Query().Has(kind) || !startParameter.MatchString(payload) {
		return nil, "", fmt.Errorf("open %q: it has no parameter %s of at most 64 letters, digits, _ and -", link, kind)
	}
	return bot, payload, nil
}

// with is the person as another bot meets them.
func (u *User) with(bot *Server) *User {
	if bot == u.server {
		return u
	}
	bot.mu.Lock()
	defer bot.mu.Unlock()
	if other := bot.users[u.ID]; other != nil {
		return other
	}
	return u
}

// Open opens a deep link (?start=) of any bot and presses Start.
func (u *User) Open(link string) error {
	bot, payload, err := u.server.parameter(link, "start")
	if err != nil {
		return err
	}
	text := "/start"
	if payload != "" {
		text += " " + payload
	}
	return u.with(bot).Write(u.ID, text)
}

// OpenInGroup opens a deep link (?startgroup=) of any bot and chooses a group: the bot joins it and is told the payload.
func (u *User) OpenInGroup(link string, g *Group) error {
	bot, payload, err := u.server.parameter(link, "startgroup")
	if err != nil {
		return err
	}
	(&Group{bot, g.c}).AddBot(u)
	text := "/start@" + bot.options.Username
	if payload != "" {
		text += " " + payload
	}
	return u.Write(g.ID(), text)
}

// Write says something in a chat: the private one with the bot (the person's own ID), or a group.
func (u *User) Write(chatID int64, text string) error { return u.WriteIn(chatID, 0, text) }

// WriteIn says something in a forum's topic.
func (u *User) WriteIn(chatID, threadID int64, text string) error {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[chatID]
	switch {
	case u.deleted || s.users[u.ID] != u:
		return fmt.Errorf("write: %s is not there any more", u.Name)
	case c == nil:
		return fmt.Errorf("write: there is no chat %d", chatID)
	case c.migrated != 0:
		return fmt.Errorf("write: the group became %d", c.migrated)
	case c.kind == "private" && c.at(s).status == "kicked":
		return fmt.Errorf("write: %s has blocked the bot; unblock it first", u.Name)
	case threadID != 0 && c.topics[threadID] == nil:
		return fmt.Errorf("write: there is no topic %d", threadID)
	case threadID != 0 && c.topics[threadID].closed && c.members[u.ID] != "creator":
		return fmt.Errorf("write: topic %d is closed", threadID)
	}
	if c.kind == "private" {
		c.at(s).status = "member"
	}
	content := detect(markup.Text{Text: text}.Normalize())
	m := &Message{From: u.Name, sender: u, ThreadID: threadID, Text: content.Text, Entities: content.Entities}
	kind := "message"
	if c.kind == "channel" {
		kind, m.sender = "channel_post", nil
	}
	s.put(c, m)
	for _, b := range s.bots {
		if b.hears(c, m) {
			b.happened(kind, c.id, b.object(c, m))
		}
	}
	return nil
}

// hears tells whether the bot gets a message: with privacy mode on, in groups only commands, unless it is an administrator.
func (s *Server) hears(c *chat, m *Message) bool {
	its := c.at(s)
	switch {
	case !its.here():
		return false
	case c.kind == "private" || c.kind == "channel" || its.status == "administrator":
		return true
	}
	command, _, _ := strings.Cut(m.Text, " ")
	name, bot, named := strings.Cut(command, "@")
	return len(name) > 1 && name[0] == '/' && (!named || strings.EqualFold(bot, s.options.Username))
}

// Block blocks the bot; Unblock lets it write again, but presses no Start.
func (u *User) Block() { u.allow("kicked") }

// Unblock undoes Block.
func (u *User) Unblock() { u.allow("member") }

func (u *User) allow(status string) {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[u.ID] == u { // else a Reset came between
		s.tellStanding(u, s.chats[u.ID], status)
	}
}

// Delete deletes the person's account.
func (u *User) Delete() {
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	u.deleted = true
	if u.server.users[u.ID] != u { // a Reset came between
		return
	}
	for _, b := range u.server.bots {
		b.users[u.ID].deleted = true
	}
}

// tellStanding changes what the bot is in a chat, and tells it. The caller holds mu.
func (s *Server) tellStanding(by *User, c *chat, status string) {
	old := c.at(s).status
	if old == "" {
		old = "left"
	}
	before := s.standing(c, old)
	c.at(s).status = status
	s.happened("my_chat_member", c.id, map[string]any{
		"chat": c.object(), "from": by.object(), "date": now(),
		"old_chat_member": before, "new_chat_member": s.standing(c, status),
	})
}

// standing is the Bot API's ChatMember of the bot.
func (s *Server) standing(c *chat, status string) map[string]any {
	member := map[string]any{"status": status, "user": s.me()}
	if status == "restricted" { // who is restricted may be in the chat or not: here the bot is
		member["is_member"] = true
	}
	if status == "administrator" && c.kind != "channel" {
		member["can_manage_topics"] = !c.at(s).topicless
	}
	return member
}
