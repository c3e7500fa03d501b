package oncall

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// escalateEvery is how soon after its time an escalation comes.
const escalateEvery = 5 * time.Second

// escalate tells others of alerts that fire on without anybody reacting.
func (d *Desk) escalate(ctx context.Context) {
	rules := d.o.Door.Rules()
	escalates := func(receiver string) bool {
		rc := rules.Receivers[receiver]
		return rc != nil && rc.Escalate.After > 0
	}
	wanted := false
	for name := range rules.Receivers {
		wanted = wanted || escalates(name)
	}
	if !wanted {
		return
	}
	err := d.openThreads(ctx, func(t *relay.Thread) {
		if escalates(t.Receiver) && time.Since(t.OpenedAt) >= rules.Receivers[t.Receiver].Escalate.After {
			d.raise(ctx, t, rules.Receivers[t.Receiver])
		}
	})
	if err != nil && ctx.Err() == nil {
		d.o.Log.Warn("cannot look for alerts that nobody reacts to", "error", err)
	}
}

// errReacted says that there is nothing to raise.
var errReacted = errors.New("somebody has reacted")

// raise tells the next, once.
func (d *Desk) raise(ctx context.Context, t *relay.Thread, rc *intake.Receiver) {
	s, err := thread.Read(t)
	if err == nil && unheeded(t, s) != nil {
		return
	}
	err = d.o.Door.Amend(ctx, t.ID, func(t *relay.Thread, s *thread.State) error {
		if err := unheeded(t, s); err != nil {
			return err
		}
		to := d.next(rc, s.Story(t, now()))
		s.Escalation = &thread.Escalation{To: to, At: now()}
		for _, id := range to {
			if !slices.Contains(t.To, id) {
				t.To = append(t.To, id)
			}
		}
		return nil
	})
	switch {
	case err == nil:
		d.o.Log.Warn("nobody reacted to alerts; others are told", "receiver", rc.Name, "thread", t.ID)
	case !errors.Is(err, errReacted):
		d.o.Log.Error("alerts to which nobody reacts are not told to others yet", "receiver", rc.Name, "thread", t.ID, "error", err)
	}
}

// unheeded is nil for what is to be raised.
func unheeded(t *relay.Thread, s *thread.State) error {
	if !t.EndedAt.IsZero() || s.Escalation != nil || s.Apart || s.Untold() || s.Hushed(time.Now()) || s.Firing() == len(s.Muted()) {
		return errReacted
	}
	return nil
}

// next is who is told: the fallback where the templates name nobody.
func (d *Desk) next(rc *intake.Receiver, story *thread.Story) []string {
	var to []string
	for _, template := range rc.Escalate.To {
		text, err := template.String(story)
		if err != nil {
			d.o.Log.Error("a template of relay.toml failed", "receiver", rc.Name, "setting", "escalate.to", "error", render.WithoutValues(err))
			continue
		}
		for _, id := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
			if relay.CheckRecipientID(id) == nil && !slices.Contains(to, id) {
				to = append(to, id)
			}
		}
	}
	if fallback := d.o.Door.Rules().Fallback; len(to) == 0 && fallback != "" {
		to = []string{fallback}
	}
	return to
}
