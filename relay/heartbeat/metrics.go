package heartbeat

import "github.com/prometheus/client_golang/prometheus"

var (
	seenDesc = prometheus.NewDesc("tgrelay_heartbeat_last_seen_timestamp_seconds",
		"When the last sign of life of a heartbeat came; 0 if none ever did.", []string{"heartbeat"}, nil)
	intervalDesc = prometheus.NewDesc("tgrelay_heartbeat_interval_seconds",
		"The longest silence of a heartbeat that is well.", []string{"heartbeat"}, nil)
)

// collector tells of all heartbeats that are configured.
type collector struct{ watch *Watch }

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- seenDesc
	ch <- intervalDesc
}

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
		ch <- prometheus.MustNewConstMetric(intervalDesc, prometheus.GaugeValue, b.Interval.Seconds(), name)
	}
}
