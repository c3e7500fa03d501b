package simulator_test

import (
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// All at once, for the race detector: what was sent to each is there afterwards, in order and once.
func TestEverybodyAtOnce(t *testing.T) {
	b := newBot(t, simulator.Options{})
	var group sync.WaitGroup
	const people, each = 8, 25
	for i := range people {
		group.Go(func() {
			u := b.sim.User(fmt.Sprint("User", i))
			write(t, u, "/start")
			forum := b.sim.Forum(fmt.Sprint("Forum", i), u)
			forum.AddBot(u)
			for n := range each {
				if a := b.call("sendMessage", object{"chat_id": u.ID, "text": fmt.Sprint(n)}); !a.OK {
					t.Errorf("message %d: %s", n, a.Description)
				}
				b.sim.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/sim/chats", nil))
				b.call("getUpdates", object{"offset": -10})
			}
			u.Block()
			u.Unblock()
		})
	}
	group.Wait()
	for i := range people {
		sent := simulator.FromBot(b.sim.Messages(b.sim.User(fmt.Sprint("User", i)).ID))
		if len(sent) != each {
			t.Errorf("user %d has %d messages, want %d", i, len(sent), each)
		}
		for n, m := range sent {
			if m.Text != fmt.Sprint(n) || m.ID != int64(n+2) {
				t.Errorf("user %d, message %d: %q with id %d", i, n, m.Text, m.ID)
			}
		}
	}
}
