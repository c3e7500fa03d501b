package intake

import "github.com/prometheus/client_golang/prometheus"

// Steps of the way down from an operator's template, as the label step of render_fallbacks_total.
const (
	stepBuiltin = "builtin" // the receiver's template failed: the type's own was used
	stepPlain   = "plain"   // that failed too: the payload as plain text
)

type metrics struct {
	fallbacks *prometheus.CounterVec
}

// begin has the counters of receivers at zero, so that an increase is seen from the first one on.
func (m *metrics) begin(rules *Rules) {
	for name := range rules.Receivers {
		m.fallbacks.WithLabelValues(name, stepBuiltin)
		m.fallbacks.WithLabelValues(name, stepPlain)
	}
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tgrelay_render_fallbacks_total",
		Help: "Messages that were not rendered by their receiver's template, because it failed, by the step that served instead.",
	}, []string{"receiver", "step"})}
	r.MustRegister(m.fallbacks)
	return m
}
