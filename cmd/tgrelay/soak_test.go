package main_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var soak = flag.Duration("soak", 0, "how long TestSoak loads a daemon; 0: it is skipped (see make soak)")

// The parts of the time: calm, then storms with restarts and jumps of the clock, then the long run of one process, of which the memory
// is looked at, then the rest without load.
const (
	calmUntil  = 0.05
	stormUntil = 0.35
	runUntil   = 0.95
	soakStops  = 20 // restarts in the storms, every other one by kill -9
)

// TestSoak loads the program as it is released, with everything that it takes, through all that may go wrong around it: afterwards all that
// was accepted has arrived in its order, nothing waits, and memory, goroutines and open files are where they were. docs/reliability.md has
// the figures.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("make soak")
	}
	w, machine := &world{t: t, dir: t.TempDir()}, newMachine(t)
	w.command = machine.command
	app := newAudience(t)
	w.extra = soakConfig(app, 1)
	sim := start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken)
	w.sim = sim.await(t, `serves (http://\S+)`)
	w.begin()
	s := &soaking{t: t, w: w, machine: machine, load: newCallers(t, w, app), began: time.Now()}
	s.gauge = newGauge(s)
	s.load.start()
	s.until(calmUntil, time.Second, func() {})
	s.storms()
	s.longRun()
	s.rest()
	s.judge()
}

// soakConfig is what relay.toml says; revision makes another one.
func soakConfig(app *audience, revision int) string {
	return fmt.Sprintf(`[delivery]
global_rate = %d
chat_rate = 50
group_rate = 3000
fallback = "admin"
alert_after = "1m"
[storage]
retention = "1m"
[templates]
files = ["*.tmpl"]
[auth.tokens.load]
token = %q
scopes = ["admin"]
[auth.tokens.spare-%d]
token = "spare-token-%[3]d-of-the-soak"
scopes = ["read"]
[receivers.zoo]
type = "json"
on_update = "new"
[receivers.telepush]
[heartbeats.backup]
interval = "1h"
%s`, 500+revision%5*100, loadToken, revision, app.config())
}

type soaking struct {
	t       *testing.T
	w       *world
	machine *machine
	load    *callers
	gauge   *gauge
	began   time.Time

	cleared           time.Time
	revision          int
	stops, kills      int
	reloads, refused  int
	faults, ambiguous int
	jumps             int
	upgrades          int
	idleAfter         sample
}

// until does something at intervals until so much of the time is over.
func (s *soaking) until(part float64, every time.Duration, do func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := s.began.Add(time.Duration(part * float64(*soak))); time.Now().Before(end); <-tick.C {
		do()
	}
}

// storms are faults, reloads, restarts and jumps of the clock, all together.
func (s *soaking) storms() {
	every := time.Duration((stormUntil - calmUntil) * float64(*soak) / (soakStops + 1))
	stop := time.Now().Add(every)
	s.upgrade()
	s.until(stormUntil, time.Second, func() {
		s.trouble()
		if time.Now().Before(stop) {
			return
		}
		stop = stop.Add(every)
		said := s.noticed()
		s.jump()
		for deadline := time.Now().Add(5 * time.Second); s.noticed() == said && time.Now().Before(deadline); {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second) // for the storage to follow: set ahead while nothing runs, a clock cannot be told from a long pause
		s.restart()
	})
	s.machine.setClock(s.t, 0)
}

// longRun is one process until the load ends, with faults, reloads and jumps of the clock.
func (s *soaking) longRun() {
	s.restart()
	s.gauge.begin()
	s.upgrade()
	jump := time.Now().Add(*soak / 10)
	s.until(runUntil, time.Second, func() {
		s.trouble()
		s.gauge.look()
		if time.Now().After(jump) {
			jump = jump.Add(*soak / 10)
			s.jump()
		}
	})
	s.machine.setClock(s.t, 0)
}

// rest ends the load and waits until nothing waits.
func (s *soaking) rest() {
	s.settle()
	s.until(1, time.Second, func() {})
	s.idleAfter = s.gauge.take()
}

// settle ends the load and all trouble, and waits until everything has arrived, or no more comes.
func (s *soaking) settle() {
	s.w.do("DELETE", s.w.sim+"/sim/faults", "", nil)
	s.load.stop()
	s.w.eventually(func() bool { return s.gauge.take().waiting == 0 })
	for deadline := time.Now().Add(2 * patience); !s.load.books.complete(s) && time.Now().Before(deadline); { // the poller backs off for up to 10 s
		time.Sleep(time.Second)
	}
}

// restart ends the relay, every other time without a word, and starts it again.
func (s *soaking) restart() {
	if s.stops++; s.stops%2 == 0 {
		s.kills++
		s.w.process.kill()
	} else if status := s.w.process.stop(s.t); status != 0 {
		s.t.Errorf("asked to end, it ended with %d\n%s", status, s.w.process.tail())
	}
	s.w.extra = soakConfig(s.load.app, s.revision)
	s.w.serve()
}

// jump sets the clock ahead or back by up to six hours, which is less than max_age.
func (s *soaking) jump() {
	s.jumps++
	s.machine.setClock(s.t, time.Duration(rand.Int64N(int64(12*time.Hour)))-6*time.Hour)
}

// noticed is how often the relay that runs has noticed that its clock was set.
func (s *soaking) noticed() int { return strings.Count(s.w.process.text(), "the clock was set") }

// faultsLast is how long faults that no call has met stay: where calls wait longer and longer, they would pile up without an end.
const faultsLast = 20 * time.Second

// trouble makes some, more or less once in three seconds.
func (s *soaking) trouble() {
	if time.Since(s.cleared) > faultsLast {
		s.cleared = time.Now()
		s.w.do("DELETE", s.w.sim+"/sim/faults", "", nil)
	}
	switch rand.IntN(12) {
	case 0, 1:
		s.fault()
	case 2:
		s.reload()
	case 3:
		s.badReload()
	}
}

// ambiguous are kinds of fault after which nobody knows whether the message has arrived: it is sent again.
var ambiguous = []string{"reset_after", "truncated"}

func (s *soaking) fault() {
	kinds := []string{"too_many_requests", "status", "gateway", "empty", "reset_before", "slow", "reset_after", "truncated"}
	methods := []string{"", "sendMessage", "editMessageText", "getUpdates"}
	kind, times := kinds[rand.IntN(len(kinds))], 1+rand.IntN(5)
	s.faults += times
	if slices.Contains(ambiguous, kind) {
		s.ambiguous += times
	}
	s.w.do("POST", s.w.sim+"/sim/faults", fmt.Sprintf(`{"kind":%q,"method":%q,"times":%d,"retry_after":%d,"delay":%d}`,
		kind, methods[rand.IntN(len(methods))], times, 1+rand.IntN(3), map[bool]time.Duration{true: 2 * time.Second}[kind == "slow"]), nil)
}

// reload puts another configuration in force.
func (s *soaking) reload() {
	s.reloads++
	s.revision++
	s.w.write("zoo.tmpl", fmt.Sprintf(`{{ define "zoo.extra" }}revision %d{{ end }}`, s.revision))
	s.hangup(soakConfig(s.load.app, s.revision), "the configuration was read again")
}

// badReload writes a configuration that nobody can use, and takes it back.
func (s *soaking) badReload() {
	s.refused++
	bad := []string{"[nonsense]\n", "[receivers.zoo\n", "[receivers.broken]\ntype = \"json\"\ntemplate = \"no.such\"\n", "[log]\nlevel = 7\n"}
	good := soakConfig(s.load.app, s.revision)
	s.hangup(good+bad[rand.IntN(len(bad))], "the configuration was not reloaded")
	s.configure(good)
}

func (s *soaking) configure(extra string) {
	listen := strings.TrimPrefix(s.w.relay, "http://")
	s.w.write("relay.toml", fmt.Sprintf("[telegram]\ntoken_file = \"bot-token\"\napi_url = %q\n%s\n[server]\nlisten = [%q]\n", s.w.sim, extra, listen))
}

func (s *soaking) hangup(extra, says string) {
	s.t.Helper()
	s.configure(extra)
	said := strings.Count(s.w.process.text(), says)
	if err := s.w.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
	s.w.eventually(func() bool { return strings.Count(s.w.process.text(), says) > said })
}

// upgrade makes supergroups of some of the groups.
func (s *soaking) upgrade() {
	if id := s.load.nextGroup(); id != 0 {
		s.upgrades++
		s.w.do("POST", fmt.Sprintf("%s/sim/groups/%d/upgrade", s.w.sim, id), "", nil)
	}
}

// tail is the end of what a process said.
func (p *process) tail() string {
	text := p.text()
	return text[max(len(text)-10_000, 0):]
}

// calm lines are what a relay may say at warn and error in such a time.
var soakWarnings = []*regexp.Regexp{
	regexp.MustCompile(`level=ERROR msg="the configuration was not reloaded`),
	regexp.MustCompile(`level=WARN msg="Telegram limits the whole bot`),
	regexp.MustCompile(`level=WARN msg="the clock was set`),
	regexp.MustCompile(`level=WARN msg="the application's new text for a message is not taken" .*no delivery is known`), // the clock jumped past the retention
	regexp.MustCompile(`level=WARN msg="a delivery ended without arriving" .*recipient=fickle .*reason=blocked`),
	regexp.MustCompile(`level=ERROR msg="Telegram does not work`),
	regexp.MustCompile(`level=WARN msg="the application cannot be told of an event; it is tried again" .*status=500`),
	regexp.MustCompile(`level=WARN msg="that an event was told cannot be noted; it is told again" .*deadline exceeded`), // asked to end while the disk is slow
	regexp.MustCompile(`level=WARN msg="cannot (get updates|remove the webhook|set the bot's menu)`),
}

func (s *soaking) judge() {
	lost, late := s.load.books.judge(s)
	strange := 0
	for _, p := range s.w.logs {
		for line := range strings.Lines(p.text()) {
			bad := strings.Contains(line, "panic") || strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR")
			if bad && !slices.ContainsFunc(soakWarnings, func(r *regexp.Regexp) bool { return r.MatchString(line) }) {
				if strange++; strange <= 20 {
					s.t.Errorf("the log says: %s", line)
				}
			}
		}
	}
	s.gauge.judge()
	s.t.Logf("\n%s", s.figures(lost, late, strange))
}

// figures is the table that docs/reliability.md shows.
func (s *soaking) figures(lost, again, strange int) string {
	var b strings.Builder
	row := func(what string, format string, a ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, a...))
	}
	b.WriteString("| figure | |\n|---|---|\n")
	row("length", "%s, of it one process for %s", time.Since(s.began).Round(time.Second), s.gauge.length().Round(time.Second))
	for _, kind := range s.load.books.kinds() {
		row(kind, "%d", s.load.books.count[kind])
	}
	row("answered 503, or not at all, and asked again", "%d", s.load.again.Load())
	row("restarts: SIGTERM, kill -9", "%d, %d", s.stops-s.kills, s.kills)
	row("reloads: taken, refused", "%d, %d", s.reloads, s.refused)
	row("jumps of the clock, of up to 6 h ahead and back", "%d", s.jumps)
	row("calls of the Bot API that went wrong, of them with unknown outcome", "%d, %d", s.faults, s.ambiguous)
	row("groups that became supergroups", "%d", s.upgrades)
	row("lost", "%d", lost)
	row("came twice", "%d", again)
	row("unexpected lines of the log", "%d", strange)
	for _, line := range s.gauge.rows() {
		row(line[0], "%s", line[1])
	}
	if name := os.Getenv("SOAK_FIGURES"); name != "" { // all of it is in the output, too, but for the log
		_ = os.WriteFile(name, []byte(b.String()), 0o644)
		for i, p := range s.w.logs {
			_ = os.WriteFile(fmt.Sprintf("%s.%d.log", name, i), []byte(p.text()), 0o644)
		}
	}
	return b.String()
}
