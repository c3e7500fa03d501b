package receivers_test

import (
	"encoding/json"
	"testing"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// tenAlerts is a webhook about a group of ten.
func tenAlerts(b *testing.B) receivers.Request {
	b.Helper()
	var webhook map[string]any
	if err := json.Unmarshal(read(b, "testdata/alertmanager/group-50.json"), &webhook); err != nil {
		b.Fatal(err)
	}
	webhook["alerts"] = webhook["alerts"].([]any)[:10]
	body, err := json.Marshal(webhook)
	if err != nil {
		b.Fatal(err)
	}
	return receivers.Request{Body: body}
}

// BenchmarkDecode reads a webhook of ten alerts.
func BenchmarkDecode(b *testing.B) {
	kind, _ := receivers.Get("alertmanager")
	r := tenAlerts(b)
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := kind.Decode(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkShow renders it, as it stands above buttons.
func BenchmarkShow(b *testing.B) {
	kind, _ := receivers.Get("alertmanager")
	drafts, err := kind.Decode(tenAlerts(b))
	if err != nil {
		b.Fatal(err)
	}
	drafts[0].Notification.Buttons = true
	set := newSet(b)
	b.ReportAllocs()
	for b.Loop() {
		text, err := set.Execute(drafts[0].Template, markup.MarkdownV2, drafts[0].Data)
		if err != nil || text.Text == "" {
			b.Fatal(err)
		}
	}
}
