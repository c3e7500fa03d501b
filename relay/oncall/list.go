package oncall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// listTime is how long all Alertmanagers together may take for a list that somebody waits for.
const listTime = 5 * time.Second

// view is what a chat may see of an Alertmanager: the alerts that match one of several conditions.
type view struct {
	managers []Manager // of one receiver: a cluster, or just one
	visible  []alertmanager.Matchers
}

// all reports whether the chat may see everything.
func (v *view) all() bool {
	return slices.ContainsFunc(v.visible, func(m alertmanager.Matchers) bool { return len(m) == 0 })
}

func (v *view) sees(labels map[string]string) bool {
	return slices.ContainsFunc(v.visible, func(m alertmanager.Matchers) bool { return alertmanager.Match(m, labels) })
}

// name is that of the first Alertmanager.
func (v *view) name() string { return v.managers[0].Name() }

// views are what a chat that is connected to recipients may see: what the receivers that can have sent to them let it.
func (d *Desk) views(recipients []string) []*view {
	rules := d.o.Door.Rules()
	byName := map[string]*view{}
	var all []*view
	for _, name := range slices.Sorted(maps.Keys(rules.Receivers)) {
		rc, managers := rules.Receivers[name], d.of(name)
		if len(managers) == 0 {
			continue
		}
		for _, recipient := range recipients {
			if len(rc.Fixed) > 0 && !slices.Contains(rc.Fixed, recipient) || len(rc.Fixed) == 0 && rules.Apart(recipient) {
				continue
			}
			visible, ok := d.visible(rc, recipient)
			if !ok {
				continue
			}
			v := byName[managers[0].Name()]
			if v == nil {
				v = &view{managers: managers}
				byName[managers[0].Name()] = v
				all = append(all, v)
			}
			if !slices.ContainsFunc(v.visible, func(m alertmanager.Matchers) bool { return m.String() == visible.String() }) {
				v.visible = append(v.visible, visible)
			}
		}
	}
	return all
}

// visible are the conditions of a receiver for a recipient's chats; false where they cannot be told: nothing is shown then.
func (d *Desk) visible(rc *intake.Receiver, recipient string) (alertmanager.Matchers, bool) {
	var all alertmanager.Matchers
	for _, template := range rc.Visible {
		text, err := template.String(intake.Viewer{Recipient: recipient})
		if err == nil && text != "" {
			var some alertmanager.Matchers
			some, err = alertmanager.ParseMatchers(text)
			all = append(all, some...)
		}
		if err != nil {
			d.o.Log.Error("visible of a receiver in relay.toml is no matcher; its alerts are shown to nobody who is concerned", "receiver", rc.Name, "recipient", recipient, "error", err)
			return nil, false
		}
	}
	return all, true
}

// Connected reports whether a chat's recipients have to do with an Alertmanager.
func (d *Desk) Connected(recipients []string) bool { return len(d.views(recipients)) > 0 }

// ErrNoManager is the error for a chat that has to do with no Alertmanager.
var ErrNoManager = errors.New("no Alertmanager is configured for what this chat gets: [alertmanagers.NAME] in relay.toml names one")

// Alert is one of a list.
type Alert struct {
	alertmanager.Alert
	Manager string
}

// Muted reports whether it is silenced or inhibited.
func (a *Alert) Muted() bool { return a.Status.State == "suppressed" }

// Alerts lists what fires and a chat may see, the newest first, those that are silenced or inhibited last. What could not be asked is the
// error, beside what could be. Errors: ErrNoManager.
func (d *Desk) Alerts(ctx context.Context, recipients []string, matchers alertmanager.Matchers) ([]Alert, error) {
	views := d.views(recipients)
	if len(views) == 0 {
		return nil, ErrNoManager
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	var all []Alert
	var failed error
	for _, v := range views {
		alerts, err := first(ctx, v.managers, func(ctx context.Context, m Manager) ([]alertmanager.Alert, error) { return m.Alerts(ctx, matchers) })
		failed = errors.Join(failed, err)
		for _, a := range alerts {
			if v.sees(a.Labels) {
				all = append(all, Alert{a, v.name()})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Alert) int {
		return cmp.Or(cmp.Compare(fmt.Sprint(a.Muted()), fmt.Sprint(b.Muted())), b.StartsAt.Compare(a.StartsAt), cmp.Compare(a.Labels["alertname"], b.Labels["alertname"]))
	})
	return all, failed
}

// first asks Alertmanagers of a cluster until one answers, each for its share of the time that is left: one that hangs must not cost the
// others theirs.
func first[T any](ctx context.Context, managers []Manager, ask func(context.Context, Manager) (T, error)) (answer T, err error) {
	deadline, _ := ctx.Deadline() // callers set one
	for i, m := range managers {
		timed, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(managers)-i))
		answer, err = ask(timed, m)
		cancel()
		if err == nil || !alertmanager.Unreachable(err) {
			return answer, err
		}
	}
	return answer, err
}

// Silence is one of a list.
type Silence struct {
	alertmanager.Silence
	Manager string
	view    *view
}

// Short is enough of the ID to name it.
func (s *Silence) Short() string { return s.ID[:min(len(s.ID), 8)] }

// Silences lists those that hold or will, and that a chat may see, the next to end first. Errors are those of Alerts.
func (d *Desk) Silences(ctx context.Context, recipients []string) ([]Silence, error) {
	views := d.views(recipients)
	if len(views) == 0 {
		return nil, ErrNoManager
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	var all []Silence
	var failed error
	for _, v := range views {
		silences, err := first(ctx, v.managers, func(ctx context.Context, m Manager) ([]alertmanager.Silence, error) { return m.Silences(ctx) })
		failed = errors.Join(failed, err)
		for _, s := range silences {
			if !s.Over() && v.concerns(&s) && !slices.ContainsFunc(all, func(known Silence) bool { return known.ID == s.ID }) {
				all = append(all, Silence{s, v.name(), v})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Silence) int { return a.EndsAt.Compare(b.EndsAt) })
	return all, failed
}

// concerns reports whether a silence is bound to what the chat may see: it has, for each condition of one kind, an equality that fulfils it.
func (v *view) concerns(s *alertmanager.Silence) bool {
	if v.all() {
		return true
	}
	exact := map[string]string{}
	for _, m := range s.Matchers {
		if !m.IsRegex && m.Equal() {
			exact[m.Name] = m.Value
		}
	}
	return slices.ContainsFunc(v.visible, func(all alertmanager.Matchers) bool {
		for _, m := range all {
			if value, bound := exact[m.Name]; !bound || !m.Matches(value) {
				return false
			}
		}
		return true
	})
}

// SetSilence makes a silence for what a chat may see: where that is not all, it is bound to that. Errors: ErrNoManager, and what the
// Alertmanager says. Matchers must not be empty.
func (d *Desk) SetSilence(ctx context.Context, recipients []string, matchers alertmanager.Matchers, s alertmanager.Silence) ([]string, error) {
	views := d.views(recipients)
	if len(views) == 0 {
		return nil, ErrNoManager
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	var ids []string
	var failed error
	for _, v := range views {
		bounds := []alertmanager.Matchers{nil}
		if !v.all() {
			bounds = v.visible
		}
		for _, bound := range bounds {
			id, _, err := create(ctx, v.managers, append(slices.Clone(matchers), bound...), s)
			if failed = errors.Join(failed, err); err == nil {
				ids = append(ids, id)
			}
		}
	}
	d.look()
	return ids, failed
}

// visibleTo is nil for a silence that a chat may see and end.
func (d *Desk) visibleTo(ctx context.Context, recipients []string, managers []Manager, id string) error {
	s, err := first(ctx, managers, func(ctx context.Context, m Manager) (*alertmanager.Silence, error) { return m.Silence(ctx, id) })
	sees := func(v *view) bool {
		return slices.ContainsFunc(v.managers, func(m Manager) bool { return contains(managers, m) }) && v.concerns(s)
	}
	if err != nil || slices.ContainsFunc(d.views(recipients), sees) {
		return err
	}
	return errors.New("this silence reaches beyond what this chat may see; end it where it was made")
}

func contains(managers []Manager, m Manager) bool {
	return slices.ContainsFunc(managers, func(other Manager) bool { return other.Name() == m.Name() })
}

// Expire ends the silence whose ID begins so, if the chat may see it. Errors: relay.CodeNotFound, CodeConflict where several begin so.
func (d *Desk) Expire(ctx context.Context, recipients []string, prefix string) (*Silence, error) {
	silences, err := d.Silences(ctx, recipients)
	if err != nil && len(silences) == 0 {
		return nil, err
	}
	var found []Silence
	for _, s := range silences {
		if prefix != "" && strings.HasPrefix(s.ID, strings.ToLower(prefix)) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, &relay.Error{Code: relay.CodeNotFound}
	case 1:
	default:
		return nil, &relay.Error{Code: relay.CodeConflict}
	}
	s := &found[0]
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	_, err = first(ctx, s.view.managers, func(ctx context.Context, m Manager) (struct{}, error) { return struct{}{}, m.Expire(ctx, s.ID) })
	d.look()
	return s, err
}
