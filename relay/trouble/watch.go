// Package trouble tells the fallback recipient what is wrong with the daemon itself: messages that wait too long, a disk that is nearly
// full, and, once it is over, a storage that took no writes and a Telegram that refused the bot or was out of reach.
//
// It promises that a trouble is told once, as is its end, also over restarts: it keeps one of the storage's settings for each that lasts.
// What cannot be told while it lasts is told when it is over, with how long it was. Where several daemons share the storage one at a time watches,
// but for what only each can see for itself: of these, whoever sees the end first tells it.
package trouble

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// Kind is something that may be wrong.
type Kind struct {
	Name string // for the log, and of the setting
	// Check says what is wrong now, nil if nothing is; ErrUnknown if that cannot be told. standing: it was wrong when last asked.
	Check func(ctx context.Context, standing bool) error
	// Patience is how long it may be wrong before anybody is told.
	Patience func() time.Duration
	// Begin and End are what is told. Without a Begin it cannot be told while it lasts.
	Begin, End func(Case) string
	// Start is called when looking begins; nil: there is nothing to do then.
	Start func()
}

// ErrUnknown says that nothing can be said now: all stays as it was.
var ErrUnknown = errors.New("not known")

// Case is a trouble that is there, or was.
type Case struct {
	Since  time.Time // UTC
	Lasted time.Duration
	Detail string // of the last check that found it
}

// For tells how long a case has lasted, for people.
func (c Case) For() string {
	step := time.Second
	if c.Lasted > 10*time.Minute {
		step = time.Minute
	}
	return model.Duration(c.Lasted.Round(step)).String()
}

// From tells when a case began, for people.
func (c Case) From() string { return c.Since.Format("2 Jan 15:04 MST") }

// Options are what a Watch needs.
type Options struct {
	Kinds   []Kind
	Every   func() time.Duration // between two looks
	Updates relay.Updates        // the settings of which hold what is kept
	Door    *intake.Door
	// Each says that each of several daemons watches for these kinds: what one has told since a case began is told.
	Each bool
	Log  *slog.Logger
}

// Watch looks for trouble.
type Watch struct {
	Options
	cases  map[string]*standing
	loaded map[string]bool // kinds of which it is known what was wrong before
}

// standing is a trouble of one kind.
type standing struct {
	Since  time.Time `json:"since"`
	Detail string    `json:"detail"`
	Told   bool      `json:"told,omitzero"`
	began  time.Time // on the clock that does not jump; zero after a restart
}

// New returns a Watch.
func New(o Options) *Watch { return &Watch{Options: o} }

// load learns once what was known of a kind when whoever looked before ended, as soon as the storage can tell.
func (w *Watch) load(ctx context.Context, k Kind) {
	if w.loaded[k.Name] {
		return
	}
	text, err := w.Updates.Setting(ctx, setting(k))
	if err != nil {
		w.Log.Debug("what was wrong before is not known yet", "kind", k.Name, "error", err)
		return
	}
	w.loaded[k.Name] = true
	var s standing
	if json.Unmarshal([]byte(text), &s) == nil && !s.Since.IsZero() {
		w.cases[k.Name] = &s
	}
}

func setting(k Kind) string { return "trouble." + k.Name }

// Run looks again and again until ctx ends. It may run again then.
func (w *Watch) Run(ctx context.Context) error {
	w.cases, w.loaded = map[string]*standing{}, map[string]bool{}
	for _, k := range w.Kinds {
		if k.Start != nil {
			k.Start()
		}
	}
	next := time.NewTimer(w.Every())
	defer next.Stop()
	for {
		select {
		case <-next.C:
			next.Reset(w.Every())
		case <-ctx.Done():
			return nil
		}
		for _, k := range w.Kinds {
			w.load(ctx, k)
			w.look(ctx, k)
		}
	}
}

func (w *Watch) look(ctx context.Context, k Kind) {
	s := w.cases[k.Name]
	err := k.Check(ctx, s != nil)
	now := time.Now()
	switch {
	case errors.Is(err, ErrUnknown), ctx.Err() != nil:
	case err != nil && s == nil:
		s = &standing{Since: now.UTC().Truncate(time.Millisecond), Detail: err.Error(), began: now}
		w.cases[k.Name] = s
		w.keep(ctx, k, s)
		w.begin(ctx, k, s, now)
	case err != nil:
		s.Detail = err.Error()
		w.begin(ctx, k, s, now)
	case s != nil:
		w.end(ctx, k, s, now)
	}
}

// begin tells a trouble that has outlasted our patience.
func (w *Watch) begin(ctx context.Context, k Kind, s *standing, now time.Time) {
	c := s.at(now)
	if k.Begin == nil || s.Told || c.Lasted < k.Patience() {
		return
	}
	if w.tell(ctx, k, c, "begin", k.Begin(c)) {
		w.Log.Error("trouble", "kind", k.Name, "detail", s.Detail)
		s.Told = true
		w.keep(ctx, k, s)
	}
}

// end tells the end of a trouble that was told, or could not be.
func (w *Watch) end(ctx context.Context, k Kind, s *standing, now time.Time) {
	c := s.at(now)
	if s.Told || k.Begin == nil && c.Lasted >= k.Patience() {
		if !w.tell(ctx, k, c, "end", k.End(c)) {
			return // it is tried again at the next look
		}
		w.Log.Info("the trouble is over", "kind", k.Name, "after", c.Lasted.Round(time.Second))
	}
	delete(w.cases, k.Name)
	w.keep(ctx, k, nil)
}

// tell reports whether the notice is stored. The end of what was told already makes no sound.
func (w *Watch) tell(ctx context.Context, k Kind, c Case, step, text string) bool {
	n := intake.Notice{
		Text: markup.Text{Text: text}, Priority: relay.High, Silent: step == "end" && k.Begin != nil,
		Thread: fmt.Sprintf("trouble %s %d", k.Name, c.Since.UnixMilli()), Once: fmt.Sprintf("trouble %s %s %d", k.Name, step, c.Since.UnixMilli()),
	}
	if w.Each {
		n.Once, n.Within = fmt.Sprintf("trouble %s %s", k.Name, step), max(c.Lasted, time.Millisecond)
	}
	err := w.Door.Notify(ctx, n)
	if err != nil {
		w.Log.Warn("the fallback recipient is not told of a trouble yet; it is tried again", "kind", k.Name, "error", err)
	}
	return err == nil
}

// at is the case at a moment.
func (s *standing) at(now time.Time) Case {
	began := s.began
	if began.IsZero() {
		began = s.Since
	}
	return Case{Since: s.Since, Lasted: max(now.Sub(began), 0), Detail: s.Detail}
}

// keep stores a case for the next start, nil when it is over. A storage that takes no writes costs but that memory.
func (w *Watch) keep(ctx context.Context, k Kind, s *standing) {
	text := ""
	if s != nil {
		b, err := json.Marshal(s)
		if err != nil {
			return // not reached: a time, a text and a truth can be written
		}
		text = string(b)
	}
	if err := w.Updates.SetSetting(ctx, setting(k), text); err != nil {
		w.Log.Debug("a trouble is not kept for the next start", "kind", k.Name, "error", err)
	}
}
