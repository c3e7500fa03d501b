package main_test

import (
	"flag"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Without -chaos each of these tests takes seconds; what takes longer is skipped.
var chaos = flag.Bool("chaos", false, "try what takes minutes, too (see make chaos)")

func long(t *testing.T) {
	t.Helper()
	if !*chaos {
		t.Skip("make chaos")
	}
}

// asRoot ends a test that has to mount file systems or make network namespaces where that is not allowed.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("root is needed to mount file systems and make network namespaces")
	}
}

// Killed without a word every other second under all kinds of load: see TestSoak for what is held.
func TestKillStorm(t *testing.T) {
	long(t)
	w := &world{t: t, dir: t.TempDir()}
	app := newAudience(t)
	w.extra = soakConfig(app, 0)
	w.sim = start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken).await(t, `serves (http://\S+)`)
	w.begin()
	s := &soaking{t: t, w: w, load: newCallers(t, w, app), began: time.Now()}
	s.gauge = newGauge(s)
	s.load.start()
	const kills = 60
	for range kills {
		time.Sleep(time.Second / 2)
		s.fault()
		time.Sleep(time.Second / 2)
		s.kills++
		w.process.kill()
		w.serve()
	}
	s.settle()
	lost, again := s.load.books.judge(s)
	t.Logf("%d messages accepted, %d kills: %d lost, %d came twice", len(s.load.books.entries), kills, lost, again)
}

// gate stands between the relay and the Bot API, and misbehaves as a network does.
type gate struct {
	net.Listener
	to string

	mu      sync.Mutex
	holds   bool       // takes connections, and answers nothing
	refuses bool       // takes none
	open    []net.Conn // of both sides
}

func newGate(t testing.TB, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{Listener: l, to: to}
	go g.serve()
	t.Cleanup(func() { l.Close(); g.cut() })
	return g
}

func (g *gate) serve() {
	for {
		c, err := g.Accept()
		if err != nil {
			return // closed
		}
		go g.connect(c)
	}
}

func (g *gate) connect(c net.Conn) {
	on, err := net.Dial("tcp", g.to)
	if err != nil {
		c.Close()
		return
	}
	g.mu.Lock()
	g.open = append(g.open, c, on)
	refuses := g.refuses
	g.mu.Unlock()
	if refuses {
		c.Close()
	}
	go g.pass(c, on)
	g.pass(on, c)
}

// pass brings bytes from one side to the other, while the gate does not hold. What was held is lost: the connection stays silent.
func (g *gate) pass(from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	silent := false
	for {
		n, err := from.Read(buffer)
		g.mu.Lock()
		silent = silent || g.holds
		g.mu.Unlock()
		if err == nil && silent {
			continue
		}
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			if silent && err == io.EOF {
				return // the other side hears nothing of it
			}
			from.Close()
			to.Close()
			return
		}
	}
}

// hold lets nothing through, or lets new connections through again: those that were silent stay so.
func (g *gate) hold(yes bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds = yes
}

// refuse breaks all connections and takes no more, or takes new ones again.
func (g *gate) refuse(yes bool) {
	g.mu.Lock()
	g.refuses = yes
	g.mu.Unlock()
	if yes {
		g.cut()
	}
}

// silence holds, and breaks the connections that were silent when it is over.
func (g *gate) silence(yes bool) {
	g.hold(yes)
	if !yes {
		g.cut()
	}
}

// cut breaks all connections.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.open {
		c.Close()
	}
	g.open = nil
}
