package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// The server dies under load and its standby is promoted: with synchronous replication everything that was accepted is there, and nothing twice.
func TestStandbyIsPromoted(t *testing.T) {
	t.Parallel()
	f := newFailOver(t, "on")
	f.run(400)
	if len(f.lost) > 0 {
		t.Errorf("%d of %d accepted messages are lost: %v", len(f.lost), len(f.accepted), f.lost)
	}
}

// failOver is a server, its standby, and a storage that is to find whichever takes writes.
type failOver struct {
	*testing.T
	primary, standby *pgtest.Server
	db               *store.DB

	mu       sync.Mutex
	accepted map[relay.ID]bool
	longest  time.Duration // that one had to wait for being accepted
	refusals atomic.Int64
	lost     []relay.ID
}

// newFailOver waits for the standby at each commit as synchronous_commit says; "async": not at all.
func newFailOver(t *testing.T, mode string) *failOver {
	t.Helper()
	f := &failOver{T: t, accepted: map[relay.ID]bool{}}
	var err error
	f.primary, err = pgtest.Start()
	without(t, "PostgreSQL", err)
	t.Cleanup(func() { must(t, f.primary.Stop()) })
	f.standby, err = f.primary.Follow()
	must(t, err)
	t.Cleanup(func() { must(t, f.standby.Stop()) })
	if mode != "async" {
		for _, text := range []string{`ALTER SYSTEM SET synchronous_standby_names = '*'`, `ALTER SYSTEM SET synchronous_commit = '` + mode + `'`, `SELECT pg_reload_conf()`} {
			_, err := f.primary.Exec(text)
			must(t, err)
		}
	}
	f.db = open(t, store.Options{URL: pgtest.Either("", f.primary, f.standby)})
	return f
}

// run has callers insist on messages, the server die after n of them, and as many more be accepted by its standby.
func (f *failOver) run(n int) {
	f.Helper()
	var callers sync.WaitGroup
	var count atomic.Int64
	half := make(chan struct{})
	for range 16 {
		callers.Go(func() {
			for i := count.Add(1); i <= int64(2*n); i = count.Add(1) {
				if i == int64(n) {
					close(half)
				}
				f.insist()
			}
		})
	}
	<-half
	must(f.T, f.primary.Kill())
	must(f.T, f.standby.Promote())
	callers.Wait()
	there := map[string]bool{}
	for _, id := range texts(f.T, beside(f.T, f.standby.URL("")), `SELECT encode(id, 'hex') FROM messages`) {
		there[id] = true
	}
	for id := range f.accepted {
		if !there[fmt.Sprintf("%x", id[:])] {
			f.lost = append(f.lost, id)
		}
		delete(there, fmt.Sprintf("%x", id[:]))
	}
	if len(there) > 0 {
		f.Errorf("%d messages are there that nobody was told to be accepted", len(there))
	}
}

// insist hands a message in until it is accepted. Refused ones were not kept: the same one is never there already.
func (f *failOver) insist() {
	m := message(to("alice", 7))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	began := time.Now()
	for {
		err := f.db.Accept(ctx, m)
		if err == nil {
			break
		}
		if relay.ErrorCode(err) != relay.CodeStorageUnavailable {
			f.Errorf("a message is answered with %v", err)
			return
		}
		f.refusals.Add(1)
		time.Sleep(20 * time.Millisecond)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accepted[m.ID] = true
	f.longest = max(f.longest, time.Since(began))
}

// TestScaleFailOver tells what each way to replicate costs and loses.
func TestScaleFailOver(t *testing.T) {
	l := newLarge(t)
	var report [][]string
	for _, mode := range []string{"async", "on", "remote_apply"} {
		f := newFailOver(t, mode)
		began := time.Now()
		for range 200 {
			f.insist()
		}
		alone := time.Since(began) / 200
		f.longest = 0
		f.run(5000)
		report = append(report, []string{
			mode, fmt.Sprintf("one at a time %s each", alone.Round(time.Microsecond)), fmt.Sprintf("longest wait %s", f.longest.Round(time.Millisecond)),
			fmt.Sprintf("%d answers 503", f.refusals.Load()), fmt.Sprintf("%d of %d lost", len(f.lost), len(f.accepted)),
		})
	}
	l.table("the server dies, its standby is promoted", report...)
}
