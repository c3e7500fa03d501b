package main_test

import (
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wire joins two namespaces by a network of two addresses, 10.98.0.1 and 10.98.0.2. Each packet passes through the test, which may lose or
// delay it, or cut the wire: what tc netem does, on kernels without it, too.
type wire struct {
	mu    sync.Mutex
	isCut bool
	loss  float64       // of packets, 0 to 1
	delay time.Duration // one way; up to twice as long
	lost  int
}

func newWire(t *testing.T, a, b *namespace) *wire {
	t.Helper()
	w := &wire{}
	one, two := tun(t, a, "10.98.0.1/24"), tun(t, b, "10.98.0.2/24")
	go w.carry(one, two)
	go w.carry(two, one)
	return w
}

// tun makes the end of a wire, of which the test sees the packets.
func tun(t *testing.T, n *namespace, address string) *os.File {
	t.Helper()
	var fd int
	err := n.do(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return err
		}
		request, err := unix.NewIfreq("wire")
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	})
	if err != nil {
		t.Skipf("no TUN devices: %v", err)
	}
	f := os.NewFile(uintptr(fd), "wire")
	t.Cleanup(func() { f.Close() })
	sh(t, "ip", "-n", n.name, "address", "add", address, "dev", "wire")
	sh(t, "ip", "-n", n.name, "link", "set", "wire", "up")
	return f
}

func (w *wire) carry(from, to *os.File) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return // the test is over
		}
		passes, after := w.fate()
		if !passes {
			continue
		}
		packet := append([]byte(nil), buffer[:n]...)
		if after == 0 {
			to.Write(packet) // one that is not taken is lost
			continue
		}
		time.AfterFunc(after, func() { to.Write(packet) })
	}
}

// fate decides about a packet.
func (w *wire) fate() (passes bool, after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isCut || rand.Float64() < w.loss {
		w.lost++
		return false, 0
	}
	if w.delay > 0 {
		after = w.delay + rand.N(w.delay)
	}
	return true, after
}

func (w *wire) set(change func(*wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}
