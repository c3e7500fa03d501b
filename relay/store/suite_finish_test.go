package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
)

func triedAgain(t *testing.T, p *place) {
	m := text("one", to("alice", 1))
	p.accept(t, m)
	p.told.take()
	want := m.Deliveries[0]
	want.Attempts, want.Reason, want.LastError, want.NotBefore, want.TelegramMessageIDs = 3, "server", "Bad Gateway", t0.Add(time.Minute), []int64{71}
	must(t, p.Finish(t.Context(), relay.Outcome{
		Delivery: want.ID, State: relay.Queued, Attempts: 3, Reason: "server", LastError: "Bad Gateway", NotBefore: want.NotBefore, TelegramMessageIDs: []int64{71}, At: t0,
	}))
	if diff := cmp.Diff(want, p.delivery(t, m)); diff != "" {
		t.Errorf("after the attempt (-want +got):\n%s", diff)
	}
	p.wantTexts(t, 1, "one")
	if got := p.told.take(); !slices.Equal(got, []int64{1}) {
		t.Errorf("told of %v, want 1", got)
	}
}

func sentWholly(t *testing.T, p *place) {
	m := text("one", to("alice", 1))
	p.accept(t, m)
	p.Sending(m.Deliveries[0].ID)
	want := m.Deliveries[0]
	want.State, want.Attempts, want.SentAt, want.TelegramMessageIDs = relay.Sent, 1, t0.Add(time.Second), []int64{71, 72}
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: want.ID, State: relay.Sent, Attempts: 1, At: want.SentAt, TelegramMessageIDs: []int64{71, 72}}))
	if diff := cmp.Diff(want, p.delivery(t, m)); diff != "" {
		t.Errorf("after sending (-want +got):\n%s", diff)
	}
	chats, _, err := p.Lanes(t.Context(), "", t0)
	must(t, err)
	if len(chats) != 0 {
		t.Errorf("lanes are %v, want none", chats)
	}
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: relay.NewID(), State: relay.Sent, At: t0}))
}

func arrivalsRecalled(t *testing.T, p *place) {
	end := func(chat int64, s relay.State, after time.Duration, ids ...int64) {
		m := text("one", to("alice", chat))
		p.accept(t, m)
		must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: s, At: t0.Add(after), TelegramMessageIDs: ids}))
	}
	end(1, relay.Sent, 0, 1)
	end(-2, relay.Sent, 3*time.Second, 2, 3, 4)
	end(1, relay.Sent, 2*time.Second, 5)
	end(1, relay.Failed, 2*time.Second)
	end(1, relay.Queued, 0)
	got, err := p.Recent(t.Context(), "", t0.Add(time.Second))
	must(t, err)
	want := []relay.Arrival{{ChatID: 1, At: t0.Add(2 * time.Second), Messages: 1}, {ChatID: -2, At: t0.Add(3 * time.Second), Messages: 3}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what arrived (-want +got):\n%s", diff)
	}
	if got, err := p.Recent(t.Context(), "other", t0.Add(time.Second)); err != nil || len(got) != 0 {
		t.Errorf("at another bot arrived %v, %v", got, err)
	}
}

func endedStays(t *testing.T, p *place) {
	m := text("one", to("alice", 1))
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	p.accept(t, m)
	p.Sending(m.Deliveries[0].ID)
	_, err := p.UnbindChat(t.Context(), "", 1, 0)
	must(t, err)
	p.wantState(t, m, relay.Discarded)
	for _, state := range []relay.State{relay.Sent, relay.Queued, relay.Failed, relay.Expired} {
		must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: state, Attempts: 9, At: t0}))
		if d := p.delivery(t, m); d.State != relay.Discarded || d.Attempts != 0 {
			t.Errorf("after %s it is %s with %d attempts", state, d.State, d.Attempts)
		}
	}
}

func blockedFails(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	must(t, p.Bind(t.Context(), "also-alice", person(1), t0))
	must(t, p.Bind(t.Context(), "alice", person(2), t0))
	first, second, later, other := text("first", to("alice", 1)), text("second", to("also-alice", 1)), text("later", to("alice", 1)), text("other", to("alice", 2))
	later.Deliveries[0].SendAt = t0.Add(time.Hour)
	p.accept(t, first, second, later, other)
	must(t, p.Finish(t.Context(), relay.Outcome{
		Delivery: first.Deliveries[0].ID, State: relay.Failed, Attempts: 1, Reason: "blocked", LastError: "Forbidden: bot was blocked by the user", At: t0,
		ChatID: 1, ChatState: relay.Blocked,
	}))
	for _, m := range []*relay.Message{first, second, later} {
		if d := p.delivery(t, m); d.State != relay.Failed || d.Reason != "blocked" || d.LastError != "Forbidden: bot was blocked by the user" {
			t.Errorf("%s is %s, %q, %q", m.Content.Text.Text, d.State, d.Reason, d.LastError)
		}
	}
	p.wantState(t, other, relay.Queued)
	for _, id := range []string{"alice", "also-alice"} {
		r, err := p.Recipient(t.Context(), id)
		must(t, err)
		if r.Chats[0].State != relay.Blocked {
			t.Errorf("%s: the chat is %s, want blocked", id, r.Chats[0].State)
		}
	}
}

// A message that is under way to a group when Telegram tells of the upgrade must not be taken by the supergroup's lane too.
func migrationLeavesWhatIsBeingSent(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "ops", relay.Chat{ChatID: -5, Type: "group", State: relay.Active}, t0))
	first, second := text("one", to("ops", -5)), text("two", to("ops", -5))
	p.accept(t, first, second)
	id := first.Deliveries[0].ID
	p.Sending(id)
	must(t, p.Migrate(t.Context(), "", -5, -100500))
	p.wantTexts(t, -100500, "two")
	p.wantState(t, first, relay.Sending)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: id, State: relay.Queued, Attempts: 1, Reason: "migrated", At: t0, ChatID: -5, MigrateTo: -100500}))
	p.wantTexts(t, -100500, "one", "two")
}

func finishMigrates(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "ops", group(-5), t0))
	first, second := text("first", to("ops", -5)), text("second", to("ops", -5))
	p.accept(t, first, second)
	p.Sending(first.Deliveries[0].ID)
	p.told.take()
	must(t, p.Finish(t.Context(), relay.Outcome{
		Delivery: first.Deliveries[0].ID, State: relay.Queued, Attempts: 1, Reason: "migrated", NotBefore: t0.Add(time.Hour), At: t0, ChatID: -5, MigrateTo: -100500,
	}))
	p.wantTexts(t, -5)
	p.wantTexts(t, -100500, "first", "second")
	if got := p.told.take(); !slices.Equal(got, []int64{-100500, -5}) {
		t.Errorf("told of %v, want the supergroup, and what it was", got)
	}
	r, err := p.Recipient(t.Context(), "ops")
	must(t, err)
	if len(r.Chats) != 1 || r.Chats[0].ChatID != -100500 || r.Chats[0].Type != "supergroup" {
		t.Errorf("the chats are %+v", r.Chats)
	}
}

func tooOldExpires(t *testing.T, p *place) {
	queued, held, under, young, never := text("q", to("a", 1)), text("h", heldFor("b")), text("s", to("a", 1)), text("y", to("a", 1)), text("n", to("a", 1))
	young.Deliveries[0].ExpiresAt = t0.Add(48 * time.Hour)
	never.Deliveries[0].ExpiresAt = time.Time{}
	p.accept(t, queued, held, under, young, never)
	p.Sending(under.Deliveries[0].ID)
	n, err := p.Expire(t.Context(), t0.Add(24*time.Hour-time.Millisecond), 1000)
	must(t, err)
	if len(n) != 0 {
		t.Errorf("%d expired too early", len(n))
	}
	n, err = p.Expire(t.Context(), t0.Add(24*time.Hour), 1000)
	must(t, err)
	if len(n) != 2 || n[0].State != relay.Expired || n[0].Recipient != "a" && n[0].Recipient != "b" {
		t.Errorf("expired: %+v, want two", n)
	}
	for m, want := range map[*relay.Message]relay.State{
		queued: relay.Expired, held: relay.Expired, under: relay.Sending, young: relay.Queued, never: relay.Queued,
	} {
		p.wantState(t, m, want)
	}
}

func retryGivesTime(t *testing.T, p *place) {
	m := text("one", to("alice", 1))
	p.accept(t, m)
	id := m.Deliveries[0].ID
	_, err := p.Retry(t.Context(), id, t0)
	wantCode(t, err, relay.CodeConflict)
	_, err = p.Retry(t.Context(), relay.NewID(), t0)
	wantCode(t, err, relay.CodeNotFound)
	must(t, p.Finish(t.Context(), relay.Outcome{
		Delivery: id, State: relay.Failed, Attempts: 5, Reason: "server", LastError: "x", TelegramMessageIDs: []int64{71}, At: t0,
	}))
	p.told.take()
	now := t0.Add(72 * time.Hour)
	got, err := p.Retry(t.Context(), id, now)
	must(t, err)
	want := m.Deliveries[0]
	want.Reason, want.LastError, want.TelegramMessageIDs, want.ExpiresAt = "server", "x", []int64{71}, now.Add(24*time.Hour)
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("after the retry (-want +got):\n%s", diff)
	}
	if got := p.told.take(); !slices.Equal(got, []int64{1}) {
		t.Errorf("told of %v, want 1", got)
	}
	ended, err := p.Expire(t.Context(), now, 1000)
	must(t, err)
	if len(ended) != 0 {
		t.Error("what was retried expired at once")
	}
	n, err := p.Prune(t.Context(), now.Add(time.Hour), 10)
	must(t, err)
	if n != 0 {
		t.Error("what was retried was pruned")
	}
}

func retryFindsChat(t *testing.T, p *place) {
	m := text("one", heldFor("alice"))
	p.accept(t, m)
	id, day := m.Deliveries[0].ID, 24*time.Hour
	_, err := p.Expire(t.Context(), t0.Add(day), 1000)
	must(t, err)
	d, err := p.Retry(t.Context(), id, t0.Add(day))
	must(t, err)
	if d.State != relay.Held {
		t.Errorf("without a chat it is %s, want held", d.State)
	}
	_, err = p.Expire(t.Context(), t0.Add(2*day), 1000)
	must(t, err)
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	d, err = p.Retry(t.Context(), id, t0.Add(2*day))
	must(t, err)
	if d.State != relay.Queued || d.ChatID != 1 {
		t.Errorf("with a chat it is %s in chat %d, want queued in 1", d.State, d.ChatID)
	}
	p.wantTexts(t, 1, "one")
}

func retryFollowsTheChat(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "ops", group(-5), t0))
	m := text("one", to("ops", -5))
	p.accept(t, m)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Failed, Reason: "server", At: t0}))
	must(t, p.Migrate(t.Context(), "", -5, -100500))
	d, err := p.Retry(t.Context(), m.Deliveries[0].ID, t0)
	must(t, err)
	if d.ChatID != -100500 || d.State != relay.Queued {
		t.Errorf("it is %s in chat %d, want queued in the supergroup", d.State, d.ChatID)
	}
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: d.ID, State: relay.Failed, Reason: "server", At: t0}))
	must(t, p.Unbind(t.Context(), "ops", "", -100500, 0))
	must(t, p.Bind(t.Context(), "ops", person(1), t0))
	must(t, p.SetChatState(t.Context(), "", 1, relay.Blocked))
	_, err = p.Retry(t.Context(), d.ID, t0)
	wantCode(t, err, relay.CodeConflict)
	p.wantState(t, m, relay.Failed)
}

func discardEnds(t *testing.T, p *place) {
	m := text("one", to("alice", 1))
	p.accept(t, m)
	id := m.Deliveries[0].ID
	_, err := p.Discard(t.Context(), id, t0)
	wantCode(t, err, relay.CodeConflict)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: id, State: relay.Failed, Reason: "rejected", At: t0}))
	d, err := p.Discard(t.Context(), id, t0)
	must(t, err)
	if d.State != relay.Discarded || d.Reason != "rejected" {
		t.Errorf("it is %s, %q", d.State, d.Reason)
	}
	_, err = p.Discard(t.Context(), id, t0)
	wantCode(t, err, relay.CodeConflict)
	_, err = p.Discard(t.Context(), relay.NewID(), t0)
	wantCode(t, err, relay.CodeNotFound)
}

func finishedPruned(t *testing.T, p *place) {
	var sent []*relay.Message
	for i := range 5 {
		m := text(fmt.Sprint(i), to("alice", 1))
		p.accept(t, m)
		must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Sent, At: t0.Add(time.Duration(i) * time.Hour)}))
		sent = append(sent, m)
	}
	shared := text("shared", to("alice", 1), to("bob", 2))
	p.accept(t, shared)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: shared.Deliveries[0].ID, State: relay.Sent, At: t0}))
	before := t0.Add(3 * time.Hour)
	for _, want := range []int64{2, 2, 0} {
		n, err := p.Prune(t.Context(), before, 2)
		must(t, err)
		if n != want {
			t.Errorf("pruned %d, want %d", n, want)
		}
	}
	for i, m := range sent {
		_, err := p.Message(t.Context(), m.ID)
		if gone := relay.ErrorCode(err) == relay.CodeNotFound; gone != (i < 3) {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if d := p.delivery(t, shared); d.ID != shared.Deliveries[1].ID {
		t.Error("the delivery that waits is gone")
	}
	p.wantTexts(t, 2, "shared")
}
