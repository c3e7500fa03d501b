package receivers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/template"

	"github.com/tgrelay/tgrelay/relay"
)

// Notification is the data of alert templates: Alertmanager's own (template.Data) by the same names, the envelope of its webhook
// (notify/webhook, version 4), and what Grafana adds.
type Notification struct {
	Receiver          string // as the sender names it
	Status            string // firing or resolved
	Alerts            Alerts
	GroupLabels       template.KV
	CommonLabels      template.KV
	CommonAnnotations template.KV
	ExternalURL       string // of the sender's own page

	Version            string
	GroupKey           string // names the group, as long as it is there
	TruncatedAlerts    int64  // left out by max_alerts
	NotificationReason string // why this notification comes, in Alertmanager's words; empty from older ones
	RouteLabels        template.KV

	// Grafana's.
	Title   string // of the contact point
	Message string // of the contact point
	State   string // alerting or ok
	OrgID   int64  // the organization of Grafana's

	Buttons bool // links stand below the message as buttons, and need not be in its text

	part string // of a group that was split, the values that it was split by

	around // the request that brought it
}

// RouteLabel is a label of the route, for the function routeLabels; empty if there is none.
func (n *Notification) RouteLabel(name string) string { return n.RouteLabels[name] }

// Alert is an alert, with the fields of Alertmanager's template.Alert and what Grafana adds. They stand side by side: text/template takes ten times as
// long to find one that is embedded.
type Alert struct {
	Status       string      `json:"status"`
	Labels       template.KV `json:"labels"`
	Annotations  template.KV `json:"annotations"`
	StartsAt     time.Time   `json:"startsAt"`
	EndsAt       time.Time   `json:"endsAt"`
	GeneratorURL string      `json:"generatorURL"`
	Fingerprint  string      `json:"fingerprint"`

	SilenceURL   string
	DashboardURL string
	PanelURL     string
	ImageURL     string
	RuleUID      string
	ValueString  string
	Values       map[string]json.Number // exact
}

// Alerts is a list of alerts.
type Alerts []Alert

// Firing returns those that fire.
func (as Alerts) Firing() Alerts { return as.with("firing") }

// Resolved returns those that are over.
func (as Alerts) Resolved() Alerts { return as.with("resolved") }

// with returns those of a status. Where they follow each other, as they mostly do, they are not copied.
func (as Alerts) with(status string) Alerts {
	n, first, last := 0, 0, 0
	for i := range as {
		if as[i].Status == status {
			if n == 0 {
				first = i
			}
			n, last = n+1, i
		}
	}
	switch {
	case n == 0:
		return nil
	case n == last-first+1:
		return slices.Clip(as[first : last+1])
	}
	some := make(Alerts, 0, n)
	for i := range as {
		if as[i].Status == status {
			some = append(some, as[i])
		}
	}
	return some
}

// envelope is the webhook of Alertmanager or Grafana as it comes.
type envelope struct {
	Receiver           text       `json:"receiver"`
	Status             text       `json:"status"`
	Alerts             wireAlerts `json:"alerts"`
	GroupLabels        table      `json:"groupLabels"`
	CommonLabels       table      `json:"commonLabels"`
	CommonAnnotations  table      `json:"commonAnnotations"`
	RouteLabels        table      `json:"routeLabels"`
	ExternalURL        text       `json:"externalURL"`
	Version            text       `json:"version"`
	GroupKey           text       `json:"groupKey"`
	TruncatedAlerts    count      `json:"truncatedAlerts"`
	NotificationReason text       `json:"notification_reason"`
	Title              text       `json:"title"`
	Message            text       `json:"message"`
	State              text       `json:"state"`
	OrgID              count      `json:"orgId"`
}

type wireAlert struct {
	Status       text   `json:"status"`
	Labels       table  `json:"labels"`
	Annotations  table  `json:"annotations"`
	StartsAt     moment `json:"startsAt"`
	EndsAt       moment `json:"endsAt"`
	GeneratorURL text   `json:"generatorURL"`
	Fingerprint  text   `json:"fingerprint"`
	SilenceURL   text   `json:"silenceURL"`
	DashboardURL text   `json:"dashboardURL"`
	PanelURL     text   `json:"panelURL"`
	ImageURL     text   `json:"imageURL"`
	RuleUID      text   `json:"ruleUID"`
	ValueString  text   `json:"valueString"`
	Values       table  `json:"values"`
}

// wireAlerts is the list of alerts. What stands in it and is none is left out: one stray element must not cost the others.
type wireAlerts []wireAlert

func (as *wireAlerts) UnmarshalJSON(b []byte) error {
	var all []wireAlert
	if json.Unmarshal(b, &all) == nil {
		*as = slices.DeleteFunc(all, func(a wireAlert) bool { return !a.isOne() })
		return nil
	}
	var elements []json.RawMessage
	if json.Unmarshal(b, &elements) != nil {
		return nil // no list: no alerts
	}
	for _, element := range elements {
		var a wireAlert
		if json.Unmarshal(element, &a) == nil && a.isOne() {
			*as = append(*as, a)
		}
	}
	return nil
}

func (a *wireAlert) isOne() bool { return a.Labels != nil || a.Status != "" }

type alertmanager struct{}

func (alertmanager) Decode(r Request) ([]Draft, error) {
	n, err := decodeNotification(r, "Alertmanager")
	if err != nil {
		return nil, err
	}
	return []Draft{n.Draft("alertmanager.message")}, nil
}

// decodeNotification reads an alert webhook. What has no list of alerts is none, a custom payload for one.
func decodeNotification(r Request, sender string) (*Notification, error) {
	n, ok := quick(r.Body)
	if !ok {
		var e envelope
		if err := decode(r.Body, &e); err != nil {
			if relay.ErrorCode(err) == relay.CodeInvalidJSON {
				return nil, err
			}
			return nil, notThis(sender)
		}
		n = e.notification()
	}
	if len(n.Alerts) == 0 || n.Status == "" {
		return nil, notThis(sender)
	}
	n.around = r.around()
	return n, nil
}

func notThis(sender string) error {
	return &relay.Error{
		Code:   relay.CodeInvalidField,
		Detail: fmt.Sprintf("this is no webhook of %s: it has no status with a list of alerts; for other documents use a receiver of type json, such as /hooks/json", sender),
		Fields: []relay.FieldError{{Pointer: "/alerts", Detail: "a list with at least one alert is wanted"}},
	}
}

func (e *envelope) notification() *Notification {
	n := &Notification{
		Receiver: string(e.Receiver), Status: string(e.Status), ExternalURL: string(e.ExternalURL),
		GroupLabels: pairs(e.GroupLabels), CommonLabels: pairs(e.CommonLabels), CommonAnnotations: pairs(e.CommonAnnotations),
		Version: string(e.Version), GroupKey: string(e.GroupKey), TruncatedAlerts: int64(e.TruncatedAlerts),
		NotificationReason: string(e.NotificationReason), RouteLabels: pairs(e.RouteLabels),
		Title: string(e.Title), Message: string(e.Message), State: string(e.State), OrgID: int64(e.OrgID),
	}
	for _, a := range e.Alerts {
		if a.Status == "" { // a sender that says it once, for all
			a.Status = e.Status
		}
		n.Alerts = append(n.Alerts, a.alert())
	}
	return n
}

func (a *wireAlert) alert() Alert {
	return Alert{
		Status: string(a.Status), Labels: pairs(a.Labels), Annotations: pairs(a.Annotations),
		StartsAt: a.StartsAt.Time, EndsAt: a.EndsAt.Time, GeneratorURL: string(a.GeneratorURL), Fingerprint: string(a.Fingerprint),
		SilenceURL: string(a.SilenceURL), DashboardURL: string(a.DashboardURL), PanelURL: string(a.PanelURL),
		ImageURL: string(a.ImageURL), RuleUID: string(a.RuleUID), ValueString: string(a.ValueString), Values: numbers(a.Values),
	}
}

func numbers(m table) map[string]json.Number {
	exact := map[string]json.Number{}
	for ref, value := range m {
		exact[ref] = json.Number(value)
	}
	return exact
}

func pairs(m table) template.KV {
	kv := template.KV{}
	for name, value := range m {
		kv[name] = string(value)
	}
	return kv
}

// Draft is a message that tells the notification.
func (n *Notification) Draft(template string) Draft {
	return Draft{Template: template, Data: n, Group: n.group(), Alerts: n.said(), Summary: n.summary(), Notification: n}
}

// summary counts the alerts.
func (n *Notification) summary() *relay.Alerts {
	return &relay.Alerts{Group: n.Name(), Firing: len(n.Alerts.Firing()), Resolved: len(n.Alerts.Resolved())}
}

// namesShown is how many names of alerts stand for a group that has none.
const namesShown = 3

// Name is what the alerts have in common, as the built-in template says it: their name, else what they are grouped by, else the names
// that there are.
func (n *Notification) Name() string {
	if name := n.CommonLabels["alertname"]; name != "" {
		return name
	}
	var words []string
	for _, p := range n.GroupLabels.SortedPairs() {
		words = append(words, p.Name+"="+p.Value)
	}
	if len(words) > 0 {
		return strings.Join(words, " ")
	}
	for i := range n.Alerts {
		if name := n.Alerts[i].Labels["alertname"]; name != "" && !slices.Contains(words, name) {
			words = append(words, name)
		}
	}
	switch {
	case len(words) == 0:
		return "alerts"
	case len(words) > namesShown:
		return fmt.Sprintf("%s and %d more", strings.Join(words[:namesShown], ", "), len(words)-namesShown)
	}
	return strings.Join(words, ", ")
}

// group is the group of alerts, of one receiver of the sender's.
func (n *Notification) group() string {
	if n.GroupKey == "" {
		return ""
	}
	return n.Receiver + "\x00" + n.GroupKey + "\x00" + n.part
}

// said is which alerts fire or are resolved, since when, and why the sender speaks: repeating itself it is no twin. What may differ
// between two Alertmanagers (endsAt, annotations, the order) is left out.
func (n *Notification) said() string {
	lines := make([]string, 0, len(n.Alerts)+1)
	lines = append(lines, n.Status+" "+n.NotificationReason)
	var line []byte
	for i := range n.Alerts {
		a := &n.Alerts[i]
		line = append(append(line[:0], a.Status...), ' ')
		line = a.StartsAt.UTC().AppendFormat(line, time.RFC3339Nano)
		for _, p := range a.Labels.SortedPairs() {
			line = strconv.AppendQuote(append(line, ' '), p.Name)
			line = strconv.AppendQuote(append(line, '='), p.Value)
		}
		lines = append(lines, string(line))
	}
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n")
}

// Plain tells the alerts without any template.
func (n *Notification) Plain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d alerts", strings.ToUpper(n.Status), len(n.Alerts))
	for _, a := range n.Alerts {
		fmt.Fprintf(&b, "\n\n%s %s since %s", strings.ToUpper(a.Status), a.Labels["alertname"], a.StartsAt.UTC().Format(time.RFC3339))
		for _, kv := range []template.KV{a.Labels, a.Annotations} {
			for _, p := range kv.SortedPairs() {
				fmt.Fprintf(&b, "\n%s: %s", p.Name, p.Value)
			}
		}
	}
	return b.String()
}
