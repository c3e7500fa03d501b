package main_test

import (
	"fmt"
	"strings"
	"testing"
)

const topical = fast + `[receivers.alertmanager]
to = ["ops"]
topic = "{{ .GroupLabels.service }}"
`

// forum is a group with topics, to which ops is connected; the bot is its administrator.
type forum struct {
	*world
	ada, id int64
}

func newForum(t *testing.T, kind, rights string) *forum {
	t.Helper()
	return newWorld(t, topical).forum(kind, rights)
}

func (w *world) forum(kind, rights string) *forum {
	w.t.Helper()
	f := &forum{world: w, ada: w.user("Ada")}
	var group struct{ ID int64 }
	w.do("POST", w.sim+"/sim/groups", fmt.Sprintf(`{"title":"Ops","kind":%q,"members":[%d]}`, kind, f.ada), &group)
	f.id = group.ID
	f.rights(rights)
	w.do("POST", f.path("open"), fmt.Sprintf(`{"user_id":%d,"link":%q}`, f.ada, w.link(`{"recipient":"ops","target":"group"}`)), nil)
	w.messages(f.id, 1)
	return f
}

func (f *forum) path(rest string) string {
	return fmt.Sprintf("%s/sim/groups/%d/%s", f.sim, f.id, rest)
}

func (f *forum) rights(more string) {
	f.t.Helper()
	f.do("POST", f.path("bot"), fmt.Sprintf(`{"user_id":%d,"status":"administrator"%s}`, f.ada, more), nil)
}

// fire lets an alert of a service come in.
func (f *forum) fire(service, alert string) {
	f.t.Helper()
	f.do("POST", f.relay+"/hooks/alertmanager", fmt.Sprintf(`{"version":"4","status":"firing","groupKey":%q,"receiver":"r",
		"alerts":[{"status":"firing","labels":{"alertname":%q,"service":%q},"annotations":{},"startsAt":"2026-01-01T00:00:00Z"}],
		"groupLabels":{"service":%[3]q},"commonLabels":{"alertname":%[2]q},"commonAnnotations":{}}`, service+alert, alert, service), nil)
}

// arrives waits until the bot's messages in the group are count, and wants the last to tell of an alert in a topic.
func (f *forum) arrives(count int, alert string, thread int64) {
	f.t.Helper()
	all := f.messages(f.id, count)
	if m := all[count-1]; len(all) != count || !strings.Contains(m.Text, alert) || m.ThreadID != thread {
		f.t.Fatalf("of %d messages the last is %+v; want %s in %d\n%s", len(all), m, alert, thread, f.process.text())
	}
}

type simTopic struct {
	ID     int64 `json:"message_thread_id"`
	Name   string
	Closed bool
}

// topics are those of the group, by name; a name must not be there twice.
func (f *forum) topics() map[string]simTopic {
	f.t.Helper()
	var list []simTopic
	f.do("GET", f.path("topics"), "", &list)
	byName := map[string]simTopic{}
	for _, topic := range list {
		if _, twice := byName[topic.Name]; twice {
			f.t.Errorf("there are two topics %q", topic.Name)
		}
		byName[topic.Name] = topic
	}
	return byName
}

func (f *forum) person(topic simTopic, does, body string) {
	f.t.Helper()
	f.do("POST", f.path(fmt.Sprintf("topics/%d/%s", topic.ID, does)), body, nil)
}

// calmRestart restarts the relay when nothing is under way, which could come twice.
func (f *forum) calmRestart() {
	f.t.Helper()
	f.allSent()
	f.restart()
}

// Each service's alerts have a topic of their own, over restarts, and whatever people do with it.
func TestLabelsNameTopics(t *testing.T) {
	t.Parallel()
	f := newForum(t, "forum", "")
	f.fire("payments", "A1")
	f.messages(f.id, 2)
	f.fire("search", "B1")
	all := f.messages(f.id, 3)
	f.allSent()
	payments, search := f.topics()["payments"], f.topics()["search"]
	if all[1].ThreadID != payments.ID || all[2].ThreadID != search.ID || payments.ID == search.ID || payments.ID == 0 || search.ID == 0 {
		t.Fatalf("%+v in topics %+v", all, f.topics())
	}
	f.calmRestart()
	f.fire("payments", "A2")
	f.arrives(4, "A2", payments.ID)
	f.person(payments, "rename", `{"name":"Money"}`)
	f.fire("payments", "A3")
	f.arrives(5, "A3", payments.ID)

	f.person(search, "delete", "") // and B1 with it
	f.fire("search", "B2")
	f.messages(f.id, 5)
	f.allSent()
	anew := f.topics()["search"]
	if anew.ID == search.ID || anew.ID == 0 {
		t.Errorf("the topic that was deleted is %+v", anew)
	}
	f.arrives(5, "B2", anew.ID)
	f.fire("search", "B3")
	f.arrives(6, "B3", anew.ID)
}

// What a person closed is open again for the next message; where the bot may not do that, the group is told once.
func TestClosedTopics(t *testing.T) {
	t.Parallel()
	f := newForum(t, "forum", "")
	f.fire("payments", "A1")
	f.messages(f.id, 2)
	payments := f.topics()["payments"]
	f.person(payments, "close", "")
	f.say(f.ada, f.id, "/status") // the answer says that all before it was heard
	f.messages(f.id, 3)
	f.fire("payments", "A2")
	f.arrives(4, "A2", payments.ID)
	if f.topics()["payments"].Closed {
		t.Error("the topic is still closed")
	}
	// Telegram says so first when it is tried.
	f.do("POST", f.sim+"/sim/faults", `{"kind":"status","method":"sendMessage","code":400,"description":"Bad Request: TOPIC_CLOSED","times":1}`, nil)
	f.fire("payments", "A3")
	f.arrives(5, "A3", payments.ID)

	f.person(payments, "close", "")
	f.rights(`,"can_manage_topics":false`)
	f.do("POST", f.sim+"/sim/faults", `{"kind":"status","method":"reopenForumTopic","code":400,"description":"Bad Request: not enough rights to edit the topic"}`, nil)
	f.fire("payments", "A4")
	f.fire("payments", "A5")
	all := f.messages(f.id, 8)
	f.allSent()
	said := ""
	for _, m := range f.messages(f.id, 8)[5:] {
		if m.ThreadID != 0 {
			t.Errorf("%q is in a topic that is closed", m.Text)
		}
		said += m.Text
	}
	if len(all) != 8 || !strings.Contains(said, "A4") || !strings.Contains(said, "A5") || strings.Count(said, "The topic in which messages for ops arrived") != 1 {
		t.Errorf("%d messages; the last are %s", len(all), said)
	}
}

// People's own topic of the name is taken; one whose making was cut off is not made twice.
func TestTopicsAreNotMadeTwice(t *testing.T) {
	t.Parallel()
	f := newForum(t, "forum", "")
	f.do("POST", f.path("topics"), `{"name":"payments"}`, nil)
	f.say(f.ada, f.id, "/status")
	f.messages(f.id, 2)
	f.fire("payments", "A1")
	f.arrives(3, "A1", f.topics()["payments"].ID)

	f.do("POST", f.sim+"/sim/faults", `{"kind":"reset_after","method":"createForumTopic","times":1}`, nil)
	f.do("POST", f.sim+"/sim/faults", `{"kind":"gateway","method":"createForumTopic"}`, nil)
	f.fire("search", "B1")
	f.eventually(func() bool { return f.topics()["search"].ID != 0 })
	f.say(f.ada, f.id, "/status")
	f.messages(f.id, 4)
	f.do("DELETE", f.sim+"/sim/faults", "", nil)
	f.arrives(5, "B1", f.topics()["search"].ID)
	f.fire("search", "B2")
	f.arrives(6, "B2", f.topics()["search"].ID)
}

// Where no topic can be made messages go to the chat itself; once one can, they have it.
func TestGroupsWithoutTopics(t *testing.T) {
	t.Parallel()
	f := newForum(t, "group", "")
	f.fire("payments", "A1")
	f.arrives(2, "A1", 0)
	f.process.await(t, `level=WARN .*cannot be made.*(turn topics on)`)
	var super struct{ ID int64 }
	f.do("POST", f.path("forum"), "", &super)
	f.id = super.ID
	f.rights(`,"can_manage_topics":false`)
	f.fire("payments", "A2")
	f.arrives(1, "A2", 0)
	f.calmRestart()
	f.fire("payments", "A3")
	f.arrives(2, "A3", 0)
	f.process.await(t, `level=WARN .*cannot be made.*(the right to manage topics)`)
	f.rights("")
	f.calmRestart() // else it is tried in ten minutes
	f.fire("payments", "A4")
	f.messages(f.id, 3)
	f.arrives(3, "A4", f.topics()["payments"].ID)
	if f.topics()["payments"].ID == 0 {
		t.Errorf("the topics are %+v", f.topics())
	}
}

// A live message is changed where it is, and what does not fit into it follows in its topic.
func TestLiveMessagesInTopics(t *testing.T) {
	t.Parallel()
	f := newForum(t, "forum", "")
	post := func(text string) {
		t.Helper()
		f.do("POST", f.relay+"/api/v1/messages", fmt.Sprintf(`{"to":"ops","text":%q,"topic":"deploys","key":"k"}`, text), nil)
	}
	post("live 1")
	first := f.messages(f.id, 2)[1]
	if topic := f.topics()["deploys"].ID; first.ThreadID != topic || topic == 0 {
		t.Fatalf("%+v in %d", first, topic)
	}
	post("live 2")
	f.eventually(func() bool { m := f.messages(f.id, 2)[1]; return m.Text == "live 2" && m.ID == first.ID })
	f.calmRestart()
	post(strings.Repeat("line\n", 1000))
	f.arrives(3, "line", first.ThreadID)
	post("live 4")
	f.eventually(func() bool {
		m := f.messages(f.id, 2)
		return len(m) == 2 && m[1].Text == "live 4" && m[1].ID == first.ID
	})
	f.allSent()
}
