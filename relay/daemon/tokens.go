package daemon

import (
	"context"
	"encoding/json"
	"maps"
	"time"
)

const (
	usedSetting = "tokens_used" // when each token was last used, as JSON
	keepUsed    = time.Minute   // so much of it a crash forgets
)

// loadUsed reads when tokens were used before.
func (d *Daemon) loadUsed(ctx context.Context) error {
	kept, err := d.db.Setting(ctx, usedSetting)
	if err != nil || kept == "" {
		return err
	}
	used := map[string]time.Time{}
	if err := json.Unmarshal([]byte(kept), &used); err != nil {
		d.log.Warn("when tokens were last used cannot be read, and is counted from now on", "error", err)
		return nil
	}
	d.web.SetUsed(used)
	return nil
}

// noteUsed stores now and then when tokens were last used.
func (d *Daemon) noteUsed(ctx context.Context) error {
	tick := time.NewTicker(keepUsed)
	defer tick.Stop()
	stored := d.web.Used()
	for running := true; running; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			running = false
		}
		if used := d.web.Used(); !maps.Equal(used, stored) {
			d.storeUsed(ctx, used)
			stored = used
		}
	}
	return nil
}

func (d *Daemon) storeUsed(ctx context.Context, used map[string]time.Time) {
	b, err := json.Marshal(used)
	if err == nil {
		err = d.db.SetSetting(context.WithoutCancel(ctx), usedSetting, string(b))
	}
	if err != nil {
		d.log.Warn("when tokens were last used is not stored; it is tried again", "error", err)
	}
}
