package logging_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tgrelay/tgrelay/relay/logging"
)

// output is written to by timers too.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (o *output) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Reset()
}

// plain writes lines without their time.
func plain(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

func TestRequestID(t *testing.T) {
	var out output
	log := slog.New(logging.Requests(plain(&out)))
	ctx := logging.WithRequest(t.Context(), "r-1")
	log.InfoContext(ctx, "one", "a", 1)
	log.With("b", 2).InfoContext(ctx, "two")
	log.InfoContext(t.Context(), "three")
	want := "level=INFO msg=one a=1 request_id=r-1\nlevel=INFO msg=two b=2 request_id=r-1\nlevel=INFO msg=three\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestRepeatedLinesAreSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		registry := prometheus.NewRegistry()
		limiter := logging.Limit(plain(&out), registry)
		log := slog.New(logging.Requests(limiter))
		for i := range 140 {
			log.Warn("it failed", "receiver", "ops", "n", i)
		}
		log.With("more", "yes").Warn("it failed", "receiver", "other", "error", errors.New("x"))
		if n := strings.Count(out.String(), "\n"); n != 21 {
			t.Errorf("%d lines before the end of the minute:\n%s", n, out.String())
		}
		out.Reset()
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := "level=WARN msg=\"it failed\" receiver=ops n=139 repeated=120 within=1m0s\n"; out.String() != want {
			t.Errorf("got  %s\nwant %s", out.String(), want)
		}
		out.Reset()
		log.Warn("it failed", "receiver", "ops")
		if want := "level=WARN msg=\"it failed\" receiver=ops\n"; out.String() != want {
			t.Errorf("in the next minute: %s", out.String())
		}
		err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP tgrelay_log_lines_suppressed_total Lines of the log that repeated others and were summed up.
# TYPE tgrelay_log_lines_suppressed_total counter
tgrelay_log_lines_suppressed_total 120
# HELP tgrelay_log_lines_total Lines of the log that were written, by level.
# TYPE tgrelay_log_lines_total counter
tgrelay_log_lines_total{level="error"} 0
tgrelay_log_lines_total{level="info"} 0
tgrelay_log_lines_total{level="warn"} 23
`))
		if err != nil {
			t.Error(err)
		}
	})
}

// What is debugged is written in full, and what is only told may be told more often than faults.
func TestLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for level, want := range map[slog.Level]int{slog.LevelDebug: 1000, slog.LevelInfo: 600, slog.LevelError: 20} {
			var out output
			limiter := logging.Limit(plain(&out), nil)
			for range 1000 {
				slog.New(limiter).Log(t.Context(), level, "x")
			}
			if n := strings.Count(out.String(), "\n"); n != want {
				t.Errorf("%v: %d lines, want %d", level, n, want)
			}
			out.Reset()
			limiter.Close()
			limiter.Close()
			sum := ""
			if want < 1000 {
				sum = fmt.Sprintf("repeated=%d", 1000-want)
			}
			if !strings.Contains(out.String(), sum) || strings.Count(out.String(), "\n") != min(1, len(sum)) {
				t.Errorf("%v: at the end: %q", level, out.String())
			}
		}
	})
}

// Slow repetitions are no flood.
func TestSlowRepetitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		log := slog.New(logging.Limit(plain(&out), nil))
		for range 100 {
			log.Error("x")
			time.Sleep(4 * time.Second)
		}
		if n := strings.Count(out.String(), "\n"); n != 100 || strings.Contains(out.String(), "repeated") {
			t.Errorf("%d lines", n)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	var out output
	limiter := logging.Limit(plain(&out), nil)
	log := slog.New(limiter)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 500 {
				log.Error("x", "receiver", fmt.Sprint(i%2))
			}
		})
	}
	wg.Wait()
	limiter.Close()
	if n := strings.Count(out.String(), "\n"); n != 42 || strings.Count(out.String(), "repeated=1980") != 2 {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
}

func BenchmarkHeldBack(b *testing.B) {
	log := slog.New(logging.Limit(slog.NewTextHandler(io.Discard, nil), nil))
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(b.Context(), slog.LevelInfo, "message accepted", slog.String("receiver", "alertmanager"), slog.Int("deliveries", 1))
	}
}
