package chat_test

import (
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/chat"
)

func TestTalk(t *testing.T) {
	talk, now := chat.NewTalk(), time.Now()
	count := func(chats int64) (n int) {
		for id := range chats {
			if chat.Allow(talk, 1000+id, false, now) {
				n++
			}
		}
		return n
	}
	if got := count(100_000); got != 200 {
		t.Errorf("%d of 100,000 strangers at once are answered, want 200", got)
	}
	if !chat.Allow(talk, 1, true, now) {
		t.Error("one who is connected gets no answer because of strangers")
	}
	now = now.Add(time.Second)
	if got := count(300); got != 210 { // those who were answered before, and ten more
		t.Errorf("a second later %d are answered, want 210", got)
	}
	now = now.Add(time.Hour)
	if got := count(100_000); got < 400 || got > 420 {
		t.Errorf("an hour later %d are answered, want 210 known ones and 200 new ones", got)
	}
}
