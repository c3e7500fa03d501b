package main_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// farServer is where the database is, seen from a relay at the other end of the wire.
const farServer = "10.98.0.2"

// moveServer starts the database's server anew in a network of its own, where it also listens to what comes by a wire. Its socket stays where it is.
func (f *fleet) moveServer(here, there *namespace) *wire {
	f.t.Helper()
	cable := newWire(f.t.(*testing.T), here, there)
	if err := errors.Join(f.server.Allow(farServer+"/24"), f.server.Kill()); err != nil {
		f.t.Fatal(err)
	}
	f.run = func() error { return there.do(func() error { return f.server.Run("listen_addresses=" + farServer) }) }
	if err := f.run(); err != nil {
		f.t.Fatal(err)
	}
	return cable
}

// far puts a relay into a network from which the database is reached by the wire alone, and everything else as from here.
func far(here *namespace) func(*member) {
	return func(m *member) {
		t := m.t.(*testing.T)
		m.extra += fmt.Sprintf("[storage]\nurl = \"postgres://relay@%s/postgres\"\n", farServer)
		m.command = here.command("")
		m.relay = "http://127.0.0.1:" + freePort(t)
		listen := strings.TrimPrefix(m.relay, "http://")
		here.forward(t, listen, listen)
		m.api = "http://" + here.reach(t, strings.TrimPrefix(m.sim, "http://"))
	}
}

// Three relays share a bot and a database for ten minutes, of whom one, the database or the way between is always in trouble.
func TestReplicasThroughFaults(t *testing.T) {
	if !*replicas {
		t.Skip("make replicas")
	}
	f := newFleet(t, replicaRates, replicaLimits)
	here, there := newNamespace(t, "here"), newNamespace(t, "there")
	cable := f.moveServer(here, there)
	a, b := f.join(nil), f.join(nil)
	s := newSenders(f, 240, 10)
	s.newcomers(500 * time.Millisecond)
	const rest = 20 * time.Second
	var (
		c    *member
		took time.Duration
	)
	f.fault("two relays, 4,800 messages at once, a third comes", 0, 0, func() {
		s.flood(10)
		c = f.join(far(here))
		took = f.divided()
		s.flood(10)
		s.drained()
	})
	t.Logf("%s after the third had come, the work was divided among the three", took.Round(time.Millisecond))
	s.begin(7 * time.Second)
	f.fault("three at work", 0, handOver, func() { time.Sleep(rest); f.report() })
	for i, m := range []*member{a, b, c} {
		f.fault(fmt.Sprintf("relay %d killed", i+1), 1, failover, func() { m.process.kill(); time.Sleep(rest) })
		f.fault("and started anew", 0, handOver, func() { m.serve(); time.Sleep(10 * time.Second) })
	}
	for i, m := range []*member{a, b, c} {
		f.fault(fmt.Sprintf("relay %d asked to end", i+1), 0, handOver, func() { m.end(); time.Sleep(5 * time.Second) })
		f.fault("and started anew", 0, handOver, func() { m.serve(); time.Sleep(5 * time.Second) })
	}
	for _, length := range []time.Duration{5, 9, 12} {
		f.fault(fmt.Sprintf("a relay frozen for %d s", length), 1, failover, func() { b.freeze(length * time.Second); time.Sleep(rest) })
	}
	for i, m := range []*member{a, b, c} {
		f.fault(fmt.Sprintf("relay %d frozen for 30 s", i+1), 1, failover, func() { m.freeze(30 * time.Second); time.Sleep(10 * time.Second) })
	}
	f.fault("two of three killed", 2, failover, func() { a.process.kill(); c.process.kill(); time.Sleep(rest); a.serve(); c.serve() })
	f.fault("database server killed, and started anew", 3, failover, func() { f.must(f.server.Kill(), f.run()); time.Sleep(rest) })
	f.fault("database server restarted in its order", 3, failover, func() { f.must(f.server.End(), f.run()); time.Sleep(rest) })
	f.fault("database server away for 30 s", 3, 0, func() { f.must(f.server.End()); time.Sleep(30 * time.Second); f.must(f.run()); time.Sleep(rest) })
	for _, length := range []time.Duration{5, 30} {
		f.fault(fmt.Sprintf("relay 3 cut off from the database for %d s", length), 1, failover, func() {
			cable.set(func(w *wire) { w.isCut = true })
			time.Sleep(length * time.Second)
			cable.set(func(w *wire) { w.isCut = false })
			time.Sleep(rest)
		})
	}
	f.fault("nothing more", 0, handOver, func() { f.report() })
	for s.total.Load() < 20_000 {
		time.Sleep(time.Second)
	}
	v := s.judge()
	v.paced(replicaRate)
	v.quick(1)
	t.Log("\n" + v.figures())
}
