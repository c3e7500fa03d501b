package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// A person who has started two bots has two chats of one number.
var botsSuite = map[string]func(*testing.T, *place){
	"a person is bound at two bots":                          boundAtTwo,
	"lanes are a bot's":                                      lanesOfBots,
	"what is scheduled is a bot's":                           scheduledOfBots,
	"what is held for a bot waits for it":                    heldForBot,
	"what is held for a bot waits over a pause":              heldForBotOverPause,
	"what is held too late goes to the bot that it names":    heldTooLateForBot,
	"what is held for the first bot by name waits for it":    heldForFirst,
	"a list is of a bot's deliveries":                        listedOfBot,
	"a link is a bot's":                                      linkOfBot,
	"a chat is blocked at one bot":                           blockedAtOne,
	"what is to go by a bot that is blocked goes by another": goesByAnother,
	"what names the bot that is blocked fails":               namedFails,
	"whoever blocks a bot gets by another what waits":        blockedBeforeSending,
	"parts are completed by another bot":                     completedByAnother,
	"a newer version stays the newest at another bot":        newestByAnother,
	"twins of what goes by another bot are known":            twinsByAnother,
	"what another bot has is not what was found out":         foundOutTooLate,
	"what two bots have sent is the live message of one":     sentByTwo,
	"a group migrates at one bot":                            migratedAtOne,
	"a chat is unbound at one bot":                           unboundAtOne,
	"a chat is forgotten at one bot":                         forgottenAtOne,
	"a recipient is forgotten at all bots":                   forgottenAtAll,
	"settings are a bot's":                                   settingsOfBots,
	"a live message is a bot's":                              liveOfBots,
	"twins of a notification are a bot's":                    notifiedByBots,
	"topics are a bot's":                                     topicsOfBots,
	"updates are a bot's":                                    updatesOfBots,
	"a retry stays with the bot that is named":               retryAtBot,
}

const second = "second"

// at makes a chat one of another bot.
func at(bot string, c relay.Chat) relay.Chat {
	c.Bot = bot
	return c
}

// by makes a delivery one by another bot.
func by(bot string, d relay.Delivery) relay.Delivery {
	d.Bot = bot
	return d
}

func (p *place) bindBoth(t *testing.T, recipient string, c relay.Chat) {
	t.Helper()
	must(t, p.Bind(t.Context(), recipient, c, t0))
	must(t, p.Bind(t.Context(), recipient, at(second, c), t0.Add(time.Minute)))
}

// wantTextsOf wants what waits in a chat of a bot.
func (p *place) wantTextsOf(t *testing.T, bot string, chat int64, want ...string) {
	t.Helper()
	jobs, err := p.Heads(t.Context(), bot, chat, t0, 1000)
	must(t, err)
	var got []string
	for _, j := range jobs {
		got = append(got, j.Content.Text.Text)
		if j.Bot != bot {
			t.Errorf("%q is %q's", j.Content.Text.Text, j.Bot)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("in chat %d of %q waits %q, want %q", chat, bot, got, want)
	}
}

// places are a recipient's chats with their bots and states.
func (p *place) places(t *testing.T, recipient string) []string {
	t.Helper()
	r, err := p.Recipient(t.Context(), recipient)
	must(t, err)
	var out []string
	for _, b := range r.Chats {
		out = append(out, fmt.Sprintf("%s:%d %s", b.Bot, b.ChatID, b.State))
	}
	return out
}

func (p *place) wantPlaces(t *testing.T, recipient string, want ...string) {
	t.Helper()
	if got := p.places(t, recipient); !slices.Equal(got, want) {
		t.Errorf("%s has %q, want %q", recipient, got, want)
	}
}

func boundAtTwo(t *testing.T, p *place) {
	p.bindBoth(t, "alice", person(1))
	for range 2 {
		p.wantPlaces(t, "alice", ":1 active", "second:1 active")
		bindings, err := p.Bindings(t.Context(), second, 1, 0)
		must(t, err)
		if len(bindings) != 1 || bindings[0].Bot != second || !bindings[0].LinkedAt.Equal(t0.Add(time.Minute)) {
			t.Errorf("bound to the second bot's chat: %+v", bindings)
		}
		p.reopen()
	}
	page, err := p.Recipients(t.Context(), relay.RecipientQuery{})
	must(t, err)
	if len(page.Items) != 1 || len(page.Items[0].Chats) != 2 || page.Items[0].Chats[1].Bot != second {
		t.Errorf("listed is %+v", page.Items)
	}
	must(t, p.Rename(t.Context(), relay.Chat{Bot: second, ChatID: 1, Title: "Alicia"}))
	alice, err := p.Recipient(t.Context(), "alice")
	must(t, err)
	if alice.Chats[0].Title != "Alice" || alice.Chats[1].Title != "Alicia" {
		t.Errorf("renamed at one bot: %+v", alice.Chats)
	}
}

func lanesOfBots(t *testing.T, p *place) {
	p.accept(t, text("one", to("alice", 1)), text("two", by(second, to("alice", 1))), text("three", by(second, to("bob", 2))))
	for bot, want := range map[string][]int64{"": {1}, second: {1, 2}, "third": {}} {
		got, _, err := p.Lanes(t.Context(), bot, t0)
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("%q has lanes %v, want %v", bot, got, want)
		}
	}
	waiting, err := p.WaitingBots(t.Context())
	must(t, err)
	if !slices.Equal(waiting, []string{"", second}) {
		t.Errorf("something waits for %q", waiting)
	}
	p.reopen()
	p.wantTextsOf(t, "", 1, "one")
	p.wantTextsOf(t, second, 1, "two")
	p.wantTextsOf(t, second, 2, "three")
}

func scheduledOfBots(t *testing.T, p *place) {
	soon, late := by(second, to("alice", 1)), to("alice", 1)
	soon.SendAt, late.SendAt = t0.Add(time.Minute), t0.Add(time.Hour)
	p.accept(t, text("soon", soon), text("late", late))
	for bot, want := range map[string]time.Time{"": late.SendAt, second: soon.SendAt, "third": {}} {
		_, next, err := p.Lanes(t.Context(), bot, t0)
		must(t, err)
		if !next.Equal(want) {
			t.Errorf("next of %q is %v, want %v", bot, next, want)
		}
	}
	backlog, err := p.Backlog(t.Context())
	must(t, err)
	if !backlog.Oldest.Equal(soon.SendAt) {
		t.Errorf("waiting for longest since %v, want %v", backlog.Oldest, soon.SendAt)
	}
}

// forBot is a message that names a bot, for a recipient without a chat there.
func forBot(s, recipient, bot string) *relay.Message {
	m := text(s, by(bot, heldFor(recipient)))
	m.Bot = bot
	return m
}

// heldForFirst names the bot whose chats bear no name: what is held for it is not for any.
func heldForFirst(t *testing.T, p *place) {
	ctx := t.Context()
	named := forBot("named", "alice", relay.FirstBot)
	p.accept(t, named, text("any", heldFor("alice")))
	must(t, p.Bind(ctx, "alice", at(second, person(1)), t0))
	p.wantTextsOf(t, second, 1, "any")
	p.wantState(t, named, relay.Held)
	must(t, p.Bind(ctx, "alice", person(1), t0))
	p.wantTextsOf(t, "", 1, "named")
	late := forBot("late", "alice", relay.FirstBot)
	p.accept(t, late)
	p.wantTextsOf(t, "", 1, "named", "late")
}

func listedOfBot(t *testing.T, p *place) {
	one, two := text("one", to("alice", 1)), text("two", by(second, to("alice", 1)))
	forFirst, forSecond, forAny := forBot("first", "bob", relay.FirstBot), forBot("second", "bob", second), text("any", heldFor("bob"))
	p.accept(t, one, two, forFirst, forSecond, forAny)
	for bot, want := range map[string][]*relay.Message{"": {forAny, forSecond, forFirst, two, one}, relay.FirstBot: {forFirst, one}, second: {forSecond, two}, "third": {}} {
		page, err := p.Deliveries(t.Context(), relay.DeliveryQuery{Bot: bot})
		must(t, err)
		var got, ids []relay.ID
		for _, d := range page.Items {
			got = append(got, d.MessageID)
		}
		for _, m := range want {
			ids = append(ids, m.ID)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("of %q: %v, want %v", bot, got, ids)
		}
	}
}

func heldForBot(t *testing.T, p *place) {
	ctx := t.Context()
	named := forBot("named", "alice", second)
	p.accept(t, named, text("any", heldFor("alice")))
	must(t, p.Bind(ctx, "alice", person(1), t0))
	p.wantTextsOf(t, "", 1, "any")
	p.wantState(t, named, relay.Held)
	p.reopen()
	stored, err := p.Message(ctx, named.ID)
	must(t, err)
	if stored.Bot != second || stored.Deliveries[0].Bot != second {
		t.Errorf("stored: %+v", stored)
	}
	must(t, p.Bind(ctx, "alice", at(second, person(1)), t0))
	p.wantTextsOf(t, second, 1, "named")
	p.wantTextsOf(t, "", 1, "any")
}

func heldForBotOverPause(t *testing.T, p *place) {
	ctx, yes, no := t.Context(), true, false
	must(t, p.Bind(ctx, "alice", person(1), t0))
	_, err := p.ChangeRecipient(ctx, "alice", relay.RecipientChange{Paused: &yes})
	must(t, err)
	p.accept(t, forBot("named", "alice", second))
	must(t, p.Bind(ctx, "alice", at(second, person(1)), t0.Add(time.Minute)))
	p.wantTextsOf(t, second, 1)
	_, err = p.ChangeRecipient(ctx, "alice", relay.RecipientChange{Paused: &no})
	must(t, err)
	p.wantTextsOf(t, second, 1, "named")
	p.wantTextsOf(t, "", 1)
}

func heldTooLateForBot(t *testing.T, p *place) {
	p.bindBoth(t, "alice", person(1))
	p.accept(t, forBot("named", "alice", second), text("any", heldFor("alice")), forBot("nowhere", "alice", "third"))
	p.wantTextsOf(t, second, 1, "named")
	p.wantTextsOf(t, "", 1, "any")
	p.wantTextsOf(t, "third", 1)
}

func linkOfBot(t *testing.T, p *place) {
	ctx := t.Context()
	l := link("alice", relay.TargetPrivate)
	l.Bot = second
	must(t, p.CreateLink(ctx, l, token(1)))
	p.accept(t, text("any", heldFor("alice")), forBot("for another", "alice", "third"))
	_, err := p.Redeem(ctx, redemption(1, person(1)))
	wantCode(t, err, relay.CodeLinkNotOpen)
	redeemed, err := p.Redeem(ctx, redemption(1, at(second, person(1))))
	must(t, err)
	if redeemed.Link.Bot != second || redeemed.Held != 1 {
		t.Errorf("redeemed: %+v", redeemed)
	}
	p.wantPlaces(t, "alice", "second:1 active")
	p.wantTextsOf(t, second, 1, "any")
	again, err := p.Redeem(ctx, redemption(1, at(second, person(1))))
	must(t, err)
	if !again.Already {
		t.Errorf("redeemed again: %+v", again)
	}
	got, err := p.LinkOf(ctx, token(1), t0)
	must(t, err)
	if got.Bot != second {
		t.Errorf("the link is %q's", got.Bot)
	}
}

func blockedAtOne(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "alice", person(1))
	first, other, here := text("first", to("alice", 1)), text("other", to("alice", 1)), text("here", by(second, to("alice", 1)))
	p.accept(t, first, other, here)
	must(t, p.Finish(ctx, relay.Outcome{Delivery: first.Deliveries[0].ID, State: relay.Failed, Reason: "blocked", At: t0, ChatID: 1, ChatState: relay.Blocked}))
	p.wantPlaces(t, "alice", ":1 blocked", "second:1 active")
	p.wantTextsOf(t, second, 1, "first", "other", "here")
	must(t, p.SetChatState(ctx, second, 1, relay.Blocked))
	must(t, p.SetChatState(ctx, "", 1, relay.Active))
	p.wantPlaces(t, "alice", ":1 active", "second:1 blocked")
}

// blockedBy is what becomes of a delivery at the first bot whose chat is blocked.
func blockedBy(m *relay.Message, chat int64) relay.Outcome {
	state := relay.Blocked
	if chat < 0 {
		state = relay.Left
	}
	return relay.Outcome{
		Delivery: m.Deliveries[0].ID, State: relay.Failed, Attempts: 1, Reason: "blocked", LastError: "Forbidden: bot was blocked by the user", At: t0, ChatID: chat, ChatState: state,
	}
}

func goesByAnother(t *testing.T, p *place) {
	ctx := t.Context()
	p.events.Store(true)
	p.bindBoth(t, "alice", person(1))
	must(t, p.Bind(ctx, "alice", at("third", person(1)), t0.Add(time.Hour)))
	must(t, p.Bind(ctx, "bob", person(1), t0))
	must(t, p.Bind(ctx, "alice", at(second, person(2)), t0))
	_ = heard(t, p)
	low, first, there, last, high, bobs := text("low", to("alice", 1)), text("first", to("alice", 1)), text("there", by(second, to("alice", 1))), text("last", to("alice", 1)), text("high", to("alice", 1)), text("bob's", to("bob", 1))
	low.Deliveries[0].Priority, high.Deliveries[0].Priority = relay.Low, relay.High
	later := text("later", to("alice", 1))
	later.Deliveries[0].SendAt = t0.Add(time.Hour)
	p.accept(t, low, first, there, last, high, later, bobs)
	must(t, p.Finish(ctx, relay.Outcome{Delivery: last.Deliveries[0].ID, State: relay.Queued, Attempts: 3, NotBefore: t0.Add(time.Hour), At: t0}))
	p.Sending(high.Deliveries[0].ID)
	p.told.take()
	must(t, p.Finish(ctx, blockedBy(high, 1)))
	p.reopen()
	p.wantTextsOf(t, "", 1)
	p.wantTextsOf(t, second, 1, "high", "first", "there", "last", "low")
	p.wantTextsOf(t, second, 2)
	p.wantTextsOf(t, "third", 1)
	p.wantState(t, bobs, relay.Failed)
	if got := heard(t, p); !slices.Equal(got, []string{"recipient.blocked alice", "recipient.blocked bob", "message.failed bob"}) {
		t.Errorf("heard %q", got)
	}
	if d := p.delivery(t, high); d.State != relay.Queued || d.Attempts != 1 || d.Reason != "blocked" || d.LastError == "" {
		t.Errorf("the one that found it out is %+v", d)
	}
	if d := p.delivery(t, last); !d.NotBefore.IsZero() || d.Attempts != 3 {
		t.Errorf("what was to be tried again is %+v", d)
	}
	if d := p.delivery(t, later); d.Bot != second || d.State != relay.Queued || !d.SendAt.Equal(later.Deliveries[0].SendAt) {
		t.Errorf("what is for a later hour is %+v", d)
	}
	if got := p.told.take(); !slices.Contains(got, 1) {
		t.Errorf("told of %v", got)
	}
	undelivered, err := p.Undelivered(ctx, "", 10)
	must(t, err)
	if undelivered.Count != 1 || undelivered.First[0].Recipient != "bob" {
		t.Errorf("it is said that these did not arrive: %+v", undelivered)
	}
	must(t, p.Finish(ctx, relay.Outcome{Delivery: high.Deliveries[0].ID, Bot: second, State: relay.Sent, TelegramMessageIDs: []int64{7}, At: t0}))
	p.wantState(t, high, relay.Sent)
	out := blockedBy(first, 1)
	out.Bot = second
	must(t, p.Finish(ctx, out))
	p.wantTextsOf(t, "third", 1, "first", "there", "last", "low")
	out.Bot = "third"
	must(t, p.Finish(ctx, out))
	for _, m := range []*relay.Message{low, first, there, last, later} {
		p.wantState(t, m, relay.Failed)
	}
}

func namedFails(t *testing.T, p *place) {
	p.bindBoth(t, "alice", person(1))
	p.bindBoth(t, "carol", person(2))
	named, free, answer := text("named", to("alice", 1)), text("any", to("alice", 1)), text("the bot's own", to("", 1))
	named.Bot = relay.FirstBot
	p.accept(t, named, free, answer)
	must(t, p.Finish(t.Context(), blockedBy(named, 1)))
	p.wantState(t, named, relay.Failed)
	p.wantState(t, answer, relay.Failed)
	p.wantTextsOf(t, second, 1, "any")

	// Where the other bot is blocked too there is no way.
	must(t, p.SetChatState(t.Context(), second, 2, relay.Blocked))
	m := text("nowhere", to("carol", 2))
	p.accept(t, m)
	must(t, p.Finish(t.Context(), blockedBy(m, 2)))
	p.wantState(t, m, relay.Failed)
}

// What is known before anything is sent moves what waits at once: what comes next goes by the other bot, and must not overtake it.
func blockedBeforeSending(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "ops", group(-5))
	sending, waits, named := text("sending", to("ops", -5)), text("waits", to("ops", -5)), text("named", to("ops", -5))
	named.Bot = relay.FirstBot
	p.accept(t, sending, waits, named)
	p.Sending(sending.Deliveries[0].ID)
	p.told.take()
	must(t, p.SetChatState(ctx, "", -5, relay.Left))
	if got := p.told.take(); !slices.Equal(got, []int64{-5, -5}) {
		t.Errorf("told of %v, want the chat at both bots", got)
	}
	p.accept(t, text("next", by(second, to("ops", -5))))
	p.wantTextsOf(t, second, -5, "waits", "next")
	p.wantTextsOf(t, "", -5, "sending", "named")
	must(t, p.Finish(ctx, blockedBy(sending, -5)))
	p.wantTextsOf(t, second, -5, "sending", "waits", "next")
	p.wantState(t, named, relay.Failed)
}

func completedByAnother(t *testing.T, p *place) {
	for _, c := range []relay.Chat{group(-5), person(5)} {
		p.bindBoth(t, "ops", c)
		m := text("long", to("ops", c.ChatID))
		p.accept(t, m)
		out := blockedBy(m, c.ChatID)
		out.TelegramMessageIDs = []int64{71}
		must(t, p.Finish(t.Context(), out))
		want := []int64{71}
		if c.ChatID > 0 { // another chat
			want = []int64{}
		}
		if d := p.delivery(t, m); d.Bot != second || !slices.Equal(d.TelegramMessageIDs, want) {
			t.Errorf("in %s %d it goes on by %q after %v, want %v", c.Type, c.ChatID, d.Bot, d.TelegramMessageIDs, want)
		}
	}
}

func newestByAnother(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "alice", person(1))
	live := func(key, s, bot string, on relay.OnUpdate) *relay.Message {
		m := text(s, by(bot, to("alice", 1)))
		m.Key, m.OnUpdate = key, on
		return m
	}
	p.accept(t, live("waits", "0", second, relay.Edit))
	old, stale, alone, answer := live("sent", "1", "", relay.Edit), live("waits", "1", "", relay.Edit), live("alone", "1", "", relay.Edit), live("sent", "answer", "", relay.Reply)
	p.accept(t, old, stale, alone, answer)
	newer := live("sent", "2", second, relay.Edit)
	p.accept(t, newer, live("waits", "2", second, relay.Edit))
	must(t, p.Finish(ctx, relay.Outcome{Delivery: newer.Deliveries[0].ID, Bot: second, State: relay.Sent, TelegramMessageIDs: []int64{9}, Live: []int64{9}, At: t0}))
	must(t, p.Finish(ctx, blockedBy(old, 1)))
	p.wantState(t, old, relay.Superseded)
	p.wantState(t, stale, relay.Superseded)
	p.wantTextsOf(t, second, 1, "2", "1", "answer")
	p.wantState(t, alone, relay.Queued)
}

func twinsByAnother(t *testing.T, p *place) {
	p.bindBoth(t, "alice", person(1))
	alert := func(d relay.Delivery) *relay.Message {
		m := text("alert", d)
		m.Notification = &relay.Notification{Group: [32]byte{1}, Alerts: [32]byte{2}}
		return m
	}
	m, twin := alert(to("alice", 1)), alert(by(second, to("alice", 1)))
	p.accept(t, m)
	must(t, p.SetChatState(t.Context(), "", 1, relay.Blocked))
	p.accept(t, twin)
	p.wantTextsOf(t, second, 1, "alert")
}

// One bot may have begun what another has by now. That it arrived counts, and nothing else does.
func foundOutTooLate(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "alice", person(1))
	arrives, fails := text("arrives", to("alice", 1)), text("fails", to("alice", 1))
	p.accept(t, arrives, fails)
	must(t, p.SetChatState(ctx, "", 1, relay.Blocked))
	must(t, p.Finish(ctx, blockedBy(fails, 1)))
	must(t, p.Finish(ctx, relay.Outcome{Delivery: fails.Deliveries[0].ID, State: relay.Queued, Attempts: 4, NotBefore: t0.Add(time.Hour), At: t0}))
	p.wantTextsOf(t, second, 1, "arrives", "fails")
	if d := p.delivery(t, fails); d.Attempts != 0 || !d.NotBefore.IsZero() {
		t.Errorf("it is %+v", d)
	}
	p.told.take()
	must(t, p.Finish(ctx, relay.Outcome{Delivery: arrives.Deliveries[0].ID, State: relay.Sent, TelegramMessageIDs: []int64{7}, At: t0}))
	if d := p.delivery(t, arrives); d.State != relay.Sent || d.Bot != "" {
		t.Errorf("what arrived is %+v", d)
	}
	p.wantTextsOf(t, second, 1, "fails")
	if got := p.told.take(); !slices.Equal(got, []int64{1}) {
		t.Errorf("told of %v, want the chat of the bot that had it", got)
	}
}

// Where both bots have sent it, it is of the one that said so first. The other's chat numbers its messages on its own.
func sentByTwo(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "alice", person(1))
	sent := func(m *relay.Message, bot string, id int64) {
		t.Helper()
		must(t, p.Finish(ctx, relay.Outcome{Delivery: m.Deliveries[0].ID, Bot: bot, State: relay.Sent, TelegramMessageIDs: []int64{id}, Live: []int64{id}, At: t0}))
	}
	for _, bots := range [][2]string{{"", second}, {second, ""}} {
		must(t, p.SetChatState(ctx, "", 1, relay.Active))
		m := update(relay.Edit, "k", to("alice", 1))
		p.accept(t, m)
		must(t, p.SetChatState(ctx, "", 1, relay.Blocked))
		sent(m, bots[0], 7)
		sent(m, bots[1], 9)
		next := update(relay.Edit, "k", by(bots[0], to("alice", 1)))
		p.accept(t, next)
		jobs, err := p.Heads(ctx, bots[0], 1, t0, 10)
		must(t, err)
		if len(jobs) != 1 || !slices.Equal(jobs[0].Live, []int64{7}) {
			t.Errorf("the live message of %q is not 7: %+v", bots[0], jobs)
		}
		sent(next, bots[0], 7)
	}
}

func migratedAtOne(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "ops", group(-5))
	p.accept(t, text("first", to("ops", -5)), text("second", by(second, to("ops", -5))))
	must(t, p.Migrate(ctx, second, -5, -1005))
	p.wantPlaces(t, "ops", ":-5 active", "second:-1005 active")
	p.wantTextsOf(t, "", -5, "first")
	p.wantTextsOf(t, second, -1005, "second")
}

func unboundAtOne(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "alice", person(1))
	gone, stays := text("gone", by(second, to("alice", 1))), text("stays", to("alice", 1))
	p.accept(t, gone, stays)
	wantCode(t, p.Unbind(ctx, "alice", "third", 1, 0), relay.CodeNotFound)
	must(t, p.Unbind(ctx, "alice", second, 1, 0))
	p.wantPlaces(t, "alice", ":1 active")
	p.wantState(t, gone, relay.Discarded)
	p.wantState(t, stays, relay.Queued)
	must(t, p.Bind(ctx, "alice", at(second, person(1)), t0))
	freed, err := p.UnbindChat(ctx, "", 1, 0)
	must(t, err)
	if !slices.Equal(freed, []string{"alice"}) {
		t.Errorf("freed %v", freed)
	}
	p.wantPlaces(t, "alice", "second:1 active")
	p.wantState(t, stays, relay.Discarded)
}

func forgottenAtOne(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "alice", person(1))
	p.accept(t, text("gone", by(second, to("alice", 1))), text("stays", to("alice", 1)))
	must(t, p.SetSender(ctx, "alice", token(7), t0, nil))
	gone, err := p.ForgetChat(ctx, second, 1)
	must(t, err)
	if gone != (relay.Forgotten{Bindings: 1, Deliveries: 1}) {
		t.Errorf("gone is %+v", gone)
	}
	p.wantPlaces(t, "alice", ":1 active")
	p.wantTextsOf(t, "", 1, "stays")
	p.wantTextsOf(t, second, 1)
	_, err = p.SenderOf(ctx, token(7))
	must(t, err)
	_, err = p.ForgetChat(ctx, "", 1)
	must(t, err)
	_, err = p.SenderOf(ctx, token(7))
	wantCode(t, err, relay.CodeNotFound)
}

func forgottenAtAll(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "alice", group(-1))
	must(t, p.SetTopic(ctx, relay.Topic{Bot: second, ChatID: -1, Name: "x", MessageThreadID: 3}))
	p.accept(t, text("one", by(second, to("alice", -1))), text("two", to("alice", -1)))
	must(t, p.Forget(ctx, "alice"))
	_, err := p.Recipient(ctx, "alice")
	wantCode(t, err, relay.CodeUnknownRecipient)
	_, err = p.Topic(ctx, second, -1, "x")
	wantCode(t, err, relay.CodeNotFound)
	p.wantTextsOf(t, second, -1)
	p.wantTextsOf(t, "", -1)
}

func settingsOfBots(t *testing.T, p *place) {
	ctx, locale := t.Context(), "de"
	p.bindBoth(t, "alice", person(1))
	must(t, p.ChangeSettings(ctx, second, 1, 0, relay.SettingsChange{Locale: &locale}))
	alice, err := p.Recipient(ctx, "alice")
	must(t, err)
	if alice.Chats[0].Locale != "" || alice.Chats[1].Locale != "de" {
		t.Errorf("settings: %+v", alice.Chats)
	}
	must(t, p.Bind(ctx, "bob", at(second, person(1)), t0))
	bob, err := p.Recipient(ctx, "bob")
	must(t, err)
	if bob.Chats[0].Locale != "de" {
		t.Errorf("what was chosen for the chat does not hold: %+v", bob.Chats)
	}
}

func liveOfBots(t *testing.T, p *place) {
	ctx := t.Context()
	live := func(s string, deliveries ...relay.Delivery) *relay.Message {
		m := text(s, deliveries...)
		m.Key, m.OnUpdate = "deploy", relay.Edit
		return m
	}
	one := live("1", to("alice", 1), by(second, to("alice", 1)))
	p.accept(t, one)
	for i, d := range one.Deliveries {
		id := int64(10 + i)
		must(t, p.Finish(ctx, relay.Outcome{Delivery: d.ID, Bot: d.Bot, State: relay.Sent, TelegramMessageIDs: []int64{id}, Live: []int64{id}, At: t0}))
	}
	p.accept(t, live("2", by(second, to("alice", 1))), live("3", to("alice", 1)), live("4", by(second, to("alice", 1))))
	p.wantTextsOf(t, "", 1, "3")
	p.wantTextsOf(t, second, 1, "4")
	for i, bot := range []string{"", second} {
		jobs, err := p.Heads(ctx, bot, 1, t0, 10)
		must(t, err)
		if want := []int64{int64(10 + i)}; !slices.Equal(jobs[0].Live, want) {
			t.Errorf("at %q it changes %v, want %v", bot, jobs[0].Live, want)
		}
	}
	must(t, p.Bind(ctx, "alice", at(second, person(1)), t0))
	d, err := p.DeliveryOf(ctx, second, 1, 11)
	must(t, err)
	if d.ID != one.Deliveries[1].ID {
		t.Errorf("message 11 is of %+v", d)
	}
	_, err = p.DeliveryOf(ctx, second, 1, 10)
	wantCode(t, err, relay.CodeNotFound)
	newest, err := p.Newest(ctx, d, "deploy")
	must(t, err)
	if newest.Bot != second || newest.State != relay.Queued {
		t.Errorf("the newest is %+v", newest)
	}
}

func notifiedByBots(t *testing.T, p *place) {
	alert := func(d relay.Delivery) *relay.Message {
		m := text("alert", d)
		m.Notification = &relay.Notification{Group: [32]byte{1}, Alerts: [32]byte{2}}
		return m
	}
	here, there, twin := alert(to("alice", 1)), alert(by(second, to("alice", 1))), alert(by(second, to("alice", 1)))
	p.accept(t, here, there, twin)
	for m, want := range map[*relay.Message]int{here: 1, there: 1, twin: 0} {
		if len(m.Deliveries) != want {
			t.Errorf("%d deliveries, want %d", len(m.Deliveries), want)
		}
	}
}

func topicsOfBots(t *testing.T, p *place) {
	ctx := t.Context()
	p.setTopic(t, forum, "payments", 7)
	must(t, p.SetTopic(ctx, relay.Topic{Bot: second, ChatID: forum, Name: "payments", MessageThreadID: 8}))
	must(t, p.CloseTopic(ctx, second, forum, 8, true))
	p.wantTopic(t, "payments", 7, false)
	topic, err := p.Topic(ctx, second, forum, "payments")
	must(t, err)
	if *topic != (relay.Topic{Bot: second, ChatID: forum, Name: "payments", MessageThreadID: 8, Closed: true}) {
		t.Errorf("the second bot's: %+v", topic)
	}
	must(t, p.ForgetTopic(ctx, "", forum, 7))
	p.wantTopic(t, "payments", 0, false)
	_, err = p.Topic(ctx, second, forum, "payments")
	must(t, err)
}

func updatesOfBots(t *testing.T, p *place) {
	ctx := t.Context()
	mark(t, p, "", 7, t0)
	must(t, p.SetOffset(ctx, second, 8))
	for bot, want := range map[string]bool{"": true, second: false} {
		if got := seen(t, p, bot, 7); got != want {
			t.Errorf("%q has seen it: %v", bot, got)
		}
	}
	mark(t, p, second, 7, t0)
	p.reopen()
	for bot, want := range map[string]int64{"": 0, second: 8, "third": 0} {
		offset, err := p.Offset(ctx, bot)
		must(t, err)
		if offset != want {
			t.Errorf("the offset of %q is %d, want %d", bot, offset, want)
		}
	}
}

func retryAtBot(t *testing.T, p *place) {
	ctx := t.Context()
	p.bindBoth(t, "alice", person(1))
	named, free := text("named", by(second, to("alice", 1))), text("any", by(second, to("alice", 1)))
	named.Bot = second
	p.accept(t, named, free)
	for _, m := range []*relay.Message{named, free} {
		must(t, p.Finish(ctx, relay.Outcome{Delivery: m.Deliveries[0].ID, Bot: second, State: relay.Failed, Reason: "rejected", At: t0}))
	}
	must(t, p.Unbind(ctx, "alice", second, 1, 0))
	must(t, p.Bind(ctx, "alice", at(second, person(2)), t0))
	d, err := p.Retry(ctx, free.Deliveries[0].ID, t0)
	must(t, err)
	if d.Bot != "" || d.ChatID != 1 || d.State != relay.Queued {
		t.Errorf("what named none goes to %q, chat %d", d.Bot, d.ChatID)
	}
	d, err = p.Retry(ctx, named.Deliveries[0].ID, t0)
	must(t, err)
	if d.Bot != second || d.ChatID != 2 {
		t.Errorf("what named the bot goes to %q, chat %d", d.Bot, d.ChatID)
	}
}
