package receivers

import (
	"maps"
	"slices"

	"github.com/prometheus/alertmanager/template"
)

// Notification returns the alerts that a draft is about; nil if it is about something else.
func (d Draft) Notification() *Notification {
	n, _ := d.Data.(*Notification)
	return n
}

// Without returns the draft without some of its alerts, as the sender would have written it had there been none of them. It is
// false where nothing is left to be told. A draft without alerts stays as it is, and so does one of which the sender has left out alerts
// that would then be told by nothing.
func (d Draft) Without(gone func(Alert) bool) (Draft, bool) {
	n := d.Notification()
	if n == nil || !slices.ContainsFunc(n.Alerts, gone) {
		return d, true
	}
	rest := *n
	rest.Alerts = slices.DeleteFunc(slices.Clone(n.Alerts), gone)
	if len(rest.Alerts) == 0 {
		return d, n.TruncatedAlerts > 0
	}
	rest.summarize()
	return rest.draft(d.Template), true
}

// summarize sets what the envelope says of all alerts together, as Alertmanager (template.Template.Data) and Grafana do.
func (n *Notification) summarize() {
	n.Status = "resolved"
	if len(n.Alerts.Firing()) > 0 {
		n.Status = "firing"
	}
	if n.State != "" {
		n.State = map[string]string{"firing": "alerting", "resolved": "ok"}[n.Status]
	}
	n.CommonLabels, n.CommonAnnotations = maps.Clone(n.Alerts[0].Labels), maps.Clone(n.Alerts[0].Annotations)
	for _, a := range n.Alerts[1:] {
		keepCommon(n.CommonLabels, a.Labels)
		keepCommon(n.CommonAnnotations, a.Annotations)
	}
}

func keepCommon(common, of template.KV) {
	maps.DeleteFunc(common, func(name, value string) bool {
		other, there := of[name]
		return !there || other != value
	})
}
