package heartbeat_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/heartbeat"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/render"
)

// shelf takes messages and settings, as the storage does; a test from the outside has the real one.
type shelf struct {
	relay.Outbox
	relay.Directory
	relay.Updates
	mu       sync.Mutex
	messages []string
	requests map[string]bool
	settings map[string]string
	writes   int
	ill      bool // it takes no writes
	deaf     bool // it takes no settings
}

var errIll = &relay.Error{Code: relay.CodeStorageUnavailable}

func newShelf() *shelf { return &shelf{requests: map[string]bool{}, settings: map[string]string{}} }

func (s *shelf) Accept(_ context.Context, messages ...*relay.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ill {
		return errIll
	}
	for _, m := range messages {
		if m.Request != nil {
			if s.requests[m.Request.Key] {
				continue
			}
			s.requests[m.Request.Key] = true
		}
		for _, d := range m.Deliveries {
			how := fmt.Sprint(m.Priority)
			if m.Content.DisableNotification {
				how += ", silent"
			}
			first, _, _ := strings.Cut(m.Content.Text.Text, "\n")
			s.messages = append(s.messages, fmt.Sprintf("%s (%s): %s", d.Recipient, how, first))
		}
	}
	return nil
}

func (s *shelf) Recipient(_ context.Context, id string) (*relay.Recipient, error) {
	return &relay.Recipient{ID: id}, nil
}

func (s *shelf) Setting(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings[name], nil
}

func (s *shelf) SetSetting(_ context.Context, name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ill || s.deaf {
		return errIll
	}
	s.settings[name] = value
	s.writes++
	return nil
}

func (s *shelf) ChangeSetting(ctx context.Context, name string, change func(string) (string, error)) error {
	was, err := s.Setting(ctx, name)
	if err != nil {
		return err
	}
	becomes, err := change(was)
	if err != nil || becomes == was {
		return err
	}
	return s.SetSetting(ctx, name, becomes)
}

func (s *shelf) set(change func(*shelf)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *shelf) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := s.messages
	s.messages = nil
	return messages
}

// world is a daemon that comes and goes over what it keeps.
type world struct {
	*testing.T
	*shelf
	own      string // templates of the operator's
	watch    *heartbeat.Watch
	registry *prometheus.Registry
	stop     func()
}

var watchdog = heartbeat.Heartbeat{
	Name: "watchdog", Receiver: "alertmanager", Matchers: []string{"alertname=Watchdog"}, Interval: 5 * time.Minute, Repeat: 4 * time.Hour, To: []string{"ops"},
}

// inWorld runs a test at 00:00 UTC on 1 January 2000, by a clock of its own.
func inWorld(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, shelf: newShelf()}
		w.start(watchdog)
		test(w)
		w.stop()
	})
}

func (w *world) start(all ...heartbeat.Heartbeat) {
	w.Helper()
	w.registry = prometheus.NewRegistry()
	w.watch, w.stop = w.run(w.shelf, heartbeat.Options{Heartbeats: all, Updates: w.shelf, Registerer: w.registry})
}

// run starts a watch that stores messages in an outbox.
func (w *world) run(outbox relay.Outbox, o heartbeat.Options) (watch *heartbeat.Watch, stop func()) {
	w.Helper()
	builtin, err := render.New(render.Options{})
	if err != nil {
		w.Fatal(err)
	}
	set, err := render.New(render.Options{Files: []render.File{{Name: "own.tmpl", Text: w.own}}})
	if err != nil {
		w.Fatal(err)
	}
	o.Log = slog.New(slog.DiscardHandler)
	o.Door = intake.New(intake.Options{Outbox: outbox, Directory: w.shelf, Log: o.Log, Registerer: prometheus.NewRegistry()},
		&intake.Rules{Templates: set, Builtin: builtin, MaxAge: 24 * time.Hour, Fallback: "admin", Reject: true})
	watch, err = heartbeat.New(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error)
	go func() { done <- watch.Run(ctx) }()
	return watch, func() {
		cancel()
		if err := <-done; err != nil {
			w.Error(err)
		}
	}
}

// kill ends the daemon as kill -9 does: what it has not stored by now is lost.
func (w *world) kill() {
	synctest.Wait()
	w.set(func(s *shelf) { s.deaf = true })
	w.stop()
	w.set(func(s *shelf) { s.deaf = false })
}

func (w *world) seen() {
	w.Helper()
	if err := w.watch.Seen(w.Context(), "watchdog"); err != nil {
		w.Error(err)
	}
}

// told checks what was told since it was asked last.
func (w *world) told(want ...string) {
	w.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, w.take()); diff != "" {
		w.Errorf("after %s, told (-want +got):\n%s", time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), diff)
	}
}

func TestSilenceIsToldRepeatedAndEnded(t *testing.T) {
	inWorld(t, func(w *world) {
		for range 12 {
			time.Sleep(time.Minute)
			w.seen()
		}
		time.Sleep(5*time.Minute - time.Millisecond)
		w.told()
		time.Sleep(time.Millisecond)
		w.told("ops (high): 💔 watchdog is silent: last sign of life 00:12 UTC (5m ago), expected every 5m")
		time.Sleep(8 * time.Hour)
		w.told("ops (high): 💔 watchdog is still silent: last sign of life 00:12 UTC (4h5m ago), expected every 5m",
			"ops (high): 💔 watchdog is still silent: last sign of life 00:12 UTC (8h5m ago), expected every 5m")
		time.Sleep(time.Minute)
		w.seen()
		w.told("ops (high, silent): 💚 watchdog is back after 8h6m of silence")
		w.seen()
		w.told()
		time.Sleep(24 * time.Hour)
		if got := w.take(); len(got) != 6 || got[5] != "ops (high): 💔 watchdog is still silent: last sign of life 1 Jan 08:18 UTC (20h5m ago), expected every 5m" {
			t.Errorf("another silence: %q", got)
		}
	})
}

func TestNeverSeenCountsFromTheStart(t *testing.T) {
	inWorld(t, func(w *world) {
		time.Sleep(5 * time.Minute)
		w.told("ops (high): 💔 watchdog is silent: no sign of life since 00:00 UTC (5m ago), expected every 5m")
		time.Sleep(time.Minute)
		w.kill()
		w.start(watchdog)
		time.Sleep(4*time.Hour - time.Minute)
		w.told("ops (high): 💔 watchdog is still silent: no sign of life since 00:00 UTC (4h5m ago), expected every 5m")
		w.seen()
		w.told("ops (high, silent): 💚 watchdog is back after 4h5m of silence")
	})
}

// Whatever the daemon is doing when it is killed: nothing is told twice, nothing forgotten, and no silence told that was its own.
func TestRestarts(t *testing.T) {
	const (
		missing = "ops (high): 💔 watchdog is silent: last sign of life 00:01 UTC (5m ago), expected every 5m"
		back    = "ops (high, silent): 💚 watchdog is back after "
	)
	begin := func(w *world) {
		time.Sleep(time.Minute)
		w.seen()
	}
	for name, test := range map[string]func(w *world){
		"short, all is well": func(w *world) {
			w.kill()
			time.Sleep(4 * time.Minute)
			w.start(watchdog)
			time.Sleep(4 * time.Minute)
			w.seen()
			time.Sleep(4 * time.Minute)
			w.told()
		},
		"long, all is well": func(w *world) {
			w.kill()
			time.Sleep(48 * time.Hour)
			w.start(watchdog)
			time.Sleep(5*time.Minute - time.Millisecond)
			w.told()
			w.seen()
			w.told()
		},
		"long, and silent since": func(w *world) {
			w.kill()
			time.Sleep(2*time.Hour - time.Minute)
			w.start(watchdog)
			time.Sleep(5 * time.Minute)
			w.told("ops (high): 💔 watchdog is silent: last sign of life 00:01 UTC (2h4m ago), expected every 5m")
		},
		"while silent": func(w *world) {
			time.Sleep(5 * time.Minute)
			w.told(missing)
			w.kill()
			time.Sleep(10 * time.Minute)
			w.start(watchdog)
			time.Sleep(time.Hour)
			w.told()
			w.seen()
			w.told(back + "1h15m of silence")
		},
		"while silent, longer than repeat": func(w *world) {
			time.Sleep(5 * time.Minute)
			w.told(missing)
			w.kill()
			time.Sleep(10 * time.Hour)
			w.start(watchdog)
			w.told()
			time.Sleep(5 * time.Minute)
			w.told("ops (high): 💔 watchdog is still silent: last sign of life 00:01 UTC (10h10m ago), expected every 5m")
		},
		"told, but not noted": func(w *world) {
			time.Sleep(4 * time.Minute)
			w.set(func(s *shelf) { s.deaf = true })
			time.Sleep(time.Minute)
			w.told(missing)
			w.kill()
			w.start(watchdog)
			time.Sleep(time.Hour)
			w.told()
			w.seen()
			w.told(back + "1h5m of silence")
		},
		"back, but not told": func(w *world) {
			time.Sleep(5 * time.Minute)
			w.told(missing)
			w.stop() // and so nobody tells
			w.seen()
			w.told()
			w.start(watchdog)
			w.told(back + "5m of silence")
		},
		"the clock was put back": func(w *world) {
			w.kill()
			w.set(func(s *shelf) { s.settings["heartbeat.watchdog"] = `{"seen":"2001-01-01T00:00:00Z"}` })
			w.start(watchdog)
			time.Sleep(5 * time.Minute)
			w.told("ops (high): 💔 watchdog is silent: last sign of life 1 Jan 00:00 UTC (0s ago), expected every 5m")
			w.kill()
			w.set(func(s *shelf) {
				s.settings["heartbeat.watchdog"] = `{"seen":"2000-01-01T00:00:00Z","since":"2000-01-01T00:00:00Z","told":"2001-01-01T00:00:00Z"}`
			})
			w.start(watchdog)
			time.Sleep(4 * time.Hour)
			w.told("ops (high): 💔 watchdog is still silent: last sign of life 00:00 UTC (4h6m ago), expected every 5m")
		},
		"nonsense was kept": func(w *world) {
			w.kill()
			w.set(func(s *shelf) { s.settings["heartbeat.watchdog"] = `{"seen":` })
			w.start(watchdog)
			time.Sleep(4 * time.Minute)
			w.told()
			w.seen()
			w.told()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				begin(w)
				test(w)
			})
		})
	}
}

func TestStorageThatTakesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.seen()
		w.set(func(s *shelf) { s.ill = true })
		time.Sleep(4 * time.Minute)
		if err := w.watch.Seen(w.Context(), "watchdog"); !errors.Is(err, errIll) {
			t.Errorf("not stored, and told: %v", err)
		}
		time.Sleep(4 * time.Minute) // it counted all the same
		w.told()
		time.Sleep(2 * time.Minute)
		w.told()
		w.set(func(s *shelf) { s.ill = false })
		time.Sleep(5 * time.Second)
		w.told("ops (high): 💔 watchdog is silent: last sign of life 00:04 UTC (6m5s ago), expected every 5m")
		w.set(func(s *shelf) { s.ill = true })
		if err := w.watch.Seen(w.Context(), "watchdog"); !errors.Is(err, errIll) {
			t.Errorf("not stored, and told: %v", err)
		}
		w.set(func(s *shelf) { s.ill = false })
		time.Sleep(5 * time.Second)
		w.told("ops (high, silent): 💚 watchdog is back after 6m5s of silence")
	})
}

// Signs of life that come thick and fast are not written each; a few are, and the last at the end.
func TestWritesAreFew(t *testing.T) {
	inWorld(t, func(w *world) {
		for range 6000 {
			time.Sleep(100 * time.Millisecond)
			w.seen()
		}
		if w.writes < 10 || w.writes > 21 {
			t.Errorf("%d writes in two intervals", w.writes)
		}
		w.stop()
		if !strings.Contains(w.settings["heartbeat.watchdog"], "00:10:00Z") {
			t.Errorf("kept at the end: %s", w.settings["heartbeat.watchdog"])
		}
		w.start(watchdog)
	})
}

func TestReload(t *testing.T) {
	inWorld(t, func(w *world) {
		time.Sleep(5 * time.Minute)
		w.told("ops (high): 💔 watchdog is silent: no sign of life since 00:00 UTC (5m ago), expected every 5m")
		backup := heartbeat.Heartbeat{Name: "backup", Interval: 25 * time.Hour}
		if err := w.watch.SetHeartbeats(w.Context(), []heartbeat.Heartbeat{watchdog, backup}); err != nil {
			t.Fatal(err)
		}
		w.seen()
		w.told("ops (high, silent): 💚 watchdog is back after 5m of silence")
		if err := w.watch.SetHeartbeats(w.Context(), []heartbeat.Heartbeat{backup}); err != nil {
			t.Fatal(err)
		}
		if err := w.watch.Seen(w.Context(), "watchdog"); relay.ErrorCode(err) != relay.CodeNotFound || !strings.Contains(err.Error(), "[heartbeats.NAME]") {
			t.Errorf("one that is gone: %v", err)
		}
		time.Sleep(25 * time.Hour)
		w.told("admin (high): 💔 backup is silent: no sign of life since 1 Jan 00:05 UTC (1d1h ago), expected every 1d1h")
		backup.Interval = time.Hour // what was no silence by the old rule is none by the new one
		if err := w.watch.Seen(w.Context(), "backup"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		w.take()
		if err := w.watch.SetHeartbeats(w.Context(), []heartbeat.Heartbeat{backup}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Millisecond)
		w.told()
	})
}

// The operator's words stand in for ours; where they fail, ours serve, and the operator hears of it.
func TestOwnWords(t *testing.T) {
	inWorld(t, func(w *world) {
		w.stop()
		w.own = `{{ define "heartbeat.missing" }}{{ .Name }} is *gone*{{ end }}{{ define "heartbeat.back" }}{{ index .Matchers 7 }}{{ end }}`
		w.start(watchdog)
		time.Sleep(5 * time.Minute)
		w.told("ops (high): watchdog is gone")
		w.seen()
		w.told("admin (normal): ⚠️ The template heartbeat.back failed; its messages arrive in another form.",
			"ops (high, silent): 💚 watchdog is back after 5m of silence")
	})
}

func TestMetric(t *testing.T) {
	inWorld(t, func(w *world) {
		check := func(value string) {
			t.Helper()
			want := "# HELP tgrelay_heartbeat_last_seen_timestamp_seconds When the last sign of life of a heartbeat came; 0 if none ever did.\n" +
				"# TYPE tgrelay_heartbeat_last_seen_timestamp_seconds gauge\ntgrelay_heartbeat_last_seen_timestamp_seconds{heartbeat=\"watchdog\"} " + value + "\n"
			if err := testutil.GatherAndCompare(w.registry, strings.NewReader(want), "tgrelay_heartbeat_last_seen_timestamp_seconds"); err != nil {
				t.Error(err)
			}
		}
		check("0")
		time.Sleep(1500 * time.Millisecond)
		w.seen()
		check("9.466848015e+08")
		w.kill()
		w.start(watchdog)
		check("9.466848015e+08")
	})
}

// Many at once, while the heartbeats change.
func TestAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 50 {
					time.Sleep(time.Duration(i) * time.Second)
					w.seen()
				}
			})
			all.Go(func() {
				for range 20 {
					time.Sleep(7 * time.Second)
					other := watchdog
					other.To = slices.Repeat([]string{"ops"}, i+1)
					if err := w.watch.SetHeartbeats(w.Context(), []heartbeat.Heartbeat{other}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		w.told()
	})
}
