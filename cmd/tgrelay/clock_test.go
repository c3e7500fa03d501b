package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// hourly is what a message may wait here.
const hourly = fast + "max_age = \"1h\"\n"

// onMachine is a world whose relay runs on a machine of its own.
func onMachine(t *testing.T, extra string) (*world, *machine) {
	t.Helper()
	m := newMachine(t)
	w := &world{t: t, dir: t.TempDir(), extra: extra, command: m.command}
	w.sim = start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken).await(t, `serves (http://\S+)`)
	return w.begin(), m
}

// A machine without a battery boots with an old time, and days are made up for when NTP answers: what has come meanwhile is not too old.
func TestClockIsSetAhead(t *testing.T) {
	t.Parallel()
	w, m := onMachine(t, hourly)
	ada := w.connect("Ada", "alice")
	w.do("POST", w.sim+"/sim/faults", `{"kind":"gateway","method":"sendMessage"}`, nil)
	w.send("alice", "under way when the clock is set")
	w.send("alice", "behind it")
	w.send("nobody", "held until somebody is connected")
	m.setClock(t, 72*time.Hour)
	w.send("alice", "on the new clock")
	w.process.await(t, `(the clock was set)`)
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	w.arrive(ada, "under way when the clock is set", "behind it", "on the new clock")
	bob := w.connect("Bob", "nobody")
	w.arrive(bob, "held until somebody is connected")
}

// A clock that is set back lengthens no wait, neither of a daemon that runs nor over its restart.
func TestClockIsSetBack(t *testing.T) {
	t.Parallel()
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarted=%t", restarted), func(t *testing.T) {
			t.Parallel()
			w, m := onMachine(t, hourly)
			ada := w.connect("Ada", "alice")
			w.do("POST", w.sim+"/sim/faults", `{"kind":"too_many_requests","method":"sendMessage","retry_after":2,"times":1}`, nil)
			w.send("alice", "was told to come again")
			w.eventually(func() bool {
				_, answer := w.call("GET", w.relay+"/api/v1/deliveries?recipient=alice&limit=1", "")
				return strings.Contains(answer, `"rate_limited"`)
			})
			m.setClock(t, -72*time.Hour)
			if restarted {
				w.restart()
			}
			w.send("alice", "on the old clock")
			w.arrive(ada, "was told to come again", "on the old clock")
		})
	}
}

// texts are what the bot has written in a chat after the welcome.
func (w *world) texts(chat int64) (texts []string) {
	w.t.Helper()
	for _, m := range w.messages(chat, 1)[1:] {
		texts = append(texts, m.Text)
	}
	return texts
}

// arrive waits until these texts, and no others beside the welcome, stand in a chat.
func (w *world) arrive(chat int64, texts ...string) {
	w.t.Helper()
	got := w.messages(chat, len(texts)+1)[1:]
	for i, m := range got {
		if i >= len(texts) || m.Text != texts[i] {
			w.t.Fatalf("arrived: %+v, want %q\n%s", got, texts, w.process.text())
		}
	}
}
