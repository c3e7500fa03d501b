package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/web"
)

// BenchmarkMessage is POST /api/v1/messages without the network: 1 KiB, on disk when it is answered.
func BenchmarkMessage(b *testing.B) {
	h := newHouse(b, nil)
	h.bind(b, "ops", 1)
	body := `{"to":"ops","text":"` + strings.Repeat("x", 1000) + `"}`
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/api/v1/messages", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
			w := httptest.NewRecorder()
			h.web.ServeHTTP(w, r)
			if w.Code != http.StatusAccepted {
				b.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkHook is a webhook of ten alerts without the network: each of a group of its own, on disk with its conversation when it is answered.
func BenchmarkHook(b *testing.B) {
	h := newHouse(b, func(o *web.Options, r *intake.Rules) {
		o.MaxBody = 1 << 20
		r.Receivers["alertmanager"].Buttons, r.Receivers["alertmanager"].OnUpdate = true, relay.Reply
	})
	h.bind(b, "ops", 1)
	text, err := os.ReadFile("../../receivers/testdata/alertmanager/group-50.json")
	if err != nil {
		b.Fatal(err)
	}
	var webhook map[string]any
	if err := json.Unmarshal(text, &webhook); err != nil {
		b.Fatal(err)
	}
	webhook["alerts"], webhook["groupKey"] = webhook["alerts"].([]any)[:10], "%08d"
	if text, err = json.Marshal(webhook); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	var n atomic.Int64
	b.SetParallelism(32)
	before := cpu(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := strings.Replace(string(text), "%08d", fmt.Sprintf("%08d", n.Add(1)), 1)
			r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/hooks/alertmanager/ops", strings.NewReader(body))
			r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
			w := httptest.NewRecorder()
			h.web.ServeHTTP(w, r)
			if w.Code != http.StatusAccepted {
				b.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "webhooks/s")
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/webhook")
}

// cpu is the time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
