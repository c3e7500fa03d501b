package main_test

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// given are the ports that tests were given: none is given twice.
var given sync.Map

// freePort is one at which nobody listens, below those that systems give to connections and listeners by themselves: until whoever asked for it listens there,
// nobody else does.
func freePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(20_000 + rand.IntN(12_000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		l.Close()
		if _, taken := given.LoadOrStore(port, true); !taken {
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

func TestDemoOnce(t *testing.T) {
	t.Parallel()
	out, errs, status := run(t, "", "demo", "--once", "--listen", "127.0.0.1:0", "--sim", "127.0.0.1:0")
	if status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	for _, want := range []string{"✅ Connected", "🔥 3 firing: InstanceDown (critical)", "✋ Ada has it", "2 firing, 1 resolved", "✅ InstanceDown (critical) resolved after", "🔥 High CPU (warning)", "shop is at v1.4.2"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not show %q:\n%s", want, out)
		}
	}
}

func TestCheckTellsEveryFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("token", "123456:AAabcdefghijklmnopqrstuvwxyz012345")
	write("broken.tmpl", `{{ define "x" }}{{ .a | nosuch }}{{ end }}`)
	good := write("good.toml", "[telegram]\ntoken_file = \"token\"\n")
	bad := write("bad.toml", "[telegram]\ntoken_file = \"token\"\ncolour = 1\n[receivers.ops]\ntype = \"x\"\n")
	templates := write("templates.toml", "[telegram]\ntoken_file = \"token\"\n[templates]\nfiles = [\"broken.tmpl\"]\n")
	unknown := write("unknown.toml", "[telegram]\ntoken_file = \"token\"\n[receivers.ops]\ntype = \"json\"\ntemplate = \"nosuch\"\nto = [\"{{ .x\"]\n")
	for _, c := range []struct {
		file   string
		status int
		says   []string
	}{
		{good, 0, []string{"is right"}},
		{bad, 2, []string{"bad.toml:3: telegram.colour", "bad.toml:5: receivers.ops.type: unknown type \"x\"; one of"}},
		{templates, 2, []string{"templates.toml:4: templates.files", "broken.tmpl:1", "nosuch"}},
		{unknown, 2, []string{"unknown.toml:5: receivers.ops.template", "unknown.toml:6: receivers.ops.to"}},
		{filepath.Join(dir, "absent.toml"), 2, []string{"absent.toml is not there", "BotFather"}},
	} {
		out, errs, status := run(t, "", "check", "--config", c.file)
		if status != c.status {
			t.Errorf("%s: status %d, want %d\n%s%s", c.file, status, c.status, out, errs)
		}
		for _, want := range c.says {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%s does not say %q:\n%s%s", c.file, want, out, errs)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--help"}, 0, "serve"},
		{[]string{}, 0, "demo"},
		{[]string{"version"}, 0, "go1."},
		{[]string{"nosuch"}, 2, "--help"},
		{[]string{"send"}, 2, "recipient"},
		{[]string{"send", "ops", "x", "--server", "http://127.0.0.1:1"}, 1, "is it running"},
		{[]string{"token", "new", "a b"}, 2, "letters"},
	} {
		out, errs, status := run(t, "", c.args...)
		if status != c.status || !strings.Contains(out+errs, c.says) {
			t.Errorf("%v: status %d, want %d with %q\n%s%s", c.args, status, c.status, c.says, out, errs)
		}
	}
}

func TestTokenNewFitsIntoTheConfiguration(t *testing.T) {
	t.Parallel()
	out, _, status := run(t, "", "token", "new", "am", "--scopes", "hooks,read", "--recipients", "ops", "--namespace", "shop")
	token, block, _ := strings.Cut(out, "\n")
	if status != 0 || !strings.HasPrefix(token, "tgr_") {
		t.Fatalf("status %d: %s", status, out)
	}
	w := newWorld(t, fast+block)
	if status, _ := w.call("POST", w.relay+"/hooks/json/ops", `{"text":"x"}`); status != 401 {
		t.Errorf("without the token: %d", status)
	}
	w.write("token", token+"\n")
	if out, errs, status := run(t, "", "deliveries", "--server", w.relay, "--token-file", filepath.Join(w.dir, "token")); status != 0 {
		t.Errorf("with it: %d\n%s%s", status, out, errs)
	}
}

func TestCommandsTalkToTheDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	out, errs, status := run(t, "", "link", "alice", "--server", w.relay)
	if status != 0 || !strings.HasPrefix(out, "https://t.me/relay_bot?start=") || !strings.Contains(errs, "/start ") {
		t.Fatalf("link: %d\n%s%s", status, out, errs)
	}
	w.open(ada, strings.TrimSpace(out))
	w.messages(ada, 2)
	if out, _, status := run(t, "from a pipe\n", "send", "ops", "--server", w.relay); status != 0 || !strings.Contains(out, "queued for ops") {
		t.Errorf("send: %d %s", status, out)
	}
	if got := w.messages(ada, 3)[2].Text; got != "from a pipe" {
		t.Errorf("arrived: %q", got)
	}
	if out, _, status := run(t, "", "recipients", "--server", w.relay); status != 0 || !strings.Contains(out, `1001 "Ada"`) {
		t.Errorf("recipients: %d\n%s", status, out)
	}
	w.allSent()
	if out, _, status := run(t, "", "deliveries", "--json", "--recipient", "ops", "--server", w.relay); status != 0 || !strings.Contains(out, `"state":"sent"`) {
		t.Errorf("deliveries: %d\n%s", status, out)
	}
	if out, _, status := run(t, "", "send", "nobody", "x", "--server", w.relay); status != 0 || !strings.Contains(out, "held") {
		t.Errorf("send to nobody: %d\n%s", status, out)
	}
}

func TestEndsAndSignals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.write("relay.toml", "[telegram]\nnonsense = 1\n")
	if err := w.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	w.process.await(t, "(was not reloaded)")
	w.send("ops", "still served")
	if status := w.process.stop(t); status != 0 {
		t.Errorf("SIGTERM: status %d\n%s", status, w.process.text())
	}
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := filepath.Join(t.TempDir(), "relay.toml")
	if err := os.WriteFile(path, []byte("[telegram]\ntoken = \"123456:AAabcdefghijklmnopqrstuvwxyz012345\"\n[server]\nlisten = [\""+l.Addr().String()+"\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, status := run(t, "", "serve", "--config", path)
	if status != 1 || !strings.Contains(errs, "change `listen`") {
		t.Errorf("status %d: %s", status, errs)
	}
}

func TestRenderAndLint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("my.tmpl", "{{ define \"my\" }}*open {{ .Status }}{{ end }}{{ define \"deploy\" }}*{{ .version }}* is out{{ end }}{{ define \"build\" }}[{{ .name }}](http://ci/{{ .id }}){{ end }}")
	config := write("relay.toml", "[telegram]\ntoken = \"123456:AAabcdefghijklmnopqrstuvwxyz012345\"\n[templates]\nfiles = [\"my.tmpl\"]\n[receivers.alertmanager]\ntemplate = \"my\"\n[receivers.json]\ntemplate = \"build\"\n")
	secret := write("secret.toml", "[telegram]\ntoken_file = \"of-the-daemon\"\n")
	wrong := write("wrong.toml", "[telegram]\ntoken_file = \"of-the-daemon\"\n[receivers.json]\ntype = \"nosuch\"\n")
	payload := "../../receivers/testdata/alertmanager/single-firing.json"
	for _, c := range []struct {
		input  string
		args   []string
		status int
		says   string
	}{
		{"", []string{"check", "--config", config}, 0, "relay.toml:6: receivers.alertmanager.template: warning: my: with mixed-1-three-firing.json, the mark * is never closed"},
		{"", []string{"check", "--config", config}, 0, "receivers.json.template: warning: build: Telegram takes no link to http://ci/example.org"},
		{"", []string{"render", "--config", config, "--receiver", "alertmanager", payload}, 0, "*open firing"},
		{"", []string{"render", "--config", config, "--receiver", "alertmanager", "--json", payload}, 0, `"warnings":["the mark *`},
		{`{"version": 12345678901234567890}`, []string{"render", "--config", config, "--template", "deploy"}, 0, "12345678901234567890 is out"},
		{`{}`, []string{"render", "--config", config, "--template", "nosuch"}, 1, `no template "nosuch"`},
		{`{}`, []string{"render", "--config", config, "--receiver", "alertmanager"}, 1, "type json"},
		{`{} x`, []string{"render", "--config", config, "--template", "deploy"}, 1, "more behind the JSON value that ends at byte"},
		{`{"text":"hi"}`, []string{"render", "--config", secret, "--receiver", "json"}, 0, "hi"},
		{`{"text":"hi"}`, []string{"render", "--config", wrong, "--receiver", "json"}, 2, "receivers.json.type"},
		{``, []string{"render", "--config", config}, 2, "--receiver"},
		{``, []string{"render", "--config", config, "--receiver", "json", filepath.Join(dir, "absent")}, 2, "absent"},
	} {
		out, errs, status := run(t, c.input, c.args...)
		if status != c.status || !strings.Contains(out+errs, c.says) {
			t.Errorf("%v: status %d, want %d with %q\n%s%s", c.args, status, c.status, c.says, out, errs)
		}
	}
}
