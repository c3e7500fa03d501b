package main_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// newServer starts a PostgreSQL for a test.
func newServer(t testing.TB) *pgtest.Server {
	t.Helper()
	server, err := pgtest.Start()
	if errors.Is(err, exec.ErrNotFound) {
		without(t, "PostgreSQL", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func onServer(server *pgtest.Server) string {
	return fmt.Sprintf("[storage]\nurl = %q\n", server.URL(""))
}

// The relay and its database server are killed in turns while messages come in and go out: what was answered with 202 arrives, in order, and of
// each chat at most what was under way at a kill comes twice.
func TestKilledOnPostgreSQL(t *testing.T) {
	t.Parallel()
	const (
		chats, each = 20, 60
		faults      = 6
	)
	server := newServer(t)
	w := newWorld(t, fast+onServer(server))
	var ids []int64
	for i := range chats {
		ids = append(ids, w.connect(fmt.Sprintf("Ada%d", i), fmt.Sprintf("r%d", i)))
	}
	w.allSent() // the welcomes
	var posters sync.WaitGroup
	var accepted atomic.Int64
	due := make(chan struct{}, faults)
	for chat := range chats {
		posters.Go(func() {
			for n := range each {
				w.insist(chat, n)
				if accepted.Add(1)%(chats*each/faults) == 0 {
					due <- struct{}{}
				}
			}
		})
	}
	for i := range faults {
		<-due
		if i%2 == 0 {
			w.restart()
			continue
		}
		if err := errors.Join(server.Kill(), server.Run()); err != nil {
			t.Fatal(err)
		}
	}
	posters.Wait()
	w.allSent()
	for i, chat := range ids {
		w.inOrder(i, chat, each)
	}
}

// beside starts another relay on the same database, before the same Telegram.
func (w *world) beside() *world {
	w.t.Helper()
	other := &world{t: w.t, dir: w.t.TempDir(), sim: w.sim, extra: w.extra}
	return other.begin()
}

// Two daemons share a database: each delivers a part of what either accepts, in order and once. When one ends, or is killed, the other one goes on
// with all of it.
func TestDaemonsShareADatabase(t *testing.T) {
	t.Parallel()
	const chats, each = 12, 10
	w := newWorld(t, fast+onServer(newServer(t)))
	other := w.beside()
	has := func(w *world, n int) { w.eventually(func() bool { return w.metric("tgrelay_lease_shards") == n }) }
	has(w, 32)
	has(other, 32)
	var ids []int64
	for i := range chats {
		ids = append(ids, w.connect(fmt.Sprintf("Ada%d", i), fmt.Sprintf("r%d", i)))
	}
	post := func(from, to int, relays ...*world) {
		var posters sync.WaitGroup
		for chat := range chats {
			posters.Go(func() {
				for n := from; n < to; n++ {
					relays[n%len(relays)].insist(chat, n)
				}
			})
		}
		posters.Wait()
		w.allSent()
	}
	post(0, each, w, other)
	for i, w := range []*world{w, other} {
		if n := w.metric(`tgrelay_deliveries_total{state="sent"}`); n == 0 {
			t.Errorf("relay %d has sent nothing", i)
		}
	}
	w.refused(other)
	other.process.stop(t)
	began := time.Now()
	has(w, 64)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("after the other one ended it took %s to have all", took)
	}
	post(each, 2*each, w)
	other.serve()
	has(other, 32)
	other.process.kill()
	began = time.Now()
	has(w, 64)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("after the other one was killed it took %s to have all", took)
	}
	post(2*each, 3*each, w)
	other.serve()
	has(other, 32)
	open := other.user("Eve")
	other.open(open, other.link(`{"recipient":"eve"}`)) // whichever of them polls
	w.eventually(func() bool { return len(w.messages(open, 1)) > 0 })
	for i, chat := range ids {
		if repeats := w.inOrder(i, chat, 3*each); repeats > 0 {
			t.Errorf("r%d: %d came twice", i, repeats)
		}
	}
}

// refused holds what cannot be done while relays run, and what can.
func (w *world) refused(other *world) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	command := func(want string, args ...string) {
		w.t.Helper()
		out, _ := exec.CommandContext(ctx, binary, args...).CombinedOutput() // some say more than that
		if !strings.Contains(string(out), want) {
			w.t.Errorf("%s says: %s", args[0], out)
		}
	}
	_, from, _ := strings.Cut(w.extra, "url = ")
	from, err := strconv.Unquote(strings.TrimSpace(from))
	if err != nil {
		w.t.Fatal(err)
	}
	command("a tgrelay is running on the storage of --from", "migrate", "--from", from, "--to", "sqlite:"+filepath.Join(w.dir, "copy.db"))
	command("the database server answers, schema", "doctor", "--config", other.config())
	command("pg_dump", "backup", "--config", other.config(), filepath.Join(w.dir, "copy"))
}

// A relay moves from its file to a database with everything that it knows, and back.
func TestMoveToPostgreSQL(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	w := newWorld(t, fast)
	chat := w.connect("Ada", "ada")
	file := "sqlite:" + filepath.Join(w.dir, "relay.db")
	move := func(from, to string) {
		t.Helper()
		w.process.stop(t)
		out, err := exec.Command(binary, "migrate", "--from", from, "--to", to).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "rows were copied") {
			t.Fatalf("%v: %s", err, out)
		}
		w.extra = fast + fmt.Sprintf("[storage]\nurl = %q\n", to)
		w.serve()
	}
	move(file, server.URL(""))
	w.send("ada", "from the database")
	w.allSent()
	move(server.URL(""), "sqlite:"+filepath.Join(w.dir, "again.db"))
	w.send("ada", "from the file")
	w.allSent()
	messages := w.messages(chat, 3) // with the welcome
	if last := messages[len(messages)-1].Text; last != "from the file" {
		t.Errorf("the last message is %q", last)
	}
}
