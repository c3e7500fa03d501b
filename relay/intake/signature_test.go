package intake_test

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// Who showed no token is let in by a signature only, also when the receiver wants none any more because of a reload.
func TestUnprovenCallersNeedASignature(t *testing.T) {
	kind, _ := receivers.Get("json")
	rules := &intake.Rules{Receivers: map[string]*intake.Receiver{"json": {Name: "json", Type: kind}}}
	door := intake.New(intake.Options{Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()}, rules)
	hook := intake.Hook{Receiver: "json", Request: receivers.Request{Body: []byte(`{}`)}}
	if _, err := door.Hook(t.Context(), intake.Caller{Unproven: true}, hook); relay.ErrorCode(err) != relay.CodeUnauthenticated {
		t.Errorf("let in: %v", err)
	}
}
