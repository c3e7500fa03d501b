package daemon

import (
	"context"
	"fmt"
	"os"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/tgrelay/tgrelay/relay/config"
)

// supervise tells systemd (NOTIFY_SOCKET) that the daemon serves, what it is doing, that it is alive, and that it stops. A storage
// that hangs keeps the watchdog from being told: systemd then starts the daemon afresh. One that refuses writes does not, for
// that would help nobody.
func (d *Daemon) supervise(ctx context.Context) error {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		<-ctx.Done()
		return nil
	}
	interval, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("read the watchdog's interval from systemd: %w", err)
	}
	if interval == 0 {
		interval = time.Minute
	}
	d.notify(sd.SdNotifyReady)
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		d.notify("STATUS=" + d.status(ctx))
		d.notify(sd.SdNotifyWatchdog)
		select {
		case <-tick.C:
		case <-ctx.Done():
			d.notify(sd.SdNotifyStopping)
			return nil
		}
	}
}

// status is the line that `systemctl status` shows.
func (d *Daemon) status(ctx context.Context) string {
	if err := d.Ready(ctx); err != nil {
		return "not ready: " + err.Error()
	}
	backlog, err := d.db.Backlog(ctx)
	if err != nil {
		return "not ready: " + err.Error()
	}
	return fmt.Sprintf("relaying; %d deliveries wait", backlog.Waiting())
}

// notify does nothing outside of systemd.
func (d *Daemon) notify(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.log.Warn("cannot notify systemd", "error", err)
	}
}

// Ready tells why messages do not get through now: nil when the storage takes writes and Telegram answers.
func (d *Daemon) Ready(ctx context.Context) error {
	if err := d.db.Check(ctx); err != nil {
		return err
	}
	return d.client.Healthy()
}

// Reload reads the configuration file again and puts in force what may change while running: receivers, templates, tokens,
// heartbeats, the rules of onboarding and delivery, and fallback. With a fault in the file everything stays as it was.
func (d *Daemon) Reload() error {
	d.notify(sd.SdNotifyReloading)
	defer d.notify(sd.SdNotifyReady)
	c, err := config.Load(d.config.File)
	if err != nil {
		return err
	}
	rules, err := Rules(c)
	if err != nil {
		return err
	}
	if err := d.watch.SetHeartbeats(context.Background(), heartbeatsOf(c)); err != nil {
		return err
	}
	d.inForce.Store(c)
	d.door.SetRules(rules)
	d.web.SetTokens(tokensOf(c))
	d.oncall.SetManagers(managersOf(c))
	d.engine.SetRates(ratesOf(c))
	d.tell(c)
	d.log.Info("the configuration was read again", "file", c.File)
	return nil
}

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
	before := time.Now().Add(-d.config.Storage.Retention)
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
