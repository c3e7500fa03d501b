package store_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// copyFiles copies a storage as a crash leaves it: the file with its log, as they are on disk.
func copyFiles(t *testing.T, from string, cut func(wal []byte) []byte) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "relay.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(from + suffix)
		must(t, err)
		if suffix != "" {
			data = cut(data)
		}
		must(t, os.WriteFile(to+suffix, data, 0o600))
	}
	return to
}

func TestCrashKeepsWhatWasAnswered(t *testing.T) {
	db := open(t, store.Options{})
	var answered []relay.ID
	for i := range 50 {
		m := text(fmt.Sprint(i), to("alice", 1), heldFor("bob"))
		must(t, db.Accept(t.Context(), m))
		answered = append(answered, m.ID)
		if i%7 != 0 {
			continue
		}
		after := open(t, store.Options{URL: "sqlite:" + copyFiles(t, db.Path(), func(wal []byte) []byte { return wal })})
		for _, id := range answered {
			if _, err := after.Message(t.Context(), id); err != nil {
				t.Errorf("after %d: %v", i, err)
			}
		}
	}
}

// TestTornLog cuts the log anywhere, as a disk does that lies about its sync: what is left is a state that once was.
func TestTornLog(t *testing.T) {
	db := open(t, store.Options{})
	var ids []relay.ID
	for i := range 30 {
		m := text(fmt.Sprint(i), to("alice", 1))
		must(t, db.Accept(t.Context(), m))
		ids = append(ids, m.ID)
	}
	for range 20 {
		path := copyFiles(t, db.Path(), func(wal []byte) []byte { return wal[:rand.IntN(len(wal))] })
		steps, err := store.Schema()
		must(t, err)
		must(t, store.MigrateFile(t.Context(), path, steps))
		checkInvariants(t, path)
		after, lost := open(t, store.Options{URL: "sqlite:" + path}), false
		for i, id := range ids {
			_, err := after.Message(t.Context(), id)
			if err == nil && lost {
				t.Errorf("message %d is there, one before it is not", i)
			}
			lost = lost || err != nil
		}
	}
}

const victimFile = "TGRELAY_STORE_VICTIM"

// TestKill ends a process that accepts as fast as it can, and looks for all that it said was accepted.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	victim := exec.Command(os.Args[0], "-test.run=^$")
	victim.Env = append(os.Environ(), victimFile+"="+path)
	said, err := victim.StdoutPipe()
	must(t, err)
	must(t, victim.Start())
	var answered []relay.ID
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if len(answered) == 500 {
			must(t, victim.Process.Kill())
		}
		if id, err := relay.ParseID(lines.Text()); err == nil { // the last line may be cut
			answered = append(answered, id)
		}
	}
	if err := victim.Wait(); err == nil || len(answered) < 500 {
		t.Fatalf("the other process ended by itself (%v) after %d messages", err, len(answered))
	}
	db := open(t, store.Options{URL: "sqlite:" + path})
	for _, id := range answered {
		if _, err := db.Message(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	checkInvariants(t, path)
}

func TestMain(m *testing.M) {
	if path := os.Getenv(victimFile); path != "" {
		acceptForever(path)
	}
	code := m.Run()
	if server.Server != nil {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// acceptForever says the ID of each message after it was accepted.
func acceptForever(path string) {
	db, err := store.Open(context.Background(), store.Options{URL: "sqlite:" + path, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	for range 8 {
		go func() {
			for {
				m := text("x", to("alice", 1))
				if err := db.Accept(context.Background(), m); err != nil {
					panic(err)
				}
				fmt.Println(m.ID)
			}
		}()
	}
	select {}
}
