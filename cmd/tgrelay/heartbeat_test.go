package main_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const beats = fast + `
[heartbeats.watchdog]
receiver = "alertmanager"
matchers = ["alertname=Watchdog"]
interval = "1s"
to = ["ops"]
`

// A heartbeat that falls silent is told once, whatever becomes of the relay, and so is its return.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, beats)
	ada := w.connect("Ada", "ops")
	if got := w.messages(ada, 2)[1]; got.Silent || !strings.HasPrefix(got.Text, "💔 watchdog is silent: no sign of life since ") || !strings.Contains(got.Text, "expected every 1s\nNo alert with alertname=\"Watchdog\" came to receiver alertmanager.") {
		t.Errorf("never seen: %+v", got)
	}
	w.restart() // killed
	watchdog := payload(t, "alertmanager/watchdog.json")
	w.do("POST", w.relay+"/hooks/alertmanager/ops", watchdog, nil)
	got := w.messages(ada, 3)
	if !got[2].Silent || !strings.HasPrefix(got[2].Text, "💚 watchdog is back after ") || got[2].ReplyTo != got[1].ID {
		t.Errorf("back: %+v", got[2])
	}
	if got := w.messages(ada, 4)[3].Text; !strings.HasPrefix(got, "💔 watchdog is silent: last sign of life ") {
		t.Errorf("silent again: %q", got)
	}
	w.restart()
	var answer struct{ Messages []any }
	w.do("POST", w.relay+"/hooks/alertmanager/ops", watchdog, &answer)
	if len(answer.Messages) != 0 {
		t.Errorf("it became messages: %v", answer.Messages)
	}
	w.messages(ada, 5)
	for i := range 20 { // alive for longer than its interval
		w.do("POST", w.relay+"/hooks/alertmanager/ops", watchdog, nil)
		time.Sleep(100 * time.Millisecond)
		if i == 10 {
			w.do("POST", w.relay+"/hooks/alertmanager/ops", payload(t, "alertmanager/single-firing.json"), nil)
		}
	}
	if got := w.messages(ada, 6)[5].Text; !strings.HasPrefix(got, "🔥 InstanceDown") {
		t.Errorf("another alert: %q", got)
	}
	_, metrics := w.call("GET", w.relay+"/metrics", "")
	if !regexp.MustCompile(`(?m)^tgrelay_heartbeat_last_seen_timestamp_seconds\{heartbeat="watchdog"\} 1\.[0-9]+e\+09$`).MatchString(metrics) {
		t.Errorf("the metric: %s", regexp.MustCompile(`(?m)^tgrelay_heartbeat.*$`).FindString(metrics))
	}
}
