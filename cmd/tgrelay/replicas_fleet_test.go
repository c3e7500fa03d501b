package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// fleet is several relays, each a process of its own, that share a database and a bot. Telegram is in this process.
type fleet struct {
	t      testing.TB
	extra  string // of each relay.toml
	sim    *simulator.Server
	way    atomic.Int64 // nanoseconds to Telegram, and as many back
	server *pgtest.Server
	run    func() error // starts the server again
	faults []fault

	mu     sync.Mutex
	relays []*member
}

// member is one of the relays. It reaches Telegram by an address of its own, so that it is known who sends.
type member struct {
	*world
	sends atomic.Int64 // messages that it asked Telegram to send
	polls atomic.Int64 // calls of getUpdates that wait for an answer
}

// fault is something that was done to the fleet.
type fault struct {
	name  string
	began time.Time
	hit   int           // processes that may have had a message under way in each of their lanes
	many  int           // how many faults it is that met
	limit time.Duration // how long a message, or a person, may wait for it; 0: any time
}

func newFleet(t testing.TB, extra string, limits simulator.Limits) *fleet {
	t.Helper()
	server := newServer(t)
	f := &fleet{t: t, extra: extra, server: server, run: func() error { return server.Run() }, sim: simulator.New(simulator.Options{
		Token: botToken, Limits: limits, KeepMessages: 1 << 20, KeepCalls: 1 << 20,
	})}
	f.way.Store(int64(20 * time.Millisecond))
	return f
}

// join starts one more relay. prepare may change what it is before that; nil: nothing.
func (f *fleet) join(prepare func(*member)) *member {
	f.t.Helper()
	m := &member{}
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path.Base(r.URL.Path) {
		case "sendMessage":
			m.sends.Add(1)
		case "getUpdates":
			m.polls.Add(1)
			defer m.polls.Add(-1)
		}
		f.answer(w, r)
	}))
	f.t.Cleanup(door.Close)
	m.world = &world{t: f.t, dir: f.t.TempDir(), extra: f.extra, sim: door.URL}
	if prepare == nil {
		m.extra += onServer(f.server)
	} else {
		prepare(m)
	}
	m.begin()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.relays = append(f.relays, m)
	return m
}

// answer answers as Telegram does, from far away: there is always something under way.
func (f *fleet) answer(w http.ResponseWriter, r *http.Request) {
	way := time.Duration(f.way.Load())
	time.Sleep(way)
	f.sim.ServeHTTP(w, r) // a short answer leaves when this function ends
	time.Sleep(way)
}

// members are the relays that have been started, be they up or not.
func (f *fleet) members() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.relays)
}

// fault does something, and what follows is counted as its consequence until the next one.
func (f *fleet) fault(name string, hit int, limit time.Duration, do func()) {
	f.t.Helper()
	f.faults = append(f.faults, fault{name, time.Now(), hit, 1, limit})
	do()
}

// several does what is so many faults at once.
func (f *fleet) several(name string, hit, many int, do func()) {
	f.t.Helper()
	f.faults = append(f.faults, fault{name, time.Now(), hit, many, 0})
	do()
}

// running are the relays that have not ended.
func (f *fleet) running() []*member {
	return slices.DeleteFunc(f.members(), func(m *member) bool {
		select {
		case <-m.process.exited:
			return true
		default:
			return false
		}
	})
}

// alive is one of those that run.
func (f *fleet) alive() *member {
	f.t.Helper()
	all := f.running()
	if len(all) == 0 {
		f.t.Fatal("all relays have ended")
	}
	return all[0]
}

// freeze stops a relay in the midst of what it does, for a time.
func (m *member) freeze(length time.Duration) {
	m.t.Helper()
	m.signal(syscall.SIGSTOP)
	time.Sleep(length)
	m.signal(syscall.SIGCONT)
}

func (m *member) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.process.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

// end asks a relay to end.
func (m *member) end() {
	m.t.Helper()
	if status := m.process.stop(m.t); status != 0 {
		m.t.Errorf("asked to end, it ended with %d\n%s", status, m.process.tail())
	}
}

// poller is the relay that asks for updates.
func (f *fleet) poller() (found *member) {
	f.t.Helper()
	f.alive().eventually(func() bool {
		for _, m := range f.members() {
			if m.polls.Load() > 0 {
				found = m
			}
		}
		return found != nil
	})
	return found
}

// divided waits until each relay that runs has its share of the work, and returns how long that took.
func (f *fleet) divided() time.Duration {
	f.t.Helper()
	began, running := time.Now(), f.running()
	f.alive().eventually(func() bool {
		least := relay.Shards
		for _, m := range running {
			least = min(least, m.metric("tgrelay_lease_shards"))
		}
		return least >= relay.Shards/len(running)-1
	})
	return time.Since(began)
}

// shares are how many messages each relay sends in a time.
func (f *fleet) shares(length time.Duration) (sent []int64) {
	members := f.members()
	for _, m := range members {
		sent = append(sent, -m.sends.Load())
	}
	time.Sleep(length)
	for i, m := range members {
		sent[i] += m.sends.Load()
	}
	return sent
}

// logs are the last lines of each relay, for when something has gone wrong.
func (f *fleet) logs() string {
	var b strings.Builder
	for i, m := range f.members() {
		fmt.Fprintf(&b, "relay %d:\n%s\n", i, m.process.tail())
	}
	return b.String()
}

func (f *fleet) must(errs ...error) {
	f.t.Helper()
	if err := errors.Join(errs...); err != nil {
		f.t.Fatal(err)
	}
}
