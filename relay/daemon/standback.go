package daemon

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

// reachEvery is how often it is looked at whether this replica reaches Telegram. It takes no call: the clients know.
const reachEvery = time.Second

// standBack leaves the work to other replicas while this one cannot reach Telegram.
func (d *Daemon) standBack(ctx context.Context) error {
	tick := time.NewTicker(reachEvery)
	defer tick.Stop()
	back := false
	for {
		if why := d.unreachable(); (why != nil) != back {
			back = why != nil
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
