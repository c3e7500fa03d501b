package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// storage is all that the relay asks of a database.
type storage interface {
	relay.Outbox
	relay.Directory
	relay.Links
	relay.Updates
	relay.Events
	relay.Senders
	relay.Threads
	relay.Topics
	relay.Notes
	WaitingBots(ctx context.Context) ([]string, error)
}

// place is a storage that a test of the suite may close and open again.
type place struct {
	storage
	reopen func()
	told   *told
	events atomic.Bool // somebody wants events
}

// told records which chats the storage called Queued for.
type told struct {
	mu    sync.Mutex
	chats []int64
}

func (l *told) queued(_ string, chat int64, _ relay.Priority) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.chats = append(l.chats, chat)
}

// take returns the chats that were told of since the last take.
func (l *told) take() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	chats := l.chats
	l.chats = nil
	return chats
}

// suite is what every database must do: one function for each behaviour, written against the interfaces of relay.
var suite = map[string]map[string]func(*testing.T, *place){
	"Outbox": outboxSuite, "Live": liveSuite, "Twice": twiceSuite, "Merge": mergeSuite, "Calm": calmSuite, "Directory": directorySuite, "Links": linksSuite, "Updates": updatesSuite,
	"Events": eventsSuite, "Senders": sendersSuite, "Threads": threadsSuite, "Topics": topicSuite, "Notes": notesSuite, "Undelivered": undeliveredSuite, "Bots": botsSuite, "Late": lateSuite,
}

func TestSQLite(t *testing.T) { exercise(t, newSQLite) }

func exercise(t *testing.T, open func(*testing.T) *place) {
	for noun, behaviours := range suite {
		for name, test := range behaviours {
			t.Run(noun+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t, open(t))
			})
		}
	}
}

func newSQLite(t *testing.T) *place {
	t.Helper()
	p, db := newPlace(t, store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db")})
	t.Cleanup(func() {
		checkPlans(t, *db)
		checkInvariants(t, (*db).Path())
	})
	return p
}

// newPlace returns a place, and where it has its open storage.
func newPlace(t *testing.T, o store.Options) (*place, **store.DB) {
	t.Helper()
	p := &place{told: &told{}}
	o.CacheSize, o.Queued, o.Events = 100, p.told.queued, p.events.Load
	db := open(t, o)
	p.storage = db
	p.reopen = func() {
		t.Helper()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = open(t, o)
		p.storage = db
		lead(t, db)
	}
	return p, &db
}

func wantCode(t *testing.T, err error, code relay.Code) {
	t.Helper()
	if err == nil || relay.ErrorCode(err) != code {
		t.Errorf("got error %v, want code %s", err, code)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// accept stores messages.
func (p *place) accept(t *testing.T, messages ...*relay.Message) {
	t.Helper()
	must(t, p.Accept(t.Context(), messages...))
}

// delivery returns the only delivery of a message as it is stored.
func (p *place) delivery(t *testing.T, m *relay.Message) relay.Delivery {
	t.Helper()
	stored, err := p.Message(t.Context(), m.ID)
	must(t, err)
	if len(stored.Deliveries) != 1 {
		t.Fatalf("the message has %d deliveries, want 1", len(stored.Deliveries))
	}
	return stored.Deliveries[0]
}

func (p *place) wantState(t *testing.T, m *relay.Message, want relay.State) {
	t.Helper()
	if d := p.delivery(t, m); d.State != want {
		t.Errorf("the delivery is %s, want %s", d.State, want)
	}
}

// texts returns what waits in a chat at t0, in the order of sending.
func (p *place) texts(t *testing.T, chat int64) []string {
	t.Helper()
	jobs, err := p.Heads(t.Context(), "", chat, t0, 1000)
	must(t, err)
	var out []string
	for _, j := range jobs {
		out = append(out, j.Content.Text.Text)
	}
	return out
}

func (p *place) wantTexts(t *testing.T, chat int64, want ...string) {
	t.Helper()
	if got := p.texts(t, chat); !slices.Equal(got, want) {
		t.Errorf("in chat %d waits %q, want %q", chat, got, want)
	}
}

// chats returns a recipient's chats by number.
func (p *place) chats(t *testing.T, recipient string) []int64 {
	t.Helper()
	r, err := p.Recipient(t.Context(), recipient)
	must(t, err)
	out := []int64{}
	for _, b := range r.Chats {
		out = append(out, b.ChatID)
	}
	return out
}

func text(s string, deliveries ...relay.Delivery) *relay.Message {
	m := message(deliveries...)
	m.Content.Text.Text = s
	return m
}

func person(id int64) relay.Chat {
	return relay.Chat{ChatID: id, Type: "private", Title: "Alice", Username: "alice", LanguageCode: "en", State: relay.Active}
}

func group(id int64) relay.Chat {
	return relay.Chat{ChatID: id, Type: "group", Title: "Ops", State: relay.Active}
}

// lead has a storage take over all that others left, as a daemon does, and give it back.
func lead(t *testing.T, db *store.DB) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	leases := db.Leases()
	go func() { done <- leases.Run(ctx) }()
	must(t, eventually(func() error {
		for _, chat := range chats() {
			if _, ok := leases.Lane("", chat); !ok {
				return fmt.Errorf("chat %d is nobody's", chat)
			}
		}
		return nil
	}))
	cancel()
	must(t, <-done)
}
