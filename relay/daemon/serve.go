package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"
)

// serve serves a listener with at most max_connections at once: further ones wait until one ends.
func (d *Daemon) serve(l net.Listener, server *http.Server) error {
	limited := netutil.LimitListener(l, d.config.Server.MaxConnections)
	d.log.Info("listening", "address", l.Addr().String())
	if err := d.accept(limited, server); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// accept speaks TLS where the web configuration file says so. Unix sockets are for this machine and speak plainly.
func (d *Daemon) accept(l net.Listener, server *http.Server) error {
	file := d.config.Server.WebConfigFile
	if file == "" || l.Addr().Network() == "unix" {
		return server.Serve(l)
	}
	return web.Serve(l, server, &web.FlagConfig{WebConfigFile: &file}, d.log)
}

// stopListening lets requests that are under way finish.
func (d *Daemon) stopListening(ctx context.Context) error {
	<-ctx.Done()
	d.log.Info("stopping")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	var cut error
	for _, server := range d.http {
		if err := server.Shutdown(drain); err != nil {
			d.log.Warn("requests were cut off at the end", "error", err)
			cut = errors.Join(cut, server.Close())
		}
	}
	return cut
}
