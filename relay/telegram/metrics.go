package telegram

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	retryAfter prometheus.Counter
	updates    *prometheus.CounterVec
	lastUpdate prometheus.Gauge
	updated    atomic.Int64 // the same, in Unix milliseconds; 0 before the first
}

// newMetrics registers with r; nil counts in vain.
func newMetrics(r prometheus.Registerer, healthy func() error) *metrics {
	f := promauto.With(r)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tgrelay_telegram_up", Help: "Whether Telegram answers and takes the bot's token: 1, else 0.",
	}, func() float64 {
		if healthy() != nil {
			return 0
		}
		return 1
	})
	return &metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "tgrelay_telegram_requests_total",
			Help: "Calls of the Bot API by method and HTTP status; not_sent or outcome_unknown where there was no answer.",
		}, []string{"method", "code"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tgrelay_telegram_request_duration_seconds",
			Help:    "How long calls of the Bot API took. getUpdates waits for updates.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"method"}),
		retryAfter: f.NewCounter(prometheus.CounterOpts{
			Name: "tgrelay_telegram_retry_after_seconds_total",
			Help: "Seconds of waiting that Telegram asked for (retry_after).",
		}),
		updates: f.NewCounterVec(prometheus.CounterOpts{
			Name: "tgrelay_telegram_updates_total",
			Help: "Updates received, by type.",
		}, []string{"type"}),
		lastUpdate: f.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_telegram_last_update_timestamp_seconds",
			Help: "When the last update was received; 0 before the first.",
		}),
	}
}

func (m *metrics) called(method string, took time.Duration, failed *Error) {
	code := "200"
	if failed != nil {
		code = codeOf(failed)
		m.retryAfter.Add(failed.RetryAfter.Seconds())
	}
	m.requests.WithLabelValues(method, code).Inc()
	m.duration.WithLabelValues(method).Observe(took.Seconds())
}

// codeOf is the HTTP status of a failed call. A number that is none, as something between us and Telegram may answer, is "other".
func codeOf(failed *Error) string {
	switch {
	case failed.Code == 0:
		return string(failed.Reason)
	case failed.Code < 100 || failed.Code > 599:
		return "other"
	}
	return strconv.Itoa(failed.Code)
}

func (m *metrics) received(u *Update) {
	m.updates.WithLabelValues(u.Kind()).Inc()
	m.lastUpdate.SetToCurrentTime()
	m.updated.Store(time.Now().UnixMilli())
}
