package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// tenAlerts is a webhook about a group of ten. %08d stands where the group's key differs.
func tenAlerts(b *testing.B) []byte {
	b.Helper()
	text, err := os.ReadFile("../../receivers/testdata/alertmanager/group-50.json")
	if err != nil {
		b.Fatal(err)
	}
	var webhook map[string]any
	if err := json.Unmarshal(text, &webhook); err != nil {
		b.Fatal(err)
	}
	webhook["alerts"] = webhook["alerts"].([]any)[:10]
	webhook["groupKey"] = "{}:{run=\"%08d\"}"
	small, err := json.Marshal(webhook)
	if err != nil {
		b.Fatal(err)
	}
	return small
}

// BenchmarkAlerts is webhooks of ten alerts each, every one a group of its own: decoded, rendered, and on disk with its conversation
// before it is answered.
func BenchmarkAlerts(b *testing.B) {
	w := newBench(b, "[delivery]\nsurge_after = \"0s\"\n")
	w.connectMany()
	body, before := tenAlerts(b), w.cpu()
	loadWith(b, w.relay, func(caller int, n int64) []byte {
		path := fmt.Sprintf("/hooks/alertmanager/r%d", caller%benchChats)
		return requestBytes(path, string(bytes.Replace(body, []byte("%08d"), fmt.Appendf(nil, "%08d", n), 1)))
	})
	b.ReportMetric(float64((w.cpu()-before).Microseconds())/float64(b.N), "cpu-µs/request")
}

// BenchmarkIdleConnections is what a connection costs that has made its request and stays open: in use by the program, and as the system
// counts it, with the room that the garbage collector leaves itself.
func BenchmarkIdleConnections(b *testing.B) {
	const many = 4000
	w := newBench(b, "")
	w.connect("Ada", "r0")
	request := requestBytes("/api/v1/messages", kilobyte("r0"))
	post := func(c *caller) {
		if status, err := c.post(request); err != nil || status != http.StatusAccepted {
			b.Fatal(status, err)
		}
	}
	for b.Loop() {
		busy := dial(b, w.relay)
		for range many {
			post(busy) // what messages cost is there before
		}
		used, resident := w.inUse(), w.memory("VmRSS")
		for range many {
			post(dial(b, w.relay))
		}
		b.ReportMetric((w.inUse()-used)/1024/many, "KiB/connection")
		b.ReportMetric((w.memory("VmRSS")-resident)*1024/many, "resident-KiB/connection")
	}
}

// inUse is what heap and stacks of the relay take, in bytes.
func (w *world) inUse() (bytes float64) {
	w.t.Helper()
	_, metrics := w.call("GET", w.relay+"/metrics", "")
	for line := range strings.Lines(metrics) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "go_memstats_heap_inuse_bytes" && name != "go_memstats_stack_inuse_bytes" {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			w.t.Fatal(err)
		}
		bytes += n
	}
	return bytes
}
