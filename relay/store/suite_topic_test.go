package store_test

import (
	"testing"

	"github.com/tgrelay/tgrelay/relay"
)

var topicSuite = map[string]func(*testing.T, *place){
	"a topic is found by chat and name":             topicFound,
	"a topic that is made anew replaces the old":    topicReplaced,
	"a topic is closed, reopened and forgotten":     topicClosed,
	"topics go with their chat":                     topicsGoWithChat,
	"topics go with the last recipient of the chat": topicsGoWithRecipient,
	"a supergroup numbers its topics anew":          topicsMigrate,
}

const forum = -1001

// wantTopic wants a topic of the forum in a thread, 0 for none.
func (p *place) wantTopic(t *testing.T, name string, thread int64, closed bool) {
	t.Helper()
	got, err := p.Topic(t.Context(), "", forum, name)
	if thread == 0 {
		wantCode(t, err, relay.CodeNotFound)
		return
	}
	must(t, err)
	if want := (relay.Topic{ChatID: forum, Name: name, MessageThreadID: thread, Closed: closed}); *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
}

func (p *place) setTopic(t *testing.T, chat int64, name string, thread int64) {
	t.Helper()
	must(t, p.SetTopic(t.Context(), relay.Topic{ChatID: chat, Name: name, MessageThreadID: thread}))
}

func topicFound(t *testing.T, p *place) {
	p.wantTopic(t, "payments", 0, false)
	p.setTopic(t, forum, "payments", 7)
	p.setTopic(t, forum, "search", 9)
	p.setTopic(t, forum-1, "payments", 11)
	p.wantTopic(t, "payments", 7, false)
	p.reopen()
	p.wantTopic(t, "payments", 7, false)
	p.wantTopic(t, "search", 9, false)
	p.wantTopic(t, "Payments", 0, false)
}

func topicReplaced(t *testing.T, p *place) {
	p.setTopic(t, forum, "payments", 7)
	must(t, p.CloseTopic(t.Context(), "", forum, 7, true))
	p.setTopic(t, forum, "payments", 8)
	p.wantTopic(t, "payments", 8, false)
	p.setTopic(t, forum, "payments", 7) // news of the old one come late
	must(t, p.CloseTopic(t.Context(), "", forum, 7, true))
	must(t, p.ForgetTopic(t.Context(), "", forum, 7))
	p.wantTopic(t, "payments", 8, false)
}

func topicClosed(t *testing.T, p *place) {
	p.setTopic(t, forum, "payments", 7)
	p.setTopic(t, forum, "search", 9)
	must(t, p.CloseTopic(t.Context(), "", forum, 7, true))
	p.wantTopic(t, "payments", 7, true)
	p.wantTopic(t, "search", 9, false)
	must(t, p.CloseTopic(t.Context(), "", forum, 7, false))
	p.wantTopic(t, "payments", 7, false)
	must(t, p.ForgetTopic(t.Context(), "", forum, 7))
	p.wantTopic(t, "payments", 0, false)
	p.wantTopic(t, "search", 9, false)
	must(t, p.CloseTopic(t.Context(), "", forum, 99, true))
	must(t, p.ForgetTopic(t.Context(), "", forum, 99))
}

func topicsGoWithChat(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", group(forum), t0))
	p.setTopic(t, forum, "payments", 7)
	_, err := p.ForgetChat(t.Context(), "", forum)
	must(t, err)
	p.wantTopic(t, "payments", 0, false)
}

func topicsGoWithRecipient(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", group(forum), t0))
	must(t, p.Bind(t.Context(), "bob", group(forum), t0))
	p.setTopic(t, forum, "payments", 7)
	must(t, p.Forget(t.Context(), "alice"))
	p.wantTopic(t, "payments", 7, false)
	must(t, p.Forget(t.Context(), "bob"))
	p.wantTopic(t, "payments", 0, false)
}

func topicsMigrate(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", group(-5), t0))
	p.setTopic(t, -5, "payments", 7)
	p.setTopic(t, forum, "search", 9)
	must(t, p.Migrate(t.Context(), "", -5, forum))
	p.wantTopic(t, "payments", 0, false)
	p.wantTopic(t, "search", 9, false)
	if _, err := p.Topic(t.Context(), "", -5, "payments"); relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("the group that is no more keeps its topic: %v", err)
	}
}
