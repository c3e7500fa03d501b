package delivery

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/tgrelay/tgrelay/relay"
)

type metrics struct {
	latency  prometheus.Histogram
	failures *prometheus.CounterVec
	lastSent prometheus.Gauge
	inFlight prometheus.Gauge
	limit    prometheus.Gauge
}

// newMetrics registers with r; nil counts in vain.
func newMetrics(r prometheus.Registerer, o *Options) *metrics {
	f := promauto.With(r)
	m := &metrics{
		latency: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "tgrelay_delivery_latency_seconds",
			Help:    "From being accepted (or from send_at) to being sent.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200},
		}),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "tgrelay_delivery_failed_attempts_total",
			Help: "Requests that brought no message into a chat, by reason; most are tried again.",
		}, []string{"reason"}),
		lastSent: f.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_delivery_last_sent_timestamp_seconds",
			Help: "When the last delivery was sent; 0 before the first since the start.",
		}),
		inFlight: f.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_delivery_requests_in_flight",
			Help: "Requests of deliveries that are under way.",
		}),
		limit: f.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_delivery_concurrency",
			Help: "How many requests of deliveries may be under way at once (concurrency).",
		}),
	}
	for reason := range reactions {
		m.failures.WithLabelValues(string(reason))
	}
	if r != nil && o.Bot == "" { // the outbox is one, whichever bot sends what is in it
		r.MustRegister(backlog{o.Outbox})
	}
	return m
}

// sent notes a delivery that arrived.
func (m *metrics) sent(d *relay.Delivery, o *relay.Outcome) {
	due := later(d.CreatedAt, d.SendAt)
	m.latency.Observe(max(o.At.Sub(due), 0).Seconds())
	m.lastSent.SetToCurrentTime()
}

// backlog asks the outbox when it is scraped.
type backlog struct{ outbox relay.Outbox }

var (
	countDesc  = prometheus.NewDesc("tgrelay_outbox_deliveries", "Deliveries in the storage, by state.", []string{"state"}, nil)
	oldestDesc = prometheus.NewDesc("tgrelay_outbox_oldest_seconds", "How long the oldest delivery has waited for being sent, since it was accepted or from send_at on; 0 when none waits.", nil, nil)
)

func (backlog) Describe(ch chan<- *prometheus.Desc) {
	ch <- countDesc
	ch <- oldestDesc
}

func (b backlog) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // a scrape has no context of its own
	defer cancel()
	now, err := b.outbox.Backlog(ctx)
	if err != nil {
		return // an error here would hide all other metrics while the storage fails
	}
	for _, s := range relay.States {
		ch <- prometheus.MustNewConstMetric(countDesc, prometheus.GaugeValue, float64(now.Count[s]), string(s))
	}
	age := 0.
	if !now.Oldest.IsZero() {
		age = max(time.Since(now.Oldest), 0).Seconds()
	}
	ch <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age)
}
