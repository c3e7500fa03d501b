package simulator

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// Chat is a chat as the people in it see it.
type Chat struct {
	ID       int64
	Kind     string // private, group, supergroup or channel
	Title    string // of a private chat: the person's name
	Forum    bool
	Bot      string           // the bot's standing: empty before it was ever met, else member, administrator, restricted, left or kicked
	Topics   bool             // as an administrator, the bot may manage topics
	Members  map[int64]string // people's standing by their ID
	Migrated int64            // the supergroup that a basic group became; 0: none
}

// Chats are all chats, private ones first, in the order in which they were made.
func (s *Server) Chats() []Chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Chat, 0, len(s.chats))
	for _, c := range s.chats {
		title := c.title
		if c.person != nil {
			title = c.person.Name
		}
		out = append(out, Chat{
			ID: c.id, Kind: c.kind, Title: title, Forum: c.forum, Bot: c.at(s).status, Topics: !c.at(s).topicless,
			Members: maps.Clone(c.members), Migrated: c.migrated,
		})
	}
	slices.SortFunc(out, func(a, b Chat) int {
		return cmp.Or(cmp.Compare(age(a.ID), age(b.ID)), cmp.Compare(b.ID, a.ID))
	})
	return out
}

// age orders chats by when they were made: people before groups, and a supergroup with the group that it was.
func age(id int64) int64 {
	switch {
	case id < -1_000_000_000_000:
		return -id - 1_000_000_000_000
	case id < 0:
		return -id
	}
	return id - 1_000_000_000_000
}

// People are all persons whose account is not deleted, in the order in which they came.
func (s *Server) People() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []User{}
	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		if u := s.users[id]; !u.deleted {
			out = append(out, *u)
		}
	}
	return out
}

// Faults is the trouble that is still to come.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, 0, len(s.faults))
	for _, f := range s.faults {
		left := *f
		left.Times = f.left
		out = append(out, left)
	}
	return out
}

// Command is an entry of the bot's menu.
type Command struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

// Commands is the menu that a person sees in a private chat or, with group, in a group: the narrowest that the bot has set (Bot API: BotCommandScope).
func (s *Server) Commands(language string, group bool) []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	scope := "all_private_chats"
	if group {
		scope = "all_group_chats"
	}
	for _, place := range [][2]string{{scope, language}, {scope, ""}, {"default", language}, {"default", ""}} {
		var menu []Command
		if raw, set := s.commands[place]; set && json.Unmarshal(raw, &menu) == nil {
			return menu
		}
	}
	return nil
}

// File is an upload by its file_id. Files that the bot named by address have a name and no content.
func (s *Server) File(id string) (name string, content []byte, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, known := s.files[id]
	return f.name, f.content, known
}

// Version grows with whatever happens: a page looks at it to know whether to draw anew.
func (s *Server) Version() uint64 { return s.version.Load() }
