package oncall

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// watch holds what chats show against what the Alertmanagers know: the end of a silenced alert is told by no webhook, and silences are
// made and ended elsewhere too. One round asks each Alertmanager once. It returns how long the next may wait: a silence that runs out is
// seen at once.
func (d *Desk) watch(ctx context.Context) time.Duration {
	known := map[string]fires{} // by Alertmanager; nil for one that cannot be asked
	open, next := map[relay.ID]bool{}, d.o.Every
	err := d.openThreads(ctx, func(t *relay.Thread) {
		open[t.ID] = true
		s, err := thread.Read(t)
		if err != nil {
			d.o.Log.Error("cannot read a conversation", "error", err)
			return
		}
		m, fires := d.known(ctx, known, d.knowing(t, s))
		if silence := d.compare(ctx, m, t, s, fires); silence != nil {
			next = min(next, max(0, time.Until(silence.Until)))
		}
	})
	if err != nil && ctx.Err() == nil {
		d.o.Log.Warn("cannot look after the alerts in chats now", "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.missing, func(id relay.ID, _ map[string]time.Time) bool { return err == nil && !open[id] })
	return next
}

// fires is what an Alertmanager knows of, by fingerprint and by labels.
type fires map[string]*alertmanager.Alert

// known is the first of several Alertmanagers that can be asked, and what fires there; nil if there is none.
func (d *Desk) known(ctx context.Context, known map[string]fires, managers []Manager) (Manager, fires) {
	for _, m := range managers {
		if _, asked := known[m.Name()]; !asked {
			known[m.Name()] = d.fires(ctx, m)
		}
		if known[m.Name()] != nil {
			return m, known[m.Name()]
		}
	}
	return Manager{}, nil
}

// fires asks an Alertmanager for all that fires.
func (d *Desk) fires(ctx context.Context, m Manager) fires {
	timed, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	alerts, err := m.Alerts(timed, nil)
	if err != nil {
		d.o.Log.Warn("cannot ask what fires", "alertmanager", m.Name(), "error", err)
		return nil
	}
	all := fires{}
	for i := range alerts {
		a := &alerts[i]
		all[a.Fingerprint], all[thread.Identity(a.Labels)] = a, a
	}
	return all
}

// compare brings a conversation to what its Alertmanager knows, and returns the silence that holds then.
func (d *Desk) compare(ctx context.Context, m Manager, t *relay.Thread, s *thread.State, fires fires) *thread.Silence {
	gone := d.gone(t.ID, s, fires)
	silence := d.holding(ctx, m, s, fires)
	if len(gone) == 0 && same(silence, s.Silence) {
		return silence
	}
	was := s.Silence
	err := d.o.Door.Amend(ctx, t.ID, ongoingThread(func(t *relay.Thread, s *thread.State) {
		for i := range s.Alerts {
			if at, over := gone[s.Alerts[i].ID]; over {
				s.Alerts[i].Firing, s.Alerts[i].Muted, s.Alerts[i].EndsAt = false, false, at
			}
		}
		if same(s.Silence, was) { // else somebody has just made or ended one
			s.Silence = silence
		}
		if s.Firing() == 0 {
			t.EndedAt = now()
		}
	}))
	if _, refused := errors.AsType[refusal](err); err != nil && !refused {
		d.o.Log.Warn("cannot bring the alerts in a chat up to date", "thread", t.ID, "error", err)
	}
	return silence
}

// ongoingThread is ongoing for a change that cannot fail and may end the conversation.
func ongoingThread(change func(*relay.Thread, *thread.State)) func(*relay.Thread, *thread.State) error {
	return func(t *relay.Thread, s *thread.State) error {
		if !t.EndedAt.IsZero() {
			return refusal{Answer{Template: AnswerOver}}
		}
		change(t, s)
		return nil
	}
}

func same(a, b *thread.Silence) bool {
	return a == b || a != nil && b != nil && a.ID == b.ID && a.Until.Equal(b.Until)
}

// gone are the alerts that the Alertmanager has known no longer for long enough, with the moment from which it did not. For a while it may
// just have been started: it forgets alerts, and is told them again. One that cannot be asked may just be starting, too.
func (d *Desk) gone(id relay.ID, s *thread.State, fires fires) map[string]time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if fires == nil {
		delete(d.missing, id)
		return nil
	}
	missing, gone := map[string]time.Time{}, map[string]time.Time{}
	for _, a := range s.Alerts {
		if _, known := fires[a.ID]; known || !a.Firing {
			continue
		}
		since, before := d.missing[id][a.ID]
		if !before {
			since = now()
		}
		missing[a.ID] = since
		if time.Since(since) >= d.o.Gone {
			gone[a.ID] = since
		}
	}
	d.missing[id] = missing
	return gone
}

// holding is the silence that keeps all of a conversation's alerts from being told; nil if none does. One that was made here is believed
// until the Alertmanager says otherwise.
func (d *Desk) holding(ctx context.Context, m Manager, s *thread.State, fires fires) *thread.Silence {
	held := s.Silence
	if held != nil && !time.Now().Before(held.Until) {
		held = nil
	}
	if fires == nil {
		return held
	}
	by := silencedBy(s, fires)
	if held != nil && slices.Contains(by, held.ID) || held == nil && len(by) == 0 {
		return held
	}
	if held != nil && !d.ended(ctx, m, held) {
		return held
	}
	for _, id := range by {
		if found := d.foreign(ctx, m, id); found != nil {
			return found
		}
	}
	return nil
}

// silencedBy are the silences under which all that fires is.
func silencedBy(s *thread.State, fires fires) []string {
	var by []string
	seen := false
	for _, a := range s.Alerts {
		known, ok := fires[a.ID]
		if !a.Firing || !ok {
			continue
		}
		if !seen {
			by, seen = slices.Clone(known.Status.SilencedBy), true
			continue
		}
		by = slices.DeleteFunc(by, func(id string) bool { return !slices.Contains(known.Status.SilencedBy, id) })
	}
	slices.Sort(by)
	return by
}

// ended reports whether the Alertmanager has ended a silence. One that cannot be looked up holds.
func (d *Desk) ended(ctx context.Context, m Manager, held *thread.Silence) bool {
	timed, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	found, err := m.Silence(timed, held.ID)
	return errors.Is(err, alertmanager.ErrNotFound) || err == nil && found.Over()
}

// foreign is a silence that was not made by a button here.
func (d *Desk) foreign(ctx context.Context, m Manager, id string) *thread.Silence {
	timed, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	found, err := m.Silence(timed, id)
	if err != nil || found.Over() || !time.Now().Before(found.EndsAt) {
		return nil
	}
	return &thread.Silence{ID: id, Manager: m.Name(), By: strings.TrimSpace(found.CreatedBy), Until: found.EndsAt.UTC(), Foreign: true}
}
