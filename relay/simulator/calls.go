package simulator

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// Call is a call of the Bot API that was made.
type Call struct {
	Bot       string            `json:"bot"`    // username
	Method    string            `json:"method"` // in small letters
	ChatID    int64             `json:"chat_id,omitempty"`
	Arguments map[string]string `json:"arguments"`
	Status    int               `json:"status"` // HTTP; 0: the connection was reset
	At        time.Time         `json:"at"`
}

func (s *Server) note(method string, a *arguments, status int) {
	s.version.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	chat, _ := strconv.ParseInt(a.text("chat_id"), 10, 64)
	s.calls = append(s.calls, Call{s.options.Username, method, chat, a.values, status, clock()})
	if n := len(s.calls) - s.options.KeepCalls; n > 0 {
		s.calls = slices.Delete(s.calls, 0, n+s.options.KeepCalls/10)
	}
}

// Calls returns the calls made so far by all bots, the last ones where there were very many.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Messages returns what stands in a chat, in order; what the bot and people deleted is marked.
func (s *Server) Messages(chatID int64) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list(chatID)
}

func (s *Server) list(chatID int64) []Message {
	c := s.chats[chatID]
	if c == nil {
		return nil
	}
	out := make([]Message, 0, len(c.messages))
	for _, m := range c.messages {
		out = append(out, *m)
	}
	return out
}

// Wait returns what stands in a chat once it is as wished, or ctx's error.
func (s *Server) Wait(ctx context.Context, chatID int64, wished func([]Message) bool) ([]Message, error) {
	for {
		s.mu.Lock()
		messages, changed := s.list(chatID), s.changed
		s.mu.Unlock()
		if wished(messages) {
			return messages, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return messages, ctx.Err()
		}
	}
}

// FromBot are the bot's messages that are not deleted.
func FromBot(messages []Message) []Message {
	return slices.DeleteFunc(slices.Clone(messages), func(m Message) bool { return !m.FromBot || m.Deleted })
}
