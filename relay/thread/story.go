package thread

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/template"

	"github.com/tgrelay/tgrelay/relay"
)

// Templates of a conversation; their data is a Story. The first message is the receiver's own template, with TemplateStanding below it.
const (
	TemplateStanding = "alerts.standing" // who silenced, acknowledged, was told
	TemplateRepeat   = "alerts.repeat"   // all fires on
	TemplateOver     = "alerts.over"     // what the first message becomes when nothing fires any more
	TemplateResolved = "alerts.resolved" // the answer that tells so
	TemplateEscalate = "alerts.escalate" // the first line for those who are told because nobody reacted
)

// Story is the data of those templates.
type Story struct {
	Name       string      // of the alerts
	Severity   string      // that all have, empty if there is none
	Labels     template.KV // that all have that fire, cut where they are long
	OpenedAt   time.Time   // when the first of them began to fire
	EndedAt    time.Time   // zero while one fires
	Firing     int         // muted ones included
	Resolved   int
	Muted      []string // what tells those apart that fire without their sender speaking of them, at most three
	MoreMuted  int
	Silence    *Silence // that holds now
	Ack        *Ack
	Escalation *Escalation
	Trouble    string
}

// mutedNamed is how many muted alerts are named.
const mutedNamed = 3

// Story tells the state at a moment.
func (s *State) Story(t *relay.Thread, now time.Time) *Story {
	story := &Story{Name: s.Name, Severity: s.Level, Labels: brief(s.Common), OpenedAt: s.since(t), EndedAt: s.until(t), Ack: s.Ack, Escalation: s.Escalation, Trouble: s.Trouble}
	if s.Silence != nil && now.Before(s.Silence.Until) {
		story.Silence = s.Silence
	}
	for _, a := range s.Alerts {
		if a.Firing {
			story.Firing++
		} else {
			story.Resolved++
		}
	}
	if muted := s.Muted(); story.Silence == nil || len(muted) < story.Firing {
		for i, a := range muted {
			if i < mutedNamed {
				story.Muted = append(story.Muted, s.apart(a))
			}
		}
		story.MoreMuted = max(0, len(muted)-mutedNamed)
	}
	return story
}

// since is when the first alert began to fire; the thread's own beginning where that is not known.
func (s *State) since(t *relay.Thread) time.Time {
	since := t.OpenedAt
	for _, a := range s.Alerts {
		if !a.StartsAt.IsZero() && a.StartsAt.Before(since) {
			since = a.StartsAt
		}
	}
	return since
}

// until is when the last alert was over, as the sender says; the thread's own end where that is not known. Zero while it is open.
func (s *State) until(t *relay.Thread) time.Time {
	var until time.Time
	for _, a := range s.Alerts {
		if a.EndsAt.After(until) {
			until = a.EndsAt
		}
	}
	if t.EndedAt.IsZero() || until.IsZero() || until.After(t.EndedAt) {
		return t.EndedAt
	}
	return until
}

// CommonLabels are the Labels, by the name that alerts' own data has for them.
func (s *Story) CommonLabels() template.KV { return s.Labels }

// For is how long it fired, or has fired.
func (s *Story) For() time.Duration {
	end := s.EndedAt
	if end.IsZero() {
		end = time.Now()
	}
	return max(0, end.Sub(s.OpenedAt))
}

// apart is what tells an alert from the others.
func (s *State) apart(a Alert) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		if shortened(s.Common[name]) != a.Labels[name] {
			words = append(words, name+"="+a.Labels[name])
		}
	}
	if len(words) == 0 {
		return a.Labels["alertname"]
	}
	return shortened(strings.Join(words, " "))
}
