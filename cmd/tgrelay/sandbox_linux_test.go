package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// cell is a place as systemd makes one for the unit: folders of the daemon's own, all else for reading.
type cell struct {
	*world
	allowed map[string]bool
	env     []string
}

func (c *cell) folder(name string) string { return filepath.Join(c.dir, name) }

// newCell makes folders that the daemon's user can enter, and writes to some.
func newCell(t *testing.T) *cell {
	t.Helper()
	dir, err := os.MkdirTemp("", "tgrelay-cell-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &cell{world: &world{t: t, dir: dir}, allowed: readUnit(t, "tgrelay.service").calls(t)}
	for name, mode := range map[string]os.FileMode{"": 0o755, "bin": 0o755, "etc": 0o755, "credentials": 0o755, "state": 0o700, "run": 0o755} {
		if err := os.MkdirAll(c.folder(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(c.folder(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"state", "run"} {
		if err := os.Chown(c.folder(name), c.uid(), -1); err != nil {
			t.Fatal(err)
		}
	}
	c.env = append(os.Environ(), "CREDENTIALS_DIRECTORY="+c.folder("credentials"), "STATE_DIRECTORY="+c.folder("state"), "NOTIFY_SOCKET="+c.folder("run/notify"),
		"WATCHDOG_USEC=300000", confinedBy+"="+strings.Join(c.calls(), ",")+" "+c.folder("state")+":"+c.folder("run"))
	return c
}

func (c *cell) uid() int {
	if os.Geteuid() == 0 {
		return nobodyID
	}
	return os.Geteuid()
}

func (c *cell) calls() []string {
	var names []string
	for name, allowed := range c.allowed {
		if allowed {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// put writes a file that the daemon may read.
func (c *cell) put(name, content string) {
	c.t.Helper()
	if err := os.WriteFile(c.folder(name), []byte(content), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// command is the program locked up, under strace, which writes what it calls into a file.
func (c *cell) command(trace string, arguments ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	// -D: the process that is started is the program and not strace.
	strace := []string{"-D", "-f", "-qq", "-s", "0", "-o", c.folder(trace), self, c.folder("bin/tgrelay")}
	cmd := exec.Command("strace", append(strace, arguments...)...)
	cmd.Env = c.env
	return cmd
}

var traced = regexp.MustCompile(`^[0-9]+ +([a-z][a-z0-9_]*)\((.*)`)

// judge holds what the program called against the unit: the filter, the families of sockets, memory that is written and executed.
func (c *cell) judge(trace string) {
	c.t.Helper()
	text, err := os.ReadFile(c.folder(trace))
	if err != nil {
		c.t.Fatal(err)
	}
	_, text, begun := bytes.Cut(text, []byte("execve(\""+c.folder("bin/tgrelay")))
	if !begun {
		c.t.Fatalf("the program was not started:\n%.2000s", text)
	}
	families := strings.Fields(strings.Join(readUnit(c.t, "tgrelay.service").values("RestrictAddressFamilies"), " "))
	beyond, seen := map[string]string{}, 0
	scanner := bufio.NewScanner(bytes.NewReader(text))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		call := traced.FindStringSubmatch(scanner.Text())
		if call == nil {
			continue
		}
		seen++
		name, arguments := call[1], call[2]
		family, _, _ := strings.Cut(arguments, ",")
		switch {
		case !c.allowed[name]:
			beyond[name] = scanner.Text()
		case name == "socket" && !slices.Contains(families, family):
			beyond[name+" "+family] = scanner.Text()
		case name == "mmap" && strings.Contains(arguments, "PROT_WRITE|PROT_EXEC"), name == "mprotect" && strings.Contains(arguments, "PROT_EXEC"):
			beyond[name+" to execute"] = scanner.Text()
		}
	}
	if seen < 100 {
		c.t.Errorf("%d calls in %s", seen, trace)
	}
	for _, name := range slices.Sorted(maps.Keys(beyond)) {
		c.t.Errorf("the unit does not allow %s", beyond[name])
	}
}

// The daemon does all of its work under the unit's restrictions, and asks for nothing that they deny.
func TestUnderTheUnitsRestrictions(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("strace"); err != nil {
		without(t, "strace", err)
	}
	c := newCell(t)
	// As it is released: the race detector asks for things of its own.
	if out, err := exec.Command("go", "build", "-o", c.folder("bin/tgrelay"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.sim = start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken).await(t, `serves (http://\S+)`)
	ca := newAuthority(t)
	cert, key := ca.issue("relay.example.org")
	address := "127.0.0.1:" + freePort(t)
	socket := c.folder("run/relay.sock")
	c.put("etc/relay.crt", string(cert))
	c.put("etc/relay.key", string(key))
	c.put("etc/web.yml", "tls_server_config: {cert_file: relay.crt, key_file: relay.key}\n")
	c.put("etc/my.tmpl", `{{ define "deploy" }}*{{ .version }}* is out{{ end }}`)
	c.put("etc/relay.toml", fmt.Sprintf("[telegram]\napi_url = %q\n[server]\nlisten = [%q, %q]\nweb_config_file = \"web.yml\"\n", c.sim, address, "unix:"+socket))
	c.put("credentials/bot-token", botToken)
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: c.folder("run/notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	if err := os.Chmod(c.folder("run/notify"), 0o666); err != nil {
		t.Fatal(err)
	}
	states := listenTo(notify)

	cmd := c.command("serve.trace", "serve", "--config", c.folder("etc/relay.toml"))
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	defer func() {
		if t.Failed() {
			cmd.Process.Kill()
			cmd.Wait()
			t.Logf("the daemon said:\n%s", said.String())
		}
	}()
	expect(t, states, "READY=1")
	expect(t, states, "WATCHDOG=1")
	https := ca.client()
	post := func(path, body string) string {
		t.Helper()
		response, err := https.Post("https://"+address+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode/100 != 2 {
			t.Fatalf("%s: %d %s %v", path, response.StatusCode, answer, err)
		}
		return string(answer)
	}
	ada := c.user("Ada")
	var link string
	c.eventually(func() bool {
		out, _, status := run(t, "", "link", "--server", "unix:"+socket, "ops")
		link = regexp.MustCompile(`https://t\.me/\S+`).FindString(out)
		return status == 0 && link != ""
	})
	c.open(ada, link)
	c.messages(ada, 1)
	post("/api/v1/messages", `{"to":"ops","text":"one"}`)
	c.messages(ada, 2)
	c.put("etc/relay.toml", fmt.Sprintf("[telegram]\napi_url = %q\n[server]\nlisten = [%q, %q]\nweb_config_file = \"web.yml\"\n[templates]\nfiles = [\"*.tmpl\"]\n[receivers.deploys]\ntype = \"json\"\nto = [\"ops\"]\ntemplate = \"deploy\"\n",
		c.sim, address, "unix:"+socket))
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	expect(t, states, "RELOADING=1\nMONOTONIC_USEC=")
	expect(t, states, "READY=1")
	post("/hooks/deploys", `{"version":"1.2"}`)
	if got := c.messages(ada, 3)[2].Text; got != "1.2 is out" {
		t.Errorf("after the reload: %q", got)
	}
	if out, err := c.command("check.trace", "check", "--config", c.folder("etc/relay.toml")).CombinedOutput(); err != nil { // as ExecReload= does
		t.Errorf("check: %v\n%s", err, out)
	}
	if out, err := c.command("backup.trace", "backup", "--config", c.folder("etc/relay.toml"), c.folder("state/copy.db")).CombinedOutput(); err != nil {
		t.Errorf("backup: %v\n%s", err, out)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expect(t, states, "STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Errorf("the end: %v", err)
	}
	c.eventually(func() bool { // strace ends after the program
		text, err := os.ReadFile(c.folder("serve.trace"))
		return err == nil && bytes.Contains(text, []byte("exit_group(0"))
	})
	c.judge("serve.trace")
	c.judge("check.trace")
	c.judge("backup.trace")
	if _, err := http.Get("http://" + address + "/-/healthy"); err == nil {
		t.Error("it goes on")
	}
}
