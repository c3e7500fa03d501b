package delivery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
)

// The outbox ends what is too old of all bots in one step. With thousands of bots one engine asks for it, not each.
func TestOneBotExpiresForAll(t *testing.T) {
	for bot, want := range map[string]relay.State{"": relay.Expired, "second": relay.Queued} {
		synctest.Test(t, func(t *testing.T) {
			h := open(t, func(o *delivery.Options) { o.Bot = bot })
			j := h.outbox.add(1, "for tomorrow", func(j *relay.Job) {
				j.SendAt, j.ExpiresAt = time.Now().Add(24*time.Hour), time.Now().Add(time.Minute)
			})
			h.run(t)
			after(3 * time.Minute)
			if j.State != want {
				t.Errorf("bot %q: the message is %s, want %s", bot, j.State, want)
			}
			h.stop()
		})
	}
}
