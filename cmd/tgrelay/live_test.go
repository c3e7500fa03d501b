package main_test

import (
	"fmt"
	"strings"
	"testing"
)

// post sends a message to alice, with further fields.
func (w *world) post(text, more string) {
	w.t.Helper()
	w.do("POST", w.relay+"/api/v1/messages", fmt.Sprintf(`{"to":"alice","text":%q%s}`, text, more), nil)
}

// arrived waits for what the last of count messages of the bot says, and returns them.
func (w *world) arrived(chat int64, count int, last string) []message {
	w.t.Helper()
	var all []message
	w.eventually(func() bool {
		all = w.messages(chat, count)
		return len(all) == count && all[count-1].Text == last
	})
	return all
}

func TestLiveMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "alice")
	const deploy = `,"key":"deploy"`

	w.post("deploying", deploy)
	w.arrived(ada, 2, "deploying")
	w.post("deploying: half", deploy)
	w.arrived(ada, 2, "deploying: half")
	w.post("deploying: half", deploy) // Telegram: message is not modified
	w.allSent()

	// A longer version goes on below; a shorter one takes its parts away.
	long := strings.Repeat("line\n", 1500)
	w.post(long, deploy)
	w.messages(ada, 3)
	w.post("deployed", deploy)
	w.arrived(ada, 2, "deployed")

	// An answer, and another message beside.
	w.post("tests failed", deploy+`,"on_update":"reply"`)
	got := w.arrived(ada, 3, "tests failed")
	if got[2].ReplyTo != got[1].ID {
		t.Errorf("the answer is to %d, want %d", got[2].ReplyTo, got[1].ID)
	}
	w.post("again", deploy+`,"on_update":"reply"`)
	if got := w.arrived(ada, 4, "again"); got[3].ReplyTo != got[1].ID {
		t.Errorf("the second answer is to %d, want %d", got[3].ReplyTo, got[1].ID)
	}
	w.allSent() // what is under way when the daemon is killed may come twice
	w.restart()
	w.post("deployed twice", deploy)
	w.eventually(func() bool { return w.messages(ada, 4)[1].Text == "deployed twice" })
	w.allSent()

	// What is gone is sent anew, and so is an update that Telegram refuses.
	w.do("POST", w.sim+"/sim/faults", `{"kind":"status","method":"editMessageText","code":400,"description":"Bad Request: message to edit not found","times":1}`, nil)
	w.post("still here", deploy)
	w.arrived(ada, 4, "still here") // what it stands for is taken away
	w.post("and changed", deploy)
	w.arrived(ada, 4, "and changed")
	w.allSent()
}

// A file is changed in place too: its caption, or itself. What an update does not speak of stays.
func TestLivePhotos(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "alice")
	chart := func(text, more string) message {
		w.post(text, `,"key":"chart"`+more)
		w.allSent()
		return w.messages(ada, 2)[1]
	}
	at := func(n int) string { return fmt.Sprintf(`,"photo":"https://example.org/%d.png"`, n) }
	first := chart("ten o'clock", at(10))
	for _, c := range []struct{ text, more, file string }{
		{"eleven o'clock", at(11), "11.png"},
		{"a word about it", "", "11.png"},
		{"a paper", `,"document":"https://example.org/paper.pdf"`, "paper.pdf"},
	} {
		if m := chart(c.text, c.more); m.ID != first.ID || m.Text != c.text || m.FileName != c.file {
			t.Errorf("%s: %+v, the first was %d", c.text, m, first.ID)
		}
	}
	if m := chart("twelve o'clock", `,"photo":"http://grafana/12.png"`); m.ID == first.ID || m.Text != "twelve o'clock\nhttp://grafana/12.png" || m.Photo != "" {
		t.Errorf("what cannot be had is told in a text: %+v", m)
	}
	before := w.messages(ada, 2)[1].ID
	if m := chart("one o'clock", at(13)); m.ID != before || m.FileName != "13.png" {
		t.Errorf("a text becomes a photo: %+v", m)
	}
	long := strings.TrimSpace(strings.Repeat("word ", 300))
	if m := chart(long, ""); m.Text != long || m.Photo != "" {
		t.Errorf("no caption holds the text: %+v", m)
	}
	if got := w.messages(ada, 2); len(got) != 2 {
		t.Errorf("%d messages", len(got))
	}
}

// However many updates queue up behind a rate limit, the newest is what arrives.
func TestUpdatesThatWaitAreConflated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "alice")
	w.do("POST", w.sim+"/sim/faults", `{"kind":"gateway","method":"sendMessage"}`, nil)
	w.post("first", "")
	for i := range 50 {
		w.post(fmt.Sprintf("progress %d%%", 2*i+2), `,"key":"progress"`)
	}
	w.post("last", "")
	var page struct{ Items []struct{ State string } }
	w.do("GET", w.relay+"/api/v1/deliveries?state=superseded", "", &page)
	if len(page.Items) != 49 {
		t.Errorf("%d updates are superseded, want 49", len(page.Items))
	}
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	got := w.arrived(ada, 4, "last")
	if got[1].Text != "first" || got[2].Text != "progress 100%" {
		t.Errorf("%+v", got)
	}
}

func TestLiveMessagesFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	for body, want := range map[string]string{
		`{"to":"a","text":"x","on_update":"edit"}`:                "on_update goes with key",
		`{"to":"a","text":"x","key":"k","on_update":"sometimes"}`: "one of edit, reply, new",
		`{"to":"a","text":"x","key":""}`:                          "1 to 255 bytes",
	} {
		if status, answer := w.call("POST", w.relay+"/api/v1/messages", body); status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}
