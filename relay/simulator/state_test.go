package simulator_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

func TestPrivacyModeKeepsCommandsForOthers(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.sim.User("Ada")
	g := b.sim.Supergroup("Ops", ada)
	g.AddBot(ada)
	before := len(b.updates(nil))
	for _, text := range []string{"/status@other_bot", "/", "/ status", "/status@Relay_Bot", "/status now"} {
		if err := ada.Write(g.ID(), text); err != nil {
			t.Fatal(err)
		}
	}
	got := b.updates(nil)[before:]
	if len(got) != 2 || got[0].Message.Text != "/status@Relay_Bot" || got[1].Message.Text != "/status now" {
		t.Errorf("heard %+v", got)
	}
}

// The bot is told of joining twice, as of any change of its standing, and as a new member of the chat.
func TestJoining(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.sim.User("Ada")
	b.sim.Group("Ops", ada).AddBot(ada)
	b.sim.Channel("News", ada).AddBot(ada)
	var updates []struct {
		Standing *struct {
			Chat struct{ Type string }
			Old  struct{ Status string } `json:"old_chat_member"`
			New  struct{ Status string } `json:"new_chat_member"`
		} `json:"my_chat_member"`
		Message *struct {
			From    struct{ ID int64 }
			Members []struct{ Username string } `json:"new_chat_members"`
		}
	}
	b.ok("getUpdates", nil, &updates)
	if len(updates) != 3 {
		t.Fatalf("%d updates, want 3", len(updates))
	}
	if s := updates[0].Standing; s == nil || s.Old.Status != "left" || s.New.Status != "member" || s.Chat.Type != "group" {
		t.Errorf("first %+v", s)
	}
	if m := updates[1].Message; m == nil || m.From.ID != ada.ID || len(m.Members) != 1 || m.Members[0].Username != "relay_bot" {
		t.Errorf("then %+v", m)
	}
	if s := updates[2].Standing; s == nil || s.New.Status != "administrator" || s.Chat.Type != "channel" {
		t.Errorf("in the channel %+v", s)
	}
}

func TestWhatPeopleCannotDo(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada, bob, gone := b.ada(), b.sim.User("Bob"), b.sim.User("Gone")
	forum := b.sim.Forum("F", ada)
	closed := forum.Topic("closed")
	if err := forum.CloseTopic(closed); err != nil {
		t.Fatal(err)
	}
	gone.Delete()
	for what, err := range map[string]error{
		"a deleted account writes":              gone.Write(gone.ID, "x"),
		"somebody writes where no chat is":      ada.Write(77, "x"),
		"somebody writes in a topic that isn't": ada.WriteIn(forum.ID(), 99, "x"),
		"a mere member writes in a closed one":  bob.WriteIn(forum.ID(), closed, "x"),
		"a topic that isn't is closed":          forum.CloseTopic(99),
		"a link leads nowhere":                  ada.OpenInGroup("https://t.me/relay_bot?start=x", forum),
	} {
		if err == nil {
			t.Error(what)
		}
	}
	if err := ada.WriteIn(forum.ID(), closed, "the creator may"); err != nil {
		t.Error(err)
	}
}

func TestUpgradeHappensOnce(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.sim.User("Ada")
	g, unknown := b.sim.Group("Ops", ada), b.sim.Group("Not the bot's", ada)
	g.AddBot(ada)
	super := g.Upgrade()
	heard := len(b.updates(nil))
	if again := g.Upgrade(); again.ID() != super.ID() || super.Upgrade().ID() != super.ID() {
		t.Error("a supergroup was upgraded")
	}
	unknown.Upgrade()
	if n := len(b.updates(nil)); n != heard {
		t.Errorf("%d updates of what is no upgrade, or not the bot's to know", n-heard)
	}
	b.ok("sendMessage", object{"chat_id": super.ID(), "text": "x"}, nil)
	if m := simulator.FromBot(b.sim.Messages(super.ID())); m[0].ID != 2 {
		t.Errorf("message %d, want 2: ids start anew, the first is the service message's", m[0].ID)
	}
}

// People who were there before a reset are strangers afterwards, and who waits goes on waiting for what comes after it.
func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t, simulator.Options{})
		ada := b.ada()
		b.updates(object{"offset": -1})
		last := b.updates(nil)[0].ID
		b.updates(object{"offset": last + 1})
		polled := make(chan answer)
		go func() {
			a, err := remote(t.Context(), b.sim, "getUpdates", "timeout=50")
			if err != nil {
				t.Error(err)
			}
			polled <- a
		}()
		synctest.Wait()
		b.sim.Reset()
		ada.Block()
		if err := ada.Write(ada.ID, "x"); err == nil {
			t.Error("a person of before the reset writes")
		}
		start := time.Now()
		write(t, b.sim.User("Bob"), "after it")
		if a := <-polled; !a.OK || time.Since(start) != 0 {
			t.Errorf("the poll: %+v after %s", a, time.Since(start))
		}
	})
}

func TestDeletingNeedsRights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t, simulator.Options{})
		ada := b.ada()
		g := b.sim.Group("Ops", ada)
		g.AddBot(ada)
		if err := ada.Write(g.ID(), "/x"); err != nil {
			t.Fatal(err)
		}
		var own struct {
			ID int64 `json:"message_id"`
		}
		b.ok("sendMessage", object{"chat_id": g.ID(), "text": "x"}, &own)
		theirs := object{"chat_id": g.ID(), "message_id": own.ID - 1}
		if a := b.call("deleteMessage", theirs); a.Description != "Bad Request: message can't be deleted" {
			t.Errorf("a member deletes: %q", a.Description)
		}
		g.SetBot(ada, "administrator")
		b.ok("deleteMessage", theirs, nil)
		time.Sleep(48*time.Hour + time.Second)
		if a := b.call("deleteMessage", object{"chat_id": g.ID(), "message_id": own.ID}); a.Description != "Bad Request: message can't be deleted" {
			t.Errorf("after 48 h: %q", a.Description)
		}
		b.ok("editMessageText", object{"chat_id": g.ID(), "message_id": own.ID, "text": "editing has no such limit"}, nil)
		g.Kick(ada)
		if a := b.call("deleteMessage", object{"chat_id": g.ID(), "message_id": own.ID}); a.status != http.StatusForbidden {
			t.Errorf("after being kicked: %d", a.status)
		}
	})
}

func TestPressesGrowOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t, simulator.Options{})
		ada := b.ada()
		b.ok("sendMessage", object{"chat_id": ada.ID, "text": "x", "reply_markup": object{"inline_keyboard": [][]object{{{"text": "Go", "callback_data": "go"}}}}}, nil)
		p, err := ada.Press(ada.ID, 2, "Go")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(151 * time.Second)
		if a := b.call("answerCallbackQuery", object{"callback_query_id": p.Query}); a.Description != "Bad Request: query is too old and response timeout expired or query ID is invalid" {
			t.Errorf("answered late: %q", a.Description)
		}
	})
}
