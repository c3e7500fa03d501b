package main_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

var replicas = flag.Bool("replicas", false, "try several relays on one database for ten minutes (see make replicas)")

const (
	// failover is how soon others go on after one has gone without a word.
	failover = 15 * time.Second
	// handOver is how soon they do after one that was asked to end.
	handOver = 3 * time.Second
)

// replicaRate is the whole bot's, in messages a second: more than Telegram's, so that what waits after a fault is soon gone.
const replicaRate = 200

var replicaRates = fmt.Sprintf("[delivery]\nglobal_rate = %d\n", replicaRate)

// replicaLimits are the rates as the simulator holds the bot to them: with a burst of a second's worth for the whole bot and a tenth for what the way
// shifts, with one more for a chat or a group.
var replicaLimits = simulator.Limits{Global: replicaRate * 21 / 10, Chat: 2, Group: 21}

// Two relays share a bot and a database, and messages are posted to both: one is killed, and one asked to end.
func TestReplicas(t *testing.T) {
	t.Parallel()
	f := newFleet(t, replicaRates, replicaLimits)
	a, b := f.join(nil), f.join(nil)
	f.divided()
	if f.poller() == b {
		a, b = b, a
	}
	s := newSenders(f, 120, 4)
	s.flood(10)
	s.drained()
	s.begin(2 * time.Second)
	s.newcomers(500 * time.Millisecond)
	f.fault("both at work", 0, 0, func() { time.Sleep(3 * time.Second) })
	f.fault("one of two killed, that asks for updates", 1, failover, func() { a.process.kill(); time.Sleep(failover) })
	f.fault("started anew", 0, handOver, func() { a.serve(); time.Sleep(3 * time.Second) })
	f.fault("the other asked to end", 0, handOver, func() { b.end(); time.Sleep(handOver) })
	v := s.judge()
	v.paced(replicaRate)
	v.quick(2) // make replicas holds them to the promise
	t.Log("\n" + v.figures())
}

// report says how the work is shared.
func (f *fleet) report() {
	sent := f.shares(10 * time.Second)
	f.t.Logf("in 10 s the relays have sent %v", fmt.Sprint(sent))
	for i, n := range sent {
		if n*10 < slices.Max(sent) {
			f.t.Errorf("relay %d sends next to nothing", i)
		}
	}
}
