package delivery_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// first answers the first requests by texts and the others with a message.
func first(refusals ...func() (status, string)) func(int, telegram.SendMessage) (status, string) {
	return func(n int, _ telegram.SendMessage) (status, string) {
		if n > len(refusals) {
			return 0, ""
		}
		return refusals[n-1]()
	}
}

func says(code status, text string) func() (status, string) {
	return func() (status, string) { return refusal(code, text) }
}

func broken() (status, string) { return 0, "connection broken" }

func TestRetryAfterToTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		limited := false
		h.bot.answer = func(_ int, p telegram.SendMessage) (status, string) {
			if p.ChatID != 5 || limited {
				return 0, ""
			}
			limited = true
			return flood(17)
		}
		j := h.outbox.add(5, "one")
		h.outbox.add(5, "two")
		h.outbox.add(6, "other chat")
		h.run(t)
		after(time.Minute)
		asked := slices.DeleteFunc(h.bot.asked(), func(r request) bool { return r.ChatID != 5 })
		if wait := asked[1].at.Sub(asked[0].at); wait != 17*time.Second {
			t.Errorf("tried again after %s", wait)
		}
		if d := cmp.Diff([]string{"other chat", "one", "two"}, h.bot.texts(0)); d != "" {
			t.Error(d)
		}
		if j.Attempts != 2 || j.State != relay.Sent {
			t.Errorf("%+v", j.Delivery)
		}
	})
}

func TestTwoChatsCloseTheBot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		limited := func() (status, string) { return flood(9) }
		h.bot.answer = first(limited, limited)
		h.outbox.add(5, "one")
		h.outbox.add(6, "two")
		h.run(t)
		after(time.Second)
		h.outbox.add(7, "three")
		after(time.Minute)
		asked := h.bot.asked()
		if wait := asked[2].at.Sub(asked[0].at); wait != 9*time.Second {
			t.Errorf("the bot paused for %s", wait)
		}
		if n := len(h.bot.texts(0)); n != 3 {
			t.Errorf("%d arrived", n)
		}
	})
}

func TestBackoffGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.answer = func(int, telegram.SendMessage) (status, string) { return 502, "<html>502 Bad Gateway</html>" }
		j := h.outbox.add(5, "one")
		h.run(t)
		after(25 * time.Hour)
		asked := h.bot.asked()
		for i, r := range asked[1:] {
			want := min(time.Second<<min(i, 9), 5*time.Minute)
			if wait := r.at.Sub(asked[i].at); wait > want+time.Second || wait < want*4/5 {
				t.Fatalf("wait %d: %s, want up to %s", i, wait, want)
			}
		}
		if j.State != relay.Expired || j.Reason != "server_error" || j.Attempts != len(asked) {
			t.Errorf("%+v after %d requests", j.Delivery, len(asked))
		}
	})
}

func TestUnknownOutcomeIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.answer = first(broken, says(500, "Internal Server Error: restart"))
		j := h.outbox.add(5, "one")
		h.run(t)
		after(10 * time.Second)
		if j.State != relay.Sent || j.Attempts != 3 {
			t.Errorf("%+v", j.Delivery)
		}
	})
}

func TestBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.answer = first(says(403, "Forbidden: bot was blocked by the user"))
		a, b := h.outbox.add(5, "one"), h.outbox.add(5, "two")
		h.run(t)
		after(10 * time.Second)
		if len(h.bot.asked()) != 1 || a.State != relay.Failed || a.Reason != "blocked" || b.State != relay.Failed {
			t.Errorf("%d requests, %+v, %+v", len(h.bot.asked()), a.Delivery, b.Delivery)
		}
		if o := h.outbox.finished[0]; o.ChatID != 5 || o.ChatState != relay.Blocked || o.LastError == "" {
			t.Errorf("%+v", o)
		}
		if len(h.failed) != 2 || h.failed[0].State != relay.Failed || h.failed[0].Reason != "blocked" {
			t.Errorf("told of %+v", h.failed)
		}
		h.outbox.add(5, "after coming back")
		after(10 * time.Second)
		if d := cmp.Diff([]string{"after coming back"}, h.bot.texts(5)); d != "" {
			t.Error(d)
		}
	})
}

func TestMigrated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.bot.answer = func(_ int, p telegram.SendMessage) (status, string) {
			if p.ChatID == -5 {
				return 400, `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1005}}`
			}
			return 0, ""
		}
		h.outbox.add(-5, "one")
		h.outbox.add(-5, "two")
		h.run(t)
		after(10 * time.Second)
		if d := cmp.Diff([]string{"one", "two"}, h.bot.texts(-1005)); d != "" {
			t.Error(d)
		}
		if n := len(h.bot.asked()); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestForms(t *testing.T) {
	bold := []markup.Entity{{Type: markup.Bold, Offset: 0, Length: 3}}
	buttons := json.RawMessage(`{"inline_keyboard":[[{"text":"x","url":"http://x"}]]}`)
	rich := func(j *relay.Job) {
		j.Content.Text.Entities, j.Content.ReplyMarkup, j.MessageThreadID = bold, buttons, 7
	}
	badEntities, badButtons, noTopic := says(400, "Bad Request: can't parse MessageEntity: x"), says(400, "Bad Request: BUTTON_URL_INVALID"), says(400, "Bad Request: message thread not found")
	for name, row := range map[string]struct {
		answers  []func() (status, string)
		edit     func(*relay.Job)
		requests int
		state    relay.State
		sent     telegram.SendMessage
	}{
		"nothing wrong":   {nil, rich, 1, relay.Sent, telegram.SendMessage{MessageThreadID: 7, Entities: bold, ReplyMarkup: buttons}},
		"entities":        {[]func() (status, string){badEntities}, rich, 2, relay.Sent, telegram.SendMessage{MessageThreadID: 7, ReplyMarkup: buttons}},
		"buttons":         {[]func() (status, string){badButtons}, rich, 2, relay.Sent, telegram.SendMessage{MessageThreadID: 7, Entities: bold}},
		"topic":           {[]func() (status, string){noTopic}, rich, 2, relay.Sent, telegram.SendMessage{Entities: bold, ReplyMarkup: buttons}},
		"everything":      {[]func() (status, string){badButtons, badEntities, noTopic}, rich, 4, relay.Sent, telegram.SendMessage{}},
		"entities twice":  {[]func() (status, string){badEntities, badEntities}, rich, 2, relay.Failed, telegram.SendMessage{}},
		"buttons of none": {[]func() (status, string){badButtons}, func(*relay.Job) {}, 1, relay.Failed, telegram.SendMessage{}},
		"never":           {[]func() (status, string){says(400, "Bad Request: something new")}, rich, 1, relay.Failed, telegram.SendMessage{}},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := open(t)
			h.bot.answer = first(row.answers...)
			j := h.outbox.add(5, "one", row.edit)
			h.run(t)
			after(10 * time.Second)
			if len(h.bot.asked()) != row.requests || j.State != row.state {
				t.Fatalf("%s: %d requests, %+v", name, len(h.bot.asked()), j.Delivery)
			}
			if row.state != relay.Sent {
				if len(h.failed) != 1 || j.Reason == "" || j.LastError == "" {
					t.Errorf("%s: %+v, told %v", name, j.Delivery, h.failed)
				}
				return
			}
			row.sent.ChatID, row.sent.Text = 5, "one"
			if d := cmp.Diff(row.sent, h.bot.sent[0].SendMessage); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		})
	}
}

func TestNothingToSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		j := h.outbox.add(5, " \n\u200b")
		next := h.outbox.add(5, "next")
		h.run(t)
		after(10 * time.Second)
		if j.State != relay.Failed || j.Reason != "empty_text" || next.State != relay.Sent || len(h.bot.asked()) != 1 {
			t.Errorf("%+v, %+v, %d requests", j.Delivery, next.Delivery, len(h.bot.asked()))
		}
	})
}

func TestParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.run(t)
		buttons := json.RawMessage(`{"inline_keyboard":[]}`)
		text := strings.Repeat(strings.Repeat("word ", 800)+"\n\n", 3)
		j := h.outbox.add(5, text, func(j *relay.Job) { j.Content.ReplyMarkup = buttons })
		after(1500 * time.Millisecond) // two parts are out
		h.outbox.add(5, "urgent", func(j *relay.Job) { j.Priority = relay.High })
		after(10 * time.Second)
		texts := h.bot.texts(5)
		if len(texts) != 4 || texts[3] != "urgent" {
			t.Fatalf("%d messages", len(texts))
		}
		if got := strings.Fields(strings.Join(texts[:3], " ")); len(got) != 2400 {
			t.Errorf("%d words arrived", len(got))
		}
		for i, r := range h.bot.sent[:3] {
			if (len(r.ReplyMarkup) > 0) != (i == 2) {
				t.Errorf("part %d has buttons %s", i, r.ReplyMarkup)
			}
		}
		if !slices.Equal(j.TelegramMessageIDs, []int64{1, 2, 3}) || j.Attempts != 1 {
			t.Errorf("%+v", j.Delivery)
		}
	})
}
