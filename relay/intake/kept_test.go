package intake_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// What is kept is the newest, without secrets, within bounds, and only as long as the configuration wants it.
func TestPayloadsAreKept(t *testing.T) {
	kind, _ := receivers.Get("json")
	rules := func(keep int) *intake.Rules {
		return &intake.Rules{Receivers: map[string]*intake.Receiver{"json": {Name: "json", Type: kind, KeepPayloads: keep}, "none": {Name: "none", Type: kind}}}
	}
	d := intake.New(intake.Options{Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()}, rules(3))
	post := func(receiver, body string) {
		r := receivers.Request{
			Receiver: receiver, Body: []byte(body), Query: url.Values{"token": {"secret"}, "team": {"infra"}},
			Header: http.Header{"Authorization": {"Bearer secret"}, "X-Event": {"push"}},
		}
		_, _ = d.Hook(context.Background(), intake.Caller{}, intake.Hook{Receiver: receiver, Recipient: "ops", Request: r}) // refused: it is no JSON
	}
	for _, body := range []string{"{1", "{2", "{3", "{4"} {
		post("json", body)
	}
	post("none", "{5")
	kept := d.Kept("json")
	if len(kept) != 3 || string(kept[0].Request.Body) != "{4" || string(kept[2].Request.Body) != "{2" || len(d.Kept("none")) != 0 {
		t.Fatalf("%+v", kept)
	}
	one := kept[0]
	if one.Recipient != "ops" || one.Request.Header.Get("X-Event") != "push" || one.Request.Header.Get("Authorization") != "" || one.Request.Query.Has("token") || !one.Request.Query.Has("team") {
		t.Errorf("%+v", one)
	}
	post("json", "{"+strings.Repeat("x", 3<<20))
	post("json", "{"+strings.Repeat("y", 3<<20))
	post("json", "{"+strings.Repeat("z", 5<<20))
	if kept := d.Kept("json"); len(kept) != 1 || kept[0].Request.Body[1] != 'y' {
		t.Errorf("%d are kept of what is too much", len(kept))
	}
	d.SetRules(rules(0))
	if kept := d.Kept("json"); len(kept) != 0 {
		t.Errorf("%d are kept that nobody wants", len(kept))
	}
}
