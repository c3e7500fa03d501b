package daemon

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tgrelay/tgrelay/relay"
)

func newRegistry(version, commit string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tgrelay_build_info", Help: "Which tgrelay this is; always 1.",
	}, []string{"version", "revision", "goversion"})
	info.WithLabelValues(version, commit, runtime.Version()).Set(1)
	r.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

func metricsHandler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

var (
	recipientsDesc = prometheus.NewDesc("tgrelay_recipients", "Recipients that a chat was ever connected to.", nil, nil)
	bindingsDesc   = prometheus.NewDesc("tgrelay_bindings", "Chats connected to recipients, by the state of the chat.", []string{"state"}, nil)
)

// countTime is how long a scrape waits for the storage.
const countTime = 5 * time.Second

// census counts recipients and bindings when it is asked.
type census struct{ directory relay.Directory }

// Describe implements prometheus.Collector.
func (census) Describe(ch chan<- *prometheus.Desc) {
	ch <- recipientsDesc
	ch <- bindingsDesc
}

// Collect implements prometheus.Collector. A storage that cannot be read shows as a fault of the scrape.
func (c census) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	n, err := c.directory.RecipientCount(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(recipientsDesc, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(recipientsDesc, prometheus.GaugeValue, float64(n))
	states, err := c.directory.BindingCount(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(bindingsDesc, err)
		return
	}
	for state, n := range states {
		ch <- prometheus.MustNewConstMetric(bindingsDesc, prometheus.GaugeValue, float64(n), string(state))
	}
}
