package main_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// As under systemd: the token is a credential, the storage lies in the state directory, and systemd is told how it goes.
func TestUnderSystemd(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"credentials", "state", "etc"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, dir: filepath.Join(dir, "credentials")}
	sim := start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken)
	api := sim.await(t, `serves (http://\S+)`)
	w.write("bot-token", botToken+"\n")
	w.dir = filepath.Join(dir, "etc")
	w.write("relay.toml", "[telegram]\napi_url = \""+api+"\"\n[server]\nlisten = [\"unix:"+filepath.Join(dir, "relay.sock")+"\"]\n")

	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	states := listenTo(notify)
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "notify"))
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Join(dir, "credentials"))
	t.Setenv("STATE_DIRECTORY", filepath.Join(dir, "state"))
	t.Setenv("WATCHDOG_USEC", "300000")

	p := start(t, "serve", "--config", w.config())
	for _, state := range []string{"READY=1", "STATUS=", "WATCHDOG=1", "WATCHDOG=1"} {
		expect(t, states, state)
	}
	if _, err := os.Stat(filepath.Join(dir, "state", "relay.db")); err != nil {
		t.Error(err)
	}
	if out, errs, status := run(t, "", "recipients", "--server", "unix:"+filepath.Join(dir, "relay.sock")); status != 0 {
		t.Errorf("over the socket: %s%s", out, errs)
	}
	if status := p.stop(t); status != 0 {
		t.Errorf("status %d\n%s", status, p.text())
	}
	expect(t, states, "STOPPING=1")
}

// listenTo reads all notifications, as systemd does: a full socket would hold the daemon up.
func listenTo(notify *net.UnixConn) <-chan string {
	states := make(chan string, 10_000)
	go func() {
		defer close(states)
		buffer := make([]byte, 4096)
		for {
			n, err := notify.Read(buffer)
			if err != nil {
				return
			}
			states <- string(buffer[:n])
		}
	}()
	return states
}

// expect takes notifications until one begins so.
func expect(t *testing.T, states <-chan string, want string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case state := <-states:
			if strings.HasPrefix(state, want) {
				return
			}
		case <-deadline:
			t.Fatalf("systemd is not told %s", want)
		}
	}
}
