package main_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const beats = fast + `fallback = "admin"
[heartbeats.watchdog]
receiver = "alertmanager"
matchers = ["alertname=Watchdog"]
interval = "1s"
to = ["ops"]
`

// said waits until the bot has written a text that begins so, behind a message, and returns it.
func (w *world) said(chat, after int64, begins string) (found message) {
	w.t.Helper()
	w.eventually(func() bool {
		for _, m := range w.messages(chat, 0) {
			if m.ID > after && strings.HasPrefix(m.Text, begins) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// A heartbeat that falls silent is told once, also when the relay is killed, and so is its return.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, beats)
	ada := w.connect("Ada", "ops")
	missing := w.said(ada, 0, "💔 watchdog is silent: no sign of life since ")
	if missing.Silent || !strings.Contains(missing.Text, "expected every 1s\nNo alert with alertname=\"Watchdog\" came to receiver alertmanager.") {
		t.Errorf("never seen: %+v", missing)
	}
	w.allSent()
	w.restart()
	watchdog := payload(t, "alertmanager/watchdog.json")
	w.do("POST", w.relay+"/hooks/alertmanager/ops", watchdog, nil)
	back := w.said(ada, missing.ID, "")
	if !back.Silent || !strings.HasPrefix(back.Text, "💚 watchdog is back after ") || back.ReplyTo != missing.ID {
		t.Errorf("the first after the restart: %+v", back)
	}
	if missing = w.said(ada, back.ID, ""); !strings.HasPrefix(missing.Text, "💔 watchdog is silent: last sign of life ") || missing.ReplyTo != 0 {
		t.Errorf("silent again: %+v", missing)
	}
	_, metrics := w.call("GET", w.relay+"/metrics", "")
	if !regexp.MustCompile(`(?m)^tgrelay_heartbeat_last_seen_timestamp_seconds\{heartbeat="watchdog"\} [1-9]\.[0-9]+e\+09$`).MatchString(metrics) {
		t.Errorf("the metric: %q", regexp.MustCompile(`(?m)^tgrelay_heartbeat.*$`).FindString(metrics))
	}
}

// What is a sign of life does not arrive; whatever else came with it does.
func TestHeartbeatsAreTakenOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strings.Replace(beats, `"1s"`, `"1h"`, 1))
	ada := w.connect("Ada", "ops")
	var answer struct{ Messages []any }
	w.do("POST", w.relay+"/hooks/alertmanager/ops", payload(t, "alertmanager/watchdog.json"), &answer)
	if answer.Messages == nil || len(answer.Messages) > 0 {
		t.Errorf("the answer to a heartbeat: %v", answer.Messages)
	}
	w.do("POST", w.relay+"/hooks/alertmanager", payload(t, "alertmanager/watchdog.json"), nil) // nobody need be named
	w.do("POST", w.relay+"/hooks/alertmanager/ops", strings.ReplaceAll(payload(t, "alertmanager/watchdog.json"), "firing", "resolved"), nil)
	w.do("POST", w.relay+"/hooks/alertmanager/ops", `{"version":"4","status":"firing","groupKey":"g","alerts":[
		{"status":"firing","labels":{"alertname":"Watchdog","severity":"none"},"annotations":{"summary":"all is well"}},
		{"status":"firing","labels":{"alertname":"Down","severity":"critical"},"annotations":{"summary":"it is down"}}],
		"commonLabels":{},"commonAnnotations":{},"groupLabels":{}}`, nil)
	got := w.messages(ada, 2)
	if len(got) != 2 || !strings.HasPrefix(got[1].Text, "🔥 Down (critical)\nit is down") || strings.Contains(got[1].Text, "well") {
		t.Errorf("arrived: %+v", got[1:])
	}
}

// A cron job's call, and what it is answered; a heartbeat that a reload brings.
func TestHeartbeatByCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, beats)
	admin := w.connect("Grace", "admin")
	url := w.relay + "/hooks/heartbeat/"
	for _, method := range []string{"GET", "POST", "HEAD"} {
		if status, body := w.call(method, url+"watchdog", ""); status != http.StatusAccepted || body != "" {
			t.Errorf("%s: %d %q", method, status, body)
		}
	}
	if status, body := w.call("GET", url+"backup", ""); status != http.StatusNotFound || !strings.Contains(body, "[heartbeats.NAME]") {
		t.Errorf("an unknown one: %d %s", status, body)
	}
	w.rewrite(w.extra + "[heartbeats.backup]\ninterval = \"1s\"\n")
	w.process.await(t, "(was read again)")
	if status, _ := w.call("GET", url+"backup", ""); status != http.StatusAccepted {
		t.Errorf("after the reload: %d", status)
	}
	missing := w.said(admin, 0, "💔 backup is silent: last sign of life ")
	if !strings.Contains(missing.Text, "\nNobody called /hooks/heartbeat/backup.") {
		t.Errorf("%q", missing.Text)
	}
	w.call("GET", url+"backup", "")
	w.said(admin, missing.ID, "💚 backup is back after ")
	w.rewrite(w.extra + "[heartbeats.backup]\nreceiver = \"nosuch\"\n")
	w.process.await(t, `(heartbeats.backup.receiver: there is no receiver)`)
}

// rewrite changes what else relay.toml says until the next start, and has it read.
func (w *world) rewrite(extra string) {
	w.t.Helper()
	w.write("relay.toml", fmt.Sprintf("[telegram]\ntoken_file = \"bot-token\"\napi_url = %q\n%s\n[server]\nlisten = [%q]\n", w.sim, extra, strings.TrimPrefix(w.relay, "http://")))
	if err := w.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		w.t.Fatal(err)
	}
}

// The page's configuration, address and line work as they stand.
func TestHeartbeatsOfTheDocs(t *testing.T) {
	t.Parallel()
	const page = "docs/heartbeats.md"
	w := newWorld(t, fast+strings.Join(fences(t, page, "toml"), "\n"))
	lastSeen := func(name string) string {
		_, metrics := w.call("GET", w.relay+"/metrics", "")
		return regexp.MustCompile(`(?m)^tgrelay_heartbeat_last_seen_timestamp_seconds\{heartbeat="` + name + `"\} (.*)$`).FindStringSubmatch(metrics)[1]
	}
	if watchdog, backup := lastSeen("watchdog"), lastSeen("backup"); watchdog != "0" || backup != "0" {
		t.Errorf("seen before the first: %s, %s", watchdog, backup)
	}
	route := fences(t, page, "yaml")[1]
	url := regexp.MustCompile(`url: (\S+)`).FindStringSubmatch(route)[1]
	w.do("POST", strings.ReplaceAll(url, documented, w.relay), payload(t, "alertmanager/watchdog.json"), nil)
	if lastSeen("watchdog") == "0" {
		t.Errorf("no sign of life by %s", url)
	}
	if curl, err := exec.LookPath("curl"); err == nil {
		line := strings.ReplaceAll(fences(t, page, "sh")[0], documented, w.relay)
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %s: %v\n%s", curl, line, err, out)
		}
		if lastSeen("backup") == "0" {
			t.Errorf("no sign of life by %s", line)
		}
	}
	if amtool, err := exec.LookPath("amtool"); err == nil {
		w.write("alertmanager.yml", route+"  - name: telegram\n")
		if out, err := exec.Command(amtool, "check-config", filepath.Join(w.dir, "alertmanager.yml")).CombinedOutput(); err != nil {
			t.Errorf("Alertmanager does not take the page's route: %v\n%s", err, out)
		}
	}
}
