package receivers

import (
	"slices"

	"github.com/prometheus/alertmanager/template"

	"github.com/tgrelay/tgrelay/relay/render"
)

const (
	// each is how many values of a label stand for all.
	each = 3
	// listed is how many alerts of a kind a list shows.
	listed = 20
	// noteLength is how much a list shows of what an alert alone says, in characters as people count them.
	noteLength = 200
)

// Each are the values of a label, each once: the first three, and an ellipsis for those beyond.
func (as Alerts) Each(label string) []string {
	var values []string
	for i := range as {
		value := as[i].Labels[label]
		switch {
		case value == "" || slices.Contains(values, value):
		case len(values) == each:
			return append(values, "…")
		default:
			values = append(values, value)
		}
	}
	return values
}

// List is the alerts of a kind as a list of several shows them. It is made ahead of the templates, which take longer for each step.
type List struct {
	Firing bool
	Alerts []Listed // the first twenty
	More   int      // that are left out
}

// Listed is an alert in a list.
type Listed struct {
	Alert   *Alert
	Named   bool   // names differ, and this one's stands before its labels
	Labels  string // that not all have, in code; empty: none
	Summary string // that not all have, else the description; cut
}

// Lists are the alerts that fire, and those that are over.
func (n *Notification) Lists() []List {
	var lists []List
	for _, alerts := range []Alerts{n.Alerts.Firing(), n.Alerts.Resolved()} {
		if len(alerts) == 0 {
			continue
		}
		l := List{Firing: alerts[0].Status == "firing", Alerts: n.Listed(alerts), More: max(0, len(alerts)-listed)}
		for i := range l.Alerts {
			l.Alerts[i].Named = n.CommonLabels["alertname"] == ""
		}
		lists = append(lists, l)
	}
	return lists
}

// Listed tells the first twenty of some alerts apart, without their names.
func (n *Notification) Listed(alerts Alerts) []Listed {
	list := make([]Listed, min(len(alerts), listed))
	for i := range list {
		a := &alerts[i]
		list[i] = Listed{Alert: a, Labels: render.Codes(a.Labels, n.isCommon), Summary: own(a.Annotations, n.CommonAnnotations)}
	}
	return list
}

func (n *Notification) isCommon(label string) bool {
	_, common := n.CommonLabels[label]
	return common || label == "alertname"
}

// own is what an alert says and not all do.
func own(annotations, common template.KV) string {
	for _, name := range []string{"summary", "description"} {
		if text := annotations[name]; text != "" && text != common[name] {
			return render.Truncate(noteLength, text)
		}
	}
	return ""
}
