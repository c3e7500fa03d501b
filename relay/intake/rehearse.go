package intake

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
)

// Rehearsal is a chat in which webhooks are shown, one after the other, and nothing is sent or stored.
type Rehearsal struct {
	door   *Door
	caller Caller
	stage  *stage
}

// NewRehearsal works by rules, but asks for no signatures.
func NewRehearsal(rules *Rules) *Rehearsal {
	unsigned := *rules
	unsigned.Receivers = map[string]*Receiver{}
	for name, rc := range rules.Receivers {
		some := *rc
		some.Signature = receivers.Signature{}
		unsigned.Receivers[name] = &some
	}
	rules = &unsigned
	s := &stage{threads: map[relay.ID]*relay.Thread{}}
	door := New(Options{Outbox: s, Directory: s, Threads: s, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()}, rules)
	return &Rehearsal{door: door, stage: s}
}

// rehearsed is the recipient of a rehearsal.
const rehearsed = "rehearsal"

// Hook shows a webhook and returns what it says in the chat; an Edit with a Key that came before takes the place of that message. Errors
// are those of Door.Hook.
func (r *Rehearsal) Hook(ctx context.Context, hook receivers.Request) ([]*relay.Message, error) {
	_, err := r.door.Hook(ctx, r.caller, Hook{Receiver: hook.Receiver, Recipient: rehearsed, Request: hook})
	said := r.stage.said
	r.stage.said = nil
	return said, err
}

// stage is a storage in memory: whoever is asked for has one chat.
type stage struct {
	relay.Outbox
	relay.Directory

	mu      sync.Mutex
	threads map[relay.ID]*relay.Thread
	said    []*relay.Message
}

func (s *stage) Recipient(_ context.Context, id string) (*relay.Recipient, error) {
	return &relay.Recipient{ID: id, Chats: []relay.Binding{{Recipient: id, Chat: relay.Chat{ChatID: 1, Type: "private", State: relay.Active}}}}, nil
}

func (s *stage) Accept(_ context.Context, messages ...*relay.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, messages...)
	return nil
}

func (s *stage) Tell(ctx context.Context, threads []*relay.Thread, messages ...*relay.Message) error {
	s.mu.Lock()
	for _, t := range threads {
		kept := *t
		kept.To = slices.Clone(t.To)
		kept.Version++
		s.threads[t.ID] = &kept
	}
	s.mu.Unlock()
	return s.Accept(ctx, messages...)
}

func (s *stage) ThreadOf(_ context.Context, group [32]byte) (*relay.Thread, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var newest *relay.Thread
	for _, t := range s.threads {
		if t.Group == group && (newest == nil || t.OpenedAt.After(newest.OpenedAt) || newest.EndedAt.After(time.Time{}) && t.EndedAt.IsZero()) {
			newest = t
		}
	}
	if newest == nil {
		return nil, &relay.Error{Code: relay.CodeNotFound}
	}
	found := *newest
	return &found, nil
}

func (s *stage) Thread(_ context.Context, id relay.ID) (*relay.Thread, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.threads[id]; t != nil {
		found := *t
		return &found, nil
	}
	return nil, &relay.Error{Code: relay.CodeNotFound}
}

func (s *stage) OpenThreads(context.Context, relay.ID, int) ([]relay.Thread, error) { return nil, nil }
