package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// receiver is an inlet with what is ready to be pasted.
type receiver struct {
	*intake.Receiver
	Kind      string // its type
	URL       string // with RECIPIENT at its end where the sender names one
	Snippets  []snippet
	Payloads  []payload
	Recipient string // that the snippets have
}

// snippet is something to paste.
type snippet struct{ Title, Text string }

// payload is a webhook as it is shown.
type payload struct {
	intake.Payload
	Text string // its body, indented where it is JSON
}

// Receivers lists the inlets.
func (c *Console) Receivers(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	all := c.Door.Rules().Receivers
	var list []receiver
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if v.Receiver(name) {
			list = append(list, c.receiver(v, all[name]))
		}
	}
	return c.frame(w, r, view{Viewer: v, Page: "receivers", Title: "Receivers", Data: list})
}

func (c *Console) receiver(v *Viewer, rc *intake.Receiver) receiver {
	one := receiver{Receiver: rc, Kind: receivers.NameOf(rc.Type), URL: v.Base + "/hooks/" + rc.Name, Recipient: "ops"}
	if len(rc.To) == 0 {
		one.URL += "/" + one.Recipient
	}
	if v.Whole() {
		for _, p := range c.Door.Kept(rc.Name) {
			one.Payloads = append(one.Payloads, payload{p, indented(p.Request.Body)})
		}
	}
	return one
}

// indented is a document for people.
func indented(body []byte) string {
	if n, err := parseNode(body); err == nil && (n.object || n.list) {
		return n.String()
	}
	return strings.ToValidUTF8(string(body), "\uFFFD")
}

// receiverOf is that of the path. Error: relay.CodeNotFound.
func (c *Console) receiverOf(r *http.Request, v *Viewer) (*intake.Receiver, error) {
	rc := c.Door.Rules().Receivers[r.PathValue("name")]
	if rc == nil || !v.Receiver(rc.Name) {
		return nil, absent("receiver")
	}
	return rc, nil
}

// Receiver shows one.
func (c *Console) Receiver(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	rc, err := c.receiverOf(r, v)
	if err != nil {
		return err
	}
	one := c.receiver(v, rc)
	one.Snippets = snippets(one, v.Open)
	return c.frame(w, r, view{Viewer: v, Page: "receiver", Title: "Receiver " + rc.Name, Data: one})
}

// snippets are by the kind of sender. Where no token is asked for, none is shown.
func snippets(r receiver, open bool) (all []snippet) {
	switch r.Kind {
	case "alertmanager":
		text := "receivers:\n  - name: telegram\n    webhook_configs:\n      - url: " + r.URL
		if !open && !r.Signature.Wanted() {
			text += "\n        http_config:\n          authorization:\n            credentials_file: /etc/alertmanager/tgrelay-token"
		}
		all = append(all, snippet{"alertmanager.yml", text})
	case "grafana":
		text := "apiVersion: 1\ncontactPoints:\n  - orgId: 1\n    name: telegram\n    receivers:\n      - uid: tgrelay\n        type: webhook\n        settings:\n          url: " + r.URL + "\n          httpMethod: POST"
		if !open && !r.Signature.Wanted() {
			text += "\n          authorization_scheme: Bearer\n          authorization_credentials: TOKEN"
		}
		all = append(all, snippet{"A contact point of Grafana, as provisioning/alerting/telegram.yaml", text})
	case "ntfy":
		all = append(all, snippet{"ntfy", "ntfy publish " + r.URL + ` "Backup finished"`})
	case "gotify":
		all = append(all, snippet{"Gotify", "The server's address: " + strings.TrimSuffix(r.URL, "/")})
	case "apprise":
		all = append(all, snippet{"Apprise", "apprise -t Backup -b finished " + strings.Replace(r.URL, "http", "apprise", 1)})
	}
	return append(all, snippet{"curl", curlOf(r, open)})
}

// curlOf posts what a receiver of the kind takes.
func curlOf(r receiver, open bool) string {
	text := "curl"
	if !open {
		text += ` -H "Authorization: Bearer $TOKEN"`
	}
	_, body := firstSample(r.Kind)
	switch r.Kind {
	case "text", "ntfy":
		return text + " -d " + shell("Backup finished in 3 min") + " \\\n  " + r.URL
	case "alertmanager", "grafana":
		return text + " --json @webhook.json \\\n  " + r.URL
	case "gotify":
		r.URL += "/message"
	}
	return text + " --json " + shell(string(body)) + " \\\n  " + r.URL
}

// Replay takes a kept webhook in once more, for whom it was or for a recipient that is named.
func (c *Console) Replay(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	rc, err := c.receiverOf(r, v)
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	i := -1
	var kept []intake.Payload
	if v.Whole() {
		kept = c.Door.Kept(rc.Name)
		i = slices.IndexFunc(kept, func(p intake.Payload) bool { return p.ID.String() == f.Get("payload") })
	}
	if i < 0 {
		return absent("webhook, or it is not kept any more")
	}
	to, caller := f.Get("to"), v.Caller
	if to == "" {
		to = kept[i].Recipient
	}
	if to == "" { // those that the document names are named as its sender knows them
		caller = kept[i].By
		caller.Owner = v.Caller.Owner
	}
	messages, err := c.Door.Hook(r.Context(), caller, intake.Hook{Receiver: rc.Name, Recipient: to, Request: kept[i].Request, Vouched: true})
	if err != nil {
		return err
	}
	c.note(v, "sent a webhook again", "receiver", rc.Name, "to", to)
	for _, m := range messages {
		if len(m.Deliveries) > 0 {
			return toDelivery(w, r, m)
		}
	}
	return done(w, r, "/receivers/"+url.PathEscape(rc.Name), "said-nothing")
}

// firstSample is a webhook of a kind, with its name.
func firstSample(kind string) (name string, body []byte) {
	all := samplesOf(kind)
	name = slices.Sorted(maps.Keys(all))[0]
	return name, all[name]
}

// samplesOf are webhooks of a kind by what they show: recorded ones, else one as such a sender writes it.
func samplesOf(kind string) map[string][]byte {
	if all := receivers.Samples(kind); len(all) > 0 {
		return all
	}
	body := `{"title": "Backup", "text": "finished in 3 min"}`
	switch kind {
	case "gotify":
		body = `{"title": "Backup", "message": "finished in 3 min", "priority": 5}`
	case "ntfy":
		body = `{"topic": "ops", "title": "Backup", "message": "finished in 3 min", "tags": ["white_check_mark"]}`
	case "apprise":
		body = `{"title": "Backup", "body": "finished in 3 min", "type": "success"}`
	case "telepush":
		body = `{"text": "*Backup* finished in 3 min"}`
	case "text":
		body = "Backup finished in 3 min"
	}
	return map[string][]byte{"as " + kind + " has it": []byte(body)}
}

// request is a webhook for a preview.
func request(rc *intake.Receiver, body string) receivers.Request {
	return receivers.Request{Receiver: rc.Name, Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}}, Query: url.Values{}, Body: []byte(body)}
}
