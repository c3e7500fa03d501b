package daemon

import (
	"context"
	"slices"
	"strings"
	"sync"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// reloads is what became of the last one.
type reloads struct {
	one sync.Mutex // at a time

	successful prometheus.Gauge
	succeeded  prometheus.Gauge

	mu      sync.Mutex
	failed  bool
	restart []string // keys that differ from those that the daemon was started with
}

// newReloads counts the start as the first.
func newReloads(r prometheus.Registerer) *reloads {
	l := &reloads{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_config_last_reload_successful", Help: "Whether the configuration could be read when that was last tried.",
		}),
		succeeded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_config_last_reload_success_timestamp_seconds", Help: "When the configuration was last read.",
		}),
	}
	r.MustRegister(l.successful, l.succeeded)
	l.note(nil, nil)
	return l
}

func (l *reloads) note(restart []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed = err != nil; l.failed {
		l.successful.Set(0)
		return
	}
	l.restart = restart
	l.successful.Set(1)
	l.succeeded.SetToCurrentTime()
}

// status is what is to be known of reloads; empty where all is as in the file.
func (l *reloads) status() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.failed:
		return "the last reload failed, see the log"
	case len(l.restart) > 0:
		return afterRestart(l.restart)
	}
	return ""
}

// afterRestart says that keys do not take effect yet.
func afterRestart(keys []string) string {
	return strings.Join(keys, ", ") + " changed: takes effect after a restart"
}

// Reload reads the configuration file again and puts in force what may change while running. All of it changes together, and with a fault
// in the file nothing does. It returns the keys that have changed since the start and take effect at the next one.
func (d *Daemon) Reload() (restart []string, err error) {
	d.reloads.one.Lock()
	defer d.reloads.one.Unlock()
	d.notify(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec())
	restart, err = d.reload(context.Background())
	d.reloads.note(restart, err)
	if err != nil {
		d.log.Error("the configuration was not reloaded; what was in force stays so", "file", d.config.File, "error", err)
	}
	d.notify(sd.SdNotifyReady + "\nSTATUS=" + d.status(context.Background()))
	return restart, err
}

// reload does first all that can fail.
func (d *Daemon) reload(ctx context.Context) (restart []string, err error) {
	c, err := config.Load(d.config.File)
	if err != nil {
		return nil, err
	}
	rules, err := Rules(c)
	if err != nil {
		return nil, err
	}
	if err := d.exposed(c); err != nil {
		return nil, err
	}
	if err := d.watch.SetHeartbeats(ctx, heartbeatsOf(c)); err != nil {
		return nil, err
	}
	before := d.inForce.Load()
	d.apply(c, rules)
	restart = d.waiting(c)
	d.log.Info("the configuration was read again", "file", c.File, "changed", strings.Join(config.Differences(before, c), " "))
	if len(restart) > 0 {
		d.log.Warn(afterRestart(restart))
	}
	return restart, nil
}

// apply puts a configuration in force. It cannot fail.
func (d *Daemon) apply(c *config.Config, rules *intake.Rules) {
	d.inForce.Store(c)
	d.web.Set(settingsOf(c), rules)
	d.oncall.SetManagers(managersOf(c))
	d.db.SetCacheSize(c.Storage.CacheSize)
	d.tell(c)
	for _, b := range d.bots {
		b.apply(c)
	}
	d.setLog(c.Log)
}

// waiting are the keys whose values are others than at the start and take effect at the next one. Where systemd brings the sockets, it does
// not matter what listen says.
func (d *Daemon) waiting(c *config.Config) []string {
	return slices.DeleteFunc(config.Differences(d.config, c), func(key string) bool {
		return !config.TakesStart(key) || key == "server.listen" && d.inherited
	})
}
