package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
			r.RemoteAddr = "127.0.0.1:1"
			w := httptest.NewRecorder()
			h.web.ServeHTTP(w, r)
			if w.Code != http.StatusAccepted {
				b.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
