package chatpage

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/simulator"
)

// pane is a chat, or a topic of one, as a person sees it.
type pane struct {
	ID       string // of the element
	Person   simulator.User
	Chat     simulator.Chat
	Topic    int64
	Topics   []tab // of a forum
	Title    string
	Standing string // of the bots, in words
	Bots     []bot  // of a private chat: the one that it is with
	State    string // what the person can do: write, start, blocked, absent, silent or closed
	Creator  bool
	Messages []message
	Commands []simulator.Command
	Close    string // address of the page without it
}

// bot is what a bot is in a pane's chat.
type bot struct {
	Name   string // "the bot" where there is only one
	Status string
	Query  string // that names it to the simulator
}

// tab leads to a topic.
type tab struct {
	simulator.Topic
	Open  string
	Shown bool
}

// message is one message in a pane.
type message struct {
	simulator.Message
	Own     bool // the person wrote it
	Content markup.Text
	Time    string
	Told    string // what a service message tells
	Reply   *answered
	Rows    [][]button
	Picture string // address
	File    string // address; empty for one that is not kept
}

// answered is the message that another answers.
type answered struct{ From, Says string }

// button is one of an inline keyboard.
type button struct {
	Text     string `json:"text"`
	URL      string `json:"url"`
	Data     string `json:"callback_data"`
	CopyText struct {
		Text string `json:"text"`
	} `json:"copy_text"`
}

// maxMessages is how many of a chat's last messages are shown.
const maxMessages = 200

func (p *page) pane(at place, c *simulator.Chat, people []simulator.User, open func(place) string, closed string) pane {
	i := slices.IndexFunc(people, func(u simulator.User) bool { return u.ID == at.person })
	out := pane{
		ID: "pane-" + at.String(), Person: people[i], Chat: *c, Topic: at.topic, Title: c.Title, Close: closed,
		Creator: c.Members[at.person] == "creator",
	}
	own := p.bot(at.bot)
	if c.Kind == "private" {
		out.Title = own.Username()
		out.Chat = *find(own.Chats(), at.chat)
		out.Bots = []bot{{p.name(own), out.Chat.Bot, query(own, at.bot)}}
	} else {
		out.Bots, own = p.botsIn(at.chat, own)
	}
	out.Commands = own.Commands(out.Person.Language, c.Kind != "private")
	var words []string
	for _, b := range out.Bots {
		if s := standing(c.Kind, b); s != "" {
			words = append(words, s)
		}
	}
	out.Standing = strings.Join(words, ", ")
	topicClosed := false
	if c.Forum {
		out.Topics, topicClosed = p.tabs(at, open)
	}
	out.State = stateOf(out, topicClosed)
	out.Messages = p.messages(own, out.Person, at, c)
	return out
}

// query names a bot that is not the first to the simulator.
func query(b *simulator.Server, extra string) string {
	if extra == "" {
		return ""
	}
	return "?bot=" + b.Username()
}

// botsIn is what each bot is in a group or channel, and the first that is there; a given one where none is.
func (p *page) botsIn(chat int64, first *simulator.Server) ([]bot, *simulator.Server) {
	var in []bot
	there := false
	for i, b := range p.sim.Bots() {
		its := bot{p.name(b), find(b.Chats(), chat).Bot, query(b, extra(b, i))}
		in = append(in, its)
		if !there && its.Here() {
			first, there = b, true
		}
	}
	return in, first
}

// Here reports whether the bot is in a group or channel.
func (b bot) Here() bool { return b.Status != "" && b.Status != "left" && b.Status != "kicked" }

// tabs are a forum's topics, the general one first, and whether the one that is shown is closed.
func (p *page) tabs(at place, open func(place) string) (tabs []tab, closed bool) {
	general := simulator.Topic{Name: "General"}
	for _, t := range append([]simulator.Topic{general}, p.sim.Find(at.chat).Topics()...) {
		other := place{person: at.person, chat: at.chat, topic: t.ThreadID}
		tabs = append(tabs, tab{t, open(other), other == at})
		closed = closed || other == at && t.Closed
	}
	return tabs, closed
}

func stateOf(p pane, topicClosed bool) string {
	switch {
	case p.Chat.Kind == "private" && p.Chat.Bot == "kicked":
		return "blocked"
	case p.Chat.Kind == "private" && p.Chat.Bot == "":
		return "start"
	case p.Chat.Kind != "private" && !slices.ContainsFunc(p.Bots, bot.Here):
		return "absent"
	case p.Chat.Kind == "channel" && !p.Creator:
		return "silent"
	case topicClosed && !p.Creator:
		return "closed"
	}
	return "write"
}

// standing says in words what a bot is in a chat of a kind.
func standing(kind string, b bot) string {
	switch b.Status {
	case "":
		if kind == "private" {
			return "not started"
		}
	case "administrator":
		return b.Name + " is an administrator"
	case "member":
		if kind == "private" {
			return ""
		}
		return b.Name + " is a member"
	case "restricted":
		return b.Name + " may not write"
	case "kicked":
		if kind == "private" {
			return b.Name + " is blocked"
		}
		return b.Name + " was removed"
	}
	return b.Name + " is not here"
}

func (p *page) messages(bot *simulator.Server, person simulator.User, at place, c *simulator.Chat) []message {
	all := bot.Messages(at.chat)
	var shown []simulator.Message
	byID := make(map[int64]*simulator.Message, len(all))
	for i, m := range all {
		byID[m.ID] = &all[i]
		if !m.Deleted && (!c.Forum || m.ThreadID == at.topic) {
			shown = append(shown, m)
		}
	}
	shown = shown[max(0, len(shown)-maxMessages):]
	out := make([]message, 0, len(shown))
	for _, m := range shown {
		out = append(out, p.message(m, person, byID[m.ReplyTo]))
	}
	return out
}

func (p *page) message(m simulator.Message, person simulator.User, answers *simulator.Message) message {
	out := message{
		Message: m, Content: m.Content(), Time: time.Unix(m.Date, 0).Format("15:04"), Told: told(m),
		Own: !m.FromBot && m.Service == "" && m.From == person.Name, Picture: p.address(m.Photo), File: p.address(m.Document),
	}
	if answers != nil {
		out.Reply = &answered{answers.From, short(answers.Text, 60)}
	}
	var keyboard struct {
		Rows [][]button `json:"inline_keyboard"`
	}
	if m.ReplyMarkup != nil && json.Unmarshal(m.ReplyMarkup, &keyboard) == nil {
		out.Rows = keyboard.Rows
	}
	return out
}

// address is where an upload's content is; empty without one.
func (p *page) address(id string) string {
	if _, content, _ := p.sim.File(id); len(content) == 0 {
		return ""
	}
	return "/page/files/" + id
}

// told says what a service message tells (Bot API: Message).
func told(m simulator.Message) string {
	switch m.Service {
	case "":
		return ""
	case "new_chat_members":
		return "The bot was added"
	case "left_chat_member":
		return "The bot was removed"
	case "forum_topic_created":
		return m.From + " created the topic"
	case "forum_topic_edited":
		return m.From + " changed the topic"
	case "forum_topic_closed":
		return m.From + " closed the topic"
	case "forum_topic_reopened":
		return m.From + " reopened the topic"
	case "migrate_to_chat_id", "migrate_from_chat_id":
		return "The group became a supergroup"
	}
	return m.Service
}

// dict makes a map of keys and values, to hand several to a template.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		out[key] = pairs[i+1]
	}
	return out, nil
}
