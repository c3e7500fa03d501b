package store

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	hits, misses prometheus.Counter
	commit, rows prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	with := promauto.With(r)
	requests := with.NewCounterVec(prometheus.CounterOpts{
		Name: "tgrelay_recipient_cache_requests_total", Help: "Look-ups of recipients, answered from memory (hit) or not (miss).",
	}, []string{"result"})
	return &metrics{
		hits: requests.WithLabelValues("hit"), misses: requests.WithLabelValues("miss"),
		commit: with.NewHistogram(prometheus.HistogramOpts{
			Name: "tgrelay_storage_commit_seconds", Help: "How long commits took: mostly the disk's fsync.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // 0.1 ms to 3.3 s
		}),
		rows: with.NewHistogram(prometheus.HistogramOpts{
			Name: "tgrelay_storage_batch_rows", Help: "Rows written in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 13), // 1 to 4096
		}),
	}
}
