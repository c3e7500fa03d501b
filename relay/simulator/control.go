package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// order is the body of a control request; each path reads what it needs.
type order struct {
	Name      string  `json:"name"`
	Language  string  `json:"language_code"` // a person's; empty: as it is, en at first
	Title     string  `json:"title"`
	Kind      string  `json:"kind"` // group, supergroup, forum or channel
	Members   []int64 `json:"members"`
	UserID    int64   `json:"user_id"`
	ChatID    int64   `json:"chat_id"`
	MessageID int64   `json:"message_id"`
	Data      string  `json:"data"` // of a button
	ThreadID  int64   `json:"message_thread_id"`
	Link      string  `json:"link"`
	Text      string  `json:"text"`
	Status    string  `json:"status"`
	Topics    *bool   `json:"can_manage_topics"` // of a bot that is an administrator; absent: it may
}

type controller func(s *Server, r *http.Request, o order) (any, error)

// controls are the paths below /sim/ (see the package comment).
var controls = map[string]controller{
	"POST /sim/users":               (*Server).controlUser,
	"POST /sim/users/{id}/open":     (*Server).controlOpen,
	"POST /sim/users/{id}/write":    (*Server).controlWrite,
	"POST /sim/users/{id}/press":    (*Server).controlPress,
	"GET /sim/presses/{query}":      (*Server).controlPressed,
	"POST /sim/users/{id}/block":    func(s *Server, r *http.Request, _ order) (any, error) { return s.each(r, (*User).Block) },
	"POST /sim/users/{id}/unblock":  func(s *Server, r *http.Request, _ order) (any, error) { return s.each(r, (*User).Unblock) },
	"POST /sim/users/{id}/delete":   func(s *Server, r *http.Request, _ order) (any, error) { return s.each(r, (*User).Delete) },
	"POST /sim/groups":              (*Server).controlGroup,
	"POST /sim/groups/{id}/open":    (*Server).controlOpenInGroup,
	"POST /sim/groups/{id}/upgrade": (*Server).controlUpgrade,
	"POST /sim/groups/{id}/bot":     (*Server).controlBot,
	"POST /sim/groups/{id}/forum":   func(s *Server, r *http.Request, _ order) (any, error) { return s.controlForum(r, true) },
	"DELETE /sim/groups/{id}/forum": func(s *Server, r *http.Request, _ order) (any, error) { return s.controlForum(r, false) },
	"GET /sim/groups/{id}/topics":   (*Server).controlTopics,
	"POST /sim/groups/{id}/topics":  (*Server).controlTopic,

	"POST /sim/groups/{id}/topics/{thread}/close":  func(s *Server, r *http.Request, _ order) (any, error) { return s.ofTopic(r, (*Group).CloseTopic) },
	"POST /sim/groups/{id}/topics/{thread}/reopen": func(s *Server, r *http.Request, _ order) (any, error) { return s.ofTopic(r, (*Group).ReopenTopic) },
	"POST /sim/groups/{id}/topics/{thread}/delete": func(s *Server, r *http.Request, _ order) (any, error) { return s.ofTopic(r, (*Group).DeleteTopic) },
	"POST /sim/groups/{id}/topics/{thread}/rename": (*Server).controlRenameTopic,
	"DELETE /sim/groups/{id}/topics/{thread}":      func(s *Server, r *http.Request, _ order) (any, error) { return s.ofTopic(r, (*Group).DeleteTopic) },

	"GET /sim/bots":                (*Server).controlBots,
	"GET /sim/chats":               (*Server).controlChats,
	"GET /sim/chats/{id}/messages": (*Server).controlMessages,
	"GET /sim/calls":               func(s *Server, _ *http.Request, _ order) (any, error) { return s.Calls(), nil },
	"DELETE /sim/faults":           func(s *Server, _ *http.Request, _ order) (any, error) { s.ClearFaults(); return done(true).result, nil },
	"POST /sim/reset":              func(s *Server, _ *http.Request, _ order) (any, error) { s.Reset(); return done(true).result, nil },
}

// newControl answers /sim/….
func (s *Server) newControl() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range controls {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			var o order
			if err := decodeOrder(r, &o); err != nil {
				controlled(w, nil, err)
				return
			}
			bot, err := s.meant(r)
			if err != nil {
				controlled(w, nil, err)
				return
			}
			result, err := do(bot, r, o)
			controlled(w, result, err)
		})
	}
	mux.HandleFunc("POST /sim/faults", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		err := decodeOrder(r, &f)
		if err == nil {
			err = f.check()
		}
		if err == nil {
			s.Fail(f)
		}
		controlled(w, f, err)
	})
	return mux
}

// meant is the bot that a control request is about: ?bot=USERNAME, else the first.
func (s *Server) meant(r *http.Request) (*Server, error) {
	username := r.URL.Query().Get("bot")
	if username == "" {
		return s.Bots()[0], nil
	}
	if bot := s.Bot(username); bot != nil {
		return bot, nil
	}
	return nil, fmt.Errorf("there is no bot %q, but %s", username, s.usernames())
}

func decodeOrder(r *http.Request, into any) error {
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return nil
	}
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxParameters))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func (f *Fault) check() error {
	if !slices.Contains(Kinds, f.Kind) {
		return fmt.Errorf("unknown kind %q; one of %v", f.Kind, Kinds)
	}
	return nil
}

func controlled(w http.ResponseWriter, result any, err error) {
	status := http.StatusOK
	if err != nil {
		status, result = http.StatusBadRequest, map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(result) // a caller that has gone away is nobody to tell
}

func (s *Server) controlUser(_ *http.Request, o order) (any, error) {
	if o.Name == "" {
		return nil, errors.New(`a name is wanted: {"name": "Ada"}`)
	}
	u := s.User(o.Name)
	if o.Language != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, b := range s.bots {
			b.users[u.ID].Language = o.Language
		}
	}
	return u, nil
}

func (s *Server) controlBots(*http.Request, order) (any, error) {
	list := []any{}
	for _, b := range s.Bots() {
		list = append(list, map[string]any{"id": b.botID, "username": b.options.Username})
	}
	return list, nil
}

func pathID(r *http.Request) int64 {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	return id
}

func (s *Server) person(id int64) (*User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[id]; u != nil {
		return u, nil
	}
	return nil, fmt.Errorf("there is no user %d; POST /sim/users makes one", id)
}

func (s *Server) group(id int64) (*Group, error) {
	if g := s.Find(id); g != nil {
		return g, nil
	}
	return nil, fmt.Errorf("there is no group %d; POST /sim/groups makes one", id)
}

// each does something with the person of the path.
func (s *Server) each(r *http.Request, do func(*User)) (any, error) {
	u, err := s.person(pathID(r))
	if err == nil {
		do(u)
	}
	return u, err
}

func (s *Server) controlOpen(r *http.Request, o order) (any, error) {
	u, err := s.person(pathID(r))
	if err == nil {
		err = u.Open(o.Link)
	}
	return u, err
}

func (s *Server) controlWrite(r *http.Request, o order) (any, error) {
	u, err := s.person(pathID(r))
	if err != nil {
		return nil, err
	}
	if o.ChatID == 0 {
		o.ChatID = u.ID
	}
	return u, u.WriteIn(o.ChatID, o.ThreadID, o.Text)
}

func (s *Server) controlPress(r *http.Request, o order) (any, error) {
	u, err := s.person(pathID(r))
	if err != nil {
		return nil, err
	}
	if o.ChatID == 0 {
		o.ChatID = u.ID
	}
	if o.Data != "" {
		return u.PressData(o.ChatID, o.MessageID, o.Data)
	}
	return u.Press(o.ChatID, o.MessageID, o.Text)
}

// toasted is what the bot answered to a press.
type toasted struct {
	Answered bool   `json:"answered"`
	Text     string `json:"text"`
	Alert    bool   `json:"show_alert,omitempty"` // in a window to be closed
}

func (s *Server) controlPressed(r *http.Request, _ order) (any, error) {
	return s.toast(r.PathValue("query")), nil
}

func (s *Server) controlGroup(_ *http.Request, o order) (any, error) {
	var members []*User
	for _, id := range o.Members {
		u, err := s.person(id)
		if err != nil {
			return nil, err
		}
		members = append(members, u)
	}
	kinds := map[string]func(string, ...*User) *Group{"": s.Group, "group": s.Group, "supergroup": s.Supergroup, "forum": s.Forum, "channel": s.Channel}
	found, known := kinds[o.Kind]
	if !known || o.Title == "" {
		return nil, errors.New(`{"title": "Ops", "kind": "group", "members": [1001]} is wanted; kind is group, supergroup, forum or channel`)
	}
	return s.describe(found(o.Title, members...).c), nil
}

func (s *Server) controlOpenInGroup(r *http.Request, o order) (any, error) {
	g, err := s.group(pathID(r))
	if err != nil {
		return nil, err
	}
	u, err := s.person(o.UserID)
	if err != nil {
		return nil, err
	}
	return s.describe(g.c), u.OpenInGroup(o.Link, g)
}

func (s *Server) controlUpgrade(r *http.Request, _ order) (any, error) {
	g, err := s.group(pathID(r))
	if err != nil {
		return nil, err
	}
	if g.c.kind != "group" {
		return nil, fmt.Errorf("%d is a %s; only a basic group is upgraded", g.ID(), g.c.kind)
	}
	return s.describe(g.Upgrade().c), nil
}

func (s *Server) controlBot(r *http.Request, o order) (any, error) {
	g, err := s.group(pathID(r))
	if err != nil {
		return nil, err
	}
	u, err := s.person(o.UserID)
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"administrator", "member", "restricted", "left", "kicked"}, o.Status) {
		return nil, errors.New("status is one of administrator, member, restricted, left, kicked")
	}
	g.AllowTopics(o.Topics == nil || *o.Topics)
	if o.Status == "member" && !g.hasBot() {
		g.AddBot(u)
	} else {
		g.SetBot(u, o.Status)
	}
	return s.describe(g.c), nil
}

func (s *Server) controlForum(r *http.Request, on bool) (any, error) {
	g, err := s.group(pathID(r))
	if err != nil {
		return nil, err
	}
	if g.c.kind == "channel" {
		return nil, fmt.Errorf("%d is a channel; only groups have topics", g.ID())
	}
	return s.describe(g.SetForum(on).c), nil
}

func (s *Server) controlTopics(r *http.Request, _ order) (any, error) {
	g, err := s.group(pathID(r))
	if err != nil {
		return nil, err
	}
	return g.Topics(), nil
}

func (s *Server) controlTopic(r *http.Request, o order) (any, error) {
	g, err := s.group(pathID(r))
	if err != nil {
		return nil, err
	}
	if !g.c.forum || o.Name == "" {
		return nil, errors.New(`{"name": "Deploys"} is wanted, for a group of kind forum`)
	}
	return map[string]any{"message_thread_id": g.Topic(o.Name), "name": o.Name}, nil
}

// ofTopic does something with the topic of the path.
func (s *Server) ofTopic(r *http.Request, do func(*Group, int64) error) (any, error) {
	g, err := s.group(pathID(r))
	if err != nil {
		return nil, err
	}
	thread, _ := strconv.ParseInt(r.PathValue("thread"), 10, 64)
	if err := do(g, thread); err != nil {
		return nil, err
	}
	return g.Topics(), nil
}

func (s *Server) controlRenameTopic(r *http.Request, o order) (any, error) {
	return s.ofTopic(r, func(g *Group, thread int64) error { return g.RenameTopic(thread, o.Name) })
}

func (s *Server) describe(c *chat) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := c.object()
	o["bot"], o["messages"] = c.at(s).status, len(c.messages)
	return o
}

func (s *Server) controlChats(*http.Request, order) (any, error) {
	s.mu.Lock()
	ids := make([]int64, 0, len(s.chats))
	for id := range s.chats {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	slices.Sort(ids)
	list := []any{}
	for _, id := range ids {
		s.mu.Lock()
		c := s.chats[id]
		s.mu.Unlock()
		list = append(list, s.describe(c))
	}
	return list, nil
}

const maxWait = time.Minute

// controlMessages lists a chat's messages; ?wait=5s&count=2 waits until the bot has written so many.
func (s *Server) controlMessages(r *http.Request, _ order) (any, error) {
	query := r.URL.Query()
	count, _ := strconv.Atoi(query.Get("count"))
	wait, err := time.ParseDuration(query.Get("wait"))
	if query.Get("wait") != "" && (err != nil || wait > maxWait) {
		return nil, errors.New("wait is a duration of at most 1m, such as 5s")
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	messages, _ := s.Wait(ctx, pathID(r), func(m []Message) bool { return len(FromBot(m)) >= count })
	if messages == nil {
		messages = []Message{}
	}
	return messages, nil
}
