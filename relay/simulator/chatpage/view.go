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
	Bot    string
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
	Blocked bool
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
	open := places(query["p"], chats, people)
	if len(open) == 0 && len(people) > 0 {
		open = []place{{person: people[0].ID, chat: people[0].ID}}
	}
	polls := query.Has("polls")
	v := view{Bot: p.sim.Username(), Faults: p.sim.Faults(), Polls: polls, Toggle: address(open, !polls), Kinds: simulator.Kinds}
	for _, u := range people {
		v.People = append(v.People, personOf(u, chats, open, polls))
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

func personOf(u simulator.User, chats []simulator.Chat, open []place, polls bool) person {
	out := person{User: u}
	for _, c := range chats {
		if c.Members[u.ID] == "" || c.Migrated != 0 {
			continue
		}
		at := place{person: u.ID, chat: c.ID}
		e := entry{Chat: c, Label: c.Title, Open: address([]place{at}, polls)}
		if c.ID == u.ID {
			out.Blocked = c.Bot == "kicked"
			e.Label = "Chat with the bot"
		}
		e.Shown = slices.ContainsFunc(open, func(o place) bool { return o.person == u.ID && o.chat == c.ID })
		if !e.Shown && len(open) < maxPanes {
			e.Beside = address(append(slices.Clone(open), at), polls)
		}
		out.Chats = append(out.Chats, e)
	}
	return out
}

// place is a chat, or a topic of it, as a person sees it.
type place struct{ person, chat, topic int64 }

func (at place) String() string {
	s := strconv.FormatInt(at.person, 10) + "." + strconv.FormatInt(at.chat, 10)
	if at.topic != 0 {
		s += "." + strconv.FormatInt(at.topic, 10)
	}
	return s
}

// places reads what an address says is open. What is not there (any more) is left out; a group that was upgraded leads to its supergroup.
func places(texts []string, chats []simulator.Chat, people []simulator.User) []place {
	var out []place
	for _, text := range texts {
		var at place
		for i, number := range strings.SplitN(text, ".", 3) {
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
	Link    string // as it was opened
	Payload string
	Group   bool // a ?startgroup= link
	People  []simulator.User
	Groups  []simulator.Chat
}

func (p *page) opened(r *http.Request) opened {
	query := r.URL.Query()
	o := opened{Bot: p.sim.Username(), Link: "https://t.me" + r.URL.RequestURI(), Payload: query.Get("start"), Group: query.Has("startgroup"), People: p.sim.People()}
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
