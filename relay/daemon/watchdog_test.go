package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// asked is a room that answers as it is told.
type asked struct {
	answer atomic.Pointer[func(context.Context) error]
}

func (a *asked) Alive(ctx context.Context) error { return (*a.answer.Load())(ctx) }

func well(context.Context) error { return nil }

func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		said := func() string { defer log.Reset(); return log.String() }
		free := make(chan struct{})
		stuck := func(context.Context) error { <-free; return nil } // it does not even look at its ctx
		storage, intake := &asked{}, &asked{}
		set := func(room *asked, answer func(context.Context) error) { room.answer.Store(&answer) }
		set(storage, well)
		set(intake, well)
		dog := newWatchdog(map[string]room{"storage": storage, "intake": intake}, 10*time.Second, slog.New(slog.NewTextHandler(&log, nil)))
		ask := func(want bool, within time.Duration) {
			t.Helper()
			began := time.Now()
			if got := dog.ask(t.Context()); got != want {
				t.Errorf("alive: %t", got)
			}
			if took := time.Since(began); took != within {
				t.Errorf("asked for %s, want %s", took, within)
			}
		}
		ask(true, 0)
		set(intake, func(context.Context) error { time.Sleep(9 * time.Second); return nil })
		ask(true, 9*time.Second)
		if s := said(); s != "" {
			t.Error(s)
		}

		set(intake, well)
		set(storage, stuck)
		ask(false, 10*time.Second)
		if s := said(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "room=storage") || !strings.Contains(s, `error="no answer within 10s"`) {
			t.Error(s)
		}
		ask(false, 10*time.Second) // the same question stands before it still
		if s := said(); s != "" {
			t.Errorf("said again: %s", s)
		}
		close(free)
		set(storage, well)
		synctest.Wait()
		ask(true, 0)
		if s := said(); !strings.Contains(s, "answers again") || !strings.Contains(s, "room=storage") {
			t.Error(s)
		}

		set(intake, func(context.Context) error { return errors.New("chat 7 does not end") })
		ask(false, 0)
		if s := said(); !strings.Contains(s, "chat 7 does not end") {
			t.Error(s)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if !dog.ask(ctx) {
			t.Error("a room that is closed at the end counts as stuck")
		}
	})
}

// What hangs is told to whoever asks for health, with systemd and without, until it works again.
func TestHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Setenv("NOTIFY_SOCKET", "")
		free := make(chan struct{})
		var hangs atomic.Bool
		engine := &asked{}
		answer := func(context.Context) error {
			if hangs.Load() {
				<-free
			}
			return nil
		}
		engine.answer.Store(&answer)
		d := &Daemon{log: slog.New(slog.DiscardHandler)}
		dog := newWatchdog(map[string]room{"delivery": engine}, superviseEvery, d.log)
		d.look(t.Context(), dog)
		if err := d.Healthy(); err != nil {
			t.Error(err)
		}
		hangs.Store(true)
		d.look(t.Context(), dog)
		if err := d.Healthy(); err == nil || !strings.Contains(err.Error(), "delivery") {
			t.Errorf("%v", err)
		}
		hangs.Store(false)
		close(free)
		synctest.Wait()
		d.look(t.Context(), dog)
		if err := d.Healthy(); err != nil {
			t.Error(err)
		}
	})
}
