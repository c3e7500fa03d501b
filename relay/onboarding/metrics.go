package onboarding

import "github.com/prometheus/client_golang/prometheus"

// What happens to links, as the label event of links_total.
const (
	eventCreated  = "created"
	eventRedeemed = "redeemed"
	eventRevoked  = "revoked"
	eventRefused  = "refused" // a token that was unknown, used, expired or revoked
	eventSlowed   = "slowed"  // a try of somebody who had tried too many wrong ones
)

func newEvents(r prometheus.Registerer) *prometheus.CounterVec {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tgrelay_links_total", Help: "What happened to deep links.",
	}, []string{"event"})
	for _, event := range []string{eventCreated, eventRedeemed, eventRevoked, eventRefused, eventSlowed} {
		events.WithLabelValues(event)
	}
	r.MustRegister(events)
	return events
}
