package main_test

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// apart is a world whose relay and simulator are in networks of their own, joined by a wire. With a name server the relay knows the Bot API by
// name only.
func apart(t *testing.T, names *nameServer) (*world, *wire) {
	t.Helper()
	here, there := newNamespace(t, "here"), newNamespace(t, "there")
	cable := newWire(t, here, there)
	w := &world{t: t, dir: t.TempDir(), extra: fast}
	startAs(t, there.command("")("simulator", "--listen", "10.98.0.2:8081", "--token", botToken)).await(t, `serves (http://\S+)`)
	w.sim, w.api = "http://127.0.0.1:"+freePort(t), "http://10.98.0.2:8081"
	there.forward(t, strings.TrimPrefix(w.sim, "http://"), "10.98.0.2:8081")
	w.relay = "http://127.0.0.1:" + freePort(t)
	listen := strings.TrimPrefix(w.relay, "http://")
	here.forward(t, listen, listen)
	resolv := ""
	if names != nil {
		w.api = "http://telegram.test:8081"
		w.write("resolv.conf", "nameserver 10.98.0.2\n")
		resolv = filepath.Join(w.dir, "resolv.conf")
		names.start(t, there)
	}
	w.command = here.command(resolv)
	return w.begin(), cable
}

// brief is how long trouble lasts, longer with -chaos.
func brief(short, long time.Duration) time.Duration {
	if *chaos {
		return long
	}
	return short
}

// The network is away for a while. What came meanwhile arrives in order, soon after it is back.
func TestNetworkIsCut(t *testing.T) {
	t.Parallel()
	w, cable := apart(t, nil)
	ada := w.connect("Ada", "alice")
	w.allSent()
	cable.set(func(c *wire) { c.isCut = true })
	var want []string
	for end := time.Now().Add(brief(3*time.Second, 90*time.Second)); time.Now().Before(end); time.Sleep(brief(300*time.Millisecond, time.Second)) {
		want = append(want, fmt.Sprint(len(want)))
		w.send("alice", want[len(want)-1])
	}
	if *chaos {
		w.unready("cannot be reached")
	}
	cable.set(func(c *wire) { c.isCut = false })
	back := time.Now()
	for len(w.texts(ada)) < len(want) && time.Since(back) < 3*patience {
		time.Sleep(50 * time.Millisecond)
	}
	if got := slices.Compact(w.texts(ada)); !slices.Equal(got, want) {
		t.Errorf("arrived: %v, want %v", got, want)
	}
	t.Logf("%d messages, all there %s after the network was back", len(want), time.Since(back).Round(100*time.Millisecond))
}

// A bad mobile network: each way takes 150 to 300 ms, and every tenth packet is lost.
func TestNetworkLosesPackets(t *testing.T) {
	t.Parallel()
	w, cable := apart(t, nil)
	ada := w.connect("Ada", "alice")
	w.allSent()
	cable.set(func(c *wire) { c.loss, c.delay = 0.1, 150*time.Millisecond })
	began := time.Now()
	var want []string
	for n := range map[bool]int{false: 5, true: 100}[*chaos] {
		want = append(want, fmt.Sprint(n))
		w.send("alice", want[n])
	}
	for len(w.texts(ada)) < len(want) && time.Since(began) < 10*patience {
		time.Sleep(50 * time.Millisecond)
	}
	if got := slices.Compact(w.texts(ada)); !slices.Equal(got, want) {
		t.Errorf("arrived: %v, want %v", got, want)
	}
	cable.set(func(c *wire) {
		t.Logf("%d messages in %s, %d packets lost", len(want), time.Since(began).Round(100*time.Millisecond), c.lost)
	})
}

// nameServer answers for the Bot API's name as a test wants.
type nameServer struct {
	mu      sync.Mutex
	address [4]byte
	code    dnsmessage.RCode
	delay   time.Duration
	asked   int
}

func (s *nameServer) set(change func(*nameServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *nameServer) start(t *testing.T, n *namespace) {
	t.Helper()
	var conn net.PacketConn
	if err := n.do(func() (err error) { conn, err = net.ListenPacket("udp", "10.98.0.2:53"); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return // closed
			}
			if answer, delay := s.answer(buffer[:size]); answer != nil {
				time.AfterFunc(delay, func() { conn.WriteTo(answer, from) })
			}
		}
	}()
}

func (s *nameServer) answer(question []byte) ([]byte, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil, 0
	}
	m.Response, m.RCode, m.Additionals = true, s.code, nil
	if m.Questions[0].Type == dnsmessage.TypeA && s.code == dnsmessage.RCodeSuccess {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: s.address},
		}}
	}
	answer, err := m.Pack()
	if err != nil {
		return nil, 0
	}
	return answer, s.delay
}

// The name of the Bot API is found slowly, not at all, or wrongly: what comes is taken all the same, it is said, and it arrives when the name is right.
func TestNamesAreNotFound(t *testing.T) {
	long(t)
	t.Parallel()
	right := [4]byte{10, 98, 0, 2}
	names := &nameServer{address: right}
	w, _ := apart(t, names)
	ada := w.connect("Ada", "alice")
	w.allSent()
	var want []string
	for _, c := range []struct {
		name    string
		trouble func(*nameServer)
		says    string // by /-/ready; empty: it is well
	}{
		{"answered after 3 s", func(s *nameServer) { s.delay = 3 * time.Second }, ""},
		{"answered after 12 s", func(s *nameServer) { s.delay = 12 * time.Second }, "cannot reach the Bot API"},
		{"SERVFAIL", func(s *nameServer) { s.code = dnsmessage.RCodeServerFailure }, "cannot reach the Bot API"},
		{"NXDOMAIN", func(s *nameServer) { s.code = dnsmessage.RCodeNameError }, "cannot reach the Bot API"},
		{"an address where nobody is", func(s *nameServer) { s.address = [4]byte{10, 98, 0, 99} }, "cannot reach the Bot API"},
	} {
		names.set(c.trouble)
		w.restart() // no connection is left over
		began := time.Now()
		want = append(want, c.name)
		w.send("alice", c.name)
		if c.says != "" {
			w.unready(c.says)
		}
		known := time.Since(began)
		names.set(func(s *nameServer) {
			s.delay, s.code, s.address = map[bool]time.Duration{true: s.delay}[c.says == ""], dnsmessage.RCodeSuccess, right
		})
		mended := time.Now()
		w.eventually(func() bool { return len(slices.Compact(w.texts(ada))) == len(want) })
		names.set(func(s *nameServer) { s.delay = 0 })
		t.Logf("%s: known after %s, arrived %s after it was mended", c.name, known.Round(time.Second), time.Since(mended).Round(100*time.Millisecond))
	}
	if got := slices.Compact(w.texts(ada)); !slices.Equal(got, want) {
		t.Errorf("arrived: %v, want %v", got, want)
	}
}
