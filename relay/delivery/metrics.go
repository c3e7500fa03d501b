package delivery

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/tgrelay/tgrelay/relay"
)

type metrics struct {
	deliveries *prometheus.CounterVec
	latency    prometheus.Histogram
}

// newMetrics registers with r; nil counts in vain.
func newMetrics(r prometheus.Registerer, outbox relay.Outbox) *metrics {
	f := promauto.With(r)
	m := &metrics{
		deliveries: f.NewCounterVec(prometheus.CounterOpts{
			Name: "tgrelay_deliveries_total",
			Help: "Deliveries that came to their end, by the state that they ended in.",
		}, []string{"state"}),
		latency: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "tgrelay_delivery_latency_seconds",
			Help:    "From being accepted (or from send_at) to being sent.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200},
		}),
	}
	for _, s := range []relay.State{relay.Sent, relay.Failed, relay.Expired} {
		m.deliveries.WithLabelValues(string(s))
	}
	if r != nil {
		r.MustRegister(backlog{outbox})
	}
	return m
}

// ended counts a delivery that came to its end.
func (m *metrics) ended(d *relay.Delivery, o *relay.Outcome) {
	m.deliveries.WithLabelValues(string(o.State)).Inc()
	if o.State == relay.Sent {
		due := later(d.CreatedAt, d.SendAt)
		m.latency.Observe(max(o.At.Sub(due), 0).Seconds())
	}
}

// backlog asks the outbox when it is scraped.
type backlog struct{ outbox relay.Outbox }

var (
	countDesc  = prometheus.NewDesc("tgrelay_outbox_deliveries", "Deliveries in the storage, by state.", []string{"state"}, nil)
	oldestDesc = prometheus.NewDesc("tgrelay_outbox_oldest_seconds", "Age of the oldest delivery that waits for being sent; 0 when none does.", nil, nil)
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
