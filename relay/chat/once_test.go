package chat_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/chat"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// twin is another bot on the same storage, as another replica has it.
func (r *room) twin() *chat.Bot { return chat.New(r.bot.Options) }

func saying(text string) telegram.Update {
	return telegram.Update{UpdateID: 7, Message: &telegram.Message{Chat: private, From: &telegram.User{ID: 7, FirstName: "Ada"}, Text: text}}
}

// Telegram repeats an update while it is worked through elsewhere: both are told that it is done, and it was done once.
func TestSameUpdateAtTwoReplicas(t *testing.T) {
	for name, text := range map[string]string{"a command": "/help", "a link": "", "a token": "/token"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.self = true
			if text == "" {
				text = "/start " + r.token(relay.TargetPrivate)
			}
			var running sync.WaitGroup
			for _, bot := range []*chat.Bot{r.bot, r.twin(), r.twin()} {
				running.Go(func() {
					if err := bot.Handle(t.Context(), saying(text)); err != nil {
						t.Error(err)
					}
				})
			}
			running.Wait()
			if said := r.said(); len(said) != 1 {
				t.Errorf("said %q", said)
			}
		})
	}
}

// stuck is a storage whose answers to the bot are lost on the way until it thaws: what it was told is done nevertheless.
type stuck struct {
	relay.Updates
	frozen chan struct{}
	once   sync.Once
	marked chan struct{}
}

func (s *stuck) MarkUpdate(ctx context.Context, bot string, id int64, at time.Time) (bool, error) {
	s.once.Do(func() { close(s.marked) })
	<-s.frozen
	return s.Updates.MarkUpdate(ctx, bot, id, at)
}

// A replica that freezes after it has answered, for longer than its claim holds, leaves the update to another: nothing is said twice, a token that was
// told works, and a link that connected a chat is not told to be used up.
func TestReplicaFreezes(t *testing.T) {
	for name, text := range map[string]string{"a command": "/help", "a link": "", "a token": "/token"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.self = true
			if text == "" {
				text = "/start " + r.token(relay.TargetPrivate)
			}
			frozen := &stuck{Updates: r.db, frozen: make(chan struct{}), marked: make(chan struct{})}
			o := r.bot.Options
			o.Updates = frozen
			done := make(chan error)
			go func() { done <- chat.New(o).Handle(t.Context(), saying(text)) }()
			<-frozen.marked
			first := r.said()
			if err := r.db.UnclaimUpdate(t.Context(), "", 7); err != nil { // its claim has ended
				t.Fatal(err)
			}
			if err := r.twin().Handle(t.Context(), saying(text)); err != nil {
				t.Error(err)
			}
			close(frozen.frozen)
			if err := <-done; err != nil {
				t.Error(err)
			}
			if said := r.said(); len(said) != 1 || said[0] != first[0] {
				t.Errorf("said %q, and before %q", said, first)
			}
			if text == "/token" {
				if who, err := r.db.SenderOf(t.Context(), onboarding.Hash(tokenIn(first[0]))); err != nil || who != relay.OwnRecipient(7) {
					t.Errorf("the token that was told is %q's: %v", who, err)
				}
			}
		})
	}
}

// tokenIn is the token that a text tells.
func tokenIn(text string) string {
	_, rest, _ := strings.Cut(text, "Bearer ")
	token, _, _ := strings.Cut(rest, "'")
	return token
}

// What fails may be tried again at once, and a claim of one who is gone ends.
func TestClaimsEnd(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	o := r.bot.Options
	o.Outbox = refusing{r.db}
	if err := chat.New(o).Handle(t.Context(), saying("/help")); err == nil {
		t.Error("what is not stored is no error")
	}
	began := time.Now()
	if err := r.bot.Handle(t.Context(), saying("/help")); err != nil || time.Since(began) > relay.ClaimTime/2 {
		t.Errorf("tried again after %s: %v", time.Since(began), err)
	}
	u := saying("/help")
	u.UpdateID = 8
	if claim, err := r.db.ClaimUpdate(t.Context(), "", 8, time.Now().Add(time.Second-relay.ClaimTime)); err != nil || claim != relay.Claimed {
		t.Fatal(claim, err)
	}
	if err := r.bot.Handle(t.Context(), u); err != nil {
		t.Error(err)
	}
	if said := r.said(); len(said) != 2 {
		t.Errorf("said %q", said)
	}
}

// away is a storage that cannot be reached once a number of its answers were given.
type away struct {
	relay.Updates
	answers *atomic.Int64
}

func (a away) gone() error {
	if a.answers.Add(-1) < 0 {
		return errors.New("the database cannot be reached")
	}
	return nil
}

func (a away) UnclaimUpdate(ctx context.Context, bot string, id int64) error {
	if err := a.gone(); err != nil {
		return err
	}
	return a.Updates.UnclaimUpdate(ctx, bot, id)
}

func (a away) MarkUpdate(ctx context.Context, bot string, id int64, at time.Time) (bool, error) {
	if err := a.gone(); err != nil {
		return false, err
	}
	return a.Updates.MarkUpdate(ctx, bot, id, at)
}

// Who could not give a claim back, for the storage was away, does not wait for its end when the storage is back.
func TestOwnClaimIsNotWaitedFor(t *testing.T) {
	for name, stored := range map[string]bool{"nothing was stored": false, "only its note was not": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			o := r.bot.Options
			answers := new(atomic.Int64)
			o.Updates = away{r.db, answers}
			outbox := &later{Outbox: r.db, down: !stored}
			o.Outbox = outbox
			bot := chat.New(o)
			if err := bot.Handle(t.Context(), saying("/help")); err == nil {
				t.Fatal("what is not stored is no error")
			}
			began := time.Now()
			answers.Store(1 << 20)
			outbox.down = false
			if err := bot.Handle(t.Context(), saying("/help")); err != nil || time.Since(began) > relay.ClaimTime/2 {
				t.Errorf("tried again after %s: %v", time.Since(began), err)
			}
			if said := r.said(); len(said) != 1 {
				t.Errorf("said %q", said)
			}
		})
	}
}

// later is an outbox that accepts nothing while it is down.
type later struct {
	relay.Outbox
	down bool
}

func (l *later) Accept(ctx context.Context, m ...*relay.Message) error {
	if l.down {
		return refusing{}.Accept(ctx)
	}
	return l.Outbox.Accept(ctx, m...)
}

type refusing struct{ relay.Outbox }

func (refusing) Accept(context.Context, ...*relay.Message) error { return errors.New("no") }

// Who added the bot to a group is known wherever the command goes.
func TestAdderIsKnownElsewhere(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	o := r.bot.Options
	o.IsAdmin = func(context.Context, int64, int64) (bool, error) { return false, nil }
	one, other := chat.New(o), chat.New(o)
	start := &telegram.Message{Chat: group, From: &telegram.User{ID: 5, FirstName: "Ada"}, Text: "/start@relay_bot " + r.token(relay.TargetGroup)}
	joined := &telegram.ChatMemberUpdated{Chat: group, From: telegram.User{ID: 5}, OldChatMember: telegram.ChatMember{Status: "left"}, NewChatMember: telegram.ChatMember{Status: "member"}}
	for i, u := range []telegram.Update{{UpdateID: 1, Message: start}, {UpdateID: 2, MyChatMember: joined}, {UpdateID: 3, Message: start}} {
		if err := []*chat.Bot{one, other, one}[i].Handle(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	said := r.said()
	if len(said) != 2 || !strings.Contains(said[0], "ops") || strings.Contains(said[1], "ops") {
		t.Errorf("said %q", said)
	}
}

// The press of an application's button is one event, and one that calls makes one call, however often the press comes.
func TestPressedTwice(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	if err := r.db.Bind(t.Context(), "ada", relay.Chat{ChatID: 5, Type: "private"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	m := &relay.Message{ID: relay.NewID(), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	m.Content.Calls = []relay.Call{{Label: "Restart", Method: "POST", URL: "https://ci.example.org/"}}
	m.Deliveries = []relay.Delivery{{ID: relay.NewID(), Recipient: "ada", ChatID: 5, State: relay.Queued, CreatedAt: m.CreatedAt}}
	if err := r.db.Accept(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := r.db.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Sent, TelegramMessageIDs: []int64{70}, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	o := r.bot.Options
	o.MayCall = func(string, string) bool { return true }
	o.Call = func(relay.Call, func(context.Context, error)) bool { calls.Add(1); return true }
	press := func(id int64, data string) telegram.Update {
		return telegram.Update{UpdateID: id, CallbackQuery: &telegram.CallbackQuery{
			ID: "q", From: telegram.User{ID: 5, FirstName: "Ada"}, Data: data, Message: &telegram.Message{MessageID: 70, Chat: telegram.Chat{ID: 5, Type: "private"}},
		}}
	}
	for i, data := range []string{"approve", intake.CallButton(0)} {
		frozen := &stuck{Updates: r.db, frozen: make(chan struct{}), marked: make(chan struct{})}
		slow := o
		slow.Updates = frozen
		id := int64(i + 1)
		done := make(chan error)
		go func() { done <- chat.New(slow).Handle(t.Context(), press(id, data)) }()
		<-frozen.marked
		if err := r.db.UnclaimUpdate(t.Context(), "", id); err != nil {
			t.Fatal(err)
		}
		if err := chat.New(o).Handle(t.Context(), press(id, data)); err != nil {
			t.Error(err)
		}
		close(frozen.frozen)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	events, err := r.db.DueEvents(t.Context(), time.Now(), 10)
	if err != nil || len(events) != 1 || calls.Load() != 1 {
		t.Errorf("%d events, %d calls: %v", len(events), calls.Load(), err)
	}
	if err := r.db.EndEvent(t.Context(), events[0].ID); err != nil {
		t.Fatal(err)
	}
	if more, err := r.db.DueEvents(t.Context(), time.Now(), 10); err != nil || len(more) != 0 {
		t.Errorf("told once more: %+v, %v", more, err)
	}
}
