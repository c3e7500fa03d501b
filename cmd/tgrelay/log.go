package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/tgrelay/tgrelay/relay/config"
)

// logging is where the daemon's log goes. Its level and format may change while it runs.
type logging struct {
	level slog.LevelVar
	json  atomic.Bool
}

// newLogging starts a log on standard error. Where that is systemd's journal, the text format becomes entries of the journal.
func newLogging(c config.Log, errs io.Writer) (*logging, *slog.Logger) {
	l := &logging{}
	l.set(c)
	options := &slog.HandlerOptions{Level: &l.level}
	var text slog.Handler = slog.NewTextHandler(errs, options)
	if toJournal() {
		text = newJournal(&l.level, errs)
	}
	return l, slog.New(&formats{json: &l.json, asText: text, asJSON: slog.NewJSONHandler(errs, options)})
}

func (l *logging) set(c config.Log) {
	l.level.Set(c.Level)
	l.json.Store(c.Format == "json")
}

// formats writes each record in the format that is in force then.
type formats struct {
	json           *atomic.Bool
	asText, asJSON slog.Handler
}

func (f *formats) now() slog.Handler {
	if f.json.Load() {
		return f.asJSON
	}
	return f.asText
}

func (f *formats) Enabled(ctx context.Context, level slog.Level) bool {
	return f.now().Enabled(ctx, level)
}

func (f *formats) Handle(ctx context.Context, r slog.Record) error { return f.now().Handle(ctx, r) }

func (f *formats) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &formats{f.json, f.asText.WithAttrs(attrs), f.asJSON.WithAttrs(attrs)}
}

func (f *formats) WithGroup(name string) slog.Handler {
	return &formats{f.json, f.asText.WithGroup(name), f.asJSON.WithGroup(name)}
}
