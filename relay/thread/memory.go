package thread

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/render"
)

const (
	maxIdentity = 64   // bytes; a fingerprint has 16
	maxValue    = 200  // bytes of a label's name or value
	maxLabels   = 2000 // of all labels of an alert: far more than tell it apart
)

// Identity tells alerts apart that have no fingerprint, by their labels.
func Identity(labels map[string]string) string {
	a := receivers.Alert{}
	a.Labels = labels
	return identity(&a)
}

// identity is an alert's own, by a hash where it is long.
func identity(a *receivers.Alert) string {
	id := a.Identity()
	if len(id) <= maxIdentity && a.Fingerprint != "" {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// sender is short for the group that a notification is about, of the sender's receiver.
func sender(d receivers.Draft) string {
	sum := sha256.Sum256([]byte(d.Group))
	return hex.EncodeToString(sum[:4])
}

// index finds alerts by their ID. It holds until one is added or forgotten.
func (s *State) index() map[string]*Alert {
	index := make(map[string]*Alert, len(s.Alerts))
	for i := range s.Alerts {
		index[s.Alerts[i].ID] = &s.Alerts[i]
	}
	return index
}

// forget drops the alert that has been over for longest; false if all fire.
func (s *State) forget() bool {
	oldest := -1
	for i := range s.Alerts {
		if a := &s.Alerts[i]; !a.Firing && (oldest < 0 || a.EndsAt.Before(s.Alerts[oldest].EndsAt)) {
			oldest = i
		}
	}
	if oldest >= 0 {
		s.Alerts = slices.Delete(s.Alerts, oldest, oldest+1)
	}
	return oldest >= 0
}

// remembered is what is kept of an alert.
func remembered(id, from string, a *receivers.Alert) Alert {
	kept := Alert{ID: id, From: from, Firing: a.Status == "firing", StartsAt: storable(a.StartsAt), Labels: brief(a.Labels)}
	if !kept.Firing {
		kept.EndsAt = storable(a.EndsAt)
	}
	return kept
}

// storable is a moment that JSON can hold: in UTC, and zero for one that is beyond its years.
func storable(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// brief are labels of bounded size. What does not fit is left out.
func brief(labels map[string]string) map[string]string {
	kept, room := map[string]string{}, maxLabels
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		n, v := shortened(name), shortened(labels[name])
		if room -= len(n) + len(v); room >= 0 {
			kept[n] = v
		}
	}
	return kept
}

// shortened is a text of at most maxValue bytes, and the sign that something is missing.
func shortened(text string) string {
	if len(text) <= maxValue {
		return text
	}
	return render.Cut(text, maxValue)
}
