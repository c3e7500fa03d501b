package daemon

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

const (
	// reachEvery is how often it is looked at whether this replica reaches Telegram. It takes no call: the clients know.
	reachEvery = time.Second
	// sureAfter is for how long it must not reach it. After one probe that failed the next may be under way.
	sureAfter = 2 * time.Second
)

// standBack leaves the work to other replicas while this one cannot reach Telegram.
func (d *Daemon) standBack(ctx context.Context) error {
	tick := time.NewTicker(reachEvery)
	defer tick.Stop()
	back, reached := false, time.Now()
	for {
		why := d.unreachable()
		if why == nil {
			reached = time.Now()
		}
		if sure := time.Since(reached) >= sureAfter; sure != back {
			back = sure
			d.leases.StandBack(why)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// unreachable is why no bot reaches Telegram from here; nil: one does, or none has been answered yet. A token that is refused is an answer, which other replicas get too.
func (d *Daemon) unreachable() (why error) {
	for _, b := range d.bots {
		if why = b.client.Healthy(); !telegram.Unreachable(why) {
			return nil
		}
	}
	return why
}
