package chatpage

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// view is what the page of chats shows.
type view struct {
	Bot    string   // the first
	Bots   []string // all, where there are several
	People []person
	Panes  []pane
	Faults []simulator.Fault
	Calls  []call
	Polls  bool   // calls of getUpdates are shown
	Toggle string // address of the page with Polls the other way
	Kinds  []simulator.Kind
}

// person is somebody with the chats that they are in.
type person struct {
	simulator.User
	Blocked []string // names of bots
	Chats   []entry
}

// entry leads to a chat.
type entry struct {
	simulator.Chat
	Label  string
	Open   string // address of the page with this chat alone
	Beside string // or beside those that are open; empty when it is
	Shown  bool
}

const maxPanes = 6

func (p *page) view(query url.Values) view {
	chats, people := p.sim.Chats(), p.sim.People()
	open := p.places(query["p"], chats, people)
	if len(open) == 0 && len(people) > 0 {
		open = []place{{person: people[0].ID, chat: people[0].ID}}
	}
	polls := query.Has("polls")
	v := view{Bot: p.sim.Username(), Faults: p.sim.Faults(), Polls: polls, Toggle: address(open, !polls), Kinds: simulator.Kinds}
	if bots := p.sim.Bots(); len(bots) > 1 {
		for _, b := range bots {
			v.Bots = append(v.Bots, b.Username())
		}
	}
	for _, u := range people {
		v.People = append(v.People, p.personOf(u, chats, open, polls))
	}
	for i, at := range open {
		rest := slices.Delete(slices.Clone(open), i, i+1)
		v.Panes = append(v.Panes, p.pane(at, find(chats, at.chat), people, func(other place) string {
			return address(slices.Insert(slices.Clone(rest), i, other), polls)
		}, address(rest, polls)))
	}
	v.Calls = p.calls(polls)
	return v
}

func (p *page) personOf(u simulator.User, chats []simulator.Chat, open []place, polls bool) person {
	out := person{User: u}
	add := func(at place, c simulator.Chat, label string) {
		e := entry{Chat: c, Label: label, Open: address([]place{at}, polls)}
		e.Shown = slices.ContainsFunc(open, func(o place) bool { return o.person == u.ID && o.chat == c.ID && o.bot == at.bot })
		if !e.Shown && len(open) < maxPanes {
			e.Beside = address(append(slices.Clone(open), at), polls)
		}
		out.Chats = append(out.Chats, e)
	}
	for i, b := range p.sim.Bots() {
		if c := find(b.Chats(), u.ID); c != nil {
			add(place{person: u.ID, chat: u.ID, bot: extra(b, i)}, *c, p.chatWith(b))
			if c.Bot == "kicked" {
				out.Blocked = append(out.Blocked, p.name(b))
			}
		}
	}
	for _, c := range chats {
		if c.Kind != "private" && c.Members[u.ID] != "" && c.Migrated == 0 {
			add(place{person: u.ID, chat: c.ID}, c, c.Title)
		}
	}
	return out
}

// extra is the username of a bot that is not the first, which need not be named.
func extra(b *simulator.Server, i int) string {
	if i == 0 {
		return ""
	}
	return b.Username()
}

// name is what a bot is called on the page: by its username where there are several.
func (p *page) name(b *simulator.Server) string {
	if len(p.sim.Bots()) == 1 {
		return "the bot"
	}
	return "@" + b.Username()
}

// chatWith is what a private chat with a bot is called.
func (p *page) chatWith(b *simulator.Server) string {
	if len(p.sim.Bots()) == 1 {
		return "Chat with the bot"
	}
	return p.name(b)
}

// bot is the bot of a username, the first for none.
func (p *page) bot(username string) *simulator.Server {
	if b := p.sim.Bot(username); b != nil {
		return b
	}
	return p.sim.Bots()[0]
}

// place is a chat, or a topic of it, as a person sees it; a private one with a bot that is not the first names it.
type place struct {
	person, chat, topic int64
	bot                 string
}

func (at place) String() string {
	s := strconv.FormatInt(at.person, 10) + "." + strconv.FormatInt(at.chat, 10)
	if at.topic != 0 {
		s += "." + strconv.FormatInt(at.topic, 10)
	}
	if at.bot != "" {
		s += "@" + at.bot
	}
	return s
}

// places reads what an address says is open. What is not there (any more) is left out; a group that was upgraded leads to its supergroup.
func (p *page) places(texts []string, chats []simulator.Chat, people []simulator.User) []place {
	var out []place
	for _, text := range texts {
		var at place
		numbers, username, _ := strings.Cut(text, "@")
		if i := slices.IndexFunc(p.sim.Bots(), func(b *simulator.Server) bool { return b.Username() == username }); i > 0 {
			at.bot = username
		}
		for i, number := range strings.SplitN(numbers, ".", 3) {
			n, _ := strconv.ParseInt(number, 10, 64)
			*[]*int64{&at.person, &at.chat, &at.topic}[i] = n
		}
		c := find(chats, at.chat)
		if c != nil && c.Migrated != 0 {
			at.chat, at.topic = c.Migrated, 0
			c = find(chats, at.chat)
		}
		known := slices.ContainsFunc(people, func(u simulator.User) bool { return u.ID == at.person })
		if c == nil || !known || slices.Contains(out, at) || len(out) == maxPanes {
			continue
		}
		out = append(out, at)
	}
	return out
}

func find(chats []simulator.Chat, id int64) *simulator.Chat {
	if i := slices.IndexFunc(chats, func(c simulator.Chat) bool { return c.ID == id }); i >= 0 {
		return &chats[i]
	}
	return nil
}

// address is that of the page with some places open.
func address(open []place, polls bool) string {
	query := url.Values{}
	for _, at := range open {
		query.Add("p", at.String())
	}
	if polls {
		query.Set("polls", "1")
	}
	return "/?" + query.Encode()
}

// call is a line of the log.
type call struct {
	simulator.Call
	Says string // what it sent, in short
}

const maxCalls = 60

// calls are the last calls of the Bot API, newest first.
func (p *page) calls(polls bool) []call {
	var out []call
	for _, c := range slices.Backward(p.sim.Calls()) {
		if c.Method == "getupdates" && !polls {
			continue
		}
		says := c.Arguments["text"]
		if says == "" {
			says = c.Arguments["caption"]
		}
		if out = append(out, call{c, short(says, 80)}); len(out) == maxCalls {
			break
		}
	}
	return out
}

// short is the first line of a text, cut.
func short(text string, limit int) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	if more {
		return line + " …"
	}
	return line
}

// opened is what the page of a deep link shows.
type opened struct {
	Bot     string
	At      string // what the place of a private chat with the bot ends in
	Link    string // as it was opened
	Payload string
	Group   bool // a ?startgroup= link
	People  []simulator.User
	Groups  []simulator.Chat
}

func (p *page) opened(bot *simulator.Server, r *http.Request) opened {
	query := r.URL.Query()
	o := opened{Bot: bot.Username(), Link: "https://t.me" + r.URL.RequestURI(), Payload: query.Get("start"), Group: query.Has("startgroup"), People: p.sim.People()}
	if bot != p.sim.Bots()[0] {
		o.At = "@" + bot.Username()
	}
	if o.Group {
		o.Payload = query.Get("startgroup")
	}
	for _, c := range p.sim.Chats() {
		if c.Kind != "private" && c.Kind != "channel" && c.Migrated == 0 {
			o.Groups = append(o.Groups, c)
		}
	}
	return o
}
