package store_test

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// What lost against another transaction is done again as if it had not been tried.
func TestLostBatchIsTriedAgain(t *testing.T) {
	address := schema(t)
	db := open(t, store.Options{URL: address})
	must(t, db.Bind(t.Context(), "alice", person(1), t0))
	tries := 0
	db.BeforeCommit(func() error {
		if tries++; tries < 4 {
			return &pgconn.PgError{Code: "40001"}
		}
		return nil
	})
	m := text("hello", heldFor("alice"), to("bob", 2))
	m.Request = &relay.Request{Owner: "token", Key: "k", Body: [32]byte{1}}
	m.Notification = &relay.Notification{Group: [32]byte{1}, Alerts: [32]byte{2}}
	must(t, db.Accept(t.Context(), m))
	if tries != 4 || len(m.Deliveries) != 2 || m.Replayed {
		t.Errorf("after %d tries there are %d deliveries (replayed: %t), want 2 after 4", tries, len(m.Deliveries), m.Replayed)
	}
	stored, err := db.Message(t.Context(), m.ID)
	must(t, err)
	if len(stored.Deliveries) != 2 || stored.Deliveries[0].ChatID != 1 {
		t.Errorf("stored is %+v", stored.Deliveries)
	}
	db.BeforeCommit(func() error { return &pgconn.PgError{Code: "40P01"} })
	wantCode(t, db.Accept(t.Context(), text("never", to("bob", 2))), relay.CodeStorageUnavailable)
	db.BeforeCommit(nil)
	for _, fault := range violated(t, beside(t, address)) {
		t.Error(fault)
	}
}

// A function that swallows an error of the server's must not have the rest of its transaction lost in silence.
func TestAbortedTransactionIsNoSuccess(t *testing.T) {
	db := open(t, store.Options{URL: schema(t)})
	must(t, db.Check(t.Context()))
	db.BeforeCommit(func() error {
		_ = db.OnWriter(t.Context(), `SELECT 1/0`)
		return nil
	})
	wantCode(t, db.Check(t.Context()), relay.CodeStorageUnavailable)
	db.BeforeCommit(nil)
	must(t, db.Check(t.Context()))
}

// cutter stands before the server, and cuts a connection around the next thing that the client says.
type cutter struct {
	dir    string
	server string
	armed  atomic.Int32
	silent atomic.Bool // nothing comes through any more
}

const (
	cutBefore = iota + 1 // the server never hears it
	cutAfter             // the server does it, the client never hears the answer
)

func newCutter(t *testing.T, server string) *cutter {
	dir, err := os.MkdirTemp("", "cut")
	must(t, err)
	c := &cutter{dir: dir, server: server}
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	must(t, err)
	t.Cleanup(func() { _ = errors.Join(listener.Close(), os.RemoveAll(dir)) })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go c.serve(client)
		}
	}()
	return c
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	go func() {
		defer client.Close()
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if err != nil || deaf.Load() {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		switch c.armed.Swap(0) {
		case cutBefore:
			return
		case cutAfter:
			deaf.Store(true)
		}
		if c.silent.Load() {
			continue
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func TestLostCommitIsLookedUp(t *testing.T) {
	address := schema(t)
	u, err := url.Parse(address)
	must(t, err)
	query := u.Query()
	c := newCutter(t, filepath.Join(query.Get("host"), ".s.PGSQL.5432"))
	query.Set("host", c.dir)
	u.RawQuery = query.Encode()
	db := open(t, store.Options{URL: u.String()})
	direct := beside(t, address)
	for i, at := range []int32{cutAfter, cutBefore, cutAfter} {
		must(t, db.Accept(t.Context(), text("before", to("alice", 1)))) // on a new connection COMMIT is prepared before it is cut
		db.BeforeCommit(func() error { c.armed.Store(at); return nil })
		m := text("hello", to("alice", 1))
		err := db.Accept(t.Context(), m)
		db.BeforeCommit(nil)
		kept := number(t, direct, `SELECT count(*) FROM messages WHERE id = $1`, m.ID[:]) == 1
		if kept != (at == cutAfter) {
			t.Fatalf("round %d: the message was kept: %t", i, kept)
		}
		if kept {
			must(t, err)
		} else {
			wantCode(t, err, relay.CodeStorageUnavailable)
		}
	}
	for _, fault := range violated(t, direct) {
		t.Error(fault)
	}
}

// What was answered is there after the server was killed in the midst of writes, and writing goes on by itself.
func TestServerIsKilled(t *testing.T) {
	server, err := pgtest.Start()
	without(t, "PostgreSQL", err)
	t.Cleanup(func() { must(t, server.Stop()) })
	db := open(t, store.Options{URL: server.URL("")})
	var (
		mu       sync.Mutex
		answered []relay.ID
		refused  int
		done     = make(chan struct{})
		writers  sync.WaitGroup
	)
	for range 8 {
		writers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				m := text("x", to("alice", 1))
				err := db.Accept(t.Context(), m)
				mu.Lock()
				if err == nil {
					answered = append(answered, m.ID)
				} else {
					refused++
				}
				mu.Unlock()
				if err != nil {
					wantCode(t, err, relay.CodeStorageUnavailable)
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	for range 3 {
		time.Sleep(300 * time.Millisecond)
		must(t, server.Kill())
		must(t, server.Run())
		must(t, eventually(func() error { return db.Check(t.Context()) }))
	}
	close(done)
	writers.Wait()
	for _, id := range answered {
		if _, err := db.Message(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d were answered, %d refused", len(answered), refused)
	for _, fault := range violated(t, beside(t, server.URL(""))) {
		t.Error(fault)
	}
}

func eventually(try func() error) error {
	var err error
	for range 200 {
		if err = try(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// Several storages on one database take turns: numbers are given once, and none of what they took is lost.
func TestWritersTakeTurns(t *testing.T) {
	address := schema(t)
	var dbs []*store.DB
	for range 3 {
		dbs = append(dbs, open(t, store.Options{URL: address}))
	}
	const each = 100
	var writers sync.WaitGroup
	for i, db := range dbs {
		for j := range 4 {
			writers.Go(func() {
				for k := range each {
					m := text("x", to("alice", int64(1+k%3)))
					m.Key, m.OnUpdate = fmt.Sprint("key", k%5), relay.Edit
					m.Request = &relay.Request{Owner: "token", Key: fmt.Sprint(j, "-", k)} // the same from each of the storages
					if err := db.Accept(t.Context(), m); err != nil {
						t.Errorf("storage %d: %v", i, err)
					}
				}
			})
		}
	}
	writers.Wait()
	side := beside(t, address)
	if n := number(t, side, `SELECT count(*) FROM messages`); n != 4*each {
		t.Errorf("there are %d messages, want %d", n, 4*each)
	}
	if n := number(t, side, `SELECT count(*) FROM deliveries WHERE state = 1`); n > 15 {
		t.Errorf("%d updates wait for 15 live messages", n)
	}
	for _, fault := range violated(t, side) {
		t.Error(fault)
	}
}

// PostgreSQL's text holds no NUL and nothing but UTF-8; what people write may.
func TestTextIsMadeFit(t *testing.T) {
	db := open(t, store.Options{URL: schema(t)})
	chat := person(1)
	chat.Title = "A\x00lice\xff"
	must(t, db.Bind(t.Context(), "alice", chat, t0))
	r, err := db.Recipient(t.Context(), "alice")
	must(t, err)
	if title := r.Chats[0].Title; !strings.HasPrefix(title, "A\uFFFDlice") {
		t.Errorf("the title is %q", title)
	}
	m := text("a\x00b", to("alice", 1))
	m.Request = &relay.Request{Owner: "token", Key: "k\x00", Body: [32]byte{1}}
	must(t, db.Accept(t.Context(), m))
	found, err := db.Answered(t.Context(), *m.Request)
	must(t, err)
	if found != nil && found.ID != m.ID {
		t.Errorf("the request is answered with %v", found.ID)
	}
	stored, err := db.Message(t.Context(), m.ID)
	must(t, err)
	if stored.Content.Text.Text != "a\x00b" {
		t.Errorf("the text is %q", stored.Content.Text.Text)
	}
}

// A writer that freezes in the midst of a transaction keeps the others waiting for some seconds only, and is told that nothing of it was kept.
func TestFrozenWriterLosesItsTurn(t *testing.T) {
	t.Parallel()
	address := schema(t)
	frozen, other := open(t, store.Options{URL: address}), open(t, store.Options{URL: address})
	thaw, under := make(chan struct{}), make(chan struct{})
	frozen.BeforeCommit(func() error {
		close(under)
		<-thaw
		return nil
	})
	lost := text("lost", to("alice", 1))
	result := make(chan error)
	go func() { result <- frozen.Accept(t.Context(), lost) }()
	<-under
	began := time.Now()
	err := other.Accept(t.Context(), text("kept", to("alice", 1)))
	took := time.Since(began)
	close(thaw)
	wantCode(t, <-result, relay.CodeStorageUnavailable)
	must(t, err)
	if took > 10*time.Second {
		t.Errorf("the other one waited for %s", took)
	}
	frozen.BeforeCommit(nil)
	if _, err := other.Message(t.Context(), lost.ID); relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("what was refused is there: %v", err)
	}
	must(t, frozen.Accept(t.Context(), lost))
}

// One of many that come at once fails alone, with savepoints and without.
func TestOneFailsAloneOnServer(t *testing.T) {
	address := schema(t)
	db := open(t, store.Options{URL: address})
	there := text("there", to("alice", 1))
	must(t, db.Accept(t.Context(), there))
	must(t, db.Bind(t.Context(), "bob", person(2), t0))
	for round := range 4 {
		held, gate := make(chan struct{}), make(chan struct{})
		var first sync.Once
		db.BeforeCommit(func() error {
			first.Do(func() { close(held); <-gate })
			return nil
		})
		var calls sync.WaitGroup
		calls.Go(func() { must(t, db.Check(t.Context())) })
		<-held // what comes now shares the next batch
		for i := range 20 {
			calls.Go(func() {
				m := text(fmt.Sprint(round, i), heldFor("bob"))
				err := db.Accept(t.Context(), m)
				if err != nil || len(m.Deliveries) != 1 || m.Deliveries[0].ChatID != 2 {
					t.Errorf("message %d: %v, %+v", i, err, m.Deliveries)
				}
			})
		}
		if round%2 == 0 {
			calls.Go(func() {
				twin := text("twin", to("alice", 1))
				twin.ID = there.ID
				wantCode(t, db.Accept(t.Context(), twin), relay.CodeConflict)
			})
		}
		must(t, eventually(func() error {
			if n := db.Waiting(); n < 20 {
				return fmt.Errorf("%d wait", n)
			}
			return nil
		}))
		close(gate)
		calls.Wait()
		db.BeforeCommit(nil)
	}
	side := beside(t, address)
	if n := number(t, side, `SELECT count(*) FROM messages`); n != 81 {
		t.Errorf("there are %d messages, want 81", n)
	}
	for _, fault := range violated(t, side) {
		t.Error(fault)
	}
}
