package telegram

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	retryAfter prometheus.Counter
	updates    *prometheus.CounterVec
	lastUpdate prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tgrelay_telegram_requests_total",
			Help: "Calls of the Bot API by method and code: error_code (200 for success), or not_sent or outcome_unknown where no answer came.",
		}, []string{"method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tgrelay_telegram_request_duration_seconds",
			Help:    "How long calls of the Bot API took. getUpdates waits up to 50 s for an update; a send may be held up by Telegram for 60 s.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"method"}),
		retryAfter: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tgrelay_telegram_retry_after_seconds_total", Help: "Sum of the waits that Telegram asked for (retry_after).",
		}),
		updates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tgrelay_telegram_updates_total", Help: "Updates received from Telegram by type.",
		}, []string{"type"}),
		lastUpdate: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tgrelay_telegram_last_update_timestamp_seconds", Help: "When the last update was received, in Unix time; 0 for never since the start.",
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.duration, m.retryAfter, m.updates, m.lastUpdate)
	}
	return m
}

func (m *metrics) call(method string, took time.Duration, failed *Error) {
	code := "200"
	if failed != nil {
		m.retryAfter.Add(failed.RetryAfter.Seconds())
		code = strconv.Itoa(failed.Code)
		if failed.Code == 0 {
			code = string(failed.Reason)
		}
	}
	m.requests.WithLabelValues(method, code).Inc()
	m.duration.WithLabelValues(method).Observe(took.Seconds())
}

func (m *metrics) update(u *Update) {
	m.updates.WithLabelValues(u.Kind()).Inc()
	m.lastUpdate.SetToCurrentTime()
}
