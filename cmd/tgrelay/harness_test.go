package main_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/web/openapitest"
)

// binary is the program as it is built, with the race detector but for benchmarks.
var binary string

func TestMain(m *testing.M) {
	if address := os.Getenv(forgetful); address != "" {
		panic(forget(address))
	}
	dir, err := os.MkdirTemp("", "tgrelay-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "tgrelay")
	flag.Parse()
	os.Setenv("GORACE", "atexit_sleep_ms=50 "+os.Getenv("GORACE")) // a second by default, for each command that ends
	// The journal is one of the tests' own; it is looked for only by a process whose standard error it is.
	build := []string{"build", "-race", "-ldflags", "-X github.com/coreos/go-systemd/v22/journal.journalSocket=" + journalSocket(), "-o", binary, "."}
	if flag.Lookup("test.bench").Value.String() != "" || *soak > 0 || *sustain > 0 { // as it is released
		build = []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "."}
	}
	if out, err := exec.Command("go", build...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func journalSocket() string { return filepath.Join(filepath.Dir(binary), "journal") }

// patience is how long anything may take; only a failing test waits so long.
const patience = time.Minute

// process is a program that runs until the test ends.
type process struct {
	cmd    *exec.Cmd
	mu     sync.Mutex
	output bytes.Buffer
	lines  chan string
	exited chan struct{}
	err    error // of Wait, once exited is closed
}

func start(t testing.TB, args ...string) *process {
	t.Helper()
	return startAs(t, exec.Command(binary, args...))
}

// startAs starts a command that runs the program, be it in another environment.
func startAs(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, lines: make(chan string, 1000), exited: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), "HTTP_PROXY=", "http_proxy="), cmd.Env...)
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(r)
	go func() {
		p.err = p.cmd.Wait()
		w.Close()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		if strings.Contains(p.text(), "DATA RACE") {
			t.Errorf("data race in %v:\n%s", cmd.Args, p.text())
		}
	})
	return p
}

func (p *process) read(r io.Reader) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		p.mu.Lock()
		p.output.WriteString(scanner.Text() + "\n")
		p.mu.Unlock()
		select {
		case p.lines <- scanner.Text():
		default:
		}
	}
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// stop asks the process to end and returns its exit status.
func (p *process) stop(t testing.TB) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatalf("it does not end:\n%s", p.text())
	}
	return p.cmd.ProcessState.ExitCode()
}

// await returns the first group of a pattern in the output.
func (p *process) await(t testing.TB, pattern string) string {
	t.Helper()
	re, deadline := regexp.MustCompile(pattern), time.After(patience)
	for {
		select {
		case line := <-p.lines:
			if found := re.FindStringSubmatch(line); found != nil {
				return found[len(found)-1]
			}
		case <-p.exited:
			t.Fatalf("it ended before it said %q:\n%s", pattern, p.text())
		case <-deadline:
			t.Fatalf("it does not say %q:\n%s", pattern, p.text())
		}
	}
}

// run runs a command to its end.
func run(t *testing.T, input string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

const botToken = "987654321:AAthe-secret-token-of-the-tests-0"

// world is a simulated Telegram and a relay that talks to it, each a process of its own.
type world struct {
	t       testing.TB
	dir     string
	sim     string // URL
	api     string // URL of the Bot API as the relay is told; empty: sim
	relay   string // URL
	process *process
	extra   string // of relay.toml
	server  string // of its table [server]
	logs    []*process
	// command makes the command of the relay; nil: the binary as it is.
	command func(args ...string) *exec.Cmd
}

func newWorld(t testing.TB, extra string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), extra: extra}
	sim := start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken)
	w.sim = sim.await(t, `serves (http://\S+)`)
	return w.begin()
}

func (w *world) begin() *world {
	w.t.Helper()
	w.write("bot-token", botToken+"\n")
	w.serve()
	w.t.Cleanup(w.noSecrets)
	return w
}

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) config() string { return filepath.Join(w.dir, "relay.toml") }

// serve starts the relay, always on the same port. RELAY and SIM in what else relay.toml says stand for the addresses.
func (w *world) serve() {
	w.t.Helper()
	if w.relay == "" {
		w.relay = "http://127.0.0.1:" + freePort(w.t)
	}
	listen := strings.TrimPrefix(w.relay, "http://")
	api := cmp.Or(w.api, w.sim)
	extra := strings.NewReplacer("RELAY", w.relay, "SIM", w.sim).Replace(w.extra)
	w.write("relay.toml", fmt.Sprintf("[telegram]\ntoken_file = \"bot-token\"\napi_url = %q\n%s\n[server]\nlisten = [%q]\n%s", api, extra, listen, w.server))
	command := w.command
	if command == nil {
		command = func(args ...string) *exec.Cmd { return exec.Command(binary, args...) }
	}
	w.process = startAs(w.t, command("serve", "--config", w.config()))
	w.logs = append(w.logs, w.process)
	w.process.await(w.t, `msg=listening address=(\S+)`)
}

func (w *world) restart() {
	w.t.Helper()
	w.process.kill()
	w.serve()
}

// noSecrets holds that nothing that a process said holds the bot's token.
func (w *world) noSecrets() {
	for _, p := range w.logs {
		if secret := strings.SplitN(botToken, ":", 2)[1]; strings.Contains(p.text(), secret) {
			w.t.Errorf("the bot token is in the output:\n%s", p.text())
		}
	}
}

// call makes a request and returns status and body.
func (w *world) call(method, url, body string) (int, string) {
	w.t.Helper()
	if body == "" {
		response, answer := w.exchange(method, url, body)
		return response.StatusCode, answer
	}
	response, answer := w.exchange(method, url, body, "Content-Type", "application/json")
	return response.StatusCode, answer
}

// checked holds what is said to the relay, and what it answers, to its OpenAPI document.
func (w *world) checked() *http.Client {
	return &http.Client{Transport: openapitest.Transport{TB: w.t, Base: w.relay}}
}

// exchange makes a request, with headers in pairs, and returns the answer and its body.
func (w *world) exchange(method, url, body string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.checked().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response, string(b)
}

// do makes a request that succeeds, and decodes the answer.
func (w *world) do(method, url, body string, into any) {
	w.t.Helper()
	status, answer := w.call(method, url, body)
	if status/100 != 2 {
		w.t.Fatalf("%s %s: %d %s", method, url, status, answer)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		w.t.Fatalf("%s %s: %v in %s", method, url, err, answer)
	}
}

// message is a message as the simulator lists it.
type message struct {
	ID       int64  `json:"message_id"`
	FromBot  bool   `json:"from_bot"`
	Deleted  bool   `json:"deleted"`
	Text     string `json:"text"`
	Silent   bool   `json:"silent"`
	ThreadID int64  `json:"message_thread_id"`
	Entities []struct {
		Type, URL string
	} `json:"entities"`
	ReplyMarkup json.RawMessage `json:"reply_markup"`
	ReplyTo     int64           `json:"reply_to_message_id"`
	FileName    string          `json:"file_name"`
	Document    string          `json:"document"`
	Photo       string          `json:"photo"`
	AlbumID     string          `json:"media_group_id"`
}

// texts waits until the bot has written count messages in a chat, and returns them all.
func (w *world) messages(chat int64, count int) []message {
	w.t.Helper()
	var all, bots []message
	w.do("GET", fmt.Sprintf("%s/sim/chats/%d/messages?wait=%s&count=%d", w.sim, chat, patience, count), "", &all)
	for _, m := range all {
		if m.FromBot && !m.Deleted {
			bots = append(bots, m)
		}
	}
	if len(bots) < count {
		w.t.Fatalf("the bot wrote %d messages in chat %d, want %d: %+v\n%s", len(bots), chat, count, bots, w.process.text())
	}
	return bots
}

func (w *world) user(name string) int64 {
	w.t.Helper()
	var u struct{ ID int64 }
	w.do("POST", w.sim+"/sim/users", fmt.Sprintf(`{"name":%q}`, name), &u)
	return u.ID
}

// link makes a link. The relay has to know its bot for that, which takes a moment after the first start.
func (w *world) link(body string) string {
	w.t.Helper()
	var made struct{ URL string }
	w.eventually(func() bool {
		status, answer := w.call("POST", w.relay+"/api/v1/links", body)
		return status == http.StatusCreated && json.Unmarshal([]byte(answer), &made) == nil
	})
	return made.URL
}

// eventually asks again and again until the answer is yes.
func (w *world) eventually(yes func() bool) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !yes(); {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("it does not come about:\n%s", w.output())
		}
	}
}

// output is what the relay said so far, where it is one of the harness's processes.
func (w *world) output() string {
	if w.process == nil {
		return ""
	}
	return w.process.text()
}

func (w *world) open(user int64, link string) {
	w.t.Helper()
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/open", w.sim, user), fmt.Sprintf(`{"link":%q}`, link), nil)
}

// press presses a button of a message in a private chat.
func (w *world) press(user, messageID int64, button string) {
	w.t.Helper()
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/press", w.sim, user), fmt.Sprintf(`{"chat_id":%d,"message_id":%d,"text":%q}`, user, messageID, button), nil)
}

func (w *world) say(user, chat int64, text string) {
	w.t.Helper()
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/write", w.sim, user), fmt.Sprintf(`{"chat_id":%d,"text":%q}`, chat, text), nil)
}

// connect onboards a person as a recipient.
func (w *world) connect(name, recipient string) int64 {
	w.t.Helper()
	id := w.user(name)
	w.open(id, w.link(fmt.Sprintf(`{"recipient":%q}`, recipient)))
	w.messages(id, 1)
	return id
}

func (w *world) send(to, text string) {
	w.t.Helper()
	w.do("POST", w.relay+"/api/v1/messages", fmt.Sprintf(`{"to":%q,"text":%q}`, to, text), nil)
}

// without ends a test whose tool cannot be had. On CI, which installs all of them (.ci/run), it fails.
func without(t testing.TB, tool string, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is needed: %v", tool, err)
	}
	t.Skipf("%s is needed: %v", tool, err)
}
