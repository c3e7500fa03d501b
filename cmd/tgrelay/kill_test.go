package main_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	kills       = 50
	killChats   = 200
	killEach    = 100 // messages to a chat
	killPosters = 20  // callers at once, each for its own chats
)

// Killed again and again while messages come in and go out: what was answered with 202 arrives, a chat's messages come in their
// order, and of each chat at most what was under way at a kill comes twice. Callers that got no answer ask again with the same key.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	chats := make([]int64, killChats)
	for i := range chats {
		chats[i] = w.connect(fmt.Sprintf("Ada%d", i), fmt.Sprintf("r%d", i))
	}
	w.allSent() // the welcomes
	var posters sync.WaitGroup
	var accepted atomic.Int64
	// Kills are spread over the messages, so that each hits a relay at work however fast the machine is.
	due := make(chan struct{}, kills)
	for p := range killPosters {
		posters.Go(func() {
			for n := range killEach {
				for chat := p; chat < killChats; chat += killPosters {
					w.insist(chat, n)
					if accepted.Add(1)%(killChats*killEach/kills) == 0 {
						due <- struct{}{}
					}
				}
			}
		})
	}
	for range kills {
		<-due
		w.restart()
	}
	posters.Wait()
	w.allSent()
	repeats := 0
	for i, chat := range chats {
		repeats += w.inOrder(i, chat, killEach)
	}
	t.Logf("%d messages came twice in %d kills", repeats, kills)
}

// insist posts a message until it is accepted.
func (w *world) insist(chat, n int) {
	body := fmt.Sprintf(`{"to":"r%d","text":"%d"}`, chat, n)
	for again := time.NewTicker(5 * time.Millisecond); ; <-again.C {
		ctx, cancel := context.WithTimeout(w.t.Context(), patience)
		r, err := http.NewRequestWithContext(ctx, "POST", w.relay+"/api/v1/messages", strings.NewReader(body))
		if err != nil {
			w.t.Error(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", body)
		response, err := w.checked().Do(r)
		if err == nil {
			response.Body.Close()
		}
		cancel()
		if err == nil && response.StatusCode == http.StatusAccepted || w.t.Context().Err() != nil {
			return
		}
	}
}

// inOrder checks what arrived in a chat and returns how many messages came again.
func (w *world) inOrder(i int, chat int64, each int) (repeats int) {
	w.t.Helper()
	next, again := 0, 0
	var order []string
	for _, m := range w.messages(chat, each+1) {
		order = append(order, m.Text)
	}
	for _, m := range w.messages(chat, each+1)[1:] {
		switch m.Text {
		case fmt.Sprint(next):
			next, again = next+1, 0
		case fmt.Sprint(next - 1): // what was under way
			repeats++
			again++
		default:
			w.t.Fatalf("r%d: %q came where %d should: %v", i, m.Text, next, order)
		}
		if again > kills {
			w.t.Fatalf("r%d: %d came %d times", i, next-1, again)
		}
	}
	if next != each {
		w.t.Errorf("r%d: %d of %d messages arrived", i, next, each)
	}
	if repeats > kills {
		w.t.Errorf("r%d: %d messages came twice in %d kills", i, repeats, kills)
	}
	return repeats
}
