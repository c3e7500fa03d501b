package daemon

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/trouble"
)

// lookEvery is how often the daemon looks for trouble of its own; more often where alert_after is short.
const lookEvery = 30 * time.Second

// openTrouble makes the watches over the daemon itself. A storage that is away takes duties with it, so each replica looks at that for itself.
func (d *Daemon) openTrouble() {
	after := func() time.Duration { return time.Duration(d.alertAfter.Load()) }
	var kinds []trouble.Kind
	for _, b := range d.bots {
		outbox := trouble.Outbox{
			Bot: b.name, Outbox: d.db, Directory: d.db, Fallback: func() string { return d.door.Rules().Fallback }, After: after, Healthy: b.client.Healthy,
		}
		kinds = append(kinds, outbox.Kind(), trouble.Refused(b.name, b.client.Healthy), trouble.Unreachable(b.name, b.client.Healthy, after))
	}
	if path, isFile := strings.CutPrefix(d.config.Storage.URL, "sqlite:"); isFile {
		kinds = append(kinds, trouble.Disk(filepath.Dir(path), trouble.SpaceOf))
	}
	every := func() time.Duration {
		if a := after(); a > 0 {
			return min(lookEvery, max(a/4, time.Second/10))
		}
		return lookEvery
	}
	d.trouble = trouble.New(trouble.Options{Kinds: kinds, Every: every, Updates: d.db, Door: d.door, Log: d.log})
	d.ownTrouble = trouble.New(trouble.Options{Kinds: []trouble.Kind{trouble.Storage(d.db.Check)}, Each: true, Every: every, Updates: d.db, Door: d.door, Log: d.log})
}
