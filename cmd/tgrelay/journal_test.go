package main_test

import (
	endian "encoding/binary"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startJournaled starts the relay with standard error as systemd connects it to the journal, and returns what is written there directly.
func (w *world) startJournaled(arguments ...string) (stderr *os.File) {
	w.t.Helper()
	stderr, err := os.Create(filepath.Join(w.dir, "stderr"))
	if err != nil {
		w.t.Fatal(err)
	}
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(stderr.Fd()), &stat); err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(binary, arguments...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, stat.Ino))
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		stderr.Close()
	})
	return stderr
}

// journalEntry reads one of the journal's native protocol.
func journalEntry(t *testing.T, data []byte) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for len(data) > 0 {
		line, rest, _ := strings.Cut(string(data), "\n")
		if name, value, plain := strings.Cut(line, "="); plain {
			fields[name], data = value, []byte(rest)
			continue
		}
		if len(rest) < 8 {
			t.Fatalf("no entry: %q", data)
		}
		size := int(endian.LittleEndian.Uint64([]byte(rest)))
		fields[line], data = rest[8:8+size], []byte(rest[8+size+1:])
	}
	return fields
}

// Under systemd the log becomes entries of the journal with fields; without its socket, lines with their priority.
func TestJournal(t *testing.T) {
	w := &world{t: t, dir: t.TempDir(), relay: "http://127.0.0.1:" + freePort(t)}
	w.sim = start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken).await(t, `serves (http://\S+)`)
	w.write("bot-token", botToken)
	w.write("relay.toml", fmt.Sprintf("[telegram]\ntoken_file = \"bot-token\"\napi_url = %q\n[server]\nlisten = [%q]\n", w.sim, strings.TrimPrefix(w.relay, "http://")))

	journal, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: journalSocket(), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	stderr := w.startJournaled("serve", "--config", w.config())
	entries := listenTo(journal)
	deadline := time.After(patience)
	next := func(message string) map[string]string {
		t.Helper()
		for {
			select {
			case data := <-entries:
				if fields := journalEntry(t, []byte(data)); strings.HasPrefix(fields["MESSAGE"], message) {
					return fields
				}
			case <-deadline:
				t.Fatalf("the journal has no %q", message)
			}
		}
	}
	got := next("Telegram knows the bot")
	if got["MESSAGE"] != "Telegram knows the bot username=relay_bot" || got["USERNAME"] != "relay_bot" || got["PRIORITY"] != "6" || got["SYSLOG_IDENTIFIER"] != "tgrelay" {
		t.Errorf("%v", got)
	}
	w.write("relay.toml", "[telegram]\ntoken_file = \"bot-token\"\n[storrage]\n[deliverry]\n")
	if response, err := post(w.relay + "/-/reload"); err != nil || response.StatusCode != 409 {
		t.Fatal(err)
	}
	got = next("the configuration was not reloaded")
	if got["PRIORITY"] != "3" || strings.Count(got["ERROR"], "\n") != 1 || !strings.Contains(got["MESSAGE"], `error="`) || strings.Contains(got["MESSAGE"], "\n") {
		t.Errorf("%q", got)
	}
	journal.Close() // the socket is gone with it
	if response, err := post(w.relay + "/-/reload"); err != nil || response.StatusCode != 409 {
		t.Fatal(err)
	}
	w.eventually(func() bool {
		text, err := os.ReadFile(stderr.Name())
		return err == nil && strings.HasPrefix(string(text), "<3>the configuration was not reloaded")
	})
}

func post(address string) (*http.Response, error) {
	response, err := http.Post(address, "", nil)
	if err == nil {
		response.Body.Close()
	}
	return response, err
}
