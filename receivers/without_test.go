package receivers_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tgrelay/tgrelay/receivers"
)

func decodeOne(t *testing.T, kind, body string) receivers.Draft {
	t.Helper()
	typ, _ := receivers.Get(kind)
	drafts, err := typ.Decode(receivers.Request{Body: []byte(body)})
	if err != nil || len(drafts) != 1 {
		t.Fatalf("%d drafts, %v", len(drafts), err)
	}
	return drafts[0]
}

func named(name string) func(receivers.Alert) bool {
	return func(a receivers.Alert) bool { return a.Labels["alertname"] == name }
}

const mixed = `{"status": "firing", "state": "alerting", "receiver": "r", "groupKey": "g", "groupLabels": {"job": "a"}, "commonLabels": {"job": "a"}, "commonAnnotations": {}, "alerts": [
	{"status": "firing", "labels": {"job": "a", "alertname": "Watchdog"}, "annotations": {"summary": "works"}},
	{"status": "resolved", "labels": {"job": "a", "alertname": "Down", "n": "1"}, "annotations": {"summary": "down", "x": "1"}},
	{"status": "resolved", "labels": {"job": "a", "alertname": "Down", "n": "2"}, "annotations": {"summary": "down", "x": "2"}}]}`

// What is left is as the sender would have written it: status, and what the alerts have in common.
func TestWithoutSomeAlerts(t *testing.T) {
	whole := decodeOne(t, "grafana", mixed)
	rest, told := whole.Without(named("Watchdog"))
	if !told {
		t.Fatal("nothing was left")
	}
	alone := decodeOne(t, "grafana", `{"status": "resolved", "state": "ok", "receiver": "r", "groupKey": "g", "groupLabels": {"job": "a"}, "commonLabels": {"job": "a", "alertname": "Down"}, "commonAnnotations": {"summary": "down"}, "alerts": [
	{"status": "resolved", "labels": {"job": "a", "alertname": "Down", "n": "1"}, "annotations": {"summary": "down", "x": "1"}},
	{"status": "resolved", "labels": {"job": "a", "alertname": "Down", "n": "2"}, "annotations": {"summary": "down", "x": "2"}}]}`)
	if diff := cmp.Diff(alone, rest, cmpopts.IgnoreUnexported(receivers.Notification{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := whole.Notification; len(n.Alerts) != 3 || n.Status != "firing" || len(n.CommonLabels) != 1 {
		t.Errorf("the draft itself has changed: %+v", n)
	}
}

func TestWithoutLeavesNothingUntold(t *testing.T) {
	whole := decodeOne(t, "grafana", mixed)
	for name, c := range map[string]struct {
		draft receivers.Draft
		gone  func(receivers.Alert) bool
		told  bool
	}{
		"none is meant":         {whole, named("Other"), true},
		"a document":            {decodeOne(t, "json", mixed), named("Watchdog"), true},
		"all are meant":         {whole, func(receivers.Alert) bool { return true }, false},
		"others were truncated": {decodeOne(t, "grafana", strings.Replace(mixed, `"state"`, `"truncatedAlerts": 2, "state"`, 1)), func(receivers.Alert) bool { return true }, true},
	} {
		got, told := c.draft.Without(c.gone)
		if told != c.told || !reflect.DeepEqual(c.draft, got) {
			t.Errorf("%s: told %v, want %v; became %+v", name, told, c.told, got)
		}
	}
}
