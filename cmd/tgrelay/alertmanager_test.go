package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manager is a real Alertmanager.
type manager struct {
	w       *world
	url     string
	cluster string // address of its gossip, empty without
	kill    func()
}

// alertmanager starts one, with the text of its configuration, as a process of its own; beside those that it shall form a cluster with.
func (w *world) alertmanager(config string, peers ...*manager) *manager {
	w.t.Helper()
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		without(w.t, "Alertmanager (Debian: prometheus-alertmanager)", err)
	}
	name := "alertmanager-" + freePort(w.t)
	w.write(name+".yml", config)
	address := "127.0.0.1:" + freePort(w.t)
	m := &manager{w: w, url: "http://" + address}
	args := []string{"--config.file=" + filepath.Join(w.dir, name+".yml"), "--storage.path=" + filepath.Join(w.dir, name), "--web.listen-address=" + address}
	if peers == nil {
		args = append(args, "--cluster.listen-address=")
	} else {
		m.cluster = "127.0.0.1:" + freePort(w.t)
		args = append(args, "--cluster.listen-address="+m.cluster, "--cluster.peer-timeout=2s", "--cluster.settle-timeout=1s", "--cluster.gossip-interval=50ms")
	}
	for _, peer := range peers {
		if peer != nil {
			args = append(args, "--cluster.peer="+peer.cluster)
		}
	}
	cmd := exec.Command(program, args...)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	m.kill = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	w.t.Cleanup(func() {
		m.kill()
		if w.t.Failed() {
			w.t.Logf("%s:\n%s", name, log.String())
		}
	})
	w.eventually(func() bool {
		response, err := http.Get(m.url + "/-/ready")
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusOK
	})
	return m
}

// routing is a configuration that sends to a receiver of the relay.
func (w *world) routing(receiver string) string {
	return fmt.Sprintf(`
route:
  receiver: telegram
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
- name: telegram
  webhook_configs:
  - url: %s/hooks/%s/ops
`, w.relay, receiver)
}

// fires posts an alert that fires, or is over.
func (m *manager) fires(labels string, firing bool) {
	m.w.t.Helper()
	ends := ""
	if !firing {
		ends = `,"endsAt":"` + time.Now().Add(-time.Millisecond).UTC().Format(time.RFC3339Nano) + `"`
	}
	m.w.do("POST", m.url+"/api/v2/alerts", fmt.Sprintf(`[{"labels":{%s},"annotations":{"summary":"a summary"},"startsAt":%q%s}]`, labels, m.w.began(), ends), nil)
}

var started = time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)

func (w *world) began() string { return started }

// silence is one as the API lists it.
type silence struct {
	ID, CreatedBy, Comment string
	EndsAt                 time.Time
	Matchers               []struct{ Name, Value string }
	Status                 struct{ State string }
}

func (m *manager) silences() []silence {
	m.w.t.Helper()
	var all []silence
	m.w.do("GET", m.url+"/api/v2/silences", "", &all)
	return all
}

func (s silence) matchers() string {
	var all []string
	for _, m := range s.Matchers {
		all = append(all, m.Name+"="+m.Value)
	}
	return strings.Join(all, " ")
}

// data is what a button of a message sends.
func (m message) data(button string) string {
	var keyboard struct {
		InlineKeyboard [][]struct {
			Text string
			Data string `json:"callback_data"`
		} `json:"inline_keyboard"`
	}
	_ = json.Unmarshal(m.ReplyMarkup, &keyboard) // no such button otherwise
	for _, row := range keyboard.InlineKeyboard {
		for _, b := range row {
			if b.Text == button {
				return b.Data
			}
		}
	}
	return ""
}

// pressed presses a button and returns what it showed for a moment.
func (w *world) pressed(user, chat int64, m message, button string) string {
	w.t.Helper()
	var press struct {
		Query string `json:"callback_query_id"`
	}
	// By its data, as the client has it: the message may have been edited since.
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/press", w.sim, user), fmt.Sprintf(`{"chat_id":%d,"message_id":%d,"data":%q}`, chat, m.ID, m.data(button)), &press)
	var answer struct {
		Text     string `json:"text"`
		Answered bool   `json:"answered"`
	}
	w.eventually(func() bool {
		w.do("GET", w.sim+"/sim/presses/"+press.Query, "", &answer)
		return answer.Answered
	})
	return answer.Text
}

// message waits until one of the bot's messages reads as it should, and returns it.
func (w *world) becomes(chat int64, n int, parts ...string) message {
	w.t.Helper()
	var got message
	deadline := time.Now().Add(patience)
	for {
		if all := w.messages(chat, n+1); len(all) > n {
			got = all[n]
		}
		if fault := reads(got.Text, "", parts...); fault == "" {
			return got
		} else if time.Now().After(deadline) {
			w.t.Fatalf("%s\n%s", fault, w.process.text())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

const managed = `
[alertmanagers.main]
url = "MANAGER"
receivers = ["alertmanager"]
`

// newManaged is a relay with a real Alertmanager. Each needs the other's address first.
func newManaged(t *testing.T, extra string) (*world, *manager) {
	t.Helper()
	w := newWorld(t, fast)
	m := w.alertmanager(w.routing("alertmanager"))
	w.extra += strings.ReplaceAll(managed+extra, "MANAGER", m.url)
	w.restart()
	return w, m
}

// A press of a button makes a silence in a real Alertmanager; everybody sees who did it, and another press ends it.
func TestSilenceByButton(t *testing.T) {
	t.Parallel()
	w, am := newManaged(t, "")
	ada := w.connect("Ada", "ops")
	am.fires(`"alertname":"DiskFull","severity":"critical","instance":"nas"`, true)
	first := w.messages(ada, 2)[1]
	if got := strings.Join(first.buttons(), "|"); !strings.HasPrefix(got, "🔇 1h|4h|1d|More…|✋ Ack") {
		t.Errorf("buttons: %s", got)
	}

	if toast := w.pressed(ada, ada, first, "4h"); !strings.HasPrefix(toast, "🔇 Silenced until ") {
		t.Errorf("toast: %q", toast)
	}
	made := am.silences()
	if len(made) != 1 || made[0].matchers() != "alertname=DiskFull instance=nas severity=critical" || made[0].CreatedBy != "Ada (@ada)" || time.Until(made[0].EndsAt) < 3*time.Hour {
		t.Fatalf("silences: %+v", made)
	}
	shown := w.becomes(ada, 1, "🔇 Silenced by Ada until ")
	if got := shown.buttons()[0]; got != "🔈 End the silence" {
		t.Errorf("buttons: %s", shown.buttons())
	}

	if toast := w.pressed(ada, ada, shown, "🔈 End the silence"); toast != "🔈 The silence is over." {
		t.Errorf("toast: %q", toast)
	}
	w.eventually(func() bool { return !strings.Contains(w.messages(ada, 2)[1].Text, "Silenced") })
	if got := am.silences(); got[0].Status.State != "expired" {
		t.Errorf("silences: %+v", got)
	}

	// Until Monday, and by fewer labels.
	w.pressed(ada, ada, w.messages(ada, 2)[1], "More…")
	menu := w.becomesButton(ada, 1, "Monday 9:00")
	w.pressed(ada, ada, menu, "☑️ instance=nas")
	menu = w.becomesButton(ada, 1, "◻️ instance=nas")
	w.pressed(ada, ada, menu, "Monday 9:00")
	w.becomes(ada, 1, "🔇 Silenced by Ada until Mon ")
	for _, s := range am.silences() {
		if s.Status.State == "active" && (s.matchers() != "alertname=DiskFull severity=critical" || s.EndsAt.UTC().Weekday() != time.Monday || s.EndsAt.UTC().Hour() != 9) {
			t.Errorf("%+v", s)
		}
	}
}

// becomesButton waits until a message has a button.
func (w *world) becomesButton(chat int64, n int, button string) message {
	w.t.Helper()
	var got message
	w.eventually(func() bool {
		got = w.messages(chat, n+1)[n]
		for _, b := range got.buttons() {
			if b == button {
				return true
			}
		}
		return false
	})
	return got
}

// Whoever is not in a connected chat, or not allowed, or too late, does nothing and is told so.
func TestPressesThatDoNothing(t *testing.T) {
	t.Parallel()
	w, am := newManaged(t, "")
	ada := w.connect("Ada", "ops")
	ben := w.user("Ben")
	group := w.group("Operators", ada, ben)
	w.openIn(ada, w.link(`{"recipient":"ops","target":"group"}`), group)
	w.messages(group, 1)
	am.fires(`"alertname":"Down"`, true)
	inGroup := w.messages(group, 2)[1]

	if toast := w.pressed(ben, group, inGroup, "✋ Ack"); toast != "✋ You have it." { // whoever is in the chat
		t.Errorf("toast: %q", toast)
	}
	w.becomes(ada, 1, "✋ Ben has it")
	inPrivate := w.messages(ada, 2)[1]
	if toast := w.pressed(ada, ada, inPrivate, "↩️ Undo Ack"); toast != "Nobody has it now." {
		t.Errorf("toast: %q", toast)
	}
	w.becomesButton(ada, 1, "✋ Ack")
	w.becomesButton(group, 1, "✋ Ack")

	// Two at once: one of them has it.
	first := w.pressed(ada, ada, w.messages(ada, 2)[1], "✋ Ack")
	second := w.pressed(ben, group, inGroup, "✋ Ack")
	if first != "✋ You have it." || second != "Ada has it already." {
		t.Errorf("toasts: %q, %q", first, second)
	}

	// A chat that was disconnected.
	w.do("DELETE", fmt.Sprintf("%s/api/v1/recipients/ops/chats/%d", w.relay, ada), "", nil)
	if toast := w.pressed(ada, ada, w.becomes(ada, 1, "Ada has it"), "4h"); toast != "This chat is not connected to these alerts." {
		t.Errorf("toast: %q", toast)
	}
	am.fires(`"alertname":"Down"`, false)
	w.becomes(group, 1, "✅")
	if toast := w.pressed(ben, group, inGroup, "4h"); toast != "" && !strings.HasPrefix(toast, "This is over") {
		t.Errorf("toast: %q", toast)
	}
	if got := am.silences(); len(got) > 0 {
		t.Errorf("silences: %+v", got)
	}
}

// group makes a group with members.
func (w *world) group(title string, members ...int64) int64 {
	w.t.Helper()
	var group struct{ ID int64 }
	list, _ := json.Marshal(members)
	w.do("POST", w.sim+"/sim/groups", fmt.Sprintf(`{"title":%q,"members":%s}`, title, list), &group)
	return group.ID
}

// openIn opens a link in a group.
func (w *world) openIn(user int64, link string, group int64) {
	w.t.Helper()
	w.do("POST", fmt.Sprintf("%s/sim/groups/%d/open", w.sim, group), fmt.Sprintf(`{"link":%q,"user_id":%d}`, link, user), nil)
}

// An Alertmanager that hangs or fails is told of within a second, and in the message.
func TestAlertmanagerThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+managedBy("http://127.0.0.1:"+freePort(t)))
	ada := w.connect("Ada", "ops")
	w.hook("alertmanager", "alertmanager/single-firing")
	first := w.messages(ada, 2)[1]
	if toast := w.pressed(ada, ada, first, "🔇 1h"); !strings.HasPrefix(toast, "⚠️ Alertmanager main cannot be reached") {
		t.Errorf("toast: %q", toast)
	}
	w.becomes(ada, 1, "⚠️ Alertmanager main cannot be reached")
	w.say(ada, ada, "/alerts")
	w.becomes(ada, 2, "Alerts\n", "⚠️ Alertmanager main cannot be reached")
}

func managedBy(url string) string { return strings.ReplaceAll(managed, "MANAGER", url) }

// Two Alertmanagers of a cluster, both told of the alert, bring one message; either takes the silence.
func TestAlertmanagersOfACluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	config := w.routing("alertmanager")
	one := w.alertmanager(config, nil)
	two := w.alertmanager(config, one)
	w.extra += fmt.Sprintf("[alertmanagers.one]\nurl = %q\nreceivers = [\"alertmanager\"]\n[alertmanagers.two]\nurl = %q\nreceivers = [\"alertmanager\"]\n", one.url, two.url)
	w.restart()
	ada := w.connect("Ada", "ops")
	for _, am := range []*manager{one, two} {
		am.fires(`"alertname":"Down","severity":"critical"`, true)
	}
	first := w.messages(ada, 2)[1]
	one.kill()
	if toast := w.pressed(ada, ada, first, "🔇 1h"); !strings.HasPrefix(toast, "🔇 Silenced until") {
		t.Errorf("toast: %q", toast)
	}
	if got := two.silences(); len(got) != 1 {
		t.Errorf("silences: %+v", got)
	}
	two.fires(`"alertname":"Other"`, true)
	w.messages(ada, 3)
	if got := w.messages(ada, 3); len(got) != 3 {
		t.Errorf("%d messages: %+v", len(got), got)
	}
}

// A chat asks what fires, silences it, and ends silences, and sees no more than its receiver lets it.
func TestCommandsAboutAlerts(t *testing.T) {
	t.Parallel()
	w, am := newManaged(t, "")
	ada := w.connect("Ada", "ops")
	for i := range 10 {
		am.fires(`"alertname":"Disk`+strconv.Itoa(i)+`","team":"db","severity":"warning"`, true)
	}
	am.fires(`"alertname":"Down","team":"web","severity":"critical","instance":"web 1"`, true)
	w.messages(ada, 12)
	w.allSent()
	count := len(w.messages(ada, 12))
	ask := func(text string) message {
		t.Helper()
		w.say(ada, ada, text)
		count++
		return w.messages(ada, count)[count-1]
	}

	all := ask("/alerts")
	w.expect(all, "🔥 11 alerts (1/2)\n", "Disk", "a summary")
	w.pressed(ada, ada, all, "›")
	second := w.becomes(ada, count-1, "(2/2)")
	if strings.Count(second.Text, "🔥")-1 != 3 {
		t.Errorf("the second page: %q", second.Text)
	}
	w.expect(ask(`/alerts severity=critical team=~"w.*"`), "🔥 1 alert severity=critical team=~\"w.*\"\n", "Down", "instance=web 1")
	w.expect(ask("/alerts =critical"), "That is no matcher")
	w.expect(ask("/silence Down"), "What, how long, why?")
	made := ask(`/silence Down instance="web 1" 2h new disks`)
	w.expect(made, "🔇 Silenced until ", `alertname="Down"`, "/expire ")
	got := am.silences()
	if len(got) != 1 || got[0].Comment != "new disks" || got[0].CreatedBy != "Ada (@ada)" || got[0].matchers() != "alertname=Down instance=web 1" {
		t.Fatalf("silences: %+v", got)
	}
	w.expect(ask("/silences"), "🔇 1 silence\n", got[0].ID[:8], "Ada", "new disks")
	w.expect(ask("/expire zzz"), "Which one?")
	w.expect(ask("/expire "+got[0].ID[:8]), "🔈 The silence alertname=\"Down\" instance=\"web 1\" is over.")
	w.expect(ask("/silences"), "🔈 Nothing is silenced")
}

// A chat sees the alerts of its own team, and silences no others.
func TestChatsSeeTheirOwnAlerts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	am := w.alertmanager(w.routing("teams"))
	w.extra += fmt.Sprintf(`
[receivers.teams]
type = "alertmanager"
to = ["{{ .CommonLabels.team }}"]
visible = ["team={{ .Recipient }}"]
[alertmanagers.main]
url = %q
receivers = ["teams"]
`, am.url)
	w.restart()
	ada, ben := w.connect("Ada", "db"), w.connect("Ben", "web")
	am.fires(`"alertname":"Slow","team":"db"`, true)
	am.fires(`"alertname":"Down","team":"web"`, true)
	ask := func(user int64, n int, text string) message {
		t.Helper()
		w.say(user, user, text)
		return w.messages(user, n+1)[n]
	}
	w.eventually(func() bool { // Alertmanager takes a moment
		var all []any
		w.do("GET", am.url+"/api/v2/alerts", "", &all)
		return len(all) == 2
	})
	w.expect(ask(ada, 1, "/alerts"), "🔥 1 alert\n", "Slow")
	w.expect(ask(ben, 1, "/alerts"), "🔥 1 alert\n", "Down")
	w.expect(ask(ada, 2, "/silence alertname=~.* 1h"), "🔇 Silenced until")
	made := am.silences()
	if len(made) != 1 || made[0].matchers() != "alertname=.* team=db" {
		t.Errorf("silences: %+v", made)
	}
	w.expect(ask(ben, 2, "/silences"), "🔈 Nothing is silenced")
	w.expect(ask(ben, 3, "/expire "+made[0].ID[:8]), "Which one?")
	w.expect(ask(ada, 3, "/silences"), "🔇 1 silence\n", made[0].ID[:8])
}

// A silence that was made elsewhere is shown, and so is the end of an alert under it, of which no webhook tells.
func TestSilencesMadeElsewhere(t *testing.T) {
	t.Parallel()
	w, am := newManaged(t, "")
	ada := w.connect("Ada", "ops")
	am.fires(`"alertname":"DiskFull","severity":"critical"`, true)
	w.messages(ada, 2)
	w.say(ada, ada, "/silence DiskFull 2h")
	w.becomes(ada, 1, "🔇 Silenced by Ada (@ada) until ")
}

// Nobody reacts: others are told, with buttons of their own, and hear of the end.
func TestEscalation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+`
[receivers.alertmanager]
escalate = { after = "1s", to = ["boss-{{ .Labels.team }}"] }
`)
	ada, grace := w.connect("Ada", "ops"), w.connect("Grace", "boss-infra")
	w.hook("alertmanager", "alertmanager/single-firing")
	told := w.messages(grace, 2)[1]
	w.expect(told, "⏫ Nobody reacted for ", "🔥 InstanceDown (critical)", "web-1")
	if told.Silent || len(told.buttons()) == 0 {
		t.Errorf("%+v", told)
	}
	w.becomes(ada, 1, "⏫ Nobody reacted: boss-infra told at ")
	w.pressed(grace, grace, told, "✋ Ack")
	w.becomes(ada, 1, "✋ Grace has it")
	w.hook("alertmanager", "alertmanager/single-resolved")
	w.becomes(grace, 1, "✅ InstanceDown (critical) resolved after")
	w.becomes(ada, 1, "✅ InstanceDown (critical) resolved after", "✋ Grace had it")
}

// Whoever reacts in time is left alone.
func TestNoEscalationAfterAck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+`
[receivers.alertmanager]
escalate = { after = "8s", to = ["boss"] }
`)
	ada, grace := w.connect("Ada", "ops"), w.connect("Grace", "boss")
	w.hook("alertmanager", "alertmanager/single-firing")
	w.pressed(ada, ada, w.messages(ada, 2)[1], "✋ Ack")
	w.becomes(ada, 1, "✋ Ada has it")
	w.hook("alertmanager", "alertmanager/group-50") // another group, which nobody acknowledges
	w.expect(w.messages(grace, 2)[1], "⏫ Nobody reacted", "firing")
	if got := w.messages(grace, 2); len(got) != 2 || strings.Contains(got[1].Text, "InstanceDown") {
		t.Errorf("%+v", got)
	}
}
