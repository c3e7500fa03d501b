package daemon

import (
	"context"
	"encoding/json"
	"time"
)

const (
	usedSetting = "tokens_used" // when each token was last used, as JSON
	keepUsed    = time.Minute   // so much of it a crash forgets
)

// loadUsed learns when tokens were used before, and elsewhere, and returns what is stored of it.
func (d *Daemon) loadUsed(ctx context.Context) (string, error) {
	kept, err := d.db.Setting(ctx, usedSetting)
	if err == nil {
		d.learnUsed(kept)
	}
	return kept, err
}

func (d *Daemon) learnUsed(kept string) {
	if kept == "" {
		return
	}
	used := map[string]time.Time{}
	if err := json.Unmarshal([]byte(kept), &used); err != nil {
		d.log.Warn("when tokens were last used cannot be read, and is counted from now on", "error", err)
		return
	}
	d.web.SetUsed(used)
}

// noteUsed stores now and then when tokens were last used.
func (d *Daemon) noteUsed(ctx context.Context) error {
	tick := time.NewTicker(keepUsed)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			running = false
		}
		if err := d.shareUsed(context.WithoutCancel(ctx)); err != nil {
			d.log.Warn("when tokens were last used is not stored; it is tried again", "error", err)
		}
	}
	return nil
}

// shareUsed brings together what is stored and what is known here.
func (d *Daemon) shareUsed(ctx context.Context) error {
	kept, err := d.loadUsed(ctx)
	if err != nil {
		return err
	}
	if known, err := d.used(); err != nil || known == kept {
		return err
	}
	return d.db.ChangeSetting(ctx, usedSetting, func(kept string) (string, error) {
		d.learnUsed(kept)
		return d.used()
	})
}

// used is what is stored; nothing before the first use.
func (d *Daemon) used() (string, error) {
	used := d.web.Used()
	if len(used) == 0 {
		return "", nil
	}
	b, err := json.Marshal(used)
	return string(b), err
}
