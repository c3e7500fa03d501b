package store_test

import (
	"testing"

	"github.com/tgrelay/tgrelay/relay"
)

var sendersSuite = map[string]func(*testing.T, *place){
	"a token finds its recipient, until there is another": senderReplaced,
	"a token goes with its recipient":                     senderForgotten,
}

func senderReplaced(t *testing.T, p *place) {
	must(t, p.SetSender(t.Context(), "alice", token(1), t0))
	must(t, p.SetSender(t.Context(), "bob", token(2), t0))
	must(t, p.SetSender(t.Context(), "alice", token(3), t0))
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
	must(t, p.SetSender(t.Context(), "alice", token(1), t0))
	must(t, p.Forget(t.Context(), "alice"))
	_, err := p.SenderOf(t.Context(), token(1))
	wantCode(t, err, relay.CodeNotFound)
}
