package main_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// namespace is a network of its own, in which processes run and sockets are opened.
type namespace struct {
	name string
	fd   int
}

var namespaces atomic.Int64

func newNamespace(t *testing.T, suffix string) *namespace {
	t.Helper()
	asRoot(t)
	if _, err := exec.LookPath("ip"); err != nil {
		without(t, "ip (Debian: iproute2)", err)
	}
	name := fmt.Sprintf("tgrelay-%d-%d-%s", os.Getpid(), namespaces.Add(1), suffix)
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("no network namespaces: %v %s", err, out)
	}
	t.Cleanup(func() { sh(t, "ip", "netns", "delete", name) })
	sh(t, "ip", "-n", name, "link", "set", "lo", "up")
	fd, err := unix.Open("/run/netns/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &namespace{name, fd}
}

// do does something on a thread that is in the namespace. What it opens stays there; the thread comes back, or ends.
func (n *namespace) do(what func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			failed <- err
			return
		}
		defer unix.Close(home)
		if err := unix.Setns(n.fd, unix.CLONE_NEWNET); err != nil {
			failed <- err
			return
		}
		err = what()
		if unix.Setns(home, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		failed <- err
	}()
	return <-failed
}

// command runs the program in the namespace, with a resolv.conf of its own if one is named.
func (n *namespace) command(resolv string) func(args ...string) *exec.Cmd {
	return func(args ...string) *exec.Cmd {
		all := []string{"netns", "exec", n.name}
		if resolv != "" { // ip netns exec has given the command mounts of its own
			all = append(all, "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, resolv)
		}
		return exec.Command("ip", append(append(all, binary), args...)...)
	}
}

// forward makes an address of the namespace one of ours.
func (n *namespace) forward(t *testing.T, from, to string) {
	t.Helper()
	l, err := net.Listen("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	join(t, l, func() (c net.Conn, err error) {
		err = n.do(func() (err error) { c, err = dialTCP(to); return err })
		return c, err
	})
}

// reach makes an address of ours one of the namespace's loopback, which it returns.
func (n *namespace) reach(t *testing.T, to string) string {
	t.Helper()
	var l net.Listener
	if err := n.do(func() (err error) { l, err = net.Listen("tcp", "127.0.0.1:0"); return err }); err != nil {
		t.Fatal(err)
	}
	join(t, l, func() (net.Conn, error) { return dialTCP(to) })
	return l.Addr().String()
}

func dialTCP(to string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
}

// join joins each connection that a listener takes with one that is made for it, until the test ends.
func join(t *testing.T, l net.Listener, dial func() (net.Conn, error)) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go carry(c, dial)
		}
	}()
}

func carry(c net.Conn, dial func() (net.Conn, error)) {
	defer c.Close()
	on, err := dial()
	if err != nil {
		return
	}
	defer on.Close()
	go func() {
		io.Copy(on, c)
		on.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(c, on)
}
