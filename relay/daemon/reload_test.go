package daemon_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/simulator"
)

// lodging is a daemon beside a simulated Telegram, in this process.
type lodging struct {
	t      testing.TB
	dir    string
	url    string
	sim    *simulator.Server
	daemon *daemon.Daemon
}

// move starts a daemon with a configuration.
func move(t testing.TB, dir string, text string) *lodging {
	t.Helper()
	l := &lodging{t: t, dir: dir, sim: simulator.New(simulator.Options{})}
	l.write(text)
	c, err := config.Load(l.file())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.url = "http://" + listener.Addr().String()
	l.daemon, err = daemon.New(context.Background(), daemon.Options{
		Config: c, Version: "test", Log: slog.New(slog.DiscardHandler), Transport: l.sim.Transport(), Listeners: []net.Listener{listener},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.daemon.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the end: %v", err)
		}
	})
	return l
}

func (l *lodging) file() string { return filepath.Join(l.dir, "relay.toml") }

func (l *lodging) write(text string) {
	l.t.Helper()
	if err := os.WriteFile(l.file(), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// slowly is a body whose end comes later than what goes before it: a request may have begun before a reload and end after it.
type slowly struct{ r io.Reader }

func (s *slowly) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(len(p), 8)])
	time.Sleep(time.Millisecond)
	return n, err
}

// call makes a request with a token and returns what was answered. It may run in any goroutine.
func (l *lodging) call(token, method, path, body string) (int, string) {
	r, err := http.NewRequest(method, l.url+path, &slowly{strings.NewReader(body)})
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(b)
}

// regime is a configuration of which all that comes by it shows all: who may bring it, and its recipient, text and sound.
type regime struct {
	name   string // and its token
	to     int
	silent bool
	prefix string
}

// pair are two that take turns, and which of the files between them have faults.
type pair struct {
	regimes [2]regime
	broken  []bool
}

var pairs = rapid.Custom(func(t *rapid.T) (p pair) {
	for i := range p.regimes {
		p.regimes[i] = regime{
			name: fmt.Sprint("r", i), to: i, silent: rapid.Bool().Draw(t, "silent"), prefix: rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "prefix"),
		}
	}
	p.broken = rapid.SliceOfN(rapid.Bool(), 10, 20).Draw(t, "broken")
	return p
})

func (r regime) text() string {
	return fmt.Sprintf(`[telegram]
token = %q
[delivery]
global_rate = 100000
chat_rate = 100000
concurrency = %d
[auth.tokens.%s]
token = "%[3]s"
scopes = ["admin"]
[templates]
files = ["%[3]s.tmpl"]
[receivers.calls]
type = "json"
to = ["p%[4]d"]
template = "call"
disable_notification = %[5]t
`, simulator.DefaultToken, 4+r.to, r.name, r.to, r.silent)
}

// templates are its file's.
func (r regime) templates() string {
	return fmt.Sprintf(`{{ define "call" }}hook %[1]s %[2]s {{ .n }}{{ end }}{{ define "note" }}note %[1]s %[2]s {{ .n }}{{ end }}`, r.name, r.prefix)
}

// expected is what is to arrive, by its text.
type expected struct {
	mu sync.Mutex
	by map[string]arrival
}

type arrival struct {
	person int
	silent bool
}

func (e *expected) add(text string, a arrival) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.by[text] = a
}

// Pairs of configurations take turns while requests come in, some of them refused for faults. What was accepted arrives once, wholly by the
// configuration whose token let it in.
func TestReloadUnderLoad(t *testing.T) {
	for seed := range 3 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { underLoad(t, pairs.Example(seed)) })
	}
}

func underLoad(t *testing.T, p pair) {
	dir := t.TempDir()
	for _, r := range p.regimes {
		if err := os.WriteFile(filepath.Join(dir, r.name+".tmpl"), []byte(r.templates()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := move(t, dir, p.regimes[0].text())
	for i := range 3 {
		person := l.sim.User(fmt.Sprint("Person ", i))
		person.Unblock() // as one who has started the bot
		if status, answer := l.call("r0", http.MethodPut, fmt.Sprintf("/api/v1/recipients/p%d/chats/%d", i, person.ID), ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
	}
	want := &expected{by: map[string]arrival{}}
	var over atomic.Bool
	var callers sync.WaitGroup
	for w := range 3 {
		callers.Go(func() {
			for n := 0; !over.Load(); n++ {
				l.bring(p.regimes[n/2%2], n%2 == 0, fmt.Sprintf("w%dn%d", w, n), want)
			}
		})
	}
	for i, broken := range p.broken {
		l.write(p.regimes[(i+1)%2].text() + map[bool]string{true: "[nonsense]\n"}[broken])
		restart, err := l.daemon.Reload()
		if (err != nil) != broken || len(restart) > 0 {
			t.Errorf("reload %d: %v, %v", i, restart, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
	over.Store(true)
	callers.Wait()
	l.arrived(want)
}

// bring brings a webhook or a message by a regime's token, which is one only while the regime is in force.
func (l *lodging) bring(r regime, hook bool, n string, want *expected) {
	path, body, text, to := "/hooks/calls", fmt.Sprintf(`{"n":%q}`, n), "hook", arrival{r.to, r.silent}
	if !hook {
		path, body, text, to = "/api/v1/messages", fmt.Sprintf(`{"to":"p2","template":"note","data":{"n":%q}}`, n), "note", arrival{2, false}
	}
	switch status, answer := l.call(r.name, http.MethodPost, path, body); status {
	case http.StatusAccepted:
		want.add(fmt.Sprintf("%s %s %s %s", text, r.name, r.prefix, n), to)
	case http.StatusUnauthorized:
	default:
		l.t.Errorf("%s: %d %s", path, status, answer)
	}
}

// arrived waits for all that was accepted and holds it against what is expected.
func (l *lodging) arrived(want *expected) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	counts, seen := map[int]int{}, 0
	for _, a := range want.by {
		counts[a.person]++
	}
	for i := range 3 {
		chat := l.sim.User(fmt.Sprint("Person ", i)).ID
		all, err := l.sim.Wait(ctx, chat, func(m []simulator.Message) bool { return len(m) >= counts[i] })
		if err != nil {
			l.t.Errorf("%d of %d arrived at p%d", len(all), counts[i], i)
		}
		for _, m := range all {
			seen++
			if a, known := want.by[m.Text]; !known || a != (arrival{i, m.Silent}) {
				l.t.Errorf("%q arrived at p%d, silent %t; expected %t %+v", m.Text, i, m.Silent, known, a)
			}
		}
	}
	if seen != len(want.by) || seen == 0 {
		l.t.Errorf("%d arrived, of %d that were accepted", seen, len(want.by))
	}
}

// Two packages of one floor have a name for the first bot.
func TestNameOfTheFirstBot(t *testing.T) {
	if config.FirstBot != relay.FirstBot {
		t.Errorf("it is %q in relay.toml and %q in messages", config.FirstBot, relay.FirstBot)
	}
}
