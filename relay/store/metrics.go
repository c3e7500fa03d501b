package store

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	hits, misses prometheus.Counter
	bypassed     prometheus.Counter
	commit, rows prometheus.Histogram
	deliveries   *prometheus.CounterVec
	up           prometheus.Gauge

	connected     prometheus.Gauge
	notifications prometheus.Counter

	shards, replicas, back prometheus.Gauge
	lost                   prometheus.Counter
}

// newMetrics registers with r; nil counts in vain.
func newMetrics(r prometheus.Registerer) *metrics {
	with := promauto.With(r)
	requests := with.NewCounterVec(prometheus.CounterOpts{
		Name: "tgrelay_recipient_cache_requests_total", Help: "Look-ups of recipients, answered from memory (hit) or not (miss; bypass: while it is not heard what other replicas change).",
	}, []string{"result"})
	m := &metrics{
		hits: requests.WithLabelValues("hit"), misses: requests.WithLabelValues("miss"), bypassed: requests.WithLabelValues("bypass"),
		connected: with.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_storage_channel_up", Help: "Whether it is heard what other replicas write: 1, else 0. With SQLite there are none, and it is 0.",
		}),
		notifications: with.NewCounter(prometheus.CounterOpts{
			Name: "tgrelay_storage_notifications_total", Help: "Notifications of what other replicas wrote that were heard.",
		}),
		commit: with.NewHistogram(prometheus.HistogramOpts{
			Name: "tgrelay_storage_commit_seconds", Help: "How long commits took: mostly the disk's fsync.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // 0.1 ms to 3.3 s
		}),
		rows: with.NewHistogram(prometheus.HistogramOpts{
			Name: "tgrelay_storage_batch_rows", Help: "Rows written in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 13), // 1 to 4096
		}),
		deliveries: with.NewCounterVec(prometheus.CounterOpts{
			Name: "tgrelay_deliveries_total",
			Help: "Deliveries that came to their end, by the state that they ended in: sent, failed, expired, discarded or superseded. One that was counted and turns out to have arrived is not counted again.",
		}, []string{"state"}),
		up: with.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_storage_up", Help: "Whether the storage took the last write: 1, else 0.",
		}),
		shards: with.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_lease_shards", Help: "How many of the 64 shards of the work this replica has; all, where it has no others beside it.",
		}),
		replicas: with.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_lease_replicas", Help: "How many replicas share the work, as far as this one knows.",
		}),
		back: with.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_lease_standing_back", Help: "Whether this replica cannot reach Telegram and leaves its work to others, where there are some that can: 1, else 0.",
		}),
		lost: with.NewCounter(prometheus.CounterOpts{
			Name: "tgrelay_lease_lost_total", Help: "Shards that ended before this replica could renew its lease of them.",
		}),
	}
	m.ended([len(states)]int64{})
	m.up.Set(1)
	return m
}

// ended counts deliveries by the state that they ended in.
func (m *metrics) ended(endings [len(states)]int64) {
	for i, s := range states {
		if !s.Waiting() {
			m.deliveries.WithLabelValues(string(s)).Add(float64(endings[i]))
		}
	}
}
