package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// world is what the bots of one Telegram have in common. A Server is one bot's view of it.
type world struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and made anew at each change that somebody may wait for
	bots     []*Server     // in the order in which they came
	nextUser int64
	nextChat int64
	presses  map[string]*press
	files    map[string]upload
	faults   []*Fault
	calls    []Call
	serial   int64 // of callback queries, files and the like

	version atomic.Uint64
}

func (w *world) reset() {
	if w.changed != nil {
		close(w.changed)
	}
	w.changed = make(chan struct{})
	w.nextUser, w.nextChat = 1001, 5001
	w.presses, w.files, w.faults, w.calls = map[string]*press{}, map[string]upload{}, nil, nil
	for _, b := range w.bots {
		b.forget()
	}
}

// wake tells those who wait that something changed. The caller holds mu.
func (w *world) wake() {
	w.version.Add(1)
	close(w.changed)
	w.changed = make(chan struct{})
}

// AddBot adds a bot to this Telegram: the same people and groups, with private chats, updates, webhook, menu and rates of its own. Each of
// the two serves HTTP for both; the methods of the Server that it returns are about the new bot. It panics where token or username is taken.
func (s *Server) AddBot(token, username string) *Server {
	o := s.options
	o.Token, o.Username = token, username
	b := newServer(o, s.world)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.bots {
		if other.botID == b.botID || strings.EqualFold(other.options.Username, username) {
			panic(fmt.Sprintf("simulator: there is a bot %s with the ID %d already", other.options.Username, other.botID))
		}
	}
	b.forget()
	for id, c := range s.chats {
		if c.kind != "private" {
			b.chats[id] = c
		}
	}
	for _, u := range s.users {
		b.meet(u)
	}
	s.bots = append(s.bots, b)
	return b
}

// meet makes a person one whom the bot may write with.
func (s *Server) meet(u *User) {
	own := *u
	own.server = s
	s.users[u.ID] = &own
	s.chats[u.ID] = &chat{id: u.ID, kind: "private", person: &own, members: map[int64]string{u.ID: "member"}, stands: map[*Server]*stand{}}
}

// Bots are all bots of this Telegram, in the order in which they came.
func (s *Server) Bots() []*Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bots)
}

// Bot is the bot of a username, nil if there is none.
func (s *Server) Bot(username string) *Server {
	for _, b := range s.Bots() {
		if strings.EqualFold(b.options.Username, username) {
			return b
		}
	}
	return nil
}

// ofToken is the bot that a token is of, nil if it is nobody's.
func (s *Server) ofToken(token string) *Server {
	for _, b := range s.Bots() {
		if b.options.Token == token {
			return b
		}
	}
	return nil
}

// usernames are those of all bots.
func (s *Server) usernames() string {
	var names []string
	for _, b := range s.Bots() {
		names = append(names, b.options.Username)
	}
	return strings.Join(names, " or ")
}

// stand is what a bot is in a chat.
type stand struct {
	status    string // "" before it was ever met, else member, administrator, restricted, left or kicked
	topicless bool   // an administrator, it may not manage topics all the same
}

// at is what a bot is in the chat. The caller holds mu.
func (c *chat) at(s *Server) *stand {
	if c.stands[s] == nil {
		c.stands[s] = &stand{}
	}
	return c.stands[s]
}

// here tells whether the bot is in the chat.
func (b *stand) here() bool { return b.status != "" && b.status != "left" && b.status != "kicked" }

// managesTopics tells whether the bot has the right can_manage_topics.
func (b *stand) managesTopics() bool { return b.status == "administrator" && !b.topicless }

// stands are copied for a chat that another becomes.
func copied(stands map[*Server]*stand) map[*Server]*stand {
	out := maps.Clone(stands)
	for b, its := range out {
		own := *its
		out[b] = &own
	}
	return out
}
