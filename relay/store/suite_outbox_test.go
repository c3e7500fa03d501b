package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

var outboxSuite = map[string]func(*testing.T, *place){
	"what was accepted survives reopening":     acceptedSurvives,
	"a message is accepted wholly or not":      acceptedWholly,
	"nonsense is refused":                      nonsenseRefused,
	"order is by priority, then by arrival":    orderOfSending,
	"what is scheduled stands in nobody's way": scheduled,
	"queued chats are told once":               queuedTold,
	"what is taken away is told":               takenAwayTold,
	"sending counts as queued":                 sendingCounts,
	"an attempt is tried again":                triedAgain,
	"sent is written wholly":                   sentWholly,
	"what arrived lately is recalled":          arrivalsRecalled,
	"what was ended stays ended":               endedStays,
	"a blocked chat fails what waits":          blockedFails,
	"a group moves to its supergroup":          finishMigrates,
	"what is being sent stays with its lane":   migrationLeavesWhatIsBeingSent,
	"what is too old expires":                  tooOldExpires,
	"retry gives new time":                     retryGivesTime,
	"retry follows the chat":                   retryFollowsTheChat,
	"retry finds a chat":                       retryFindsChat,
	"discard ends":                             discardEnds,
	"deliveries come in pages":                 deliveryPages,
	"deliveries are found by all there is":     deliveriesFound,
	"the backlog is counted":                   backlogCounted,
	"what is finished is pruned":               finishedPruned,
	"many accept at once":                      manyAccept,
	"many lanes":                               manyLanes,
	"many read at once":                        readAtOnce,
	"reading ends with its context":            readingCanceled,
}

func acceptedSurvives(t *testing.T, p *place) {
	m := message(to("alice", 1001), heldFor("bob"), to("ops", -100200))
	m.Priority, m.SendAt = relay.High, t0.Add(-time.Minute)
	m.Content = relay.Content{
		Text:                markup.Text{Text: "Grüße 🎉\x00 'quoted'", Entities: []markup.Entity{{Type: "bold", Offset: 0, Length: 5}}},
		DisableNotification: true, ProtectContent: true,
		LinkPreviewOptions: json.RawMessage(`{"is_disabled":true}`), ReplyMarkup: json.RawMessage(`{"inline_keyboard":[]}`),
	}
	m.Deliveries[2].MessageThreadID, m.Deliveries[2].Priority, m.Deliveries[2].SendAt = 7, relay.High, m.SendAt
	m.Deliveries = append(m.Deliveries, message(relay.Delivery{Recipient: "eve", ChatID: 5, State: relay.Failed, Reason: "blocked", LastError: "before"}).Deliveries...)
	p.accept(t, m)
	if s := m.Deliveries; s[0].Seq == 0 || s[0].Seq >= s[1].Seq || s[1].Seq >= s[2].Seq {
		t.Errorf("the deliveries' numbers do not rise: %d, %d, %d", s[0].Seq, s[1].Seq, s[2].Seq)
	}
	for range 2 {
		got, err := p.Message(t.Context(), m.ID)
		must(t, err)
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("the message came back changed (-want +got):\n%s", diff)
		}
		p.reopen()
	}
	jobs, err := p.Heads(t.Context(), "", -100200, t0, 10)
	must(t, err)
	if diff := cmp.Diff([]relay.Job{{Delivery: m.Deliveries[2], Content: m.Content}}, jobs); diff != "" {
		t.Errorf("the job is not what was accepted (-want +got):\n%s", diff)
	}
	_, err = p.Message(t.Context(), relay.NewID())
	wantCode(t, err, relay.CodeNotFound)
}

func acceptedWholly(t *testing.T, p *place) {
	first, second := text("first", to("alice", 1)), text("second", to("alice", 1))
	p.accept(t, first)
	second.Deliveries = append(second.Deliveries, second.Deliveries[0], first.Deliveries[0])
	wantCode(t, p.Accept(t.Context(), text("before", to("alice", 1)), second), relay.CodeConflict)
	wantCode(t, p.Accept(t.Context(), first), relay.CodeConflict)
	p.wantTexts(t, 1, "first")
	p.accept(t, text("third", to("alice", 1)), text("fourth", to("alice", 1)))
	p.wantTexts(t, 1, "first", "third", "fourth")
	b, err := p.Backlog(t.Context())
	must(t, err)
	if b.Count[relay.Queued] != 3 {
		t.Errorf("%d are counted, want 3", b.Count[relay.Queued])
	}
	must(t, p.Accept(t.Context()))
	bare := message()
	p.accept(t, bare)
	got, err := p.Message(t.Context(), bare.ID)
	must(t, err)
	if len(got.Deliveries) != 0 {
		t.Errorf("a message without deliveries has %d", len(got.Deliveries))
	}
}

func nonsenseRefused(t *testing.T, p *place) {
	for name, d := range map[string]relay.Delivery{
		"held for nobody":    {State: relay.Held},
		"queued for no chat": {Recipient: "alice", State: relay.Queued},
		"sent already":       {Recipient: "alice", ChatID: 1, State: relay.Sent},
		"no state":           {Recipient: "alice", ChatID: 1},
	} {
		if err := p.Accept(t.Context(), message(d)); err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
}

func orderOfSending(t *testing.T, p *place) {
	for i, priority := range []relay.Priority{relay.Normal, relay.Low, relay.High, relay.Normal, relay.High, relay.Low} {
		m := text(fmt.Sprint(i), to("alice", 1))
		m.Deliveries[0].Priority = priority
		p.accept(t, m)
	}
	p.accept(t, text("elsewhere", to("bob", 2)))
	p.wantTexts(t, 1, "2", "4", "0", "3", "1", "5")
	jobs, err := p.Heads(t.Context(), "", 1, t0, 2)
	must(t, err)
	if len(jobs) != 2 || jobs[1].Content.Text.Text != "4" {
		t.Errorf("limit 2 gave %d jobs", len(jobs))
	}
	p.wantTexts(t, 3)
}

func scheduled(t *testing.T, p *place) {
	later := text("later", to("alice", 1))
	later.Deliveries[0].SendAt, later.Deliveries[0].Priority = t0.Add(time.Hour), relay.High
	muchLater := text("much later", to("bob", 2))
	muchLater.Deliveries[0].SendAt = t0.Add(3 * time.Hour)
	p.accept(t, later, muchLater, text("now", to("alice", 1)))
	check := func(now time.Time, wantChats []int64, wantNext time.Time, wantTexts ...string) {
		t.Helper()
		chats, next, err := p.Lanes(t.Context(), "", now)
		must(t, err)
		if !slices.Equal(chats, wantChats) || !next.Equal(wantNext) {
			t.Errorf("lanes at %v are %v, next %v; want %v, next %v", now, chats, next, wantChats, wantNext)
		}
		jobs, err := p.Heads(t.Context(), "", 1, now, 10)
		must(t, err)
		var texts []string
		for _, j := range jobs {
			texts = append(texts, j.Content.Text.Text)
		}
		if !slices.Equal(texts, wantTexts) {
			t.Errorf("heads at %v are %q, want %q", now, texts, wantTexts)
		}
	}
	check(t0, []int64{1}, t0.Add(time.Hour), "now")
	check(t0.Add(time.Hour), []int64{1}, t0.Add(3*time.Hour), "later", "now")
	check(t0.Add(3*time.Hour), []int64{1, 2}, time.Time{}, "later", "now")
}

func queuedTold(t *testing.T, p *place) {
	p.accept(t, text("a", to("alice", 1), to("ops", -2)), text("b", to("alice", 1), heldFor("bob")))
	if got := p.told.take(); !slices.Equal(got, []int64{-2, 1}) {
		t.Errorf("told of %v, want -2 and 1 once each", got)
	}
	must(t, p.Bind(t.Context(), "bob", person(3), t0))
	must(t, p.Bind(t.Context(), "bob", person(3), t0))
	if got := p.told.take(); !slices.Equal(got, []int64{3}) {
		t.Errorf("told of %v after the release, want 3", got)
	}
	wantCode(t, p.Accept(t.Context(), &relay.Message{ID: relay.NewID(), Deliveries: []relay.Delivery{{}}}), relay.CodeInternal)
	if got := p.told.take(); got != nil {
		t.Errorf("told of %v after a failure", got)
	}
}

// takenAwayTold: whoever holds in memory what waits for a chat is to look again when it is taken away.
func takenAwayTold(t *testing.T, p *place) {
	ctx := t.Context()
	for what, take := range map[string]func(recipient string, chat int64) error{
		"unbound":             func(recipient string, chat int64) error { return p.Unbind(ctx, recipient, "", chat, 0) },
		"taken from everyone": func(_ string, chat int64) error { _, err := p.UnbindChat(ctx, "", chat, 0); return err },
		"forgotten":           func(recipient string, _ int64) error { return p.Forget(ctx, recipient) },
		"a forgotten chat":    func(_ string, chat int64) error { _, err := p.ForgetChat(ctx, "", chat); return err },
		"moved":               func(_ string, chat int64) error { return p.Migrate(ctx, "", chat, chat-1000) },
	} {
		must(t, p.Bind(ctx, "alice", group(-5), t0))
		must(t, p.Bind(ctx, "bob", group(-6), t0))
		p.accept(t, text("x", to("alice", -5)))
		p.told.take()
		must(t, take("bob", -6))
		if got := p.told.take(); len(got) > 0 {
			t.Errorf("%s, where nothing waits: told of %v", what, got)
		}
		must(t, take("alice", -5))
		if got := p.told.take(); !slices.Contains(got, -5) {
			t.Errorf("%s: told of %v, want chat -5", what, got)
		}
		for _, chat := range []int64{-1005, -1006} {
			_, err := p.UnbindChat(ctx, "", chat, 0)
			must(t, err)
		}
	}
}

func sendingCounts(t *testing.T, p *place) {
	m := text("one", to("alice", 1))
	p.accept(t, m, text("two", to("alice", 1)))
	p.Sending(m.Deliveries[0].ID)
	p.Sending(relay.NewID())
	p.accept(t, text("three", to("alice", 1))) // its transaction writes the note too
	p.wantState(t, m, relay.Sending)
	p.wantTexts(t, 1, "one", "two", "three")
	p.reopen()
	p.wantState(t, m, relay.Queued)
	p.wantTexts(t, 1, "one", "two", "three")
	chats, _, err := p.Lanes(t.Context(), "", t0)
	must(t, err)
	if !slices.Equal(chats, []int64{1}) {
		t.Errorf("lanes are %v", chats)
	}
}

func deliveryPages(t *testing.T, p *place) {
	var all []*relay.Message
	for i := range 25 {
		recipient, chat := "alice", int64(1)
		if i%5 == 0 {
			recipient, chat = "bob", 2
		}
		m := text(fmt.Sprint(i), to(recipient, chat))
		p.accept(t, m)
		if i%2 == 0 {
			must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: []relay.State{relay.Sent, relay.Failed}[i/2%2], At: t0}))
		}
		all = append(all, m)
	}
	for _, q := range []relay.DeliveryQuery{
		{}, {State: relay.Sent}, {State: relay.Queued}, {State: relay.Failed}, {State: relay.Held}, {Recipient: "bob"}, {Recipient: "bob", State: relay.Sent}, {Recipient: "nobody"},
	} {
		var want, got []relay.ID
		for _, m := range slices.Backward(all) {
			if d := p.delivery(t, m); (q.State == "" || d.State == q.State) && (q.Recipient == "" || d.Recipient == q.Recipient) {
				want = append(want, d.ID)
			}
		}
		for q.Limit = 3; ; {
			page, err := p.Deliveries(t.Context(), q)
			must(t, err)
			for _, d := range page.Items {
				got = append(got, d.ID)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: got %d deliveries in another order than the %d wanted", q, len(got), len(want))
		}
	}
	_, err := p.Deliveries(t.Context(), relay.DeliveryQuery{After: "x"})
	wantCode(t, err, relay.CodeInvalidField)
	_, err = p.Deliveries(t.Context(), relay.DeliveryQuery{State: "lost"})
	wantCode(t, err, relay.CodeInvalidField)
}

func backlogCounted(t *testing.T, p *place) {
	b, err := p.Backlog(t.Context())
	must(t, err)
	if b.Waiting() != 0 || !b.Oldest.IsZero() || len(b.Count) != len(relay.States) {
		t.Errorf("of an empty storage: %+v", b)
	}
	held, old, young, under := text("h", heldFor("b")), text("o", to("a", 1)), text("y", to("a", 1)), text("u", to("a", 2))
	held.Deliveries[0].CreatedAt = t0.Add(-2 * time.Hour)
	under.Deliveries[0].CreatedAt = t0.Add(-time.Hour)
	p.accept(t, held, under, old, young)
	p.Sending(under.Deliveries[0].ID)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: old.Deliveries[0].ID, State: relay.Sent, At: t0}))
	b, err = p.Backlog(t.Context())
	must(t, err)
	want := map[relay.State]int64{
		relay.Held: 1, relay.Queued: 1, relay.Sending: 1, relay.Sent: 1, relay.Failed: 0, relay.Expired: 0, relay.Discarded: 0, relay.Superseded: 0,
	}
	if diff := cmp.Diff(want, b.Count); diff != "" || !b.Oldest.Equal(t0.Add(-time.Hour)) {
		t.Errorf("the oldest is of %v, the counts (-want +got):\n%s", b.Oldest, diff)
	}
	for _, hour := range []time.Time{t0.Add(-90 * time.Minute), time.Now().Add(time.Hour)} { // due for long, and for later
		scheduled := text("s", to("a", 3))
		scheduled.SendAt, scheduled.Deliveries[0].SendAt, scheduled.Deliveries[0].CreatedAt = hour, hour, t0.Add(-50*time.Hour)
		p.accept(t, scheduled)
	}
	if b, err = p.Backlog(t.Context()); err != nil || !b.Oldest.Equal(t0.Add(-90*time.Minute)) {
		t.Errorf("with one for later the oldest is of %v (%v)", b.Oldest, err)
	}
}

func manyAccept(t *testing.T, p *place) {
	const callers, each = 64, 20
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				if err := p.Accept(t.Context(), text(fmt.Sprint(i), to("alice", int64(c+1)))); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range each {
				if _, err := p.Heads(t.Context(), "", int64(c+1), t0, 5); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for c := range callers {
		got := p.texts(t, int64(c+1))
		if len(got) != each {
			t.Fatalf("chat %d has %d, want %d", c+1, len(got), each)
		}
		for i, s := range got {
			if s != fmt.Sprint(i) {
				t.Fatalf("chat %d: %q stands at %d", c+1, s, i)
			}
		}
	}
	chats, _, err := p.Lanes(t.Context(), "", t0)
	must(t, err)
	if len(chats) != callers {
		t.Errorf("%d lanes, want %d", len(chats), callers)
	}
}

func manyLanes(t *testing.T, p *place) {
	const n = 4500
	var want []int64
	m := text("to all")
	for i := range int64(n) {
		chat := (i + 1) * 3
		if i%2 == 0 {
			chat = -chat
		}
		d := message(to("alice", chat)).Deliveries[0]
		if i%10 == 9 {
			d.SendAt = t0.Add(time.Hour)
		} else {
			want = append(want, chat)
		}
		m.Deliveries = append(m.Deliveries, d)
	}
	p.accept(t, m)
	got, next, err := p.Lanes(t.Context(), "", t0)
	must(t, err)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || !next.Equal(t0.Add(time.Hour)) {
		t.Errorf("got %d lanes, want %d; next is %v", len(got), len(want), next)
	}
}

// readAtOnce has many readers begin together on a storage that has just been opened.
func readAtOnce(t *testing.T, p *place) {
	m := text("one", to("alice", 1))
	p.accept(t, m)
	p.reopen()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := p.Message(t.Context(), m.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func readingCanceled(t *testing.T, p *place) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Message(ctx, relay.NewID())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
	if _, err = p.Recipient(ctx, "alice"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
}

// deliveriesFound asks for all combinations of what a query may say, and compares with a look at each delivery.
func deliveriesFound(t *testing.T, p *place) {
	var all []relay.Delivery
	for i := range 24 {
		m := dated(t0.Add(time.Duration(i)*time.Hour), []string{"alertmanager", "grafana"}[i/2%2], to([]string{"alice", "alma", "bob"}[i%3], 1))
		p.accept(t, m)
		if i%4 == 0 {
			must(t, p.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: []relay.State{relay.Sent, relay.Failed}[i/4%2], At: t0}))
		}
		d, err := p.Delivery(t.Context(), m.Deliveries[0].ID)
		must(t, err)
		all = append(all, *d)
	}
	slices.Reverse(all)
	for _, state := range []relay.State{"", relay.Queued, relay.Sent, relay.Failed} {
		for _, whose := range [][2]string{{}, {"alice", ""}, {"", "al"}} {
			for _, receiver := range []string{"", "grafana"} {
				for _, hours := range [][2]int{{}, {5, 0}, {0, 17}, {5, 17}} {
					q := relay.DeliveryQuery{State: state, Recipient: whose[0], Prefix: whose[1], Receiver: receiver, Limit: 100}
					if hours[0] > 0 {
						q.Since = t0.Add(time.Duration(hours[0]) * time.Hour)
					}
					if hours[1] > 0 {
						q.Until = t0.Add(time.Duration(hours[1]) * time.Hour)
					}
					wantDeliveries(t, p, q, all)
				}
			}
		}
	}
}

func wantDeliveries(t *testing.T, p *place, q relay.DeliveryQuery, all []relay.Delivery) {
	t.Helper()
	page, err := p.Deliveries(t.Context(), q)
	must(t, err)
	var want, got []int64
	for _, d := range all {
		if (q.State == "" || d.State == q.State) && (q.Recipient == "" || d.Recipient == q.Recipient) && strings.HasPrefix(d.Recipient, q.Prefix) &&
			(q.Receiver == "" || d.Receiver == q.Receiver) && !d.CreatedAt.Before(q.Since) && (q.Until.IsZero() || d.CreatedAt.Before(q.Until)) {
			want = append(want, d.Seq)
		}
	}
	for _, d := range page.Items {
		got = append(got, d.Seq)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v: got %v, want %v", q, got, want)
	}
}
