package daemon

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/trouble"
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

// botLabel is the label of metrics that each bot has its own of.
const botLabel = "bot"

// nameless leaves out the label of the first bot, whose name is empty: to Prometheus an empty label is none, and so it reads for people.
func nameless(all prometheus.Gatherer) prometheus.Gatherer {
	empty := func(l *dto.LabelPair) bool { return l.GetName() == botLabel && l.GetValue() == "" }
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := all.Gather()
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if slices.ContainsFunc(m.GetLabel(), empty) {
					m.Label = slices.DeleteFunc(slices.Clone(m.GetLabel()), empty) // they are the collector's own
				}
			}
		}
		return families, err
	})
}

func metricsHandler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(nameless(r), promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
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

// Collect implements prometheus.Collector. While the storage cannot be read there is nothing to tell; all other metrics are served.
func (c census) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	n, err := c.directory.RecipientCount(ctx)
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(recipientsDesc, prometheus.GaugeValue, float64(n))
	states, err := c.directory.BindingCount(ctx)
	if err != nil {
		return
	}
	for _, state := range []relay.ChatState{relay.Active, relay.Blocked, relay.Left} {
		ch <- prometheus.MustNewConstMetric(bindingsDesc, prometheus.GaugeValue, float64(states[state]), string(state))
	}
}

var (
	sizeDesc = prometheus.NewDesc("tgrelay_storage_size_bytes", "Size of the storage's files: database and write-ahead log (wal).", []string{"file"}, nil)
	freeDesc = prometheus.NewDesc("tgrelay_storage_free_bytes", "What may still be written to the file system of the storage.", nil, nil)
)

// disk looks at the storage's files when it is asked.
type disk struct{ path string }

// Describe implements prometheus.Collector.
func (disk) Describe(ch chan<- *prometheus.Desc) {
	ch <- sizeDesc
	ch <- freeDesc
}

// Collect implements prometheus.Collector.
func (d disk) Collect(ch chan<- prometheus.Metric) {
	for file, path := range map[string]string{"database": d.path, "wal": d.path + "-wal"} {
		size := 0.
		if info, err := os.Stat(path); err == nil {
			size = float64(info.Size())
		}
		ch <- prometheus.MustNewConstMetric(sizeDesc, prometheus.GaugeValue, size, file)
	}
	if space, err := trouble.SpaceOf(filepath.Dir(d.path)); err == nil && space.Total > 0 {
		ch <- prometheus.MustNewConstMetric(freeDesc, prometheus.GaugeValue, float64(space.Free))
	}
}
