package daemon

import (
	"slices"

	"github.com/tgrelay/tgrelay/relay/config"
)

// warnUnguarded says that a proxy may open the whole interface. Without tokens whoever seems to call from this machine may do everything, and what
// a proxy passes on without a word (nginx, unless it is told otherwise) seems to.
func (d *Daemon) warnUnguarded() {
	c := d.config
	if len(c.Auth.Tokens) == 0 && (hasWebhook(c) || c.Server.PublicURL != "") {
		d.log.Warn("there are no tokens, and others are to reach this server: let the proxy set X-Forwarded-For, or make tokens with `tgrelay token new NAME`, or everybody may do everything")
	}
}

// hasWebhook reports whether Telegram is to call this server.
func hasWebhook(c *config.Config) bool {
	return slices.ContainsFunc(c.BotNames(), func(name string) bool {
		b, _ := c.Bot(name)
		return b.Mode == "webhook"
	})
}
