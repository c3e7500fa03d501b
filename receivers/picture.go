package receivers

import (
	"net/url"
	"strings"
)

// Picture is an image of one or more firing alerts.
type Picture struct {
	URL    string
	Alerts Alerts
}

// Pictures are those of the alerts that fire, each address once, in the alerts' order.
func (n *Notification) Pictures() []Picture {
	var pictures []Picture
	at := map[string]int{}
	for _, a := range n.Alerts.Firing() {
		address := strings.TrimSpace(a.ImageURL)
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			continue
		}
		i, known := at[address]
		if !known {
			i = len(pictures)
			at[address], pictures = i, append(pictures, Picture{URL: address})
		}
		pictures[i].Alerts = append(pictures[i].Alerts, a)
	}
	return pictures
}
