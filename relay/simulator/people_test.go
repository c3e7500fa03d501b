package simulator_test

import (
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

func TestOpeningLinks(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.sim.User("Ada")
	if err := ada.Open("https://t.me/relay_bot?start=abc-DEF_1"); err != nil {
		t.Fatal(err)
	}
	if got := b.updates(nil); got[0].Message.Text != "/start abc-DEF_1" || got[0].Message.Chat.ID != ada.ID {
		t.Errorf("%+v", got[0])
	}
	for _, link := range []string{
		"https://t.me/other_bot?start=x", "https://t.me/relay_bot?startgroup=x", "https://t.me/relay_bot?start=a.b",
		"https://t.me/relay_bot?start=" + strings.Repeat("x", 65), "https://t.me/relay_bot",
	} {
		if err := ada.Open(link); err == nil {
			t.Errorf("%s opens", link)
		}
	}
}

func TestGroupsHearCommandsOnly(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.sim.User("Ada")
	g := b.sim.Group("Ops", ada)
	if err := ada.OpenInGroup("https://t.me/relay_bot?startgroup=tok", g); err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		if err := ada.Write(g.ID(), text); err != nil {
			t.Fatal(err)
		}
	}
	say("privacy mode keeps this from the bot")
	say("/status")
	got := b.updates(nil)
	if len(got) != 4 || got[0].MyChatMember.New.Status != "member" || got[2].Message.Text != "/start@relay_bot tok" || got[3].Message.Text != "/status" {
		t.Fatalf("%+v", got)
	}
	g.SetBot(ada, "administrator")
	say("an administrator hears all")
	if got := b.updates(nil); got[len(got)-1].Message.Text != "an administrator hears all" {
		t.Errorf("%+v", got)
	}
	g.Kick(ada)
	n := len(b.updates(nil))
	say("/gone")
	if got := b.updates(nil); len(got) != n {
		t.Error("a bot that was kicked still hears")
	}
	var member struct{ Status string }
	b.ok("getChatMember", object{"chat_id": g.ID(), "user_id": ada.ID}, &member)
	if member.Status != "creator" {
		t.Errorf("Ada is %s", member.Status)
	}
}

func TestUpgradeTellsBothChats(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.sim.User("Ada")
	g := b.sim.Group("Ops", ada)
	g.AddBot(ada)
	super := g.Upgrade()
	var updates []struct {
		Message *struct {
			Chat struct{ ID int64 }
			To   int64 `json:"migrate_to_chat_id"`
			From int64 `json:"migrate_from_chat_id"`
		}
	}
	b.ok("getUpdates", nil, &updates)
	to, from := updates[2].Message, updates[3].Message
	if to.Chat.ID != g.ID() || to.To != super.ID() || from.Chat.ID != super.ID() || from.From != g.ID() {
		t.Errorf("%+v %+v", to, from)
	}
	if err := ada.Write(g.ID(), "x"); err == nil {
		t.Error("the old group takes messages")
	}
}

func TestBlocking(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	ada.Block()
	if err := ada.Write(ada.ID, "x"); err == nil {
		t.Error("who blocked the bot writes to it")
	}
	ada.Unblock()
	b.ok("sendMessage", object{"chat_id": ada.ID, "text": "back"}, nil)
	got := b.updates(nil)
	if got[1].MyChatMember.New.Status != "kicked" || got[2].MyChatMember.New.Status != "member" {
		t.Errorf("%+v", got)
	}
}

func TestPressingButtons(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	var m struct {
		ID int64 `json:"message_id"`
	}
	b.ok("sendMessage", object{"chat_id": ada.ID, "text": "x", "reply_markup": object{"inline_keyboard": [][]object{{
		{"text": "Yes", "callback_data": "yes"}, {"text": "Open", "url": "https://example.org/"},
	}}}}, &m)
	if p, err := ada.Press(ada.ID, m.ID, "Open"); err != nil || p.URL != "https://example.org/" {
		t.Errorf("%+v %v", p, err)
	}
	p, err := ada.Press(ada.ID, m.ID, "Yes")
	if err != nil {
		t.Fatal(err)
	}
	got := b.updates(nil)
	query := got[len(got)-1].CallbackQuery
	if query == nil || query.Data != "yes" || query.ID != p.Query {
		t.Fatalf("%+v", got)
	}
	if _, answered := b.sim.Toast(p.Query); answered {
		t.Error("answered before it was")
	}
	b.ok("answerCallbackQuery", object{"callback_query_id": query.ID, "text": "Done"}, nil)
	if toast, answered := b.sim.Toast(p.Query); toast != "Done" || !answered {
		t.Errorf("toast %q", toast)
	}
	for _, id := range []string{query.ID, "nonsense"} {
		if a := b.call("answerCallbackQuery", object{"callback_query_id": id}); !strings.Contains(a.Description, "query is too old") {
			t.Errorf("answered again: %q", a.Description)
		}
	}
	if _, err := ada.Press(ada.ID, m.ID, "No"); err == nil {
		t.Error("a button that is not there was pressed")
	}
}

func TestTopicsAndChannels(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.sim.User("Ada")
	forum, channel := b.sim.Forum("F", ada), b.sim.Channel("C", ada)
	forum.AddBot(ada)
	channel.AddBot(ada)
	if a := b.call("createForumTopic", object{"chat_id": forum.ID(), "name": "x"}); a.OK {
		t.Error("a mere member made a topic")
	}
	forum.SetBot(ada, "administrator")
	var topic struct {
		ID int64 `json:"message_thread_id"`
	}
	b.ok("createForumTopic", object{"chat_id": forum.ID(), "name": "Deploys"}, &topic)
	b.ok("sendMessage", object{"chat_id": forum.ID(), "text": "in it", "message_thread_id": topic.ID}, nil)
	if got := simulator.FromBot(b.sim.Messages(forum.ID())); got[0].ThreadID != topic.ID {
		t.Errorf("%+v", got)
	}
	b.ok("closeForumTopic", object{"chat_id": forum.ID(), "message_thread_id": topic.ID}, nil)
	b.ok("sendMessage", object{"chat_id": forum.ID(), "text": "an administrator may", "message_thread_id": topic.ID}, nil)
	if err := ada.Write(channel.ID(), "/link x"); err != nil {
		t.Fatal(err)
	}
	var updates []struct {
		Post *struct {
			Text   string
			From   *object
			Sender *object `json:"sender_chat"`
		} `json:"channel_post"`
	}
	b.ok("getUpdates", nil, &updates)
	post := updates[len(updates)-1].Post
	if post == nil || post.Text != "/link x" || post.From != nil || post.Sender == nil {
		t.Errorf("channel post %+v", post)
	}
}
