package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
)

// socketMode lets everyone on the machine connect, as to a loopback address; the folder of the socket may say otherwise.
const socketMode = 0o666

// listen opens what is to be served: the given listeners, systemd's sockets (LISTEN_FDS), or [server] listen.
func listen(o Options) ([]net.Listener, error) {
	if o.Listeners != nil {
		return o.Listeners, nil
	}
	inherited, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("take over systemd's sockets: %w", err)
	}
	if len(inherited) > 0 {
		return inherited, nil
	}
	var listeners []net.Listener
	for _, address := range o.Config.Server.Listen {
		l, err := listenOn(address)
		if err != nil {
			for _, open := range listeners {
				err = errors.Join(err, open.Close())
			}
			return nil, fmt.Errorf("listen on %s: %w; another program (or another tgrelay) may use it: change `listen` of [server]", address, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
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
