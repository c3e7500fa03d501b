package main_test

import (
	"strings"
	"testing"
	"time"
)

// Of two relays one cannot reach Telegram any more: its chats go to the other, and it has its share again when it can.
func TestReplicasOneWithoutTelegram(t *testing.T) {
	t.Parallel()
	withoutTelegram(t, (*gate).refuse, 15*time.Second) // 12 s of failures, and the hand-over
}

// The same where Telegram takes connections and says nothing.
func TestReplicasOneBeforeSilence(t *testing.T) {
	if !*replicas {
		t.Skip("make replicas")
	}
	withoutTelegram(t, (*gate).hold, 37*time.Second)
}

// withoutTelegram holds that the chats of a relay whose way to Telegram is shut wait no longer than a limit.
func withoutTelegram(t *testing.T, shut func(*gate, bool), limit time.Duration) {
	f := newFleet(t, replicaRates, replicaLimits)
	var gates [2]*gate
	all := []*member{f.joinBy(&gates[0]), f.joinBy(&gates[1])}
	f.divided()
	cut := 0
	if f.poller() == all[1] {
		cut = 1
	}
	a, b, way := all[cut], all[1-cut], gates[cut]
	s := newSenders(f, 20, 0)
	s.begin(3 * time.Second)
	s.newcomers(time.Second)
	f.fault("both at work", 0, handOver, func() { time.Sleep(2 * time.Second) })
	var mended time.Time
	f.fault("the one that asks for updates cannot reach Telegram", 1, limit, func() {
		began := time.Now()
		shut(way, true)
		b.eventually(func() bool { return b.metric("tgrelay_lease_shards") == 64 && b.polls.Load() > 0 })
		t.Logf("the other has all after %s", time.Since(began).Round(time.Millisecond))
		if n := a.metric("tgrelay_lease_standing_back"); n != 1 {
			t.Errorf("tgrelay_lease_standing_back is %d", n)
		}
		mended = time.Now()
		shut(way, false)
		b.eventually(func() bool { return b.metric(`tgrelay_outbox_deliveries{state="queued"}`) < 3 })
	})
	f.fault("it can again", 0, handOver, func() {
		f.divided()
		t.Logf("it has its share again after %s", time.Since(mended).Round(time.Millisecond))
		before := a.sends.Load()
		a.eventually(func() bool { return a.sends.Load() > before })
	})
	v := s.judge()
	v.paced(replicaRate)
	v.quick(2)
	t.Log("\n" + v.figures())
	if n := strings.Count(a.process.text(), "this replica stands back"); n != 1 {
		t.Errorf("it is said %d times that it stands back:\n%s", n, a.process.tail())
	}
}

// joinBy starts one more relay, that reaches Telegram by a gate.
func (f *fleet) joinBy(g **gate) *member {
	f.t.Helper()
	return f.join(func(m *member) {
		m.extra += onServer(f.server)
		*g = newGate(m.t, strings.TrimPrefix(m.sim, "http://"))
		m.api = "http://" + (*g).Addr().String()
	})
}
