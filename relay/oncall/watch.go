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
// seen at once. regular: that an alert is not known counts, because it is looked for again and again.
func (d *Desk) watch(ctx context.Context, regular bool) time.Duration {
	known := map[string]*picture{} // by Alertmanager; nil for one that cannot be asked
	open, next := map[relay.ID]bool{}, d.o.Every
	err := d.openThreads(ctx, func(t *relay.Thread) {
		open[t.ID] = true
		s, err := thread.Read(t)
		if err != nil {
			d.o.Log.Error("cannot read a conversation", "error", err)
			return
		}
		if silence := d.compare(ctx, d.known(ctx, known, d.knowing(t, s)), t, s, regular); silence != nil {
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

// picture is what an Alertmanager knows in one round.
type picture struct {
	Manager
	fires    map[string]*alertmanager.Alert // by fingerprint and by labels
	silences map[string]looked              // that were looked up: one may hold many conversations' alerts
}

type looked struct {
	silence *alertmanager.Silence
	err     error
}

// known is what the first of several Alertmanagers knows that can be asked; nil if there is none.
func (d *Desk) known(ctx context.Context, known map[string]*picture, managers []Manager) *picture {
	for _, m := range managers {
		p, asked := known[m.Name()]
		if !asked {
			p = d.draw(ctx, m)
			known[m.Name()] = p
		}
		if p != nil {
			return p
		}
	}
	return nil
}

// draw asks an Alertmanager for all that fires.
func (d *Desk) draw(ctx context.Context, m Manager) *picture {
	timed, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	alerts, err := m.Alerts(timed, nil)
	if err != nil {
		d.o.Log.Warn("cannot ask what fires", "alertmanager", m.Name(), "error", err)
		return nil
	}
	p := &picture{Manager: m, fires: map[string]*alertmanager.Alert{}, silences: map[string]looked{}}
	for i := range alerts {
		a := &alerts[i]
		p.fires[a.Fingerprint], p.fires[thread.Identity(a.Labels)] = a, a
	}
	return p
}

// look looks a silence up.
func (p *picture) look(ctx context.Context, id string) (*alertmanager.Silence, error) {
	found, known := p.silences[id]
	if !known {
		timed, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		found.silence, found.err = p.Silence(timed, id)
		p.silences[id] = found
	}
	return found.silence, found.err
}

// compare brings a conversation to what its Alertmanager knows, and returns the silence that holds then.
func (d *Desk) compare(ctx context.Context, p *picture, t *relay.Thread, s *thread.State, regular bool) *thread.Silence {
	var gone map[string]time.Time
	if regular {
		gone = d.gone(t.ID, s, p)
	}
	silence := holding(ctx, p, s)
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
func (d *Desk) gone(id relay.ID, s *thread.State, p *picture) map[string]time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p == nil {
		delete(d.missing, id)
		return nil
	}
	missing, gone := map[string]time.Time{}, map[string]time.Time{}
	for _, a := range s.Alerts {
		if p.fires[a.ID] != nil || !a.Firing {
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
func holding(ctx context.Context, p *picture, s *thread.State) *thread.Silence {
	held := s.Silence
	if held != nil && !time.Now().Before(held.Until) {
		held = nil
	}
	if p == nil {
		return held
	}
	by := p.silencedBy(s)
	if held != nil && (slices.Contains(by, held.ID) || !p.ended(ctx, held.ID)) {
		return held
	}
	for _, id := range by {
		if found := p.foreign(ctx, id); found != nil {
			return found
		}
	}
	return nil
}

// silencedBy are the silences under which all that fires is.
func (p *picture) silencedBy(s *thread.State) []string {
	var by []string
	seen := false
	for _, a := range s.Alerts {
		known := p.fires[a.ID]
		if !a.Firing || known == nil {
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
func (p *picture) ended(ctx context.Context, id string) bool {
	found, err := p.look(ctx, id)
	return errors.Is(err, alertmanager.ErrNotFound) || err == nil && found.Over()
}

// foreign is a silence that was not made by a button here.
func (p *picture) foreign(ctx context.Context, id string) *thread.Silence {
	found, err := p.look(ctx, id)
	if err != nil || found.Over() || !time.Now().Before(found.EndsAt) {
		return nil
	}
	return &thread.Silence{ID: id, Manager: p.Name(), By: strings.TrimSpace(found.CreatedBy), Until: found.EndsAt.UTC(), Foreign: true}
}
