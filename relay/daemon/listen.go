package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/tgrelay/tgrelay/relay/config"
)

// socketMode lets everyone on the machine connect, as to a loopback address; the folder of the socket may say otherwise.
const socketMode = 0o666

// listen opens what is to be served: the given listeners, systemd's sockets (LISTEN_FDS), or [server] listen. inherited: not the last.
func listen(o Options) (listeners []net.Listener, inherited bool, err error) {
	if o.Listeners != nil {
		return o.Listeners, true, nil
	}
	if listeners, err = activated(); err != nil || len(listeners) > 0 {
		return listeners, true, err
	}
	for _, address := range o.Config.Server.Listen {
		l, err := listenOn(address)
		if err != nil {
			for _, open := range listeners {
				err = errors.Join(err, open.Close())
			}
			return nil, false, fmt.Errorf("listen on %s: %w; another program (or another tgrelay) may use it: change `listen` of [server]", address, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, false, nil
}

// activated are the sockets that systemd has opened, if any.
func activated() ([]net.Listener, error) {
	listeners, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("take over systemd's sockets: %w", err)
	}
	if slices.Contains(listeners, nil) {
		return nil, errors.New("take over systemd's sockets: one of them takes no connections; the unit of the socket needs ListenStream= and Accept=no")
	}
	return listeners, nil
}

// exposed is the error of a configuration without tokens on an address that other machines can reach, which only systemd or an earlier
// configuration can have opened.
func (d *Daemon) exposed(c *config.Config) error {
	if len(c.Auth.Tokens) > 0 || d.given {
		return nil
	}
	for _, l := range d.listeners {
		if at, isTCP := l.Addr().(*net.TCPAddr); isTCP && !at.IP.IsLoopback() {
			return c.Fault("auth.tokens", "tgrelay serves %s, which can be reached from other machines, and without tokens anyone there could send in your bot's name: make one with `tgrelay token new NAME`", at)
		}
	}
	return nil
}

func listenOn(address string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		return net.Listen("tcp", address)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, socketMode)
}

// removeStale deletes a socket that nobody listens on: what a kill -9 left behind.
func removeStale(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return nil // none there, or no socket: Listen will tell
	}
	if c, err := net.Dial("unix", path); err == nil {
		return errors.Join(errors.New("somebody listens there"), c.Close())
	}
	return os.Remove(path)
}
