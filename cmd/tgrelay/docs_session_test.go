package main_test

import (
	"bytes"
	"fmt"
	"net"
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
)

// The documentation says 9786 for the relay and 9787 for the simulator. Tests run side by side, so each page has its own two.
const (
	documented          = "http://127.0.0.1:9786"
	documentedSimulator = "127.0.0.1:9787"
	documentedPublic    = "https://relay.example.org"
)

// session is somebody who goes through a page from its top, in an empty folder, with tgrelay installed.
type session struct {
	t          *testing.T
	page       *page
	dir        string
	relay, sim string      // host:port
	manager    string      // host:port of an Alertmanager
	world      *world      // a running relay, once somebody needs one
	stay       []*terminal // programs that go on running
}

// newSession makes the folder: programs in bin, webhooks that the reader may have caught, and relay.toml as it comes with the program, its Bot API the simulated one.
func newSession(t *testing.T, p *page) *session {
	t.Helper()
	s := &session{t: t, page: p, dir: t.TempDir(), relay: "127.0.0.1:" + freePort(t), sim: "127.0.0.1:" + freePort(t), manager: "127.0.0.1:" + freePort(t)}
	s.program("bin/tgrelay", fmt.Sprintf(shim, s.sim, s.relay, binary))
	s.program("tgrelay", fmt.Sprintf(shim, s.sim, s.relay, binary))
	s.program("bin/go", goShim)
	s.program("bin/alertmanager", fmt.Sprintf("#!/bin/sh\nexec prometheus-alertmanager --web.listen-address=%s --cluster.listen-address= --storage.path=alertmanager \"$@\"\n", s.manager))
	s.program("bin/sudo", "#!/bin/sh\nif [ \"$1\" = -u ]; then shift 2; fi\nexec \"$@\"\n")
	reference, err := os.ReadFile(filepath.Join(root, "relay.toml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("relay.toml", strings.Replace(string(reference), `# api_url = "https://api.telegram.org"`, `api_url = "http://`+s.sim+`"`, 1))
	s.write("bot-token", botToken+"\n")
	s.templates()
	for name, content := range map[string]string{
		"payload.json": payload(t, "alertmanager/mixed-1-three-firing.json"), "1.json": payload(t, "alertmanager/mixed-1-three-firing.json"),
		"2.json": payload(t, "alertmanager/mixed-2-one-resolved.json"), "push.json": payload(t, "others/github-push.json"),
		"data.json": `{"service": "shop", "version": "1.4.2", "url": "https://shop.example.org"}`,
	} {
		s.write(name, content)
	}
	for _, b := range p.blocks {
		if name, ok := b.marks["file"]; ok {
			s.write(name, s.simulated(s.here(b.text)))
		}
	}
	return s
}

// shim is tgrelay at this page's addresses.
const shim = `#!/bin/sh
sim=%s relay=%s
case "$1" in
serve) if [ -n "$SESSION_LISTENS" ]; then export LISTEN_FDS=1 LISTEN_PID=$$; fi ;;
simulator) shift; set -- simulator --listen "$sim" --token '` + botToken + `' "$@" ;;
demo) shift; set -- demo --listen "$relay" --sim "$sim" "$@" ;;
esac
exec %s "$@"
`

// goShim runs and builds tgrelay without compiling it again.
const goShim = `#!/bin/sh
case "$1 $2 $3" in
"run ./cmd/tgrelay "*) shift 2; exec tgrelay "$@" ;;
"build -o tgrelay") exit 0 ;;
esac
echo "no go $* in the docs' tests" >&2
exit 1
`

// simulated has a whole relay.toml speak to the simulated Telegram.
func (s *session) simulated(text string) string {
	if strings.Contains(text, "api_url") {
		return text
	}
	return strings.Replace(text, "[telegram]\n", "[telegram]\napi_url = \"http://"+s.sim+"\"\n", 1)
}

func (s *session) write(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) program(name, content string) {
	s.t.Helper()
	s.write(name, content)
	if err := os.Chmod(filepath.Join(s.dir, name), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// here puts this page's addresses into a text of the documentation.
func (s *session) here(text string) string {
	return strings.NewReplacer("127.0.0.1:9786", s.relay, documentedSimulator, s.sim, "127.0.0.1:9093", s.manager, documentedPublic, "http://"+s.relay, "/etc/tgrelay/", s.dir+"/", "/var/backups/", s.dir+"/").Replace(text)
}

// there puts the addresses of the documentation into a text of this page's.
func (s *session) there(text string) string {
	return strings.NewReplacer(s.relay, "127.0.0.1:9786", s.sim, documentedSimulator, s.manager, "127.0.0.1:9093", s.dir+"/", "", s.dir, "").Replace(text)
}

// running starts a relay, unless the page starts one, with Ada's chat for the recipient ops.
func (s *session) running() *world {
	s.t.Helper()
	if s.world != nil {
		return s.world
	}
	s.world = &world{t: s.t, dir: s.dir, sim: "http://" + s.sim, relay: "http://" + s.relay, process: &process{}}
	if s.page.runs("serve|demo") {
		return s.world
	}
	s.simulate()
	s.world.extra = fast + s.fragments()
	s.world.serve()
	s.world.connect("Ada", "ops")
	return s.world
}

// simulate starts a simulated Telegram, unless the page does.
func (s *session) simulate() {
	s.t.Helper()
	if !s.page.runs("simulator") {
		start(s.t, "simulator", "--listen", s.sim, "--token", botToken, "--bot", "team_bot").await(s.t, `serves (http://\S+)`)
	}
}

// preamble has curl say when it fails, where it is not told to.
const preamble = `set -e
curl() { case " $* " in *" -f"*) command curl "$@" ;; *) command curl -sS --fail-with-body "$@" ;; esac; }
export -f curl
`

// terminal is a line of shell with what it wrote.
type terminal struct {
	script string
	mu     sync.Mutex
	output bytes.Buffer
	exited chan struct{}
	err    error
	kill   func() // with all its children
}

func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.output.Write(b)
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.output.String()
}

// begin types a line of shell. It is ended with all its children when the page is.
func (s *session) begin(script string) *terminal {
	s.t.Helper()
	cmd := exec.Command("bash", "-c", preamble+s.here(script))
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(s.dir, "bin")+":"+os.Getenv("PATH"), "HOME="+s.dir, "TZ=UTC", "NO_COLOR=1", "TGRELAY_SERVER=http://"+s.relay, "CREDENTIALS_DIRECTORY=", "HTTP_PROXY=", "http_proxy=")
	s.needs(script)
	s.clear(script)
	if stays(script, "serve") {
		s.simulate()
		cmd.Env = append(cmd.Env, "SESSION_LISTENS=1")
		cmd.ExtraFiles = []*os.File{s.listen()}
	}
	cmd.Stdin = strings.NewReader(botToken + "\n") // what somebody pastes
	t := &terminal{script: script, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = t, t
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		t.err = cmd.Wait()
		close(t.exited)
	}()
	t.kill = func() {
		select {
		case <-t.exited: // its number may be another's by now
		default:
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-t.exited
		}
	}
	s.t.Cleanup(t.kill)
	return t
}

// needs skips the page where a program is not there that a line of shell names.
func (s *session) needs(script string) {
	s.t.Helper()
	for word, program := range map[string]string{"curl": "curl", "apprise": "apprise", "amtool": "amtool", "alertmanager --": "prometheus-alertmanager"} {
		if _, err := exec.LookPath(program); err != nil && regexp.MustCompile(`(?m)(^|[|] *)`+word).MatchString(script) {
			without(s.t, program, err)
		}
	}
}

// clear ends what a program that goes on running would be in the way of, as the reader has done with Ctrl-C.
func (s *session) clear(script string) {
	for _, command := range []string{"serve", "simulator", "demo"} {
		for _, earlier := range s.stay {
			if stays(script, command) && stays(earlier.script, command+"|demo") || stays(script, "demo") {
				earlier.kill()
			}
		}
	}
}

// listen is the relay's socket. It is open before the relay is up, so that nobody comes too early.
func (s *session) listen() *os.File {
	s.t.Helper()
	l, err := net.Listen("tcp", s.relay)
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		f.Close()
		l.Close()
	})
	return f
}

// shell runs a block of commands; each has to succeed.
func (s *session) shell(b *block) {
	s.t.Helper()
	if !stays(b.text, "simulator") { // which a relay is started to speak to
		s.running()
	}
	t := s.begin(b.text)
	if stays(b.text, staying) {
		s.stay = append(s.stay, t)
		s.await(b, t, regexp.MustCompile(`(?i)listening|serves|goes on serving`))
		s.ready(b.text)
		return
	}
	s.end(b, t)
}

// staying are the commands that go on running.
const staying = "serve|simulator|demo|alertmanager --"

// ready waits until a relay that was started knows its bot.
func (s *session) ready(script string) {
	s.t.Helper()
	if stays(script, "serve") {
		s.world.eventually(func() bool {
			status, _ := s.world.call("GET", s.world.relay+"/-/ready", "")
			return status == http.StatusOK
		})
	}
}

// end waits until a line of shell is through.
func (s *session) end(b *block, t *terminal) {
	s.t.Helper()
	select {
	case <-t.exited:
	case <-time.After(patience):
		b.errorf(s.t, "it does not end:\n%s", t.text())
		return
	}
	if t.err != nil {
		b.errorf(s.t, "%v\n%s\n%s", t.err, b.text, t.text())
	}
	s.open(t.text())
}

// open has Ada open the link that a line of shell made, unless the page says how to.
func (s *session) open(output string) {
	s.t.Helper()
	link := regexp.MustCompile(`https://t\.me/relay_bot\?start=[\w-]+`).FindString(output)
	if link == "" || strings.Contains(string(s.page.source), "/open") {
		return
	}
	ada := s.world.user("Ada")
	said := len(s.world.messages(ada, 0))
	s.world.open(ada, link)
	s.world.messages(ada, said+1) // what comes next finds her connected
}

// await waits until a line of shell has said something.
func (s *session) await(b *block, t *terminal, wanted *regexp.Regexp) {
	s.t.Helper()
	s.eventually(b, wanted, func() string {
		select {
		case <-t.exited:
			return "it ended:\n" + t.text()
		default:
			return t.text()
		}
	})
}

// eventually waits until a text fits.
func (s *session) eventually(b *block, wanted *regexp.Regexp, text func() string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience / 4); ; time.Sleep(20 * time.Millisecond) {
		have := s.tidy(text())
		if wanted.MatchString(have) {
			return
		}
		if time.Now().After(deadline) {
			b.errorf(s.t, "this does not come:\n%s\nbut this:\n%s", b.text, have)
			return
		}
	}
}

// tidy is a text as the documentation has it: its addresses, without spaces at the ends of lines.
func (s *session) tidy(text string) string {
	return regexp.MustCompile(`(?m)[ \t\r]+$`).ReplaceAllString(strings.TrimSpace(s.there(text)), "")
}

// console goes through a terminal's scene: lines that begin with $ are typed, the others are what is answered.
func (s *session) console(b *block) {
	s.t.Helper()
	if !stays(b.text, "simulator") {
		s.running()
	}
	for _, scene := range scenes(b.text) {
		t := s.begin(scene.typed)
		if stays(scene.typed, staying) {
			s.stay = append(s.stay, t)
			s.await(b, t, pattern("", scene.answered, ""))
			s.ready(scene.typed)
			continue
		}
		s.end(b, t)
		if got := s.tidy(t.text()); !pattern("^", scene.answered, "$").MatchString(got) {
			b.errorf(s.t, "$ %s\nanswers\n%s\nand not\n%s", scene.typed, got, scene.answered)
		}
	}
}

type scene struct{ typed, answered string }

func scenes(text string) (all []scene) {
	continues := false
	for line := range strings.Lines(text) {
		typed, prompt := strings.CutPrefix(line, "$ ")
		if more, ok := strings.CutPrefix(line, "> "); ok && len(all) > 0 && (continues || strings.Contains(all[len(all)-1].typed, "<<")) && all[len(all)-1].answered == "" {
			all[len(all)-1].typed += more
			continues = strings.HasSuffix(more, "\\\n")
			continue
		}
		switch {
		case prompt:
			all = append(all, scene{typed: typed})
			continues = strings.HasSuffix(typed, "\\\n")
		case len(all) > 0:
			all[len(all)-1].answered += line
		}
	}
	return all
}

// screen is what stands in a terminal that goes on, or in a chat.
func (s *session) screen(b *block) {
	s.t.Helper()
	w := s.running()
	s.eventually(b, pattern("", b.text, ""), func() string {
		var all strings.Builder
		for _, t := range s.stay {
			all.WriteString(t.text() + "\n")
		}
		for _, chat := range []int{1001, 1002, -5001, -1000000005001} {
			var messages []message
			if status, answer := w.call("GET", fmt.Sprintf("%s/sim/chats/%d/messages", w.sim, chat), ""); status == 200 {
				mustDecode(s.t, answer, &messages)
			}
			for _, m := range messages {
				if !m.Deleted {
					fmt.Fprintf(&all, "\n%s\n%s\n", m.Text, m.drawn())
				}
			}
		}
		return all.String()
	})
}

// changes are what is another at each run, as the documentation shows it, and what may stand in its place.
var changes = []struct{ shown, is string }{
	{`(?m)^[ │]*…$\n?`, `(?s:.*?)`},
	{`…`, `[^\n]*?`},
	{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}`, `[0-9a-f-]{36}`},
	{`(\?start=|\?startgroup=|/start |/start@relay_bot |/link |#)[A-Za-z0-9_-]{16,}`, `(\?start=|\?startgroup=|/start |/start@relay_bot |/link |#)[A-Za-z0-9_-]{16,}`},
	{`tgr_[A-Za-z0-9_-]{20,}`, `tgr_[A-Za-z0-9_-]{20,}`},
	{`\b[0-9a-f]{64}\b`, `[0-9a-f]{64}`},
	{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`, `\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`},
	{`\b\d{1,2} (January|February|March|April|May|June|July|August|September|October|November|December) \d{4}\b`, `\d{1,2} [A-Z][a-z]+ \d{4}`},
	{`\b\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b( \d\d:\d\d)?`, `\d{1,2} [A-Z][a-z]{2}( \d\d:\d\d)?`},
	{`\b\d\d:\d\d\b`, `\d\d:\d\d`},
	{`\b\d+(d|h|m|s)( \d+(h|m|s))?\b`, `\d+(d|h|m|s)( \d+(h|m|s))?`},
	{`127\.0\.0\.1:\d+`, `127\.0\.0\.1:\d+`},
}

// pattern is what a text of the documentation stands for.
func pattern(before, text, after string) *regexp.Regexp {
	var shown []string
	for _, c := range changes {
		shown = append(shown, "("+c.shown+")")
	}
	all := regexp.MustCompile(strings.Join(shown, "|"))
	text = regexp.MustCompile(`(?m)[ \t]+$`).ReplaceAllString(strings.TrimSpace(text), "")
	var b strings.Builder
	at := 0
	for _, found := range all.FindAllStringIndex(text, -1) {
		b.WriteString(regexp.QuoteMeta(text[at:found[0]]))
		for _, c := range changes {
			if full := regexp.MustCompile("^(" + c.shown + ")$"); full.MatchString(text[found[0]:found[1]]) {
				b.WriteString(c.is)
				break
			}
		}
		at = found[1]
	}
	b.WriteString(regexp.QuoteMeta(text[at:]))
	return regexp.MustCompile(before + b.String() + after)
}

// What changes from run to run may be another; all else may not.
func TestPattern(t *testing.T) {
	const shown = "Connected since 26 November 2026, 10:49 UTC.\n26 Nov 10:58 – 11:02 (6d 4h)\n{\"id\":\"01a2177a-0095-7de6-ac85-81a9875e6c37\",…}\n  …\nhttps://t.me/relay_bot?start=8RglH4ajStI-yT0aqcvDHqsS"
	other := "Connected since 1 May 2027, 08:00 UTC.\n2 Jan 00:00 – 11:02 (5m)\n{\"id\":\"ffffffff-0095-7de6-ac85-81a9875e6c37\",\"a\":1}\nx\ny\nhttps://t.me/relay_bot?start=AAAAAAAAAAAAAAAAAAAAAAAA"
	if !pattern("^", shown, "$").MatchString(other) {
		t.Errorf("%s does not stand for\n%s", pattern("^", shown, "$"), other)
	}
	for _, wrong := range []string{strings.Replace(other, "Connected", "connected", 1), strings.Replace(other, "(5m)", "(x)", 1), other + "\nmore", strings.Replace(other, "start=", "begin=", 1)} {
		if pattern("^", shown, "$").MatchString(wrong) {
			t.Errorf("it stands for\n%s", wrong)
		}
	}
}
