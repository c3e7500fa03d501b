package store_test

import (
	"testing"

	"github.com/tgrelay/tgrelay/relay"
)

var sendersSuite = map[string]func(*testing.T, *place){
	"a token finds its recipient, until there is another": senderReplaced,
	"a token goes with its recipient":                     senderForgotten,
	"a token that was told stays, asked for twice":        senderToldOnce,
}

func senderReplaced(t *testing.T, p *place) {
	must(t, p.SetSender(t.Context(), "alice", token(1), t0, nil))
	must(t, p.SetSender(t.Context(), "bob", token(2), t0, nil))
	must(t, p.SetSender(t.Context(), "alice", token(3), t0, nil))
	for n, want := range map[byte]string{2: "bob", 3: "alice"} {
		got, err := p.SenderOf(t.Context(), token(n))
		must(t, err)
		if got != want {
			t.Errorf("token %d is %q's, want %q", n, got, want)
		}
	}
	_, err := p.SenderOf(t.Context(), token(1))
	wantCode(t, err, relay.CodeNotFound)
}

func senderForgotten(t *testing.T, p *place) {
	must(t, p.Bind(t.Context(), "alice", person(1), t0))
	must(t, p.SetSender(t.Context(), "alice", token(1), t0, nil))
	must(t, p.Forget(t.Context(), "alice"))
	_, err := p.SenderOf(t.Context(), token(1))
	wantCode(t, err, relay.CodeNotFound)
}

func senderToldOnce(t *testing.T, p *place) {
	told := func(n byte) *relay.Message {
		m := message(relay.Delivery{ChatID: 1, State: relay.Queued})
		m.Request = request(relay.OwnRequests, "update  7 0", 0)
		must(t, p.SetSender(t.Context(), "alice", token(n), t0, m))
		return m
	}
	first, second := told(1), told(2)
	if first.Replayed || !second.Replayed {
		t.Errorf("told: %v, %v", first.Replayed, second.Replayed)
	}
	got, err := p.SenderOf(t.Context(), token(1))
	must(t, err)
	if got != "alice" {
		t.Errorf("the token that was told is %q's", got)
	}
}
