package action_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/action"
)

func TestCalls(t *testing.T) {
	seen := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Key") + " " + string(body)
		switch r.URL.Path {
		case "/bad":
			http.Error(w, "secret words", http.StatusTeapot)
		case "/away":
			http.Redirect(w, r, "/fine", http.StatusFound)
		}
	}))
	defer server.Close()
	c := action.New()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	for path, want := range map[string]string{"/fine": "", "/bad": "the server answered 418 I'm a teapot", "/away": "the server answered 302 Found"} {
		result := make(chan error)
		if !c.Begin(relay.Call{Method: "PUT", URL: server.URL + path + "?token=hush", Header: map[string]string{"X-Key": "k"}, Body: "b"}, func(_ context.Context, err error) { result <- err }) {
			t.Fatal("it is not taken")
		}
		err := <-result
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if got := <-seen; got != "PUT "+path+" k b" {
			t.Errorf("called %q", got)
		}
	}
	server.Close()
	result := make(chan error)
	c.Begin(relay.Call{Method: "GET", URL: server.URL + "/?token=hush"}, func(_ context.Context, err error) { result <- err })
	if err := <-result; err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("a server that is gone: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	taken := 0
	for taken < 1000 && c.Begin(relay.Call{}, nil) {
		taken++
	}
	if taken == 0 || taken == 1000 {
		t.Errorf("%d calls wait while nobody makes them", taken)
	}
}
