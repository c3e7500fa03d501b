package main_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	replicasFor  = flag.Duration("replicas-for", 0, "try several relays on one database for so long, with faults by chance that meet (see make replicas)")
	replicasSeed = flag.Uint64("replicas-seed", 0, "the seed of these faults; 0: another each time")
)

// misfortune is one of the faults that may happen at once.
type misfortune struct {
	name string
	hit  int // processes that may have something under way
	do   func()
}

// misfortunes are faults that meet, drawn by chance.
type misfortunes struct {
	f     *fleet
	gates []*gate // of the first relays, to Telegram
	cable *wire   // of the last relay, to the database
	dice  *rand.Rand
}

// draw chooses up to three: one of each relay at most, and one of the database's server and of Telegram.
func (m *misfortunes) draw() []misfortune {
	var all []misfortune
	for i := range m.f.members() {
		all = append(all, m.ofRelay(i))
	}
	all = append(all, m.ofServer(), m.ofTelegram())
	m.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+m.dice.IntN(3)]
}

// lasts is from a moment to 33 s, short ones more often.
func (m *misfortunes) lasts() time.Duration {
	return time.Duration(100+m.dice.IntN(1<<(8+m.dice.IntN(8)))) * time.Millisecond
}

func (m *misfortunes) ofRelay(i int) misfortune {
	relay, length := m.f.members()[i], m.lasts()
	name := fmt.Sprintf("relay %d ", i+1)
	switch m.dice.IntN(4) {
	case 0:
		return misfortune{name + "killed", 1, relay.process.kill}
	case 1:
		return misfortune{name + "asked to end", 1, relay.end}
	case 2:
		return misfortune{fmt.Sprintf("%sfrozen for %s", name, length), 1, func() { relay.freeze(length) }}
	}
	return m.cutOff(i, name, length)
}

// cutOff shuts a relay's way to Telegram, or the last one's to the database.
func (m *misfortunes) cutOff(i int, name string, length time.Duration) misfortune {
	what, shut := "the database", func(yes bool) { m.cable.set(func(w *wire) { w.isCut = yes }) }
	switch {
	case i < len(m.gates) && m.dice.IntN(2) == 0:
		what, shut = "Telegram", m.gates[i].refuse
	case i < len(m.gates):
		what, shut = "Telegram without a word", m.gates[i].silence
	}
	return misfortune{fmt.Sprintf("%scut off from %s for %s", name, what, length), 1, func() {
		shut(true)
		time.Sleep(length)
		shut(false)
	}}
}

func (m *misfortunes) ofServer() misfortune {
	f, length := m.f, m.lasts()
	if m.dice.IntN(2) == 0 {
		return misfortune{fmt.Sprintf("database killed, and started after %s", length), len(f.members()), func() {
			f.must(f.server.Kill())
			time.Sleep(length)
			f.must(f.run())
		}}
	}
	return misfortune{fmt.Sprintf("database ended, and started after %s", length), len(f.members()), func() {
		f.must(f.server.End())
		time.Sleep(length)
		f.must(f.run())
	}}
}

func (m *misfortunes) ofTelegram() misfortune {
	slow, length := time.Duration(m.dice.IntN(3000))*time.Millisecond, m.lasts()
	return misfortune{fmt.Sprintf("Telegram answers after %s for %s", slow, length), 0, func() {
		was := m.f.way.Swap(int64(slow / 2))
		time.Sleep(length)
		m.f.way.Store(was)
	}}
}

// strike has some happen at once, within a second of each other, and sets right what is left of them.
func (m *misfortunes) strike(some []misfortune) {
	var all sync.WaitGroup
	for _, one := range some {
		after := time.Duration(m.dice.IntN(1000)) * time.Millisecond
		all.Go(func() {
			time.Sleep(after)
			one.do()
		})
	}
	all.Wait()
	running := m.f.running()
	for _, relay := range m.f.members() {
		if !slices.Contains(running, relay) {
			relay.serve()
		}
	}
	time.Sleep(time.Duration(1000+m.dice.IntN(14_000)) * time.Millisecond)
}

// Three relays share a bot and a database, and whatever happens, happens at once: nothing is lost, nothing overtaken, and little comes twice.
func TestReplicasThroughFaultsThatMeet(t *testing.T) {
	if *replicasFor == 0 {
		t.Skip("make replicas FOR=30m")
	}
	seed := *replicasSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again: -replicas-seed %d", seed)
	f := newFleet(t, replicaRates, replicaLimits)
	here, there := newNamespace(t, "here"), newNamespace(t, "there")
	m := &misfortunes{f: f, cable: f.moveServer(here, there), dice: rand.New(rand.NewPCG(seed, 0)), gates: make([]*gate, 2)}
	for i := range m.gates {
		f.joinBy(&m.gates[i])
	}
	f.join(far(here))
	s := newSenders(f, 240, 10)
	f.divided()
	s.newcomers(time.Second)
	s.begin(7 * time.Second)
	for end := time.Now().Add(*replicasFor); time.Now().Before(end) && !t.Failed(); {
		some := m.draw()
		hit, names := 0, []string(nil)
		for _, one := range some {
			hit += one.hit
			names = append(names, one.name)
		}
		f.several(strings.Join(names, "; "), hit, len(some), func() { m.strike(some) })
	}
	f.fault("nothing more", 0, 0, func() { time.Sleep(failover) })
	v := s.judge()
	v.paced(replicaRate)
	t.Log("\n" + v.figures())
}
