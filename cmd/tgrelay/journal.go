package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/journal"
)

// toJournal reports whether standard error is a stream to systemd's journal (JOURNAL_STREAM).
func toJournal() bool {
	is, err := journal.StderrIsJournalStream()
	return is && err == nil
}

// journalHandler writes entries of systemd's journal: the message with its attributes as text, for whoever reads, and each attribute as a
// field of its own, for whoever asks (journalctl RECIPIENT=ops). Where the journal's socket is not to be had, the text goes to standard
// error with the priority before it (sd-daemon(3)).
type journalHandler struct {
	level  slog.Leveler
	stream *stream
	attrs  []slog.Attr
	group  string // before the names of attributes, with a dot behind it
}

// stream is standard error.
type stream struct {
	mu sync.Mutex
	w  io.Writer
}

func newJournal(level slog.Leveler, errs io.Writer) slog.Handler {
	return &journalHandler{level: level, stream: &stream{w: errs}}
}

func (j *journalHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= j.level.Level()
}

func (j *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *j
	more.attrs = slices.Concat(j.attrs, under(j.group, attrs))
	return &more
}

func (j *journalHandler) WithGroup(name string) slog.Handler {
	more := *j
	if name != "" {
		more.group += name + "."
	}
	return &more
}

func (j *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := slices.Clone(j.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, under(j.group, []slog.Attr{a})...)
		return true
	})
	fields := map[string]string{"SYSLOG_IDENTIFIER": "tgrelay"}
	for _, a := range attrs {
		fields[fieldName(a.Key)] = a.Value.String()
	}
	text, priority := line(ctx, r.Message, attrs), priorityOf(r.Level)
	if journal.Send(text, priority, fields) == nil {
		return nil
	}
	j.stream.mu.Lock()
	defer j.stream.mu.Unlock()
	_, err := fmt.Fprintf(j.stream.w, "<%d>%s\n", priority, strings.ReplaceAll(text, "\n", " "))
	return err
}

// under are attributes with their values resolved and groups taken apart.
func under(group string, attrs []slog.Attr) []slog.Attr {
	var flat []slog.Attr
	for _, a := range attrs {
		switch a.Value = a.Value.Resolve(); {
		case a.Equal(slog.Attr{}):
		case a.Value.Kind() != slog.KindGroup:
			flat = append(flat, slog.Attr{Key: group + a.Key, Value: a.Value})
		case a.Key == "":
			flat = append(flat, under(group, a.Value.Group())...)
		default:
			flat = append(flat, under(group+a.Key+".", a.Value.Group())...)
		}
	}
	return flat
}

// line is a message with its attributes as slog's text handler writes them.
func line(ctx context.Context, message string, attrs []slog.Attr) string {
	if len(attrs) == 0 {
		return message
	}
	var b bytes.Buffer
	h := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Value.Kind() == slog.KindString && a.Key == slog.MessageKey && a.Value.String() == "" {
			return slog.Attr{}
		}
		if a.Key == slog.LevelKey && a.Value.Kind() == slog.KindAny {
			return slog.Attr{}
		}
		return a
	}})
	r := slog.Record{}
	r.AddAttrs(attrs...)
	if err := h.Handle(ctx, r); err != nil {
		return message // not reached: a buffer takes everything
	}
	return message + " " + strings.TrimSpace(b.String())
}

func priorityOf(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}

var (
	notInFields = regexp.MustCompile(`[^A-Z0-9_]`)
	// ownFields have a meaning of their own (systemd.journal-fields(7)).
	ownFields = regexp.MustCompile(`^(MESSAGE|MESSAGE_ID|PRIORITY|ERRNO|INVOCATION_ID|USER_INVOCATION_ID|DOCUMENTATION|TID|UNIT|USER_UNIT|CODE_.*|SYSLOG_.*|COREDUMP_.*|OBJECT_.*|[0-9_].*|)$`)
)

// fieldName is what an attribute is called in the journal. A name that means something else there gets one of ours before it.
func fieldName(key string) string {
	name := notInFields.ReplaceAllString(strings.ToUpper(key), "_")
	if ownFields.MatchString(name) {
		name = "TGRELAY_" + name
	}
	return name[:min(len(name), 64)] // systemd takes no longer ones
}
