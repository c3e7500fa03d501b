package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
)

type metrics struct {
	deliveries *prometheus.CounterVec
	latency    prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, outbox relay.Outbox) *metrics {
	m := &metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tgrelay_deliveries_total", Help: "Deliveries that ended, by state.",
		}, []string{"state"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "tgrelay_delivery_latency_seconds",
			Help:    "From the acceptance of a message, or its send_at, to Telegram's answer that it was sent.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200},
		}),
	}
	for _, s := range []relay.State{relay.Sent, relay.Failed, relay.Expired} {
		m.deliveries.WithLabelValues(string(s))
	}
	if r != nil {
		r.MustRegister(m.deliveries, m.latency, &backlog{outbox: outbox})
	}
	return m
}

func (m *metrics) ended(job *relay.Job, o *relay.Outcome) {
	m.deliveries.WithLabelValues(string(o.State)).Inc()
	if o.State == relay.Sent {
		m.latency.Observe(o.At.Sub(later(job.CreatedAt, job.SendAt)).Seconds())
	}
}

// backlog collects what waits from the outbox. It asks at most every backlogAge, and for no longer than backlogTimeout:
// a scrape that comes while the storage fails gets what was known last.
type backlog struct {
	outbox relay.Outbox

	mu    sync.Mutex
	asked time.Time
	last  relay.Backlog
}

const (
	backlogAge     = 5 * time.Second
	backlogTimeout = 3 * time.Second
)

var (
	outboxDeliveries = prometheus.NewDesc("tgrelay_outbox_deliveries", "Deliveries in the outbox by state, finished ones until they are pruned.", []string{"state"}, nil)
	outboxOldest     = prometheus.NewDesc("tgrelay_outbox_oldest_seconds", "Age of the oldest delivery that is queued or under way; 0 if there is none.", nil, nil)
)

// Describe implements prometheus.Collector.
func (b *backlog) Describe(ch chan<- *prometheus.Desc) {
	ch <- outboxDeliveries
	ch <- outboxOldest
}

// Collect implements prometheus.Collector.
func (b *backlog) Collect(ch chan<- prometheus.Metric) {
	now := b.read()
	for _, s := range relay.States {
		ch <- prometheus.MustNewConstMetric(outboxDeliveries, prometheus.GaugeValue, float64(now.Count[s]), string(s))
	}
	age := 0.0
	if !now.Oldest.IsZero() {
		age = max(time.Since(now.Oldest).Seconds(), 0)
	}
	ch <- prometheus.MustNewConstMetric(outboxOldest, prometheus.GaugeValue, age)
}

func (b *backlog) read() relay.Backlog {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.asked) < backlogAge {
		return b.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	if now, err := b.outbox.Backlog(ctx); err == nil {
		b.last = now
	}
	b.asked = time.Now()
	return b.last
}
