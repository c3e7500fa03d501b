package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/trouble"
	"github.com/tgrelay/tgrelay/relay/web/console"
)

// standing is how the daemon is, for the console. What cannot be told is left out.
func (d *Daemon) standing(ctx context.Context) console.Status {
	s := console.Status{
		Version: d.version, Started: d.started,
		TelegramFault: text(d.faults()), StorageFault: text(d.db.Check(ctx)),
	}
	for _, b := range d.bots {
		s.Bots = append(s.Bots, console.Bot{
			Name: b.asked(), Username: b.Username(), Webhook: b.webhook != nil, Update: b.client.LastUpdate(), Works: b.client.Healthy() == nil,
		})
	}
	s.Recipients, _ = d.db.RecipientCount(ctx)
	chats, _ := d.db.BindingCount(ctx)
	s.Chats, s.Gone = chats[relay.Active], chats[relay.Blocked]+chats[relay.Left]
	if path, isFile := strings.CutPrefix(d.config.Storage.URL, "sqlite:"); isFile {
		space, _ := trouble.SpaceOf(filepath.Dir(path))
		s.Size, s.Free, s.Total = sizeOf(path), space.Free, space.Total
	}
	for _, h := range d.watch.Standings() {
		s.Heartbeats = append(s.Heartbeats, console.Heartbeat{Name: h.Name, Interval: h.Interval, Seen: h.Seen, Missing: h.Missing})
	}
	return s
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// sizeOf is that of a SQLite file with what stands beside it, in bytes.
func sizeOf(path string) (n int64) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err == nil {
			n += info.Size()
		}
	}
	return n
}
