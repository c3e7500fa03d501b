package store_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
)

var linksSuite = map[string]func(*testing.T, *place){
	"a link survives reopening":               linkSurvives,
	"redeeming binds and releases":            redeemingBinds,
	"a link that does not work is told alike": toldAlike,
	"the wrong place is told":                 wrongPlace,
	"started again, it is already connected":  alreadyConnected,
	"one of many wins a single use":           oneWins,
	"a link of many uses counts them":         manyUses,
	"revoking":                                revoking,
	"links are listed":                        linksListed,
	"an answer that fails undoes all":         answerFails,
}

func token(n byte) relay.TokenHash { return relay.TokenHash{n, 1: 42} }

// link works once, for a day from t0.
func link(recipient string, target relay.Target) *relay.Link {
	return &relay.Link{
		ID: relay.NewID(), Recipient: recipient, Target: target, State: relay.LinkOpen, MaxUses: 1, CreatedAt: t0, ExpiresAt: t0.Add(24 * time.Hour),
	}
}

func redemption(n byte, chat relay.Chat) relay.Redemption {
	place := relay.TargetPrivate
	if chat.ChatID < 0 {
		place = relay.TargetGroup
	}
	return relay.Redemption{Token: token(n), Chat: chat, Place: place, At: t0.Add(time.Minute)}
}

func linkSurvives(t *testing.T, p *place) {
	l := link("alice", relay.TargetPrivate)
	must(t, p.CreateLink(t.Context(), l, token(1)))
	for range 2 {
		got, err := p.Link(t.Context(), l.ID, t0)
		must(t, err)
		if diff := cmp.Diff(l, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		p.reopen()
	}
	_, err := p.Link(t.Context(), relay.NewID(), t0)
	wantCode(t, err, relay.CodeNotFound)
	wantCode(t, p.CreateLink(t.Context(), link("bob", relay.TargetPrivate), token(1)), relay.CodeConflict)
	wantCode(t, p.CreateLink(t.Context(), link("no body", relay.TargetPrivate), token(2)), relay.CodeInvalidField)
	_, err = p.Recipient(t.Context(), "alice")
	wantCode(t, err, relay.CodeUnknownRecipient)
}

func redeemingBinds(t *testing.T, p *place) {
	l := link("alice", relay.TargetPrivate)
	must(t, p.CreateLink(t.Context(), l, token(1)))
	urgent := text("held, urgent", heldFor("alice"))
	urgent.Priority, urgent.Deliveries[0].Priority = relay.High, relay.High
	p.accept(t, text("held 1", heldFor("alice")), text("held 2", heldFor("alice")), urgent)
	p.told.take()
	r := redemption(1, person(1))
	var heard relay.Redeemed
	r.Answer = func(out relay.Redeemed) *relay.Message {
		heard = out
		answer := text("welcome", to("", 1))
		answer.Priority, answer.Deliveries[0].Priority = relay.Low, relay.Low
		return answer
	}
	got, err := p.Redeem(t.Context(), r)
	must(t, err)
	used := *l
	used.Uses, used.State = 1, relay.LinkUsed
	if diff := cmp.Diff(&relay.Redeemed{Link: used, Held: 3}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(*got, heard); diff != "" {
		t.Errorf("the answer was made of something else (-want +got):\n%s", diff)
	}
	p.wantTexts(t, 1, "welcome", "held, urgent", "held 1", "held 2")
	if got := p.told.take(); !slices.Equal(got, []int64{1}) {
		t.Errorf("told of %v, want 1 once", got)
	}
	stored, err := p.Link(t.Context(), l.ID, t0)
	must(t, err)
	if diff := cmp.Diff(&used, stored); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	recipient, err := p.Recipient(t.Context(), "alice")
	must(t, err)
	want := []relay.Binding{{Recipient: "alice", Chat: person(1), LinkedAt: r.At}}
	if diff := cmp.Diff(want, recipient.Chats); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func toldAlike(t *testing.T, p *place) {
	used, expired, revoked := link("alice", relay.TargetPrivate), link("alice", relay.TargetPrivate), link("alice", relay.TargetGroup)
	expired.ExpiresAt = t0.Add(time.Minute)
	for i, l := range []*relay.Link{used, expired, revoked} {
		must(t, p.CreateLink(t.Context(), l, token(byte(i))))
	}
	_, err := p.Redeem(t.Context(), redemption(0, person(1)))
	must(t, err)
	must(t, p.Revoke(t.Context(), revoked.ID, t0))
	var told []string
	for n := range byte(4) {
		_, err := p.Redeem(t.Context(), redemption(n, person(2)))
		wantCode(t, err, relay.CodeLinkNotOpen)
		told = append(told, err.Error())
	}
	if len(slices.Compact(told)) != 1 {
		t.Errorf("they are told apart: %q", told)
	}
	bindings, err := p.Bindings(t.Context(), "", 2, 0)
	must(t, err)
	if len(bindings) != 0 {
		t.Errorf("the chat was bound: %v", bindings)
	}
}

func wrongPlace(t *testing.T, p *place) {
	must(t, p.CreateLink(t.Context(), link("alice", relay.TargetPrivate), token(1)))
	must(t, p.CreateLink(t.Context(), link("ops", relay.TargetGroup), token(2)))
	_, err := p.Redeem(t.Context(), redemption(1, group(-1)))
	wantCode(t, err, relay.CodeWrongPlace)
	_, err = p.Redeem(t.Context(), redemption(2, person(1)))
	wantCode(t, err, relay.CodeWrongPlace)
	_, err = p.Redeem(t.Context(), redemption(1, person(1)))
	must(t, err)
	_, err = p.Redeem(t.Context(), redemption(2, group(-1)))
	must(t, err)
}

func alreadyConnected(t *testing.T, p *place) {
	l := link("alice", relay.TargetPrivate)
	must(t, p.CreateLink(t.Context(), l, token(1)))
	must(t, p.CreateLink(t.Context(), link("alice", relay.TargetPrivate), token(2)))
	for n := range byte(2) { // the second link binds what is bound, and does not make the first forget
		_, err := p.Redeem(t.Context(), redemption(n+1, person(1)))
		must(t, err)
	}
	must(t, p.SetChatState(t.Context(), "", 1, relay.Blocked))
	again := redemption(1, person(1))
	again.At = t0.Add(100 * 24 * time.Hour)
	again.Answer = func(out relay.Redeemed) *relay.Message {
		if !out.Already {
			t.Error("the answer is made as for the first time")
		}
		return text("again", to("", 1))
	}
	got, err := p.Redeem(t.Context(), again)
	must(t, err)
	if !got.Already || got.Link.Uses != 1 {
		t.Errorf("got %+v", got)
	}
	p.wantTexts(t, 1, "again")
	r, err := p.Recipient(t.Context(), "alice")
	must(t, err)
	if len(r.Chats) != 1 || r.Chats[0].State != relay.Active || !r.Chats[0].LinkedAt.Equal(t0.Add(time.Minute)) {
		t.Errorf("the chats are %+v", r.Chats)
	}
	_, err = p.Redeem(t.Context(), redemption(1, person(2)))
	wantCode(t, err, relay.CodeLinkNotOpen)
	must(t, p.Unbind(t.Context(), "alice", "", 1, 0))
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	_, err = p.Redeem(t.Context(), redemption(1, person(1)))
	wantCode(t, err, relay.CodeLinkNotOpen)
}

func oneWins(t *testing.T, p *place) {
	for round := range byte(10) {
		must(t, p.CreateLink(t.Context(), link("alice", relay.TargetPrivate), token(round)))
		var won atomic.Int64
		var wg sync.WaitGroup
		for chat := range int64(8) {
			wg.Go(func() {
				_, err := p.Redeem(t.Context(), redemption(round, person(100*int64(round)+chat+1)))
				if err == nil {
					won.Add(1)
				} else if relay.ErrorCode(err) != relay.CodeLinkNotOpen {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won, want 1", won.Load())
		}
		if got := p.chats(t, "alice"); len(got) != int(round)+1 {
			t.Errorf("%d chats after %d links", len(got), round+1)
		}
	}
}

func manyUses(t *testing.T, p *place) {
	l := link("team", relay.TargetPrivate)
	l.MaxUses = 3
	must(t, p.CreateLink(t.Context(), l, token(1)))
	for chat := range int64(3) {
		got, err := p.Redeem(t.Context(), redemption(1, person(chat+1)))
		must(t, err)
		if got.Link.Uses != int(chat)+1 || (got.Link.State == relay.LinkUsed) != (chat == 2) {
			t.Errorf("after chat %d: %+v", chat+1, got.Link)
		}
	}
	_, err := p.Redeem(t.Context(), redemption(1, person(4)))
	wantCode(t, err, relay.CodeLinkNotOpen)
	if got := p.chats(t, "team"); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("the chats are %v", got)
	}
}

func revoking(t *testing.T, p *place) {
	l := link("alice", relay.TargetPrivate)
	must(t, p.CreateLink(t.Context(), l, token(1)))
	wantCode(t, p.Revoke(t.Context(), relay.NewID(), t0), relay.CodeNotFound)
	for range 2 {
		must(t, p.Revoke(t.Context(), l.ID, t0))
		got, err := p.Link(t.Context(), l.ID, t0)
		must(t, err)
		if got.State != relay.LinkRevoked {
			t.Errorf("it is %s", got.State)
		}
	}
	late := link("alice", relay.TargetPrivate)
	must(t, p.CreateLink(t.Context(), late, token(2)))
	must(t, p.Revoke(t.Context(), late.ID, late.ExpiresAt))
	got, err := p.Link(t.Context(), late.ID, late.ExpiresAt)
	must(t, err)
	if got.State != relay.LinkExpired {
		t.Errorf("revoked after its time it is %s, want expired", got.State)
	}
}

func linksListed(t *testing.T, p *place) {
	var all []relay.ID
	for i, recipient := range []string{"alice", "bob", "alice"} {
		l := link(recipient, relay.TargetPrivate)
		must(t, p.CreateLink(t.Context(), l, token(byte(i))))
		all = append(all, l.ID)
	}
	for recipient, want := range map[string][]relay.ID{"alice": {all[2], all[0]}, "": {all[2], all[1], all[0]}, "carol": nil} {
		var got []relay.ID
		q := relay.LinkQuery{Recipient: recipient, Limit: 2}
		page, err := p.Links(t.Context(), q, t0.Add(48*time.Hour))
		must(t, err)
		links := page.Items
		if q.After = page.Next; q.After != "" {
			page, err = p.Links(t.Context(), q, t0.Add(48*time.Hour))
			must(t, err)
			links = append(links, page.Items...)
		}
		for _, l := range links {
			got = append(got, l.ID)
			if l.State != relay.LinkExpired {
				t.Errorf("a link of the day before is %s", l.State)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q has %d links in another order than the %d wanted", recipient, len(got), len(want))
		}
	}
}

func answerFails(t *testing.T, p *place) {
	must(t, p.CreateLink(t.Context(), link("alice", relay.TargetPrivate), token(1)))
	known := text("known", to("bob", 2))
	p.accept(t, known, text("held", heldFor("alice")))
	r := redemption(1, person(1))
	r.Answer = func(relay.Redeemed) *relay.Message { return known }
	_, err := p.Redeem(t.Context(), r)
	wantCode(t, err, relay.CodeConflict)
	r.Answer = func(relay.Redeemed) *relay.Message { panic("no template") }
	if _, err := p.Redeem(t.Context(), r); err == nil {
		t.Error("an answer that panics is no error")
	}
	_, err = p.Recipient(t.Context(), "alice")
	wantCode(t, err, relay.CodeUnknownRecipient)
	r.Answer = nil
	got, err := p.Redeem(t.Context(), r)
	must(t, err)
	if got.Already || got.Held != 1 {
		t.Errorf("got %+v", got)
	}
}
