package daemon

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
)

// superviseEvery is how often rooms are asked and the status is told where systemd wants no signs of life.
const superviseEvery = 20 * time.Second

// supervise asks the rooms whether they work, for Healthy, and tells systemd (NOTIFY_SOCKET) that the daemon serves, what it is doing, that it is alive, and that it
// stops. It is alive while each room answers; one that does not within a third of the watchdog's time is named in the log, and systemd starts the daemon anew.
func (d *Daemon) supervise(ctx context.Context) error {
	watched, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("read the watchdog's interval from systemd: %w", err)
	}
	every := superviseEvery
	if watched > 0 {
		every = watched / 3
	}
	d.notify(sd.SdNotifyReady)
	dog := newWatchdog(d.rooms(), every, d.log)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		d.look(ctx, dog)
		select {
		case <-tick.C:
		case <-ctx.Done():
			d.notify(sd.SdNotifyStopping + "\nSTATUS=finishing what is under way")
			return nil
		}
	}
}

// rooms are those that are asked. Each bot has a delivery of its own.
func (d *Daemon) rooms() map[string]room {
	rooms := map[string]room{"storage": d.db, "intake": d.door}
	for _, b := range d.bots {
		rooms[ofBot("delivery", b.name)] = b.engine
	}
	return rooms
}

// look asks the rooms once, and tells.
func (d *Daemon) look(ctx context.Context, dog *watchdog) {
	alive := dog.ask(ctx)
	silent := strings.Join(dog.silent, ", ")
	d.silent.Store(&silent)
	if !alive {
		d.notify("STATUS=stuck: no answer from " + silent)
		return
	}
	d.notify(sd.SdNotifyWatchdog)
	if os.Getenv("NOTIFY_SOCKET") != "" {
		d.tellStatus(ctx)
	}
}

// Healthy tells whether a new start would help: some room, storage, delivery or intake, did not answer when it was last asked. It is nil while Telegram is out of reach
// or the disk is full.
func (d *Daemon) Healthy() error {
	if silent := d.silent.Load(); silent != nil && *silent != "" {
		return fmt.Errorf("no answer from %s: tgrelay has to be started anew", *silent)
	}
	return nil
}

// tellStatus gives systemd the line that `systemctl status` shows.
func (d *Daemon) tellStatus(ctx context.Context) { d.notify("STATUS=" + d.status(ctx)) }

// statusTime is how long the storage may take to tell what waits.
const statusTime = 5 * time.Second

// status says what the daemon is doing, what keeps it from doing so, how much waits, and what a restart would change.
func (d *Daemon) status(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	parts := []string{d.state(ctx)}
	if backlog, err := d.db.Backlog(ctx); err == nil {
		parts = append(parts, waits(backlog))
	}
	if was := d.reloads.status(); was != "" {
		parts = append(parts, was)
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), "\n", " ")
}

// state is whether messages are taken and sent now.
func (d *Daemon) state(ctx context.Context) string {
	if err := d.db.Check(ctx); err != nil {
		return "taking no messages: " + err.Error()
	}
	return d.sends()
}

// sends is whether messages are sent now. A bot that cannot holds up no other.
func (d *Daemon) sends() string {
	unable := 0
	for _, b := range d.bots {
		if b.client.Healthy() != nil {
			unable++
		}
	}
	switch {
	case unable == 0 && len(d.bots) > 1:
		return fmt.Sprintf("relaying by %d bots", len(d.bots))
	case unable == 0:
		return "relaying, updates by " + d.config.Telegram.Mode
	case unable < len(d.bots):
		return fmt.Sprintf("relaying by %d of %d bots: %v", len(d.bots)-unable, len(d.bots), d.faults())
	}
	return fmt.Sprintf("taking messages, sending none: %v", d.faults())
}

// waits is how much waits, and for how long.
func waits(b relay.Backlog) string {
	text := fmt.Sprintf("%d deliveries wait", b.Count[relay.Queued]+b.Count[relay.Sending])
	if !b.Oldest.IsZero() {
		text += ", the oldest for " + model.Duration(max(time.Since(b.Oldest), 0).Round(time.Second)).String()
	}
	if held := b.Count[relay.Held]; held > 0 {
		text += fmt.Sprintf("; %d are held", held)
	}
	return text
}

// notify does nothing outside of systemd.
func (d *Daemon) notify(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.log.Warn("cannot notify systemd", "error", err)
	}
}

// Ready tells why messages do not get through now: nil when the storage takes writes and Telegram answers all bots.
func (d *Daemon) Ready(ctx context.Context) error {
	if err := d.db.Check(ctx); err != nil {
		return err
	}
	return d.faults()
}
