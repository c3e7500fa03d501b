package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tgrelay/tgrelay/relay"
)

var directorySuite = map[string]func(*testing.T, *place){
	"an unknown recipient is told":              unknownRecipient,
	"binding survives reopening":                bindingSurvives,
	"binding again refreshes":                   bindingRefreshes,
	"binding releases what was held":            bindingReleases,
	"what is held too late is queued":           heldTooLate,
	"unbinding takes one chat":                  unbindingTakesOne,
	"unbinding a chat takes it from all":        unbindingChat,
	"forgetting leaves nothing":                 forgettingLeavesNothing,
	"forgetting takes much":                     forgettingMuch,
	"a chat's state is one in all its bindings": chatState,
	"mute is of the topic":                      muteTopic,
	"migration merges":                          migrationMerges,
	"recipients come in pages":                  recipientPages,
}

func unknownRecipient(t *testing.T, p *place) {
	_, err := p.Recipient(t.Context(), "nobody")
	wantCode(t, err, relay.CodeUnknownRecipient)
	wantCode(t, p.Forget(t.Context(), "nobody"), relay.CodeNotFound)
	wantCode(t, p.Unbind(t.Context(), "nobody", "", 1, 0), relay.CodeNotFound)
	wantCode(t, p.Bind(t.Context(), "no body", person(1), t0), relay.CodeInvalidField)
	must(t, p.Bind(t.Context(), "nobody", person(1), t0))
	if got := p.chats(t, "nobody"); !slices.Equal(got, []int64{1}) {
		t.Errorf("after binding the chats are %v", got)
	}
}

func bindingSurvives(t *testing.T, p *place) {
	topic := relay.Chat{ChatID: -100200, MessageThreadID: 7, Type: "supergroup", Title: "Ops", State: relay.Active}
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	must(t, p.Bind(t.Context(), "alice", topic, t0.Add(time.Minute)))
	must(t, p.ChangeSettings(t.Context(), "", 1, 0, relay.SettingsChange{MutedUntil: new(t0.Add(time.Hour))}))
	want := &relay.Recipient{ID: "alice", CreatedAt: t0, Chats: []relay.Binding{
		{Recipient: "alice", Chat: person(1), LinkedAt: t0, Settings: relay.Settings{MutedUntil: t0.Add(time.Hour)}},
		{Recipient: "alice", Chat: topic, LinkedAt: t0.Add(time.Minute)},
	}}
	for range 2 {
		for range 2 { // past the cache, and from it
			got, err := p.Recipient(t.Context(), "alice")
			must(t, err)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(relay.Recipient{}, "Version")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
		bindings, err := p.Bindings(t.Context(), "", -100200, 7)
		must(t, err)
		if diff := cmp.Diff(want.Chats[1:], bindings); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		p.reopen()
	}
	bindings, err := p.Bindings(t.Context(), "", -100200, 0)
	must(t, err)
	if len(bindings) != 0 {
		t.Errorf("in another topic are %v", bindings)
	}
}

func bindingRefreshes(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	must(t, p.Bind(t.Context(), "bob", person(1), t0))
	must(t, p.SetChatState(t.Context(), "", 1, relay.Blocked))
	renamed := person(1)
	renamed.Title, renamed.Username, renamed.LanguageCode = "Alice B.", "", "de"
	must(t, p.Bind(t.Context(), "alice", renamed, t0.Add(time.Hour)))
	must(t, p.Bind(t.Context(), "alice", relay.Chat{ChatID: 1, Type: "private"}, t0.Add(2*time.Hour)))
	for _, id := range []string{"alice", "bob"} {
		r, err := p.Recipient(t.Context(), id)
		must(t, err)
		want := []relay.Binding{{Recipient: id, Chat: renamed, LinkedAt: t0}}
		if diff := cmp.Diff(want, r.Chats); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
}

func bindingReleases(t *testing.T, p *place) {
	p.accept(t, text("1", heldFor("alice")), text("2", heldFor("alice")), text("other", heldFor("bob")), text("3", heldFor("alice")))
	topic := relay.Chat{ChatID: -100200, MessageThreadID: 7, Type: "supergroup", Title: "Ops"}
	must(t, p.Bind(t.Context(), "alice", topic, t0))
	p.wantTexts(t, -100200, "1", "2", "3")
	jobs, err := p.Heads(t.Context(), "", -100200, t0, 1)
	must(t, err)
	if d := jobs[0].Delivery; d.State != relay.Queued || d.MessageThreadID != 7 {
		t.Errorf("the first is %s in topic %d", d.State, d.MessageThreadID)
	}
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	p.wantTexts(t, 1)
}

// heldTooLate is the race between who looks a recipient up, finds no chat, and hands in a held delivery, and who binds meanwhile.
func heldTooLate(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	must(t, p.Bind(t.Context(), "alice", person(2), t0.Add(time.Minute)))
	must(t, p.SetChatState(t.Context(), "", 1, relay.Blocked))
	m := text("late", heldFor("alice"))
	p.accept(t, m)
	if d := m.Deliveries[0]; d.State != relay.Queued || d.ChatID != 2 {
		t.Errorf("it is %s in chat %d, want queued in 2", d.State, d.ChatID)
	}
	p.wantTexts(t, 2, "late")
	must(t, p.SetChatState(t.Context(), "", 2, relay.Left))
	m = text("too late", heldFor("alice"))
	p.accept(t, m)
	if d := m.Deliveries[0]; d.State != relay.Failed || d.Reason != "blocked" {
		t.Errorf("it is %s, %q; want failed, blocked", d.State, d.Reason)
	}
}

func unbindingTakesOne(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	must(t, p.Bind(t.Context(), "alice", group(-2), t0))
	must(t, p.Bind(t.Context(), "bob", group(-2), t0))
	mine, shared := text("mine", to("alice", 1)), text("shared", to("alice", -2))
	p.accept(t, mine, shared)
	must(t, p.Unbind(t.Context(), "alice", "", 1, 0))
	must(t, p.Unbind(t.Context(), "alice", "", -2, 0))
	wantCode(t, p.Unbind(t.Context(), "alice", "", 1, 0), relay.CodeNotFound)
	if got := p.chats(t, "alice"); len(got) != 0 {
		t.Errorf("the chats are %v", got)
	}
	if got := p.chats(t, "bob"); !slices.Equal(got, []int64{-2}) {
		t.Errorf("bob's chats are %v", got)
	}
	p.wantState(t, mine, relay.Discarded)
	p.wantState(t, shared, relay.Queued)
}

func unbindingChat(t *testing.T, p *place) {
	topic := relay.Chat{ChatID: -100200, MessageThreadID: 7, Type: "supergroup", Title: "Ops"}
	for _, id := range []string{"alice", "bob"} {
		must(t, p.Bind(t.Context(), id, topic, t0))
		must(t, p.Bind(t.Context(), id, person(1), t0))
	}
	inTopic, elsewhere := text("in the topic", to("alice", -100200)), text("elsewhere", to("alice", -100200))
	inTopic.Deliveries[0].MessageThreadID = 7
	p.accept(t, inTopic, elsewhere)
	freed, err := p.UnbindChat(t.Context(), "", -100200, 7)
	must(t, err)
	slices.Sort(freed)
	if !slices.Equal(freed, []string{"alice", "bob"}) {
		t.Errorf("it was taken from %v", freed)
	}
	p.wantState(t, inTopic, relay.Discarded)
	p.wantState(t, elsewhere, relay.Queued)
	if got := p.chats(t, "bob"); !slices.Equal(got, []int64{1}) {
		t.Errorf("bob's chats are %v", got)
	}
	freed, err = p.UnbindChat(t.Context(), "", -100200, 7)
	must(t, err)
	if len(freed) != 0 {
		t.Errorf("the second time it was taken from %v", freed)
	}
}

func forgettingLeavesNothing(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	must(t, p.Bind(t.Context(), "bob", person(2), t0))
	l := link("alice", relay.TargetPrivate)
	must(t, p.CreateLink(t.Context(), l, token(1)))
	must(t, p.CreateLink(t.Context(), link("bob", relay.TargetPrivate), token(2)))
	own, shared, sent := text("own", to("alice", 1)), text("shared", to("alice", 1), to("bob", 2)), text("sent", to("alice", 1))
	p.accept(t, own, shared, sent, text("bob's", to("bob", 2)))
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: sent.Deliveries[0].ID, State: relay.Sent, At: t0}))
	must(t, p.Forget(t.Context(), "alice"))
	_, err := p.Recipient(t.Context(), "alice")
	wantCode(t, err, relay.CodeUnknownRecipient)
	_, err = p.Link(t.Context(), l.ID, t0)
	wantCode(t, err, relay.CodeNotFound)
	for _, m := range []*relay.Message{own, sent} {
		_, err = p.Message(t.Context(), m.ID)
		wantCode(t, err, relay.CodeNotFound)
	}
	if d := p.delivery(t, shared); d.Recipient != "bob" {
		t.Errorf("what is left of the shared message is for %s", d.Recipient)
	}
	p.wantTexts(t, 1)
	p.wantTexts(t, 2, "shared", "bob's")
	links, err := p.Links(t.Context(), relay.LinkQuery{}, t0)
	must(t, err)
	if len(links.Items) != 1 || links.Items[0].Recipient != "bob" {
		t.Errorf("the links are %+v", links)
	}
	p.accept(t, text("held", heldFor("carol")))
	must(t, p.Forget(t.Context(), "carol"))
	b, err := p.Backlog(t.Context())
	must(t, err)
	if b.Waiting() != 2 || b.Count[relay.Sent] != 0 {
		t.Errorf("the backlog is %v", b.Count)
	}
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: own.Deliveries[0].ID, State: relay.Sent, At: t0}))
}

func forgettingMuch(t *testing.T, p *place) {
	m := text("much", to("bob", 2))
	for range 1234 {
		m.Deliveries = append(m.Deliveries, message(to("alice", 1)).Deliveries...)
	}
	p.accept(t, m)
	must(t, p.Forget(t.Context(), "alice"))
	p.wantTexts(t, 1)
	p.wantTexts(t, 2, "much")
	wantCode(t, p.Forget(t.Context(), "alice"), relay.CodeNotFound)
}

func chatState(t *testing.T, p *place) {
	topic := group(-2)
	topic.MessageThreadID = 7
	must(t, p.Bind(t.Context(), "alice", group(-2), t0))
	must(t, p.Bind(t.Context(), "bob", topic, t0))
	must(t, p.Bind(t.Context(), "carol", person(3), t0))
	p.chats(t, "alice") // into the cache
	must(t, p.SetChatState(t.Context(), "", -2, relay.Left))
	must(t, p.SetChatState(t.Context(), "", -2, relay.Left))
	must(t, p.SetChatState(t.Context(), "", 999, relay.Blocked))
	for _, id := range []string{"alice", "bob"} {
		r, err := p.Recipient(t.Context(), id)
		must(t, err)
		if r.Chats[0].State != relay.Left {
			t.Errorf("%s: the chat is %s", id, r.Chats[0].State)
		}
	}
	got, err := p.BindingCount(t.Context())
	must(t, err)
	if diff := cmp.Diff(map[relay.ChatState]int64{relay.Active: 1, relay.Left: 2, relay.Blocked: 0}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	n, err := p.RecipientCount(t.Context())
	must(t, err)
	if n != 3 {
		t.Errorf("%d recipients, want 3", n)
	}
}

func muteTopic(t *testing.T, p *place) {
	topic := group(-2)
	topic.MessageThreadID = 7
	must(t, p.Bind(t.Context(), "alice", group(-2), t0))
	must(t, p.Bind(t.Context(), "bob", topic, t0))
	check := func(alice, bob time.Time) {
		t.Helper()
		for id, want := range map[string]time.Time{"alice": alice, "bob": bob} {
			r, err := p.Recipient(t.Context(), id)
			must(t, err)
			if !r.Chats[0].MutedUntil.Equal(want) {
				t.Errorf("%s is muted until %v, want %v", id, r.Chats[0].MutedUntil, want)
			}
		}
	}
	check(time.Time{}, time.Time{})
	must(t, p.ChangeSettings(t.Context(), "", -2, 7, relay.SettingsChange{MutedUntil: new(t0.Add(time.Hour))}))
	check(time.Time{}, t0.Add(time.Hour))
	must(t, p.ChangeSettings(t.Context(), "", -2, 7, relay.SettingsChange{MutedUntil: new(time.Time{})}))
	must(t, p.ChangeSettings(t.Context(), "", 999, 0, relay.SettingsChange{MutedUntil: new(t0)}))
	check(time.Time{}, time.Time{})
}

func migrationMerges(t *testing.T, p *place) {
	super := relay.Chat{ChatID: -100500, Type: "supergroup", Title: "Ops, new"}
	must(t, p.Bind(t.Context(), "ops", group(-5), t0))
	must(t, p.Bind(t.Context(), "ops", super, t0.Add(time.Hour)))
	must(t, p.Bind(t.Context(), "team", group(-5), t0))
	p.accept(t, text("1", to("ops", -5)), text("2", to("team", -5)))
	p.chats(t, "ops")
	for range 2 {
		must(t, p.Migrate(t.Context(), "", -5, -100500))
		for _, id := range []string{"ops", "team"} {
			if got := p.chats(t, id); !slices.Equal(got, []int64{-100500}) {
				t.Errorf("%s has chats %v", id, got)
			}
		}
		p.wantTexts(t, -5)
		p.wantTexts(t, -100500, "1", "2")
	}
	must(t, p.Bind(t.Context(), "late", group(-5), t0))
	must(t, p.SetChatState(t.Context(), "", -5, relay.Left))
	must(t, p.Migrate(t.Context(), "", -5, -100500))
	if r, err := p.Recipient(t.Context(), "late"); err != nil || r.Chats[0].State != relay.Active {
		t.Errorf("the supergroup's state does not hold for all: %+v, %v", r, err)
	}
	// The bot hears first that it is not in the group any more, and then what became of the group.
	must(t, p.Bind(t.Context(), "alone", group(-6), t0))
	must(t, p.SetChatState(t.Context(), "", -6, relay.Left))
	must(t, p.Migrate(t.Context(), "", -6, -100600))
	if r, err := p.Recipient(t.Context(), "alone"); err != nil || r.Chats[0].State != relay.Active {
		t.Errorf("the supergroup of a group that the bot has left: %+v, %v", r, err)
	}
	must(t, p.Migrate(t.Context(), "", -100500, -100500))
	if got := p.chats(t, "ops"); !slices.Equal(got, []int64{-100500}) {
		t.Errorf("after a migration to itself: %v", got)
	}
}

func recipientPages(t *testing.T, p *place) {
	var want []string
	for i := range 7 {
		id := fmt.Sprintf("team-%d", i)
		must(t, p.Bind(t.Context(), id, person(int64(i+1)), t0))
		must(t, p.Bind(t.Context(), id, group(int64(-i-1)), t0))
		must(t, p.Bind(t.Context(), fmt.Sprintf("Team%d", i), person(int64(i+1)), t0))
		want = append(want, id)
	}
	must(t, p.Unbind(t.Context(), "team-3", "", 4, 0))
	must(t, p.Unbind(t.Context(), "team-3", "", -4, 0))
	var got []string
	for q := (relay.RecipientQuery{Prefix: "team", Limit: 3}); ; {
		page, err := p.Recipients(t.Context(), q)
		must(t, err)
		for _, r := range page.Items {
			got = append(got, r.ID)
			chats := 2
			if r.ID == "team-3" {
				chats = 0
			}
			if len(r.Chats) != chats || r.Chats == nil {
				t.Errorf("%s has %d chats, want %d", r.ID, len(r.Chats), chats)
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	page, err := p.Recipients(t.Context(), relay.RecipientQuery{})
	must(t, err)
	if len(page.Items) != 14 || page.Next != "" {
		t.Errorf("all are %d, next %q", len(page.Items), page.Next)
	}
}
