package main_test

import (
	"strings"
	"testing"
)

// A person chooses silence, a digest, and to be forgotten; a button is pressed as people do.
func TestPeopleChooseWhatTheyHear(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "alice")
	said := 1
	tell := func(text, want string) {
		t.Helper()
		said++
		w.say(ada, ada, text)
		if got := w.messages(ada, said)[said-1].Text; !strings.Contains(got, want) {
			t.Fatalf("%s: %q", text, got)
		}
	}
	arrives := func(text string) message {
		t.Helper()
		said++
		got := w.messages(ada, said)[said-1]
		if got.Text != text {
			t.Fatalf("%q arrived, want %q", got.Text, text)
		}
		return got
	}
	tell("/mute 2h", "no sound until")
	w.send("alice", "hush")
	if !arrives("hush").Silent {
		t.Error("a muted chat hears a sound")
	}
	tell("/unmute", "make a sound again")
	w.send("alice", "ding")
	if arrives("ding").Silent {
		t.Error("a chat that is muted no more hears nothing")
	}

	tell("/digest 00:00", "as one, daily at 00:00")
	for _, text := range []string{"one", "*two*", "three"} {
		w.send("alice", text)
	}
	w.do("POST", w.relay+"/api/v1/messages", `{"to":"alice","text":"urgent","priority":"high"}`, nil)
	arrives("urgent")
	w.allSent()
	w.restart()
	tell("/timezone Europe/Berlin", "Times are Europe/Berlin now.") // what was kept for another hour is due
	said++
	digest := w.messages(ada, said)[said-1]
	if !strings.HasPrefix(digest.Text, "🗞 3 messages\n\n") || !strings.Contains(digest.Text, "\none\n\n") || !strings.HasSuffix(digest.Text, "\nthree") {
		t.Errorf("the digest is %q", digest.Text)
	}
	tell("/digest off", "one by one again")

	w.do("PATCH", w.relay+"/api/v1/recipients/alice", `{"paused":true}`, nil)
	w.send("alice", "later")
	w.do("PATCH", w.relay+"/api/v1/recipients/alice", `{"paused":false}`, nil)
	arrives("later")

	tell("/stop", "Disconnect this chat?")
	w.press(ada, w.messages(ada, said)[said-1].ID, "No")
	w.eventually(func() bool { return w.messages(ada, said)[said-1].Text == "Nothing has changed." })
	tell("/forget", "Delete everything")
	w.press(ada, w.messages(ada, said)[said-1].ID, "Yes")
	said++
	if got := w.messages(ada, said)[said-1].Text; !strings.HasPrefix(got, "Deleted: 1 connection and ") {
		t.Errorf("%q", got)
	}
	var recipient struct{ Chats []any }
	w.do("GET", w.relay+"/api/v1/recipients/alice", "", &recipient)
	if len(recipient.Chats) > 0 {
		t.Errorf("after /forget: %+v", recipient)
	}
}

// Connections move from one relay to another on the command line.
func TestRecipientsMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "alice")
	w.write("more.jsonl", "{\"recipient\":\"bob\",\"chat_id\":1002}\n{\"recipient\":\"bob\"}\n")
	out, errs, status := run(t, "", "recipients", "import", "--server", w.relay, w.dir+"/more.jsonl")
	if status != 1 || !strings.Contains(out, "1 imported, 1 failed") || !strings.Contains(errs, "line 2: chat_id: ") {
		t.Errorf("%d %s%s", status, out, errs)
	}
	out, errs, status = run(t, "", "recipients", "export", "--server", w.relay)
	if status != 0 || strings.Count(out, "\n") != 2 || !strings.Contains(out, `"recipient":"bob","chat_id":1002`) {
		t.Errorf("%d %s%s", status, out, errs)
	}
	out, errs, status = run(t, "", "recipients", "--server", w.relay)
	if status != 0 || !strings.Contains(out, "alice") {
		t.Errorf("%d %s%s", status, out, errs)
	}
}
