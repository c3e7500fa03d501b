package delivery_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// topics remembers topics in memory by the rules of relay.Topics.
type topics struct {
	mu    sync.Mutex
	known map[string]relay.Topic
	down  bool
}

func (t *topics) do(f func()) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down {
		return &relay.Error{Code: relay.CodeStorageUnavailable, Detail: "disk full"}
	}
	f()
	return nil
}

func topicKey(chatID int64, name string) string { return fmt.Sprint(chatID, " ", name) }

func (t *topics) Topic(_ context.Context, _ string, chatID int64, name string) (*relay.Topic, error) {
	var topic relay.Topic
	var found bool
	err := t.do(func() { topic, found = t.known[topicKey(chatID, name)] })
	if err == nil && !found {
		err = &relay.Error{Code: relay.CodeNotFound}
	}
	return &topic, err
}

func (t *topics) SetTopic(_ context.Context, topic relay.Topic) error {
	return t.do(func() { t.known[topicKey(topic.ChatID, topic.Name)] = topic })
}

func (t *topics) each(chatID, threadID int64, do func(key string, topic relay.Topic)) error {
	return t.do(func() {
		for key, topic := range maps.Clone(t.known) {
			if topic.ChatID == chatID && topic.MessageThreadID == threadID {
				do(key, topic)
			}
		}
	})
}

func (t *topics) CloseTopic(_ context.Context, _ string, chatID, threadID int64, closed bool) error {
	return t.each(chatID, threadID, func(key string, topic relay.Topic) {
		topic.Closed = closed
		t.known[key] = topic
	})
}

func (t *topics) ForgetTopic(_ context.Context, _ string, chatID, threadID int64) error {
	return t.each(chatID, threadID, func(key string, _ relay.Topic) { delete(t.known, key) })
}

func (t *topics) setDown(down bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.down = down
}

// forum is a house whose group -5 has the topics that are known, and who was told that one is gone.
func forum(t *testing.T, known ...relay.Topic) (h *house, memory *topics, gone *[]relay.Delivery) {
	t.Helper()
	memory, gone = &topics{known: map[string]relay.Topic{}}, &[]relay.Delivery{}
	for _, topic := range known {
		memory.known[topicKey(topic.ChatID, topic.Name)] = topic
	}
	return open(t, withTopics(memory, gone)), memory, gone
}

func withTopics(memory *topics, gone *[]relay.Delivery) func(*delivery.Options) {
	return func(o *delivery.Options) {
		o.Topics = memory
		o.TopicGone = func(_ context.Context, d *relay.Delivery) { *gone = append(*gone, *d) }
	}
}

func inTopic(name string) func(*relay.Job) { return func(j *relay.Job) { j.Content.Topic = name } }

// log lists the requests: what was asked for where.
func (h *house) asked() []string {
	var out []string
	for _, r := range h.bot.asked() {
		what := strings.TrimSuffix(r.method, "ForumTopic")
		if r.method == "sendMessage" {
			what = r.Text
		}
		out = append(out, fmt.Sprintf("%s %s%d", what, r.Name, r.MessageThreadID))
	}
	return out
}

func wantAsked(t *testing.T, h *house, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, h.asked()); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
}

func TestTopicsAreMadeOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, memory, gone := forum(t)
		h.run(t)
		j := h.outbox.add(-5, "one", inTopic("payments"))
		h.outbox.add(-5, "two", inTopic("payments"))
		h.outbox.add(-5, "plain")
		after(time.Second)
		wantAsked(t, h, "create payments0", "one 1", "two 1", "plain 0")
		if j.Attempts != 1 || j.State != relay.Sent {
			t.Errorf("%+v", j.Delivery)
		}
		h.stop()
		h.build(t, withTopics(memory, gone))
		h.run(t)
		h.outbox.add(-5, "three", inTopic("payments"))
		h.outbox.add(-5, "four", inTopic("search"))
		after(time.Minute)
		wantAsked(t, h, "create payments0", "one 1", "two 1", "plain 0", "three 1", "create search0", "four 6")
	})
}

// Nobody else's topic is looked for: neither in private chats, nor for who is bound to a topic, nor for a change of a message.
func TestTopicsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := forum(t)
		h.run(t)
		h.outbox.add(5, "private", inTopic("payments"))
		after(time.Second)
		h.outbox.add(-6, "bound", inTopic("payments"), func(j *relay.Job) { j.MessageThreadID = 9 })
		after(time.Second)
		h.outbox.add(-7, "changed", inTopic("payments"), func(j *relay.Job) { j.Key, j.OnUpdate, j.Live = "k", relay.Edit, []int64{3} })
		after(time.Second)
		wantAsked(t, h, "private 0", "bound 9", "editMessageText 0")
	})
}

// All of a message goes to its topic: parts, and what is attached.
func TestAllPartsGoToTheTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := forum(t)
		h.run(t)
		j := h.outbox.add(-5, strings.Repeat(strings.Repeat("word ", 800)+"\n\n", 2), inTopic("payments"))
		after(time.Minute)
		for _, r := range h.bot.asked()[1:] {
			if r.MessageThreadID != 1 {
				t.Errorf("a part went to %d", r.MessageThreadID)
			}
		}
		if len(j.TelegramMessageIDs) != 2 {
			t.Errorf("%+v", j.Delivery)
		}
	})
}

func TestMakingTopicsKeepsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := forum(t)
		limited := true
		h.bot.topic = func(request) (status, string) {
			if limited {
				limited = false
				return flood(40)
			}
			return 0, ""
		}
		h.outbox.add(-5, "one", inTopic("payments"))
		h.outbox.add(-5, "two")
		h.run(t)
		after(39 * time.Second)
		wantAsked(t, h, "create payments0")
		after(time.Minute)
		wantAsked(t, h, "create payments0", "create payments0", "one 1", "two 0")
		if wait := h.bot.asked()[1].at.Sub(h.bot.asked()[0].at); wait != 40*time.Second {
			t.Errorf("after retry_after it waited %s", wait)
		}
		for i := range 30 {
			h.outbox.add(-5, "x", inTopic(fmt.Sprint("topic ", i)))
		}
		after(time.Hour)
		all := h.bot.asked()
		for i := 20; i < len(all); i++ {
			if span := all[i].at.Sub(all[i-20].at); span < time.Minute {
				t.Fatalf("21 requests within %s", span)
			}
		}
		if len(all) != 64 {
			t.Errorf("%d requests", len(all))
		}
	})
}

func TestMakingTopicsBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := forum(t)
		answers := []func() (status, string){broken, says(502, "Bad Gateway")}
		h.bot.topic = func(request) (status, string) {
			if len(answers) == 0 {
				return 0, ""
			}
			next := answers[0]
			answers = answers[1:]
			return next()
		}
		j := h.outbox.add(-5, "one", inTopic("payments"))
		h.run(t)
		after(time.Minute)
		wantAsked(t, h, "create payments0", "create payments0", "create payments0", "one 1")
		if j.State != relay.Sent || j.Attempts != 3 {
			t.Errorf("%+v", j.Delivery)
		}
	})
}

// What Telegram does not allow costs the topic, not the message, and is tried again after a while.
func TestTopicsThatCannotBeMade(t *testing.T) {
	for refused, remedy := range map[string]string{
		"Bad Request: the chat is not a forum":             "turn topics on",
		"Bad Request: not enough rights to create a topic": "the right to manage topics",
	} {
		synctest.Test(t, func(t *testing.T) {
			h, _, gone := forum(t)
			ok := false
			h.bot.topic = func(request) (status, string) {
				if ok {
					return 0, ""
				}
				return refusal(400, refused)
			}
			h.run(t)
			h.outbox.add(-5, "one", inTopic("payments"))
			h.outbox.add(-5, "two", inTopic("search"))
			after(9 * time.Minute)
			wantAsked(t, h, "create payments0", "one 0", "two 0")
			after(2 * time.Minute)
			h.outbox.add(-5, "three", inTopic("payments"))
			after(15 * time.Minute)
			ok = true
			h.outbox.add(-5, "four", inTopic("payments"))
			after(time.Minute)
			wantAsked(t, h, "create payments0", "one 0", "two 0", "create payments0", "three 0", "create payments0", "four 4")
			if n := strings.Count(h.log.String(), "level=WARN"); n != 1 || !strings.Contains(h.log.String(), remedy) {
				t.Errorf("%d warnings:\n%s", n, h.log)
			}
			if len(*gone) != 0 {
				t.Errorf("the group was told of %+v", *gone)
			}
		})
	}
}

// A name that Telegram refuses is no reason to make no other topic; an old Bot API server is none to send nothing.
func TestTopicsRefusedByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := forum(t)
		h.bot.topic = func(r request) (status, string) {
			switch r.Name {
			case "bad":
				return refusal(400, "Bad Request: TOPIC_TITLE_INVALID")
			case "old":
				return refusal(404, "Not Found: method not found")
			}
			return 0, ""
		}
		h.run(t)
		for _, name := range []string{"bad", "bad", "good", "old"} {
			h.outbox.add(-5, name, inTopic(name))
		}
		after(time.Minute)
		wantAsked(t, h, "create bad0", "bad 0", "bad 0", "create good0", "good 3", "create old0", "old 0")
	})
}

func TestDeadChatsWhileMakingTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := forum(t)
		kicked := says(403, "Forbidden: bot was kicked from the supergroup chat")
		h.bot.topic = func(request) (status, string) { return kicked() }
		h.bot.answer = func(int, telegram.SendMessage) (status, string) { return kicked() }
		j := h.outbox.add(-5, "one", inTopic("payments"))
		h.run(t)
		after(time.Minute)
		wantAsked(t, h, "create payments0", "one 0")
		if j.State != relay.Failed || j.Reason != "kicked" || strings.Contains(h.log.String(), "cannot be made") {
			t.Errorf("%+v\n%s", j.Delivery, h.log)
		}
	})
}

// closed answers messages into a topic as Telegram does while it is closed.
func (h *house) closed(thread int64, open *bool) {
	h.bot.answer = func(_ int, p telegram.SendMessage) (status, string) {
		if p.MessageThreadID == thread && !*open {
			return refusal(400, "Bad Request: TOPIC_CLOSED")
		}
		return 0, ""
	}
}

func TestClosedTopicsAreReopened(t *testing.T) {
	for _, known := range []bool{false, true} { // whether Telegram has told that it was closed
		synctest.Test(t, func(t *testing.T) {
			h, memory, gone := forum(t, relay.Topic{ChatID: -5, Name: "payments", MessageThreadID: 7, Closed: known})
			reopened := false
			h.closed(7, &reopened)
			h.bot.topic = func(request) (status, string) {
				reopened = true
				return 0, ""
			}
			h.run(t)
			h.outbox.add(-5, "one", inTopic("payments"))
			h.outbox.add(-5, "two", inTopic("payments"))
			after(time.Minute)
			want := []string{"one 7", "reopen 7", "one 7", "two 7"}
			if known {
				want = want[1:]
			}
			wantAsked(t, h, want...)
			if memory.known[topicKey(-5, "payments")].Closed || len(*gone) != 0 {
				t.Errorf("%+v, told of %+v", memory.known, *gone)
			}
		})
	}
}

// One that was open all the time is as good as reopened.
func TestReopeningWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := forum(t, relay.Topic{ChatID: -5, Name: "payments", MessageThreadID: 7, Closed: true})
		h.bot.topic = func(request) (status, string) { return refusal(400, "Bad Request: TOPIC_NOT_MODIFIED") }
		h.run(t)
		h.outbox.add(-5, "one", inTopic("payments"))
		h.outbox.add(-5, "two", inTopic("payments"))
		after(time.Minute)
		wantAsked(t, h, "reopen 7", "one 7", "two 7")
	})
}

func TestClosedTopicsThatStayClosed(t *testing.T) {
	for _, known := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h, _, gone := forum(t, relay.Topic{ChatID: -5, Name: "payments", MessageThreadID: 7, Closed: known})
			h.closed(7, new(bool))
			h.bot.topic = func(request) (status, string) {
				return refusal(400, "Bad Request: not enough rights to edit the topic")
			}
			h.run(t)
			j := h.outbox.add(-5, "one", inTopic("payments"), func(j *relay.Job) { j.Recipient = "ops" })
			h.outbox.add(-5, "two", inTopic("payments"))
			h.outbox.add(-5, "three", inTopic("search"))
			after(time.Minute)
			want := []string{"one 7", "reopen 7", "one 7", "one 0", "two 0", "create search0", "three 0"}
			if known {
				want = want[1:]
			}
			wantAsked(t, h, want...)
			if j.State != relay.Sent || len(*gone) != 1 || (*gone)[0].MessageThreadID != 7 || (*gone)[0].Recipient != "ops" {
				t.Errorf("%s, told of %+v", j.State, *gone)
			}
		})
	}
}

func TestDeletedTopicsAreMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, memory, gone := forum(t, relay.Topic{ChatID: -5, Name: "payments", MessageThreadID: 700})
		h.bot.answer = func(_ int, p telegram.SendMessage) (status, string) {
			if p.MessageThreadID == 700 {
				return refusal(400, "Bad Request: message thread not found")
			}
			return 0, ""
		}
		h.run(t)
		h.outbox.add(-5, "one", inTopic("payments"))
		h.outbox.add(-5, "two", inTopic("payments"))
		after(time.Minute)
		wantAsked(t, h, "one 700", "create payments0", "one 1", "two 1")
		if got := memory.known[topicKey(-5, "payments")].MessageThreadID; got != 1 || len(*gone) != 0 {
			t.Errorf("remembered is %d, told of %+v", got, *gone)
		}
	})
}

// A topic that is gone as soon as it is made must not be made for ever.
func TestTopicsThatDoNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, gone := forum(t)
		h.bot.answer = func(_ int, p telegram.SendMessage) (status, string) {
			if p.MessageThreadID != 0 {
				return refusal(400, "Bad Request: message thread not found")
			}
			return 0, ""
		}
		h.run(t)
		j := h.outbox.add(-5, "one", inTopic("payments"))
		after(time.Minute)
		wantAsked(t, h, "create payments0", "one 1", "create payments0", "one 2", "one 0")
		if j.State != relay.Sent || len(*gone) != 1 {
			t.Errorf("%s, told of %+v", j.State, *gone)
		}
	})
}

// While the storage cannot take it, a topic that was made is kept in memory: no second one is made.
func TestTopicsAreRememberedBeforeAnythingIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, memory, _ := forum(t)
		h.bot.topic = func(request) (status, string) {
			memory.setDown(true)
			return 0, ""
		}
		h.run(t)
		j := h.outbox.add(-5, "one", inTopic("payments"))
		after(5 * time.Minute)
		wantAsked(t, h, "create payments0")
		memory.setDown(false)
		after(10 * time.Minute)
		wantAsked(t, h, "create payments0", "one 1")
		if j.State != relay.Sent || memory.known[topicKey(-5, "payments")].MessageThreadID != 1 {
			t.Errorf("%+v, %+v", j.Delivery, memory.known)
		}
	})
}

func TestStorageDownWhileLookingForATopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, memory, _ := forum(t, relay.Topic{ChatID: -5, Name: "payments", MessageThreadID: 7})
		memory.setDown(true)
		h.run(t)
		h.outbox.add(-5, "one", inTopic("payments"))
		after(time.Minute)
		wantAsked(t, h)
		memory.setDown(false)
		after(10 * time.Minute)
		wantAsked(t, h, "one 7")
	})
}
