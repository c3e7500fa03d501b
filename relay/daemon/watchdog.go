package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// room is a part of the daemon that can be asked whether it still works. What a new start would not mend, such as a full disk or a Telegram
// that is out of reach, is no reason to say no.
type room interface {
	// Alive returns nil as soon as the room has answered. It may take longer than ctx: whoever asks does not wait for it.
	Alive(ctx context.Context) error
}

// watchdog asks rooms whether they work. A room has one question before it at most.
type watchdog struct {
	rooms map[string]room
	bound time.Duration // for an answer
	log   *slog.Logger

	asked  map[string]chan error // questions of before that had no answer
	silent []string              // rooms that did not answer when last asked
}

func newWatchdog(rooms map[string]room, bound time.Duration, log *slog.Logger) *watchdog {
	return &watchdog{rooms: rooms, bound: bound, log: log, asked: map[string]chan error{}}
}

// ask asks all rooms at once and reports whether each answered in time. The log says which did not, once, and when it does again.
func (w *watchdog) ask(ctx context.Context) bool {
	timed, cancel := context.WithTimeout(ctx, w.bound)
	defer cancel()
	names := slices.Sorted(maps.Keys(w.rooms))
	for _, name := range names {
		w.question(timed, name)
	}
	var silent []string
	for _, name := range names {
		err := w.answer(timed, name)
		if ctx.Err() != nil {
			return true // the end has come, and rooms close
		}
		if err != nil {
			silent = append(silent, name)
		}
		w.note(name, err)
	}
	w.silent = silent
	return len(silent) == 0
}

// question asks a room, unless it has not answered the last one yet.
func (w *watchdog) question(ctx context.Context, name string) {
	if before := w.asked[name]; before != nil {
		select {
		case <-before: // too late to count
		default:
			return
		}
	}
	answer := make(chan error, 1)
	w.asked[name] = answer
	go func() { answer <- w.rooms[name].Alive(ctx) }()
}

func (w *watchdog) answer(ctx context.Context, name string) error {
	select {
	case err := <-w.asked[name]:
		delete(w.asked, name)
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer within %s", w.bound)
	}
}

func (w *watchdog) note(name string, err error) {
	was := slices.Contains(w.silent, name)
	switch {
	case err != nil && !was:
		w.log.Error("a part of tgrelay does not answer; as long as it does not, systemd is not told that all is well, and starts tgrelay anew before long", "room", name, "error", err)
	case err == nil && was:
		w.log.Info("a part of tgrelay answers again", "room", name)
	}
}
