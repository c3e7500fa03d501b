package daemon

import (
	"context"
	"time"
)

const (
	cleanEvery = time.Minute
	pruneStep  = 1000 // rows a transaction, so that no accepting request waits long
)

// clean ends what is too old to be sent and forgets what is finished longer than the retention.
func (d *Daemon) clean(ctx context.Context) error {
	tick := time.NewTicker(cleanEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.prune(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *Daemon) prune(ctx context.Context) {
	before := time.Now().Add(-d.inForce.Load().Storage.Retention)
	for ctx.Err() == nil {
		n, err := d.db.Prune(ctx, before, pruneStep)
		if err != nil {
			d.log.Warn("cannot prune what is finished; it is tried again", "error", err)
		}
		if err != nil || n < pruneStep {
			return
		}
	}
}
