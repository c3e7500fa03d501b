package simulator_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// forum makes a forum whose administrator the bot is.
func (b *bot) forum() (*simulator.Group, *simulator.User) {
	b.t.Helper()
	ada := b.sim.User("Ada")
	g := b.sim.Forum("F", ada)
	g.SetBot(ada, "administrator")
	return g, ada
}

func (b *bot) topic(g *simulator.Group, name string) int64 {
	b.t.Helper()
	var made struct {
		ID    int64 `json:"message_thread_id"`
		Name  string
		Color int64 `json:"icon_color"`
	}
	b.ok("createForumTopic", object{"chat_id": g.ID(), "name": name}, &made)
	if made.Color != 0x6FB9F0 {
		b.t.Errorf("the topic is %+v", made)
	}
	return made.ID
}

// refused makes a call that is refused in Telegram's words.
func (b *bot) refused(method string, arguments map[string]any, want string) {
	b.t.Helper()
	if a := b.call(method, arguments); a.Description != want {
		b.t.Errorf("%s %v: got %q, want %q", method, arguments, a.Description, want)
	}
}

func TestTopicLife(t *testing.T) {
	b := newBot(t, simulator.Options{})
	g, ada := b.forum()
	id := b.topic(g, "  Pay\nments ")
	in := func(more ...object) object {
		o := object{"chat_id": g.ID(), "message_thread_id": id}
		for _, m := range more {
			for k, v := range m {
				o[k] = v
			}
		}
		return o
	}
	b.ok("sendMessage", in(object{"text": "one"}), nil)
	b.ok("editForumTopic", in(object{"name": "Money"}), nil)
	b.refused("editForumTopic", in(object{"name": "Money"}), "Bad Request: TOPIC_NOT_MODIFIED")
	b.refused("reopenForumTopic", in(), "Bad Request: TOPIC_NOT_MODIFIED")
	b.ok("closeForumTopic", in(), nil)
	if d := cmp.Diff([]simulator.Topic{{ThreadID: id, Name: "Money", IconColor: 0x6FB9F0, Closed: true}}, g.Topics()); d != "" {
		t.Error(d)
	}
	b.ok("sendMessage", in(object{"text": "who manages topics may"}), nil)
	b.ok("reopenForumTopic", in(), nil)
	if err := g.CloseTopic(id); err != nil {
		t.Fatal(err)
	}
	if err := g.CloseTopic(id); err == nil {
		t.Error("a topic was closed twice")
	}
	if err := g.ReopenTopic(id); err != nil {
		t.Fatal(err)
	}

	var updates []struct {
		Message *struct {
			Thread   int64 `json:"message_thread_id"`
			Topic    bool  `json:"is_topic_message"`
			From     struct{ ID int64 }
			Created  *struct{ Name string } `json:"forum_topic_created"`
			Edited   *struct{ Name string } `json:"forum_topic_edited"`
			Closed   *object                `json:"forum_topic_closed"`
			Reopened *object                `json:"forum_topic_reopened"`
		}
	}
	b.ok("getUpdates", nil, &updates)
	var heard []string
	for _, u := range updates[1:] { // the first is of the bot's standing
		m := u.Message
		if m.Thread != id || !m.Topic {
			t.Errorf("%+v", m)
		}
		who := "bot "
		if m.From.ID == ada.ID {
			who = "Ada "
		}
		switch {
		case m.Created != nil:
			heard = append(heard, who+"makes "+m.Created.Name)
		case m.Edited != nil:
			heard = append(heard, who+"renames "+m.Edited.Name)
		case m.Closed != nil:
			heard = append(heard, who+"closes")
		case m.Reopened != nil:
			heard = append(heard, who+"reopens")
		}
	}
	if d := cmp.Diff([]string{"bot makes Pay ments", "bot renames Money", "bot closes", "bot reopens", "Ada closes", "Ada reopens"}, heard); d != "" {
		t.Error(d)
	}

	b.ok("deleteForumTopic", in(), nil)
	b.refused("sendMessage", in(object{"text": "x"}), "Bad Request: message thread not found")
	b.refused("reopenForumTopic", in(), "Bad Request: TOPIC_ID_INVALID")
	if got := simulator.FromBot(b.sim.Messages(g.ID())); len(got) != 0 {
		t.Errorf("in the deleted topic stand %+v", got)
	}
}

// Who may not manage topics may still change those that one made oneself.
func TestTopicRights(t *testing.T) {
	b := newBot(t, simulator.Options{})
	g, ada := b.forum()
	own, other := b.topic(g, "own"), g.Topic("other")
	g.AllowTopics(false)
	b.refused("createForumTopic", object{"chat_id": g.ID(), "name": "x"}, "Bad Request: not enough rights to create a topic")
	for _, method := range []string{"closeForumTopic", "editForumTopic", "deleteForumTopic"} {
		b.refused(method, object{"chat_id": g.ID(), "message_thread_id": other, "name": "x"}, "Bad Request: not enough rights to edit the topic")
	}
	b.ok("closeForumTopic", object{"chat_id": g.ID(), "message_thread_id": own}, nil)
	b.refused("sendMessage", object{"chat_id": g.ID(), "message_thread_id": own, "text": "x"}, "Bad Request: TOPIC_CLOSED")
	b.ok("reopenForumTopic", object{"chat_id": g.ID(), "message_thread_id": own}, nil)
	b.ok("sendMessage", object{"chat_id": g.ID(), "message_thread_id": own, "text": "x"}, nil)
	g.SetBot(ada, "member")
	b.refused("deleteForumTopic", object{"chat_id": g.ID(), "message_thread_id": own}, "Bad Request: not enough rights to delete the topic")
	b.refused("createForumTopic", object{"chat_id": b.sim.Supergroup("S", ada).ID(), "name": "x"}, "Bad Request: chat not found")
	var member struct {
		Status string
		Topics *bool `json:"can_manage_topics"`
	}
	g.SetBot(ada, "administrator")
	b.ok("getChatMember", object{"chat_id": g.ID(), "user_id": 123456789}, &member)
	if member.Topics == nil || *member.Topics {
		t.Errorf("the bot is %+v", member)
	}
}

func TestTopicNames(t *testing.T) {
	b := newBot(t, simulator.Options{})
	g, _ := b.forum()
	b.refused("createForumTopic", object{"chat_id": g.ID(), "name": " \n "}, "Bad Request: title must be non-empty")
	b.refused("createForumTopic", object{"chat_id": g.ID(), "name": "x", "icon_color": 5}, "Bad Request: invalid icon color specified")
	b.topic(g, strings.Repeat("é", 200))
	if got := g.Topics()[0].Name; got != strings.Repeat("é", 128) {
		t.Errorf("the topic is called %q", got)
	}
	if err := g.RenameTopic(g.Topics()[0].ThreadID, " "); err == nil {
		t.Error("a topic lost its name")
	}
}

func TestTopicsCountTowardsTheRate(t *testing.T) {
	b := newBot(t, simulator.Options{Limits: simulator.Limits{Group: 1}})
	g, _ := b.forum()
	b.topic(g, "one")
	if a := b.call("createForumTopic", object{"chat_id": g.ID(), "name": "two"}); a.Parameters.RetryAfter == 0 {
		t.Errorf("got %+v", a)
	}
}

func TestBecomingAForum(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.sim.User("Ada")
	g := b.sim.Group("G", ada)
	g.SetBot(ada, "administrator")
	b.refused("createForumTopic", object{"chat_id": g.ID(), "name": "x"}, "Bad Request: the chat is not a forum")
	forum := g.SetForum(true)
	if forum.ID() == g.ID() {
		t.Error("a basic group has topics")
	}
	id := b.topic(forum, "x")
	forum.SetForum(false)
	b.ok("sendMessage", object{"chat_id": forum.ID(), "text": "x", "message_thread_id": id}, nil) // ignored
	b.refused("closeForumTopic", object{"chat_id": forum.ID(), "message_thread_id": id}, "Bad Request: the chat is not a forum")
}
