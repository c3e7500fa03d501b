package receivers

import (
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// Link is an address that belongs to alerts, for a button.
type Link struct {
	Kind LinkKind
	URL  string
}

// LinkKind says what an address leads to.
type LinkKind string

// The kinds of links, in the order in which they are shown.
const (
	Runbook     LinkKind = "runbook"
	Dashboard   LinkKind = "dashboard"
	Panel       LinkKind = "panel"
	Source      LinkKind = "source"  // the expression in Prometheus, the rule in Grafana
	SilencePage LinkKind = "silence" // where a silence for the alerts is made
)

// Links are those that Telegram takes: one to a host without a dot can only be shown.
func (n *Notification) Links() []Link {
	first := n.Alerts[0]
	notes := n.CommonAnnotations
	all := []Link{
		{Runbook, cmp.Or(notes["runbook_url"], notes["runbook"])},
		{Dashboard, cmp.Or(notes["dashboard_url"], notes["dashboard"], first.DashboardURL)},
		{Panel, first.PanelURL},
		{Source, first.GeneratorURL},
		{SilencePage, n.silencePage()},
	}
	var links []Link
	for _, l := range all {
		l.URL = strings.TrimSpace(l.URL)
		if !strings.HasPrefix(l.URL, "http://") && !strings.HasPrefix(l.URL, "https://") {
			continue
		}
		if _, err := markup.CheckURL(l.URL); err == nil {
			links = append(links, l)
		}
	}
	return links
}

// Address is a link that no button can have, by the name of what it leads to.
type Address struct{ Name, URL string }

// dotless is an address of a host that Telegram takes for none.
var dotless = regexp.MustCompile(`^https?://[^/.]*(/|$|:[0-9]*(/|$))`)

// Addresses are the links that can only be shown, to be copied. The expression is one alert's alone.
func (n *Notification) Addresses() (shown []Address) {
	notes, first := n.CommonAnnotations, &n.Alerts[0]
	all := []Address{
		{"Dashboard", cmp.Or(notes["dashboard_url"], notes["dashboard"], first.DashboardURL)},
		{"Runbook", cmp.Or(notes["runbook_url"], notes["runbook"])},
		{"Source", first.GeneratorURL},
	}
	if len(n.Alerts) > 1 {
		all = all[:2]
	}
	for _, a := range all {
		if dotless.MatchString(a.URL) {
			shown = append(shown, a)
		}
	}
	return shown
}

// silencePage is Grafana's for its one alert, else Alertmanager's for what all have in common.
func (n *Notification) silencePage() string {
	firing := n.Alerts.Firing()
	switch {
	case len(firing) == 0:
		return ""
	case len(n.Alerts) == 1 && firing[0].SilenceURL != "":
		return firing[0].SilenceURL
	case n.ExternalURL == "" || len(n.CommonLabels) == 0 || n.OrgID != 0:
		return ""
	}
	var matchers []string
	for _, p := range n.CommonLabels.SortedPairs() {
		value, err := json.Marshal(p.Value)
		if err != nil {
			return ""
		}
		matchers = append(matchers, p.Name+"="+string(value))
	}
	filter := url.PathEscape("{" + strings.Join(matchers, ", ") + "}")
	return strings.TrimSuffix(n.ExternalURL, "/") + "/#/silences/new?filter=" + filter
}
