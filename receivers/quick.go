package receivers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/alertmanager/template"
)

// Almost every webhook about alerts has just the fields and kinds that Alertmanager and Grafana give theirs. Such a one is read in a single
// pass, which takes a quarter of the time; at the first thing that is otherwise it is left to decode, which is tolerant and tells faults.

// errOdd ends the quick way.
var errOdd = errors.New("not as usual")

// quick reads a webhook as decode would; false for one that is odd, invalid or large.
func quick(body []byte) (*Notification, bool) {
	if len(body) > 4*limits.Keys { // "":1, has five bytes: it may have too many keys
		return nil, false
	}
	q := &quickReader{whole: string(body), dec: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))}
	n := &Notification{GroupLabels: template.KV{}, CommonLabels: template.KV{}, CommonAnnotations: template.KV{}, RouteLabels: template.KV{}}
	if q.object(func(name string) error { return q.notification(n, name) }) != nil {
		return nil, false
	}
	if _, err := q.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	for i := range n.Alerts {
		if n.Alerts[i].Status == "" {
			n.Alerts[i].Status = n.Status
		}
	}
	return n, true
}

// maxRoom is for how many alerts room is made ahead.
const maxRoom = 64

// quickReader cuts its texts out of the whole document.
type quickReader struct {
	whole string
	dec   *jsontext.Decoder
}

func (q *quickReader) notification(n *Notification, name string) error {
	switch name {
	case "receiver":
		return q.text(&n.Receiver)
	case "status":
		return q.text(&n.Status)
	case "alerts":
		return q.alerts(&n.Alerts)
	case "groupLabels":
		return q.labels(&n.GroupLabels)
	case "commonLabels":
		return q.labels(&n.CommonLabels)
	case "commonAnnotations":
		return q.labels(&n.CommonAnnotations)
	case "routeLabels":
		return q.labels(&n.RouteLabels)
	case "externalURL":
		return q.text(&n.ExternalURL)
	case "version":
		return q.text(&n.Version)
	case "groupKey":
		return q.text(&n.GroupKey)
	case "truncatedAlerts":
		return q.count(&n.TruncatedAlerts)
	case "notification_reason":
		return q.text(&n.NotificationReason)
	case "title":
		return q.text(&n.Title)
	case "message":
		return q.text(&n.Message)
	case "state":
		return q.text(&n.State)
	case "orgId":
		return q.count(&n.OrgID)
	}
	return q.skip(name, envelopeNames)
}

func (q *quickReader) alert(a *Alert, name string) error {
	switch name {
	case "status":
		return q.text(&a.Status)
	case "labels":
		return q.labels(&a.Labels)
	case "annotations":
		return q.labels(&a.Annotations)
	case "startsAt":
		return q.moment(&a.StartsAt)
	case "endsAt":
		return q.moment(&a.EndsAt)
	case "generatorURL":
		return q.text(&a.GeneratorURL)
	case "fingerprint":
		return q.text(&a.Fingerprint)
	case "silenceURL":
		return q.text(&a.SilenceURL)
	case "dashboardURL":
		return q.text(&a.DashboardURL)
	case "panelURL":
		return q.text(&a.PanelURL)
	case "imageURL":
		return q.text(&a.ImageURL)
	case "ruleUID":
		return q.text(&a.RuleUID)
	case "valueString":
		return q.text(&a.ValueString)
	case "values":
		return q.numbers(a.Values)
	}
	return q.skip(name, alertNames)
}

func (q *quickReader) alerts(all *Alerts) error {
	if err := q.begin('['); err != nil {
		return err
	}
	*all = make(Alerts, 0, min(strings.Count(q.whole, `"labels"`), maxRoom))
	for q.dec.PeekKind() == '{' {
		a := Alert{Annotations: template.KV{}, Values: map[string]json.Number{}}
		if err := q.object(func(name string) error { return q.alert(&a, name) }); err != nil {
			return err
		}
		if a.Labels == nil {
			return errOdd
		}
		*all = append(*all, a)
	}
	return q.begin(']')
}

// object reads an object, with a function for its values.
func (q *quickReader) object(value func(name string) error) error {
	if err := q.begin('{'); err != nil {
		return err
	}
	for q.dec.PeekKind() == '"' {
		name, err := q.string()
		if err == nil {
			err = value(name)
		}
		if err != nil {
			return err
		}
	}
	return q.begin('}')
}

// begin reads a token that opens or closes.
func (q *quickReader) begin(kind jsontext.Kind) error {
	if q.dec.PeekKind() != kind {
		return errOdd
	}
	_, err := q.dec.ReadToken()
	return err
}

func (q *quickReader) string() (string, error) {
	raw, err := q.dec.ReadValue()
	if err != nil {
		return "", err
	}
	if plain(raw) {
		end := int(q.dec.InputOffset()) - 1
		return q.whole[end-len(raw)+2 : end], nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	return string(text), err
}

func (q *quickReader) text(s *string) (err error) {
	if q.dec.PeekKind() != '"' {
		return errOdd
	}
	*s, err = q.string()
	return err
}

func (q *quickReader) moment(t *time.Time) error {
	var s string
	err := q.text(&s)
	*t, _ = time.Parse(time.RFC3339, s) // zero for what is none
	return err
}

func (q *quickReader) count(n *int64) error {
	raw, err := q.dec.ReadValue()
	if err != nil {
		return err
	}
	if *n, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
		return errOdd
	}
	return nil
}

func (q *quickReader) labels(labels *template.KV) error {
	*labels = template.KV{}
	return q.object(func(name string) error {
		var value string
		err := q.text(&value)
		(*labels)[name] = value
		return err
	})
}

// numbers are the values of Grafana's queries: null where there are none.
func (q *quickReader) numbers(all map[string]json.Number) error {
	clear(all) // of a field that comes twice, the last counts
	if q.dec.PeekKind() == 'n' {
		return q.dec.SkipValue()
	}
	return q.object(func(ref string) error {
		if q.dec.PeekKind() != '0' {
			return errOdd
		}
		raw, err := q.dec.ReadValue()
		all[ref] = json.Number(raw)
		return err
	})
}

// envelopeNames and alertNames are the fields that decode knows.
var envelopeNames, alertNames = fieldNames(reflect.TypeFor[envelope]()), fieldNames(reflect.TypeFor[wireAlert]())

func fieldNames(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("json"))
	}
	return names
}

// skip passes over a field that is not known. Names are known whatever their case.
func (q *quickReader) skip(name string, known []string) error {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return errOdd
		}
	}
	return q.dec.SkipValue()
}
