package receivers

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/alertmanager/template"
)

// With is the notification as if it spoke of other alerts: status, common labels and annotations are theirs, as Alertmanager
// (template.Template.Data) and Grafana make them.
func (n *Notification) With(alerts Alerts) *Notification {
	part := *n
	part.Alerts = alerts
	part.Status = "resolved"
	if len(alerts.Firing()) > 0 {
		part.Status = "firing"
	}
	if n.State != "" { // Grafana's word for it
		part.State = map[string]string{"firing": "alerting", "resolved": "ok"}[part.Status]
	}
	part.CommonLabels = common(alerts, func(a *Alert) template.KV { return a.Labels })
	part.CommonAnnotations = common(alerts, func(a *Alert) template.KV { return a.Annotations })
	return &part
}

// common is what all alerts have alike.
func common(alerts Alerts, of func(*Alert) template.KV) template.KV {
	if len(alerts) == 0 {
		return template.KV{}
	}
	shared := maps.Clone(of(&alerts[0]))
	if shared == nil {
		shared = template.KV{}
	}
	for i := range alerts[1:] {
		other := of(&alerts[i+1])
		maps.DeleteFunc(shared, func(name, value string) bool {
			theirs, has := other[name]
			return !has || theirs != value
		})
	}
	return shared
}

// Split cuts a notification into one for each combination of values of some labels, in the order in which they come first. Each is a group
// of its own. A contact point's own title and message speak of all, and are left out of the parts.
func (n *Notification) Split(by []string) []*Notification {
	if len(by) == 0 {
		return []*Notification{n}
	}
	var order []string
	parts := map[string]Alerts{}
	for _, a := range n.Alerts {
		values := make([]string, len(by))
		for i, label := range by {
			values[i] = strconv.Quote(a.Labels[label])
		}
		key := strings.Join(values, " ")
		if parts[key] == nil {
			order = append(order, key)
		}
		parts[key] = append(parts[key], a)
	}
	out := make([]*Notification, 0, len(order))
	for _, key := range order {
		part := n.With(parts[key])
		part.GroupLabels = maps.Clone(n.GroupLabels)
		for _, label := range by {
			part.GroupLabels[label] = part.Alerts[0].Labels[label]
		}
		part.part = key
		if len(order) > 1 {
			part.Title, part.Message = "", ""
		}
		out = append(out, part)
	}
	return out
}

// Identity tells alerts apart: the fingerprint, else the labels.
func (a *Alert) Identity() string {
	if a.Fingerprint != "" {
		return a.Fingerprint
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		b.WriteString(name + "\x00" + a.Labels[name] + "\x00")
	}
	return b.String()
}
