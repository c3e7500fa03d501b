package main_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

// What stands in texts, names and addresses that callers and people choose, and what is secret: none of it is in a metric, nor in the log at info.
const (
	theirs = "zz-private-zz"
	hidden = "zz-hidden-zz"
)

// busy is a relay to which all happens that can.
type busy struct {
	*world
	admin, ada int64
}

const busyConfig = `[delivery]
global_rate = 10000
chat_rate = 10000
group_rate = 1000000
fallback = "admin"
alert_after = "0s"
[onboarding]
self_service = true
[templates]
files = ["bad.tmpl"]
[log]
level = "info"
[auth.tokens.app]
token = "zz-hidden-zz-app"
scopes = ["admin"]
[auth.tokens.elsewhere]
token = "zz-hidden-zz-elsewhere"
scopes = ["hooks"]
sources = ["192.0.2.0/24"]
[receivers.bad]
type = "json"
template = "bad"
to = ["ada", "{{ .name }}"]
priority = "{{ .name }}"
disable_notification = "{{ .name }}"
[receivers.signed]
type = "json"
hmac_secret = "zz-hidden-zz-signature"
[receivers.alertmanager]
to = ["ada"]
[receivers.ntfy]
http_actions = ["127.0.0.1:9"]
[alertmanagers.far]
url = "http://127.0.0.1:9/zz-hidden-zz"
username = "u"
password = "zz-hidden-zz-password"
receivers = ["alertmanager"]
[events]
url = "http://u:zz-hidden-zz@127.0.0.1:9/zz-hidden-zz?key=zz-hidden-zz"
secret = "whsec_enotaGlkZGVuLXp6LW9mLWV2ZW50cy0zMi1ieXRlcyE="
[heartbeats.watchdog]
interval = "1s"
to = ["admin"]
[bots.team]
token = "` + teamToken + `"
`

// newBusy starts one and has everything happen to it.
func newBusy(t *testing.T) *busy {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), extra: busyConfig}
	w.write("bad.tmpl", `{{ define "bad" }}{{ reReplaceAll .text "" "" }}{{ end }}{{ define "chat.help" }}{{ reReplaceAll "(" "" .Chat.Title }}{{ .Nothing.Such }}{{ end }}`)
	sim := start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken, "--bot", "team_bot")
	w.sim = sim.await(t, `serves (http://\S+)`)
	b := &busy{world: w.begin()}
	b.admin, b.ada = b.guest("Grace", "admin"), b.guest("Ada "+theirs, "ada")
	b.writeToTeam()
	b.badRequests()
	b.badTemplates()
	b.badPeople()
	b.badTelegram()
	b.badFiles()
	b.logged(`a heartbeat is missing`)
	return b
}

// logged waits until the log says so.
func (b *busy) logged(what string) {
	b.t.Helper()
	b.eventually(func() bool { return strings.Contains(b.process.text(), what) })
}

// post is a call with the token of an application.
func (b *busy) post(path, body string, headers ...string) (int, string) {
	b.t.Helper()
	response, answer := b.exchange("POST", b.relay+path, body, append([]string{"Authorization", "Bearer " + hidden + "-app", "Content-Type", "application/json"}, headers...)...)
	return response.StatusCode, answer
}

// guest is a person who is connected as a recipient.
func (b *busy) guest(name, recipient string) int64 {
	b.t.Helper()
	id := b.user(name)
	var link string
	b.eventually(func() bool {
		_, answer := b.post("/api/v1/links", fmt.Sprintf(`{"recipient":%q}`, recipient))
		found := regexp.MustCompile(`"url":"([^"]+)"`).FindStringSubmatch(answer)
		if found != nil {
			link = strings.ReplaceAll(found[1], `\u0026`, "&")
		}
		return found != nil
	})
	b.open(id, link)
	b.messages(id, 1)
	return id
}

// writeToTeam has somebody write to the second bot.
func (b *busy) writeToTeam() {
	b.t.Helper()
	_, answer := b.post("/api/v1/links", `{"recipient": "tim", "bot": "team"}`)
	found := regexp.MustCompile(`"url":"([^"]+)"`).FindStringSubmatch(answer)
	if found == nil {
		b.t.Fatal(answer)
	}
	b.open(b.user("Tim"), found[1])
	b.eventually(func() bool { return b.metric(`tgrelay_telegram_updates_total{bot="team",type="message"}`) == 1 })
}

// expectStatus makes a call that is to be answered so.
func (b *busy) expectStatus(want int, path, body string, headers ...string) {
	b.t.Helper()
	if got, answer := b.post(path, body, headers...); got != want {
		b.t.Errorf("%s %s: %d %s", path, body, got, answer)
	}
}

// badRequests are those that are refused, and some that are not.
func (b *busy) badRequests() {
	b.t.Helper()
	message := `{"to":"ada","text":"` + theirs + `"}`
	b.expectStatus(202, "/api/v1/messages", message, "X-Request-Id", "mine-1", "Idempotency-Key", theirs)
	b.expectStatus(422, "/api/v1/messages", `{"to":"ada","text":"other"}`, "Idempotency-Key", theirs)
	b.expectStatus(202, "/api/v1/messages:batch", `{"messages":[`+message+`,{"to":"ada"}]}`)
	b.expectStatus(400, "/api/v1/messages", `{"to":"`+theirs+` x","text":"`+theirs+`"}`)
	b.expectStatus(400, "/api/v1/messages", theirs)
	b.expectStatus(400, "/api/v1/messages", `{"to":"ada","parse_mode":"HTML","text":"<`+theirs+`>"}`)
	b.expectStatus(401, "/api/v1/messages", message, "Authorization", "Bearer "+hidden)
	b.expectStatus(401, "/hooks/json/ada", message, "Authorization", "Bearer "+hidden)
	b.expectStatus(401, "/hooks/json/ada", message, "Authorization", "Bearer "+hidden+"-elsewhere")
	b.expectStatus(401, "/hooks/signed", message, "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
	b.expectStatus(404, "/hooks/"+theirs+"/ada", message)
	b.expectStatus(404, "/"+theirs+"?token="+hidden, message)
	b.expectStatus(413, "/hooks/json/ada", strings.Repeat(theirs, 1<<17))
	b.expectStatus(400, "/hooks/alertmanager/ada", message)
	b.expectStatus(202, "/hooks/text/ada", theirs, "Content-Type", "text/plain")
	alert := `{"version":"4","groupKey":"{}:{a=\"` + theirs + `\"}","status":"firing","receiver":"ada","groupLabels":{"alertname":"` + theirs + `"},"commonLabels":{"alertname":"` + theirs +
		`"},"commonAnnotations":{},"externalURL":"http://am","alerts":[{"status":"firing","labels":{"alertname":"` + theirs + `"},"annotations":{"summary":"` + theirs +
		`"},"startsAt":"2026-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/` + theirs + `","fingerprint":"f00"}]}`
	b.expectStatus(202, "/hooks/alertmanager/ada", alert)
	b.said(b.ada, 0, theirs)
}

// badTemplates have an operator's templates fail with what callers sent.
func (b *busy) badTemplates() {
	b.t.Helper()
	b.expectStatus(202, "/hooks/bad", `{"text":"(`+theirs+`","name":"no `+theirs+` body"}`)
	b.logged(`setting=template`)
}

// badPeople write to the bot what it does not understand, and guess.
func (b *busy) badPeople() {
	b.t.Helper()
	mallory := b.user("Mallory " + theirs)
	for _, text := range []string{theirs, "/start " + hidden + "-guess", "/help", "/mute " + theirs, "/link " + hidden, "/silence " + theirs, "/start"} {
		b.say(mallory, mallory, text)
	}
	b.messages(mallory, 5)
	b.say(b.ada, b.ada, "/alerts")
	b.say(b.ada, b.ada, "/silence alertname="+theirs+" 1h")
}

// badTelegram answers with everything but a message.
func (b *busy) badTelegram() {
	b.t.Helper()
	for _, fault := range []string{
		`{"kind":"too_many_requests","retry_after":1,"times":1}`, `{"kind":"gateway","times":1}`, `{"kind":"empty","times":1}`, `{"kind":"reset_before","times":1}`,
		`{"kind":"status","code":400,"description":"Bad Request: message thread not found","times":1}`, `{"kind":"status","code":500,"description":"Internal Server Error","times":1}`,
	} {
		b.do("POST", b.sim+"/sim/faults", strings.Replace(fault, "{", fmt.Sprintf(`{"method":"sendMessage","chat_id":%d,`, b.ada), 1), nil)
		b.expectStatus(202, "/api/v1/messages", `{"to":"ada","text":"`+theirs+`"}`)
	}
	carol := b.guest("Carol "+theirs, "carol")
	b.do("POST", fmt.Sprintf("%s/sim/users/%d/block", b.sim, carol), "", nil)
	b.expectStatus(202, "/api/v1/messages", `{"to":"carol","text":"`+theirs+`"}`)
	b.logged(`a delivery ended without arriving`)
	b.expectStatus(202, "/api/v1/messages", `{"to":"nobody-yet","text":"`+theirs+`"}`)
}

// badFiles cannot be had, and buttons call who is not there.
func (b *busy) badFiles() {
	b.t.Helper()
	b.expectStatus(202, "/api/v1/messages", `{"to":"ada","text":"`+theirs+`","photo":"http://u:`+hidden+`@127.0.0.1:9/`+hidden+`.png?sig=`+hidden+`"}`)
	b.logged(`a message's file cannot be had`)
	b.expectStatus(200, "/hooks/ntfy", `{"topic":"ada","message":"a button","actions":[{"action":"http","label":"Go","url":"http://127.0.0.1:9/`+hidden+`?k=`+hidden+`","headers":{"Authorization":"`+hidden+`"}},
		{"action":"http","label":"No","url":"http://elsewhere.example/`+hidden+`"}]}`)
	b.press(b.ada, b.said(b.ada, 0, "a button").ID, "Go")
	b.logged(`the call of a button failed`)
}

func TestWatching(t *testing.T) {
	t.Parallel()
	b := newBusy(t)
	t.Run("metrics", func(t *testing.T) { metricsPage(t, b) })
	t.Run("log", func(t *testing.T) { logTellsNothingPrivate(t, b) })
}

// All that the log holds at info is about messages, never in them.
func logTellsNothingPrivate(t *testing.T, b *busy) {
	b.logged(`the application cannot be told of an event`)
	if status := b.process.stop(t); status != 0 {
		t.Errorf("status %d", status)
	}
	seen := b.process.text()
	for line := range strings.Lines(seen) {
		if strings.Contains(line, theirs) || strings.Contains(line, hidden) || strings.Contains(line, "whsec_") {
			t.Errorf("the log tells: %s", line)
		}
		if !regexp.MustCompile(`^time=\S+ level=(INFO|WARN|ERROR) msg=`).MatchString(line) {
			t.Errorf("no line of the log: %s", line)
		}
	}
	for _, want := range []string{
		`level=INFO msg="message accepted" message=\S+ receiver="" token=app recipients=1 deliveries=1 held=0 repeated_request=false request_id=mine-1`,
		`level=WARN msg="a request that was to bring a message was refused" receiver=json status=401 code=unauthenticated request_id=\S+`,
		`level=WARN msg="a request that was to bring a message was refused" receiver=unknown status=404 code=unknown_receiver`,
		`level=WARN msg="a token was shown at an address that its sources leave out" token=elsewhere`,
		`level=ERROR msg="a template of relay.toml failed; the message goes on without it" receiver=bad setting=priority error=.* request_id=\S+`,
		`level=WARN msg="a delivery ended without arriving" delivery=\S+ message=\S+ recipient=carol`,
		`level=WARN msg="a button is left out`,
	} {
		if !regexp.MustCompile(want).MatchString(seen) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if t.Failed() {
		t.Log(seen)
	}
}

// families are the metrics that a relay serves.
func (w *world) families() map[string]*dto.MetricFamily {
	w.t.Helper()
	response, text := w.exchange("GET", w.relay+"/metrics", "", "Accept", "application/openmetrics-text, text/plain")
	if strings.Contains(text, " # {") || strings.Contains(text, theirs) || strings.Contains(text, hidden) || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		w.t.Errorf("exemplars, or what callers sent, in the metrics:\n%s", text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return families
}

// labels are the names of a family's labels; all its metrics have the same, but for bot, which the first bot's have not.
func labels(t *testing.T, f *dto.MetricFamily) []string {
	t.Helper()
	var names []string
	ofBots := false
	for i, m := range f.GetMetric() {
		var own []string
		for _, l := range m.GetLabel() {
			if l.GetName() == "bot" {
				ofBots = true
				continue
			}
			own = append(own, l.GetName())
		}
		slices.Sort(own)
		if i > 0 && !slices.Equal(own, names) {
			t.Errorf("%s has labels %v and %v", f.GetName(), names, own)
		}
		names = own
	}
	if ofBots {
		names = append(names, "bot")
		slices.Sort(names)
	}
	return names
}

// What docs/metrics.md lists is what a daemon serves after all has happened to it, and what the code has.
func metricsPage(t *testing.T, b *busy) {
	families := b.families()
	for _, foreign := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes", "process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds"} {
		if families[foreign] == nil {
			t.Errorf("/metrics lacks %s", foreign)
		}
	}
	var table strings.Builder
	served := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		if !strings.HasPrefix(name, "tgrelay_") {
			continue
		}
		served[name] = true
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), codes(labels(t, f)), f.GetHelp())
	}
	for _, name := range metricsInCode(t) {
		if !served[name] {
			t.Errorf("%s is not served", name)
		}
	}
	const path = "../../docs/metrics.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(page), "|---|---|---|---|\n")
	_, tail, _ := strings.Cut(rest, "\n\n")
	want := head + "|---|---|---|---|\n" + table.String() + "\n" + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(page) {
		t.Errorf("docs/metrics.md is not what is served; `go test ./cmd/tgrelay -run TestWatching -update` writes\n%s", table.String())
	}
}

func codes(names []string) string {
	for i, name := range names {
		names[i] = "`" + name + "`"
	}
	return strings.Join(names, ", ")
}

// metricsInCode are the names that stand in the program.
func metricsInCode(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir("../../relay", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, found := range regexp.MustCompile(`"(tgrelay_[a-z_]+)"`).FindAllSubmatch(source, -1) {
			names[string(found[1])] = true
		}
		return err
	})
	if err != nil || len(names) < 25 {
		t.Fatalf("%d names, %v", len(names), err)
	}
	return slices.Sorted(maps.Keys(names))
}

// Counters are there before anything is counted, so that an increase from nothing is seen.
func TestMetricsAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+"[heartbeats.watchdog]\ninterval = \"1h\"\nto = [\"ops\"]\n")
	w.eventually(func() bool { return w.metric("tgrelay_telegram_up") == 1 })
	_, text := w.call(http.MethodGet, w.relay+"/metrics", "")
	for _, line := range []string{
		`tgrelay_deliveries_total{state="sent"} 0`, `tgrelay_deliveries_total{state="failed"} 0`, `tgrelay_deliveries_total{state="expired"} 0`, `tgrelay_deliveries_total{state="discarded"} 0`,
		`tgrelay_deliveries_total{state="superseded"} 0`, `tgrelay_telegram_retry_after_seconds_total 0`, `tgrelay_delivery_latency_seconds_count 0`, `tgrelay_render_fallbacks_total{receiver="alertmanager",step="builtin"} 0`,
		`tgrelay_bindings{state="blocked"} 0`, `tgrelay_delivery_last_sent_timestamp_seconds 0`, `tgrelay_heartbeat_last_seen_timestamp_seconds{heartbeat="watchdog"} 0`,
		`tgrelay_heartbeat_interval_seconds{heartbeat="watchdog"} 3600`, `tgrelay_log_lines_suppressed_total 0`, `tgrelay_storage_up 1`, `tgrelay_message_request_duration_seconds_count 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if size, free := w.metric(`tgrelay_storage_size_bytes{file="database"}`), w.metric("tgrelay_storage_free_bytes"); size < 4096 || free < 4096 {
		t.Errorf("the storage has %d bytes and %d are free", size, free)
	}
	w.connect("Ada", "ops")
	now := time.Now().Unix()
	w.eventually(func() bool {
		return int64(w.metric("tgrelay_delivery_last_sent_timestamp_seconds")) >= now-60
	})
}
