package main_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
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

// systemd's own program opens the address and starts the relay with it at the first call.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	activate, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		without(t, "systemd-socket-activate", err)
	}
	w := &world{t: t, dir: t.TempDir(), relay: "http://127.0.0.1:" + freePort(t)}
	sim := start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken)
	w.sim = sim.await(t, `serves (http://\S+)`)
	w.write("bot-token", botToken)
	w.write("relay.toml", "[telegram]\ntoken_file = \"bot-token\"\napi_url = \""+w.sim+"\"\n[server]\nlisten = [\"127.0.0.1:1\"]\n")
	w.process = startAs(t, exec.Command(activate, "-l", strings.TrimPrefix(w.relay, "http://"), binary, "serve", "--config", w.config()))
	w.eventually(func() bool { // until systemd listens
		response, err := http.Get(w.relay + "/-/healthy")
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusOK
	})
	w.write("relay.toml", "[telegram]\ntoken_file = \"bot-token\"\napi_url = \""+w.sim+"\"\n[server]\nlisten = [\"127.0.0.1:2\"]\n")
	if status, answer := w.call("POST", w.relay+"/-/reload", ""); status != http.StatusOK || strings.Contains(answer, "server.listen") {
		t.Errorf("what listen says does not count: %d %s", status, answer)
	}
	if status := w.process.stop(t); status != 0 {
		t.Errorf("status %d\n%s", status, w.process.text())
	}

	// An address that others can reach asks for tokens, whoever opened it.
	port := freePort(t)
	p := startAs(t, exec.Command(activate, "-l", "0.0.0.0:"+port, binary, "serve", "--config", w.config()))
	w.process = p
	w.eventually(func() bool {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
		}
		select {
		case <-p.exited:
			return true
		default:
			return false
		}
	})
	if status, said := p.cmd.ProcessState.ExitCode(), p.text(); status != 2 || !strings.Contains(said, "can be reached from other machines") {
		t.Errorf("status %d: %s", status, said)
	}
}

// Without the file of the token the unit starts the daemon all the same, and the daemon says what to do.
func TestMissingCredential(t *testing.T) {
	dir := t.TempDir()
	w := &world{t: t, dir: dir}
	value := readUnit(t, "tgrelay.service").values("SetCredential")
	if len(value) != 1 {
		t.Fatal(value)
	}
	name, content, _ := strings.Cut(value[0], ":")
	w.write(name, content)
	w.write("relay.toml", "[telegram]\n")
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	_, errs, status := run(t, "", "serve", "--config", w.config())
	if status != 2 || !strings.Contains(errs, "@BotFather") || !strings.Contains(errs, "/etc/tgrelay/bot-token") {
		t.Errorf("status %d: %s", status, errs)
	}
}
