package heartbeat

import "github.com/prometheus/client_golang/prometheus"

var seenDesc = prometheus.NewDesc("tgrelay_heartbeat_last_seen_timestamp_seconds",
	"When the last sign of life of a heartbeat came; 0 if none ever did.", []string{"heartbeat"}, nil)

// collector tells of all heartbeats that are configured.
type collector struct{ watch *Watch }

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) { ch <- seenDesc }

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	for name, b := range c.watch.beats {
		seen := 0.
		if !b.Seen.IsZero() {
			seen = float64(b.Seen.UnixMilli()) / 1000
		}
		ch <- prometheus.MustNewConstMetric(seenDesc, prometheus.GaugeValue, seen, name)
	}
}
