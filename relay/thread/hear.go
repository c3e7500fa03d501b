package thread

import (
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
)

// Turn is what a notification means to the conversation.
type Turn int

// The turns.
const (
	Nothing  Turn = iota // it came twice, or changes nothing
	News                 // alerts fire that did not
	Changed              // some are over, or silenced elsewhere
	Repeated             // all fires on
	Over                 // nothing fires any more
)

// Alertmanager's notification_reason, since 0.33 (notify: NotifyReason).
const (
	reasonFirst    = "first notification"
	reasonRepeat   = "repeat interval elapsed"
	reasonResolved = "all alerts resolved"
)

// Resumes reports whether a notification goes on with the conversation. It does not where the sender begins anew and none of the alerts
// was firing here: their end was never told.
func (s *State) Resumes(n *receivers.Notification) bool {
	firing := n.Alerts.Firing()
	if len(firing) == 0 {
		return true
	}
	again := 0
	for i := range firing {
		known := s.find(firing[i].Identity())
		switch {
		case known == nil || !known.Firing:
		case !firing[i].StartsAt.After(known.StartsAt):
			return true
		default:
			again++
		}
	}
	return n.NotificationReason != reasonFirst && (again == 0 || again < s.Firing())
}

// Knows reports whether all that a notification says is over was known before: it comes late.
func (s *State) Knows(n *receivers.Notification) bool {
	for i := range n.Alerts {
		a := &n.Alerts[i]
		known := s.find(a.Identity())
		if a.Status == "firing" || known == nil || a.StartsAt.After(known.StartsAt) {
			return false
		}
	}
	return true
}

// Hear takes a notification in. watched says that an Alertmanager can be asked what becomes of alerts of which the sender speaks no longer.
// It returns which alerts are new.
func (s *State) Hear(n *receivers.Notification, said string, now time.Time, watched bool) (Turn, receivers.Alerts) {
	hash := sha256.Sum256([]byte(said))
	if hash == s.Said && now.Sub(s.SaidAt) < relay.NotificationAge {
		return Nothing, nil
	}
	s.Said, s.SaidAt = hash, now
	before := s.shape()
	fresh := s.merge(n)
	s.describe(n)
	switch {
	case s.over(n, watched):
		s.end(now)
		return Over, nil
	case len(fresh) > 0:
		return News, fresh
	case s.shape() != before:
		return Changed, nil
	case n.NotificationReason == "" || n.NotificationReason == reasonRepeat || n.NotificationReason == reasonFirst:
		return Repeated, nil
	}
	return Nothing, nil
}

// shape is what makes the list of alerts look different.
func (s *State) shape() (shape struct{ firing, muted, known int }) {
	shape.firing, shape.muted, shape.known = s.Firing(), len(s.Muted()), len(s.Alerts)
	return shape
}

// merge notes what fires and what is over. What fired and is not named any more is silenced or inhibited, unless the sender left out some.
func (s *State) merge(n *receivers.Notification) (fresh receivers.Alerts) {
	named := map[string]bool{}
	for i := range n.Alerts {
		a := &n.Alerts[i]
		id := a.Identity()
		named[id] = true
		known := s.find(id)
		isNew := known == nil || !known.Firing || a.StartsAt.After(known.StartsAt)
		if a.Status == "firing" && isNew {
			fresh = append(fresh, *a)
		}
		s.note(known, id, a)
	}
	if n.TruncatedAlerts > 0 {
		return fresh
	}
	for i := range s.Alerts {
		if a := &s.Alerts[i]; a.Firing && !named[a.ID] {
			a.Muted = true
		}
	}
	return fresh
}

func (s *State) note(known *Alert, id string, a *receivers.Alert) {
	now := Alert{ID: id, Firing: a.Status == "firing", StartsAt: a.StartsAt, Labels: a.Labels}
	if !now.Firing {
		now.EndsAt = a.EndsAt
	}
	switch {
	case known != nil:
		*known = now
	case len(s.Alerts) < MaxAlerts:
		s.Alerts = append(s.Alerts, now)
	}
}

func (s *State) find(id string) *Alert {
	if i := slices.IndexFunc(s.Alerts, func(a Alert) bool { return a.ID == id }); i >= 0 {
		return &s.Alerts[i]
	}
	return nil
}

// describe keeps what short forms and silences need.
func (s *State) describe(n *receivers.Notification) {
	firing := n.With(n.Alerts.Firing())
	if len(firing.Alerts) == 0 {
		return // what is over needs no other words than before
	}
	s.Name, s.Level, s.Common = n.Name(), n.CommonLabels["severity"], maps.Clone(firing.CommonLabels)
	s.Links = n.Links()
	s.Without = slices.DeleteFunc(s.Without, func(label string) bool { return s.Common[label] == "" })
}

// over reports whether a notification ends the conversation. Where the sender left out alerts, what it says of the others is not all;
// and what is silenced may fire on: an Alertmanager that can be asked knows.
func (s *State) over(n *receivers.Notification, watched bool) bool {
	if len(n.Alerts.Firing()) > 0 || n.TruncatedAlerts > 0 && n.NotificationReason != reasonResolved {
		return false
	}
	return !watched || len(s.Muted()) == 0
}

// end closes what is open. Muted alerts are left as they are: nobody knows.
func (s *State) end(now time.Time) {
	for i := range s.Alerts {
		if a := &s.Alerts[i]; a.Firing && !a.Muted {
			a.Firing, a.EndsAt = false, now
		}
	}
	if s.Name == "" {
		s.Name = "alerts"
	}
}

// Whole is a notification with what the conversation knows besides: alerts that were over before.
func (s *State) Whole(n *receivers.Notification) *receivers.Notification {
	if n.TruncatedAlerts > 0 {
		return n
	}
	named := map[string]bool{}
	for i := range n.Alerts {
		named[n.Alerts[i].Identity()] = true
	}
	all := slices.Clone(n.Alerts)
	for _, a := range s.Alerts {
		if !a.Firing && !named[a.ID] {
			all = append(all, a.full())
		}
	}
	if len(all) == len(n.Alerts) {
		return n
	}
	whole := n.With(all)
	whole.CommonAnnotations = n.CommonAnnotations // the others' are not known any more
	return whole
}

func (a Alert) full() receivers.Alert {
	full := receivers.Alert{}
	full.Status, full.Labels, full.StartsAt, full.EndsAt = "resolved", a.Labels, a.StartsAt, a.EndsAt
	return full
}
