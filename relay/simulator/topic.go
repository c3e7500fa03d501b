package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// topic is one of a forum's, the general one excepted.
type topic struct {
	name      string
	iconColor int64
	closed    bool
	by        *Server // the bot that made it, and may change it without the right to manage topics; nil: a person did
}

// Topic is a topic of a forum, as the people in it see it.
type Topic struct {
	ThreadID  int64  `json:"message_thread_id"`
	Name      string `json:"name"`
	IconColor int64  `json:"icon_color"`
	Closed    bool   `json:"closed,omitempty"`
}

const maxTopicName = 128 // code points; what is longer is cut

// iconColors are those that a topic may have; the first is what it has without one.
var iconColors = []int64{0x6FB9F0, 0xFFD67E, 0xCB86DB, 0x8EEE98, 0xFF93B2, 0xFB6F5F}

// topicName cleans a name as TDLib does: one line, cut.
func topicName(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	return strings.TrimSpace(string(runes[:min(len(runes), maxTopicName)]))
}

// SetForum turns topics on or off. A basic group becomes a supergroup by it.
func (g *Group) SetForum(on bool) *Group {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	c := g.c
	if on {
		c = g.s.upgrade(c)
	}
	c.forum = on
	return &Group{g.s, c}
}

// AllowTopics says whether the bot, as an administrator, has the right to manage topics. It has unless it is told otherwise.
func (g *Group) AllowTopics(may bool) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.c.at(g.s).topicless = !may
}

// Topics are the topics that there are, in the order in which they were made.
func (g *Group) Topics() []Topic {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	out := []Topic{}
	for _, id := range slices.Sorted(maps.Keys(g.c.topics)) {
		t := g.c.topics[id]
		out = append(out, Topic{id, t.name, t.iconColor, t.closed})
	}
	return out
}

// Topic makes a topic of a forum, as a person does, and returns its message_thread_id.
func (g *Group) Topic(name string) int64 {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	return g.s.addTopic(g.s.creator(g.c), g.c, &topic{name: topicName(name), iconColor: iconColors[0]})
}

// creator is the person who made a group, nil where nobody did.
func (s *Server) creator(c *chat) *User {
	for id, status := range c.members {
		if status == "creator" {
			return s.users[id]
		}
	}
	return nil
}

// addTopic makes a topic: its number is that of the service message that tells of it.
func (s *Server) addTopic(by *User, c *chat, t *topic) int64 {
	m := s.topicMessage(by, c, c.last+1, "forum_topic_created")
	c.topics[m.ID] = t
	s.tell(c, m, map[string]any{"name": t.name, "icon_color": t.iconColor})
	return m.ID
}

// topicMessage puts a service message about a topic into it. Nobody (nil) is the bot.
func (s *Server) topicMessage(by *User, c *chat, thread int64, field string) *Message {
	m := &Message{From: s.options.Username, ThreadID: thread, Service: field, bot: s}
	if by != nil {
		m.From, m.sender, m.bot = by.Name, by, nil
	}
	s.put(c, m)
	return m
}

// changeTopic makes a change of a topic known.
func (s *Server) changeTopic(by *User, c *chat, thread int64, field string, value map[string]any) {
	s.tell(c, s.topicMessage(by, c, thread, field), value)
}

// CloseTopic closes a topic, as a person does: who may not manage topics cannot write there.
func (g *Group) CloseTopic(threadID int64) error { return g.setClosed("close", threadID, true) }

// ReopenTopic opens a topic that was closed.
func (g *Group) ReopenTopic(threadID int64) error { return g.setClosed("reopen", threadID, false) }

func (g *Group) setClosed(what string, threadID int64, closed bool) error {
	return g.withTopic(what, threadID, func(t *topic) error {
		if t.closed == closed {
			return fmt.Errorf("%s topic: topic %d is so already", what, threadID)
		}
		g.s.setClosed(g.s.creator(g.c), g.c, threadID, closed)
		return nil
	})
}

func (s *Server) setClosed(by *User, c *chat, thread int64, closed bool) {
	c.topics[thread].closed = closed
	field := "forum_topic_reopened"
	if closed {
		field = "forum_topic_closed"
	}
	s.changeTopic(by, c, thread, field, map[string]any{})
}

// RenameTopic gives a topic another name.
func (g *Group) RenameTopic(threadID int64, name string) error {
	return g.withTopic("rename", threadID, func(t *topic) error {
		if topicName(name) == "" {
			return fmt.Errorf("rename topic: a name is wanted")
		}
		t.name = topicName(name)
		g.s.changeTopic(g.s.creator(g.c), g.c, threadID, "forum_topic_edited", map[string]any{"name": t.name})
		return nil
	})
}

// DeleteTopic deletes a topic with all that was said in it. Nobody is told of that.
func (g *Group) DeleteTopic(threadID int64) error {
	return g.withTopic("delete", threadID, func(*topic) error {
		g.s.deleteTopic(g.c, threadID)
		return nil
	})
}

func (s *Server) deleteTopic(c *chat, thread int64) {
	delete(c.topics, thread)
	for _, m := range c.messages {
		if m.ThreadID == thread {
			m.Deleted = true
		}
	}
	s.wake()
}

func (g *Group) withTopic(what string, threadID int64, do func(*topic) error) error {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	t := g.c.topics[threadID]
	if t == nil {
		return fmt.Errorf("%s topic: there is no topic %d", what, threadID)
	}
	return do(t)
}

func (s *Server) createForumTopic(a *arguments) *answer {
	c, refusal := s.forum(a)
	name, color := topicName(a.text("name")), a.integer("icon_color", iconColors[0], 0, 0xFFFFFF)
	switch {
	case refusal != nil:
		return refusal
	case !c.at(s).managesTopics():
		return failed(400, "Bad Request: not enough rights to create a topic")
	case name == "":
		return failed(400, "Bad Request: title must be non-empty")
	case !slices.Contains(iconColors, color):
		return failed(400, "Bad Request: invalid icon color specified")
	}
	if seconds := s.rates.take(s.options.Limits, c, clock(), 1); seconds > 0 {
		return tooMany(seconds)
	}
	id := s.addTopic(nil, c, &topic{name: name, iconColor: color, by: s})
	return done(map[string]any{"message_thread_id": id, "name": name, "icon_color": color})
}

// forum is the chat of the argument chat_id, if it has topics and the bot may write there.
func (s *Server) forum(a *arguments) (*chat, *answer) {
	c, refusal := s.writable(a)
	if refusal == nil && !c.forum {
		refusal = failed(400, "Bad Request: the chat is not a forum")
	}
	return c, refusal
}

// manageable is the topic of the arguments, if the bot may change it.
func (s *Server) manageable(a *arguments) (*chat, int64, *answer) {
	c, refusal := s.forum(a)
	if refusal != nil {
		return nil, 0, refusal
	}
	id := a.id("message_thread_id")
	t := c.topics[id]
	switch {
	case t == nil:
		return nil, 0, failed(400, "Bad Request: TOPIC_ID_INVALID")
	case !c.at(s).managesTopics() && t.by != s:
		return nil, 0, failed(400, "Bad Request: not enough rights to edit the topic")
	}
	return c, id, nil
}

func (s *Server) editForumTopic(a *arguments) *answer {
	c, id, refusal := s.manageable(a)
	if refusal != nil {
		return refusal
	}
	t, name := c.topics[id], topicName(a.text("name"))
	if name == "" || name == t.name {
		return failed(400, "Bad Request: TOPIC_NOT_MODIFIED")
	}
	t.name = name
	s.changeTopic(nil, c, id, "forum_topic_edited", map[string]any{"name": name})
	return done(true)
}

func (s *Server) closeForumTopic(a *arguments) *answer { return s.becomeClosed(a, true) }

func (s *Server) reopenForumTopic(a *arguments) *answer { return s.becomeClosed(a, false) }

func (s *Server) becomeClosed(a *arguments, closed bool) *answer {
	c, id, refusal := s.manageable(a)
	switch {
	case refusal != nil:
		return refusal
	case c.topics[id].closed == closed:
		return failed(400, "Bad Request: TOPIC_NOT_MODIFIED")
	}
	s.setClosed(nil, c, id, closed)
	return done(true)
}

func (s *Server) deleteForumTopic(a *arguments) *answer {
	c, id, refusal := s.manageable(a)
	switch {
	case refusal != nil:
		return refusal
	case c.at(s).status != "administrator":
		return failed(400, "Bad Request: not enough rights to delete the topic")
	}
	s.deleteTopic(c, id)
	return done(true)
}
