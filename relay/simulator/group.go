package simulator

import "strings"

// Group is a group, supergroup, forum or channel.
type Group struct {
	s *Server
	c *chat
}

// ID is the chat_id. A group that was upgraded keeps its old one; Upgrade returns the new one.
func (g *Group) ID() int64 { return g.c.id }

// Group makes a basic group of some people; the first is its creator. Supergroup, Forum and Channel make the other kinds.
func (s *Server) Group(title string, members ...*User) *Group {
	return s.make("group", title, members)
}

// Supergroup makes a supergroup.
func (s *Server) Supergroup(title string, members ...*User) *Group {
	return s.make("supergroup", title, members)
}

// Channel makes a channel.
func (s *Server) Channel(title string, members ...*User) *Group {
	return s.make("channel", title, members)
}

// Forum makes a supergroup with topics.
func (s *Server) Forum(title string, members ...*User) *Group {
	return s.make("forum", title, members)
}

func (s *Server) make(kind, title string, members []*User) *Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &chat{id: -s.nextChat, kind: strings.Replace(kind, "forum", "supergroup", 1), forum: kind == "forum", title: title, members: map[int64]string{}, stands: map[*Server]*stand{}, topics: map[int64]*topic{}}
	if c.forum {
		c.last = 1 // the general topic's: no other has the number
	}
	if kind != "group" {
		c.id = -1_000_000_000_000 - s.nextChat
	}
	if c.forum {
		c.last = 1 // the general topic's number, which names no other
	}
	s.nextChat++
	for i, u := range members {
		c.members[u.ID] = "member"
		if i == 0 {
			c.members[u.ID] = "creator"
		}
	}
	s.found(c)
	return &Group{s, c}
}

// found makes a group known to all bots.
func (s *Server) found(c *chat) {
	for _, b := range s.bots {
		b.chats[c.id] = c
	}
}

// Find returns the group of a chat_id, nil if there is none.
func (s *Server) Find(chatID int64) *Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.chats[chatID]; c != nil && c.kind != "private" {
		return &Group{s, c}
	}
	return nil
}

// AddBot makes the bot a member, or in a channel an administrator. It hears of it.
func (g *Group) AddBot(by *User) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	status := "member"
	if g.c.kind == "channel" {
		status = "administrator"
	}
	if own := g.c.at(g.s).status; own == status || own == "administrator" { // who adds it once more takes nothing from it
		return
	}
	if g.c.members[by.ID] == "" {
		g.c.members[by.ID] = "member"
	}
	g.s.tellStanding(by, g.c, status)
	if g.c.kind != "channel" {
		g.s.service(by, g.c, "new_chat_members", []any{g.s.me()})
	}
}

// hasBot tells whether the bot is in the group.
func (g *Group) hasBot() bool {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	return g.c.at(g.s).here()
}

// SetBot changes the bot's standing: administrator, member, restricted, left or kicked.
func (g *Group) SetBot(by *User, status string) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.s.tellStanding(by, g.c, status)
}

// Kick removes the bot for good.
func (g *Group) Kick(by *User) { g.SetBot(by, "kicked") }

// Upgrade makes a basic group a supergroup with another ID. The bot is told in both. What is one already stays as it is.
func (g *Group) Upgrade() *Group {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Group{s, s.upgrade(g.c)}
}

// upgrade is Upgrade with mu held.
func (s *Server) upgrade(old *chat) *chat {
	switch {
	case old.migrated != 0:
		return s.chats[old.migrated]
	case old.kind != "group":
		return old
	}
	c := *old
	c.stands = copied(old.stands)
	c.id, c.kind, c.last, c.messages = -1_000_000_000_000+old.id, "supergroup", 0, nil
	old.migrated = c.id
	s.found(&c)
	s.service(nil, old, "migrate_to_chat_id", c.id)
	s.service(nil, &c, "migrate_from_chat_id", old.id)
	return &c
}

// service puts a service message into a chat, of a person or of nobody.
func (s *Server) service(by *User, c *chat, field string, value any) {
	m := &Message{From: c.title, Service: field, sender: by}
	s.put(c, m)
	s.tell(c, m, value)
}

// tell lets bots hear of a service message, as they do of all where they are, their own included.
func (s *Server) tell(c *chat, m *Message, value any) {
	for _, b := range s.bots {
		if c.at(b).here() {
			object := b.object(c, m)
			object[m.Service] = value
			b.happened("message", c.id, object)
		}
	}
}
