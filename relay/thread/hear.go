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
func (s *State) Resumes(d receivers.Draft) bool {
	n := d.Notification
	firing := n.Alerts.Firing()
	if len(firing) == 0 || s.elsewhere(sender(d)) {
		return true
	}
	again, index := 0, s.index()
	for i := range firing {
		known := index[identity(&firing[i])]
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
	index := s.index()
	for i := range n.Alerts {
		a := &n.Alerts[i]
		known := index[identity(a)]
		if a.Status == "firing" || known == nil || a.StartsAt.After(known.StartsAt) {
			return false
		}
	}
	return true
}

// Hear takes a notification in. watched says that an Alertmanager can be asked what becomes of alerts of which the sender speaks no longer.
// It returns which alerts are new.
func (s *State) Hear(d receivers.Draft, now time.Time, watched bool) (Turn, receivers.Alerts) {
	n, from := d.Notification, sender(d)
	hash := sha256.Sum256([]byte(d.Group + "\x00" + d.Alerts))
	same := hash == s.Said
	if same && now.Sub(s.SaidAt) < relay.NotificationAge {
		return Nothing, nil
	}
	s.Said, s.SaidAt = hash, now
	before := s.shape()
	fresh := s.merge(n, from, same || n.NotificationReason == reasonRepeat)
	s.describe(n, from)
	switch {
	case s.over(n, from, watched):
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

// merge notes what fires and what is over. What fired and is not named any more by the same sender is silenced or inhibited, unless that left
// out some. What is not remembered is new, but in a repetition.
func (s *State) merge(n *receivers.Notification, from string, repeated bool) (fresh receivers.Alerts) {
	index, named := s.index(), map[string]bool{}
	for i := range n.Alerts {
		a := &n.Alerts[i]
		id := identity(a)
		known := index[id]
		isNew := known == nil && !named[id] && !(repeated && len(s.Alerts) >= MaxAlerts) || known != nil && (!known.Firing || a.StartsAt.After(known.StartsAt))
		if a.Status == "firing" && isNew {
			if fresh == nil {
				fresh = make(receivers.Alerts, 0, len(n.Alerts)-i)
			}
			fresh = append(fresh, *a)
		}
		named[id] = true
		if known != nil {
			*known = remembered(id, from, a)
		}
	}
	if n.TruncatedAlerts == 0 {
		for i := range s.Alerts {
			if a := &s.Alerts[i]; a.Firing && a.From == from && !named[a.ID] {
				a.Muted = true
			}
		}
	}
	s.add(n, from, index)
	return fresh
}

// add remembers alerts that are not known yet. Where there is no room, what has been over for longest is forgotten for what fires.
func (s *State) add(n *receivers.Notification, from string, known map[string]*Alert) {
	added := map[string]int{}
	for i := range n.Alerts {
		a := &n.Alerts[i]
		id := identity(a)
		if known[id] != nil {
			continue
		}
		at, again := added[id]
		switch {
		case again:
			s.Alerts[at] = remembered(id, from, a)
		case len(s.Alerts) < MaxAlerts || a.Status == "firing" && s.forget():
			added[id] = len(s.Alerts)
			s.Alerts = append(s.Alerts, remembered(id, from, a))
		}
	}
}

// describe keeps what short forms and silences need.
func (s *State) describe(n *receivers.Notification, from string) {
	if len(n.Alerts.Firing()) == 0 {
		return // what is over needs no other words than before
	}
	firing := n.With(append(n.Alerts.Firing(), s.others(n, from)...).Firing())
	s.Name, s.Level, s.Common = shortened(n.Name()), shortened(n.CommonLabels["severity"]), maps.Clone(firing.CommonLabels)
	s.Links = n.Links()
	s.Without = slices.DeleteFunc(s.Without, func(label string) bool { return s.Common[label] == "" })
	if len(s.Matched()) == 0 {
		s.Without = nil
	}
}

// over reports whether a notification ends the conversation. Where the sender left out alerts, what it says of the others is not all;
// and what is silenced may fire on: an Alertmanager that can be asked knows.
func (s *State) over(n *receivers.Notification, from string, watched bool) bool {
	if len(n.Alerts.Firing()) > 0 || n.TruncatedAlerts > 0 && n.NotificationReason != reasonResolved || s.elsewhere(from) {
		return false
	}
	return !watched || len(s.Muted()) == 0
}

// elsewhere reports whether alerts fire of which another sender speaks: a receiver's key may join several groups in one conversation.
func (s *State) elsewhere(from string) bool {
	return slices.ContainsFunc(s.Alerts, func(a Alert) bool { return a.Firing && !a.Muted && a.From != from })
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

// Whole is a notification with what the conversation knows besides: alerts that were over before, and those of other groups.
func (s *State) Whole(d receivers.Draft) *receivers.Notification {
	n := d.Notification
	others := s.others(n, sender(d))
	if n.TruncatedAlerts > 0 || len(others) == 0 {
		return n
	}
	whole := n.With(append(slices.Clone(n.Alerts), others...))
	whole.CommonAnnotations = n.CommonAnnotations // the others' are not known any more
	return whole
}

// others are the alerts that a notification does not name and that are over, or that another sender speaks of.
func (s *State) others(n *receivers.Notification, from string) (others receivers.Alerts) {
	named := map[string]bool{}
	for i := range n.Alerts {
		named[identity(&n.Alerts[i])] = true
	}
	for i := range s.Alerts {
		a := &s.Alerts[i]
		if !named[a.ID] && (!a.Firing || a.From != from && !a.Muted) {
			others = append(others, a.full())
		}
	}
	return others
}

func (a *Alert) full() receivers.Alert {
	full := receivers.Alert{}
	full.Status, full.Labels, full.StartsAt, full.EndsAt = "resolved", a.Labels, a.StartsAt, a.EndsAt
	if a.Firing {
		full.Status = "firing"
	}
	return full
}
