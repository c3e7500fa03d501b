package logging

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// How many lines of a kind are written in a window. Beyond that they are counted, and summed up in one line at its end. Lines for debugging
// are never held back.
const (
	window     = time.Minute
	mostNews   = 600 // of level info
	mostFaults = 20  // of levels warn and error
)

// apart are attributes of which each value is a kind of its own. They come from the configuration: there are few.
var apart = map[string]bool{"receiver": true, "kind": true, "heartbeat": true, "alertmanager": true, "setting": true}

// kind is which lines repeat each other: what they say, and of what.
type kind struct {
	level   slog.Level
	message string
	of      string
}

// tally is what a window has seen of a kind.
type tally struct {
	since   time.Time
	written int
	held    int
	last    slog.Record  // of those that were held back
	handler slog.Handler // of the last
	closing *time.Timer  // nil while nothing is held back
}

// Limiter is a slog.Handler that sums up lines that repeat themselves: the last of them, with repeated (how many were held back). Close it at the end.
type Limiter struct {
	next slog.Handler
	*shared
}

// shared is what a Limiter has in common with those that WithAttrs and WithGroup make of it.
type shared struct {
	mu         sync.Mutex
	kinds      map[kind]*tally
	lines      *prometheus.CounterVec
	suppressed prometheus.Counter
}

// Limit returns a Limiter around a handler, which counts lines with r.
func Limit(next slog.Handler, r prometheus.Registerer) *Limiter {
	f := promauto.With(r)
	l := &Limiter{next: next, shared: &shared{
		kinds: map[kind]*tally{},
		lines: f.NewCounterVec(prometheus.CounterOpts{
			Name: "tgrelay_log_lines_total", Help: "Lines of the log that were written, by level.",
		}, []string{"level"}),
		suppressed: f.NewCounter(prometheus.CounterOpts{
			Name: "tgrelay_log_lines_suppressed_total", Help: "Lines of the log that repeated others and were summed up.",
		}),
	}}
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		l.lines.WithLabelValues(nameOf(level))
	}
	return l
}

// Enabled implements slog.Handler.
func (l *Limiter) Enabled(ctx context.Context, level slog.Level) bool {
	return l.next.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (l *Limiter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Limiter{l.next.WithAttrs(attrs), l.shared}
}

// WithGroup implements slog.Handler.
func (l *Limiter) WithGroup(name string) slog.Handler {
	return &Limiter{l.next.WithGroup(name), l.shared}
}

// Handle implements slog.Handler.
func (l *Limiter) Handle(ctx context.Context, r slog.Record) error {
	if most := mostOf(r.Level); most > 0 && !l.admit(kindOf(r), r, most) {
		return nil
	}
	return l.write(ctx, r)
}

func (l *Limiter) write(ctx context.Context, r slog.Record) error {
	l.lines.WithLabelValues(nameOf(r.Level)).Inc()
	return l.next.Handle(ctx, r)
}

func mostOf(level slog.Level) int {
	switch {
	case level >= slog.LevelWarn:
		return mostFaults
	case level >= slog.LevelInfo:
		return mostNews
	}
	return 0
}

func kindOf(r slog.Record) kind {
	k := kind{level: r.Level, message: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		if apart[a.Key] {
			k.of = a.Value.String()
		}
		return k.of == ""
	})
	return k
}

// admit counts a line and reports whether it is to be written.
func (l *Limiter) admit(k kind, r slog.Record, most int) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.kinds[k]
	if t == nil {
		t = &tally{}
		l.kinds[k] = t
	}
	if t.closing == nil && now.Sub(t.since) >= window {
		*t = tally{since: now}
	}
	if t.written < most {
		t.written++
		return true
	}
	t.held, t.last, t.handler = t.held+1, r.Clone(), l.next
	l.suppressed.Inc()
	if t.closing == nil {
		t.closing = time.AfterFunc(window-now.Sub(t.since), func() { l.sumUp(k) })
	}
	return false
}

// sumUp ends the window of a kind of which lines were held back.
func (l *Limiter) sumUp(k kind) {
	l.mu.Lock()
	t := l.kinds[k]
	if t == nil || t.closing == nil {
		l.mu.Unlock()
		return // Close was faster
	}
	delete(l.kinds, k)
	l.mu.Unlock()
	sum := t.last
	sum.Time = time.Now()
	sum.AddAttrs(slog.Int("repeated", t.held), slog.Duration("within", window))
	_ = (&Limiter{t.handler, l.shared}).write(context.Background(), sum)
}

// Close sums up what is held back. Lines may follow.
func (l *Limiter) Close() {
	l.mu.Lock()
	var held []kind
	for k, t := range l.kinds {
		if t.closing != nil && t.closing.Stop() {
			held = append(held, k)
		}
	}
	l.mu.Unlock()
	for _, k := range held {
		l.sumUp(k)
	}
}

func nameOf(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "error"
	case level >= slog.LevelWarn:
		return "warn"
	case level >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}
