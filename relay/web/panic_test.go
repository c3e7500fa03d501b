package web_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/web"
)

func publicly(o *web.Options, _ *intake.Rules) { o.PublicURL = "https://relay.example.org" }

var errHalf = errors.New("panic when half is written")

// failing is a house in which a handler panics: before its answer, or in the middle of it once the house is not ready.
func failing(o *web.Options, _ *intake.Rules) {
	ready := o.Ready
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ready(r.Context()) != nil {
			_, _ = io.WriteString(w, "half")
		}
		panic("boom")
	})
}

// try makes a request and reads its answer to the end.
func (h *house) try(t *testing.T, method, path string) ([]byte, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
