package main_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
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

// A second daemon does not start on a database that one runs on, and does so as soon as that one is gone.
func TestOneDaemonADatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, onServer(newServer(t)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "serve", "--config", w.config()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another tgrelay is running on this storage") {
		t.Errorf("a second one: %v: %s", err, out)
	}
	out, _ = exec.CommandContext(ctx, binary, "doctor", "--config", w.config()).CombinedOutput() // it has more to say
	if !strings.Contains(string(out), "the database server answers, schema 1") {
		t.Errorf("the doctor says: %s", out)
	}
	out, err = exec.CommandContext(ctx, binary, "backup", "--config", w.config(), filepath.Join(w.dir, "copy")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "pg_dump") {
		t.Errorf("a backup: %v: %s", err, out)
	}
	w.restart()
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
