package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// open rates make tests fast; the pace has tests of its own.
const fast = "[delivery]\nglobal_rate = 10000\nchat_rate = 10000\ngroup_rate = 1000000\n"

const webhookMode = "mode = \"webhook\"\n[telegram.webhook]\nurl = \"RELAY/telegram\"\n"

// modes runs a test with long polling and with a webhook.
func modes(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, fast))
	})
	t.Run("webhook", func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t, webhookMode+fast))
	})
}

func TestFromLinkToAlert(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, w *world) {
		ada := w.user("Ada")
		w.do("POST", w.relay+"/api/v1/messages", `{"to":"alice","text":"sent before anybody was connected","priority":"high"}`, nil)
		link := w.link(`{"recipient":"alice"}`)
		w.open(ada, link)
		got := w.messages(ada, 2)
		if !strings.HasPrefix(got[0].Text, "✅ Connected. Messages for alice") || !strings.Contains(got[0].Text, "One was waiting") || got[1].Text != "sent before anybody was connected" {
			t.Fatalf("the welcome, then what was held: %+v", got)
		}
		w.do("POST", w.relay+"/hooks/alertmanager/alice", payload(t, "alertmanager/single-firing.json"), nil)
		got = w.messages(ada, 3)
		if !strings.HasPrefix(got[2].Text, "🔥 InstanceDown (critical)\n") || got[2].Entities[0].Type != "bold" {
			t.Errorf("the alert: %+v", got[2])
		}
		w.do("POST", w.relay+"/api/v1/messages", `{"to":["alice"],"text":"*b* [l](https://example.org/x)","parse_mode":"MarkdownV2","disable_notification":true,
			"reply_markup":{"inline_keyboard":[[{"text":"Open","url":"https://example.org/"}]]}}`, nil)
		got = w.messages(ada, 4)
		if m := got[3]; m.Text != "b l" || !m.Silent || len(m.Entities) != 2 || m.Entities[1].URL != "https://example.org/x" || !strings.Contains(string(m.ReplyMarkup), "Open") {
			t.Errorf("the message: %+v", m)
		}
		// Opened again by the same person; by another; and one that never was: the two are told alike.
		w.open(ada, link)
		again := w.messages(ada, 5)[4].Text
		eve := w.user("Eve")
		w.open(eve, link)
		used := w.messages(eve, 1)[0].Text
		w.say(eve, eve, "/start nonsense")
		unknown := w.messages(eve, 2)[1].Text
		if !strings.Contains(again, "already connected") || used != unknown || !strings.Contains(used, "does not work") {
			t.Errorf("again %q, used %q, unknown %q", again, used, unknown)
		}
	})
}

func TestCommandsInTheChat(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, w *world) {
		ada := w.connect("Ada", "alice")
		for i, c := range []struct{ say, want string }{
			{"/status", "Connected as alice since"},
			{"/help", "/stop"},
			{"hello", "I only understand commands"},
			{"/start", "Connected as alice"},
			{"/stop", "Disconnect this chat?"},
			{"/status", "Nothing is connected"},
			{"/stop", "Nothing was connected"},
			{"/start", "I bring messages"},
			{"/start@other_bot", ""},
		} {
			w.say(ada, ada, c.say)
			if c.want == "" {
				continue
			}
			got := w.messages(ada, i+2)[i+1]
			if !strings.Contains(got.Text, c.want) {
				t.Errorf("%s: %q, want %q", c.say, got.Text, c.want)
			}
			if strings.HasPrefix(got.Text, "Disconnect this chat?") {
				w.press(ada, got.ID, "Yes")
				w.eventually(func() bool { return strings.HasPrefix(w.messages(ada, i+2)[i+1].Text, "Disconnected alice") })
			}
		}
		var answer struct{ Deliveries []struct{ State string } }
		w.do("POST", w.relay+"/api/v1/messages", `{"to":"alice","text":"after /stop"}`, &answer)
		if answer.Deliveries[0].State != "held" {
			t.Errorf("after /stop: %+v", answer)
		}
	})
}

func TestGroups(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, w *world) {
		ada, bob := w.user("Ada"), w.user("Bob")
		var group struct{ ID int64 }
		w.do("POST", w.sim+"/sim/groups", fmt.Sprintf(`{"title":"Ops","members":[%d,%d]}`, ada, bob), &group)
		link := w.link(`{"recipient":"ops","target":"group"}`)
		w.do("POST", fmt.Sprintf("%s/sim/groups/%d/open", w.sim, group.ID), fmt.Sprintf(`{"link":%q,"user_id":%d}`, link, ada), nil)
		if got := w.messages(group.ID, 1)[0].Text; !strings.HasPrefix(got, "✅ Connected. Messages for ops") {
			t.Fatalf("welcome %q", got)
		}
		w.say(bob, group.ID, "/stop@relay_bot")
		if got := w.messages(group.ID, 2)[1].Text; !strings.Contains(got, "Only an administrator") {
			t.Errorf("a member may stop it: %q", got)
		}
		w.do("POST", fmt.Sprintf("%s/sim/groups/%d/upgrade", w.sim, group.ID), "", &group)
		w.send("ops", "to the supergroup")
		if got := w.messages(group.ID, 1)[0].Text; got != "to the supergroup" {
			t.Errorf("after the upgrade: %q", got)
		}
		var recipient struct {
			Chats []struct {
				ChatID int64 `json:"chat_id"`
			}
		}
		w.eventually(func() bool {
			w.do("GET", w.relay+"/api/v1/recipients/ops", "", &recipient)
			return len(recipient.Chats) == 1 && recipient.Chats[0].ChatID == group.ID
		})
		private := w.link(`{"recipient":"ops"}`)
		_, token, _ := strings.Cut(private, "start=")
		w.say(ada, group.ID, "/link "+token)
		if got := w.messages(group.ID, 2)[1].Text; !strings.Contains(got, "private chat") {
			t.Errorf("a private link in a group: %q", got)
		}
	})
}

// A member of a group who finds the bot there connects nothing with a link; whoever adds the bot by one does, be it no administrator.
func TestWrongPersonOpensALinkInAGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada, bob := w.user("Ada"), w.user("Bob")
	var group, other struct{ ID int64 }
	w.do("POST", w.sim+"/sim/groups", fmt.Sprintf(`{"title":"Ops","members":[%d,%d]}`, ada, bob), &group)
	w.do("POST", w.sim+"/sim/groups", fmt.Sprintf(`{"title":"Friends","members":[%d,%d]}`, ada, bob), &other)
	open := func(by, chat int64, link string) {
		t.Helper()
		w.do("POST", fmt.Sprintf("%s/sim/groups/%d/open", w.sim, chat), fmt.Sprintf(`{"link":%q,"user_id":%d}`, link, by), nil)
	}
	open(ada, group.ID, w.link(`{"recipient":"ops","target":"group"}`))
	w.messages(group.ID, 1)
	link := w.link(`{"recipient":"noise","target":"group"}`)
	open(bob, group.ID, link)
	if got := w.messages(group.ID, 2)[1].Text; !strings.HasPrefix(got, "Only an administrator") {
		t.Errorf("a member points another's messages at the group: %q", got)
	}
	open(bob, other.ID, link) // it was not used up
	if got := w.messages(other.ID, 1)[0].Text; !strings.HasPrefix(got, "✅ Connected. Messages for noise") {
		t.Errorf("a member who adds the bot: %q", got)
	}
	open(ada, group.ID, w.link(`{"recipient":"more","target":"group"}`))
	if got := w.messages(group.ID, 3)[2].Text; !strings.HasPrefix(got, "✅ Connected. Messages for more") {
		t.Errorf("an administrator: %q", got)
	}
}

// Of twenty people who open one link at once, one is connected.
func TestRaceForALink(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	link := w.link(`{"recipient":"prize"}`)
	users := make([]int64, 20)
	for i := range users {
		users[i] = w.user(fmt.Sprintf("User%d", i))
	}
	var opening sync.WaitGroup
	for _, user := range users {
		opening.Go(func() { w.open(user, link) })
	}
	opening.Wait()
	connected := 0
	for _, user := range users {
		if strings.HasPrefix(w.messages(user, 1)[0].Text, "✅") {
			connected++
		}
	}
	var prize struct{ Chats []json.RawMessage }
	w.do("GET", w.relay+"/api/v1/recipients/prize", "", &prize)
	if connected != 1 || len(prize.Chats) != 1 {
		t.Errorf("%d are welcomed, %d chats are bound", connected, len(prize.Chats))
	}
}

// A group becomes a supergroup while messages wait for it: all arrive there, in order.
func TestMigrationInABacklog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.user("Ada")
	var group struct{ ID int64 }
	w.do("POST", w.sim+"/sim/groups", fmt.Sprintf(`{"title":"Ops","kind":"group","members":[%d]}`, ada), &group)
	link := w.link(`{"recipient":"ops","target":"group"}`)
	w.do("POST", fmt.Sprintf("%s/sim/groups/%d/open", w.sim, group.ID), fmt.Sprintf(`{"user_id":%d,"link":%q}`, ada, link), nil)
	w.messages(group.ID, 1)
	w.allSent()
	w.do("POST", w.sim+"/sim/faults", `{"kind":"gateway","method":"sendMessage"}`, nil)
	const waiting = 30
	for i := range waiting {
		if i == waiting/2 {
			w.do("POST", fmt.Sprintf("%s/sim/groups/%d/upgrade", w.sim, group.ID), "", &group)
		}
		w.send("ops", fmt.Sprintf("message %d", i))
	}
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	next := 0
	for _, m := range w.messages(group.ID, waiting) {
		if m.Text == fmt.Sprintf("message %d", next) {
			next++
		}
	}
	if next != waiting {
		t.Errorf("%d of %d messages arrived in order", next, waiting)
	}
}

// What waits for somebody who stops is not sent any more.
func TestStopWhileMessagesWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "alice")
	w.say(ada, ada, "/stop")
	asked := w.messages(ada, 2)[1].ID
	w.do("POST", w.sim+"/sim/faults", `{"kind":"gateway","method":"sendMessage"}`, nil)
	for i := range 10 {
		w.send("alice", fmt.Sprintf("unwanted %d", i))
	}
	w.press(ada, asked, "Yes")
	w.eventually(func() bool { return strings.HasPrefix(w.messages(ada, 2)[1].Text, "Disconnected alice") })
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	w.allSent()
	w.say(ada, ada, "/status")
	got := w.messages(ada, 3)
	if last := got[len(got)-1].Text; !strings.HasPrefix(last, "Nothing is connected") || len(got) > 4 { // one may have been under way
		t.Errorf("%+v", got)
	}
}

func TestTopicsAndChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.user("Ada")
	var forum, channel struct{ ID int64 }
	w.do("POST", w.sim+"/sim/groups", fmt.Sprintf(`{"title":"Forum","kind":"forum","members":[%d]}`, ada), &forum)
	w.do("POST", w.sim+"/sim/groups", fmt.Sprintf(`{"title":"News","kind":"channel","members":[%d]}`, ada), &channel)
	for _, id := range []int64{forum.ID, channel.ID} {
		w.do("POST", fmt.Sprintf("%s/sim/groups/%d/bot", w.sim, id), fmt.Sprintf(`{"user_id":%d,"status":"administrator"}`, ada), nil)
	}
	var topic struct {
		ID int64 `json:"message_thread_id"`
	}
	w.do("POST", fmt.Sprintf("%s/sim/groups/%d/topics", w.sim, forum.ID), `{"name":"Deploys"}`, &topic)
	token := func(recipient string) string {
		_, token, _ := strings.Cut(w.link(fmt.Sprintf(`{"recipient":%q,"target":"group"}`, recipient)), "startgroup=")
		return token
	}
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/write", w.sim, ada), fmt.Sprintf(`{"chat_id":%d,"message_thread_id":%d,"text":"/link %s"}`, forum.ID, topic.ID, token("deploys")), nil)
	w.messages(forum.ID, 1)
	w.say(ada, channel.ID, "/link "+token("news"))
	w.messages(channel.ID, 1)
	w.send("deploys", "in the topic")
	w.send("news", "in the channel")
	if got := w.messages(forum.ID, 2)[1]; got.Text != "in the topic" || got.ThreadID != topic.ID {
		t.Errorf("forum: %+v", got)
	}
	if got := w.messages(channel.ID, 2)[1]; got.Text != "in the channel" {
		t.Errorf("channel: %+v", got)
	}
	// A topic that is closed, and then gone: messages arrive in the general one, which is told once.
	w.do("POST", fmt.Sprintf("%s/sim/groups/%d/bot", w.sim, forum.ID), fmt.Sprintf(`{"user_id":%d,"status":"member"}`, ada), nil)
	at := fmt.Sprintf("%s/sim/groups/%d/topics/%d", w.sim, forum.ID, topic.ID)
	w.do("POST", at+"/close", "", nil)
	w.send("deploys", "to a topic that is closed")
	got := w.messages(forum.ID, 4)
	if got[2].Text != "to a topic that is closed" || got[2].ThreadID != 0 || !strings.HasPrefix(got[3].Text, "The topic in which messages for deploys arrived") || got[3].ThreadID != 0 {
		t.Errorf("forum: %+v", got[2:])
	}
	w.do("DELETE", at, "", nil)
	w.send("deploys", "to a topic that is gone")
	w.becomes(forum.ID, 2, "to a topic that is gone") // what stood in the topic is gone with it
	if got := w.messages(forum.ID, 3)[2]; got.ThreadID != 0 {
		t.Errorf("forum: %+v", got)
	}
}

func payload(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../receivers/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every recorded webhook, posted to the receiver of its kind, arrives as a message that Telegram takes.
func TestEveryPayloadArrives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.do("GET", w.relay+"/-/healthy", "", nil)
	ada := w.connect("Ada", "ops")
	count := 1
	for folder, receiver := range map[string]string{"alertmanager": "alertmanager", "grafana": "grafana", "others": "json"} {
		files, err := filepath.Glob("../../receivers/testdata/" + folder + "/*.json")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", folder, err)
		}
		for i, file := range files {
			// Some are the same notification: each is for a recipient of its own.
			recipient := fmt.Sprintf("ops-%s-%d", folder, i)
			w.do("PUT", fmt.Sprintf("%s/api/v1/recipients/%s/chats/%d", w.relay, recipient, ada), "", nil)
			status, answer := w.call("POST", w.relay+"/hooks/"+receiver+"/"+recipient, payload(t, folder+"/"+filepath.Base(file)))
			if filepath.Base(file) == "custom-payload.json" && receiver != "json" {
				if status != http.StatusBadRequest {
					t.Errorf("%s: %d %s", file, status, answer)
				}
				continue
			}
			if status != http.StatusAccepted {
				t.Errorf("%s: %d %s", file, status, answer)
				continue
			}
			got := w.messages(ada, count+1)
			if got[count].Text == "" {
				t.Errorf("%s arrived empty", file)
			}
			w.allSent()
			count = len(w.messages(ada, count+1)) // a long text comes in parts
		}
	}
	var failed struct{ Items []json.RawMessage }
	w.do("GET", w.relay+"/api/v1/deliveries?state=failed", "", &failed)
	if len(failed.Items) > 0 {
		t.Errorf("failed: %s", failed.Items)
	}
}

// allSent waits until nothing is under way any more. It looks at one count of all states: a delivery goes from queued to sending and
// back, and between two questions one could always be in the other state.
func (w *world) allSent() {
	w.t.Helper()
	w.eventually(func() bool {
		_, metrics := w.call("GET", w.relay+"/metrics", "")
		return strings.Contains(metrics, "\ntgrelay_outbox_deliveries{state=\"queued\"} 0\n") &&
			strings.Contains(metrics, "\ntgrelay_outbox_deliveries{state=\"sending\"} 0\n")
	})
}

// What waits when the power goes arrives afterwards, in order, each once but for what was under way.
func TestKilledWithMessagesWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	chats := map[string]int64{"a": w.connect("Ada", "a"), "b": w.connect("Bob", "b")}
	w.do("POST", w.sim+"/sim/faults", `{"kind":"gateway","method":"sendMessage"}`, nil)
	const each = 20
	for i := range each {
		for name := range chats {
			w.send(name, fmt.Sprintf("%s %d", name, i))
		}
	}
	w.restart()
	w.send("a", "a after")
	w.restart()
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	for name, chat := range chats {
		count := 1 + each
		if name == "a" {
			count++
		}
		var numbers []string
		for _, m := range w.messages(chat, count)[1:] {
			numbers = append(numbers, m.Text)
		}
		var want []string
		for i := range each {
			want = append(want, fmt.Sprintf("%s %d", name, i))
		}
		if name == "a" {
			want = append(want, "a after")
		}
		if got := slices.Compact(numbers); !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFaultsOfTelegram(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		`{"kind":"too_many_requests","retry_after":1,"method":"sendMessage","times":1}`,
		`{"kind":"gateway","method":"sendMessage","times":1}`,
		`{"kind":"status","code":500,"method":"sendMessage","times":1}`,
		`{"kind":"empty","method":"sendMessage","times":1}`,
		`{"kind":"reset_before","method":"sendMessage","times":1}`,
		`{"kind":"reset_after","method":"sendMessage","times":1}`,
		`{"kind":"truncated","method":"sendMessage","times":1}`,
		`{"kind":"status","code":401,"description":"Unauthorized","times":3}`,
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fast)
			ada := w.connect("Ada", "ops")
			w.do("POST", w.sim+"/sim/faults", fault, nil)
			w.send("ops", "one")
			w.send("ops", "two")
			var texts []string
			w.eventually(func() bool {
				texts = nil
				for _, m := range w.messages(ada, 1)[1:] {
					texts = append(texts, m.Text)
				}
				return len(texts) >= 2 && texts[len(texts)-1] == "two"
			})
			if got := slices.Compact(texts); !slices.Equal(got, []string{"one", "two"}) {
				t.Errorf("arrived: %v", texts)
			}
		})
	}
}

func TestBlockedAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "alice")
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/block", w.sim, ada), "", nil)
	state := func() string {
		var r struct{ Chats []struct{ State string } }
		w.do("GET", w.relay+"/api/v1/recipients/alice", "", &r)
		return r.Chats[0].State
	}
	w.eventually(func() bool { return state() == "blocked" })
	var answer struct{ Deliveries []struct{ State string } }
	w.do("POST", w.relay+"/api/v1/messages", `{"to":"alice","text":"to nobody"}`, &answer)
	if answer.Deliveries[0].State != "failed" {
		t.Errorf("for a chat that is blocked: %+v", answer)
	}
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/unblock", w.sim, ada), "", nil)
	w.eventually(func() bool { return state() == "active" })
	w.send("alice", "welcome back")
	if got := w.messages(ada, 2)[1].Text; got != "welcome back" {
		t.Errorf("%q", got)
	}
}

func TestLongTextArrivesWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	var lines []string
	for i := range 700 {
		lines = append(lines, fmt.Sprintf("line %d of a long stack trace", i))
	}
	body, err := json.Marshal(map[string]any{"to": "ops", "text": "<pre>" + strings.Join(lines, "\n") + "</pre>", "parse_mode": "HTML"})
	if err != nil {
		t.Fatal(err)
	}
	w.do("POST", w.relay+"/api/v1/messages", string(body), nil)
	w.allSent()
	var arrived []string
	for _, m := range w.messages(ada, 3)[1:] {
		if len([]rune(m.Text)) > 4096 || len(m.Entities) != 1 || m.Entities[0].Type != "pre" {
			t.Errorf("a part of %d characters with entities %+v", len([]rune(m.Text)), m.Entities)
		}
		arrived = append(arrived, strings.Split(m.Text, "\n")...)
	}
	if !slices.Equal(arrived, lines) {
		t.Errorf("%d of %d lines arrived in order", len(arrived), len(lines))
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ready := func() (int, string) { return w.call("GET", w.relay+"/-/ready", "") }
	w.eventually(func() bool { status, _ := ready(); return status == http.StatusOK })
	w.do("POST", w.sim+"/sim/faults", `{"kind":"status","code":401,"description":"Unauthorized"}`, nil)
	w.send("ops", "taken all the same")
	w.eventually(func() bool {
		status, answer := ready()
		return status == http.StatusServiceUnavailable && strings.Contains(answer, "not_ready") && strings.Contains(answer, "token")
	})
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	w.eventually(func() bool { status, _ := ready(); return status == http.StatusOK })
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "ops")
	w.send("ops", "x")
	w.call("POST", w.relay+"/hooks/nosuch/ops", "{}")
	w.allSent()
	_, text := w.call("GET", w.relay+"/metrics", "")
	for _, line := range []string{
		`tgrelay_messages_received_total{code="202",receiver="api"} 1`, `tgrelay_messages_received_total{code="404",receiver="unknown"} 1`,
		`tgrelay_deliveries_total{state="sent"} 2`, `tgrelay_outbox_deliveries{state="queued"} 0`, "tgrelay_outbox_oldest_seconds 0",
		"tgrelay_delivery_latency_seconds_count", `tgrelay_telegram_requests_total{code="200",method="sendMessage"} 2`,
		`tgrelay_telegram_request_duration_seconds_count{method="sendMessage"}`, "tgrelay_telegram_retry_after_seconds_total 0",
		`tgrelay_telegram_updates_total{type="message"} 1`, "tgrelay_telegram_last_update_timestamp_seconds", "tgrelay_recipients 1",
		`tgrelay_bindings{state="active"} 1`, `tgrelay_recipient_cache_requests_total{result="hit"}`, "tgrelay_storage_commit_seconds_count",
		"tgrelay_storage_batch_rows_count", "tgrelay_build_info{", `tgrelay_links_total{event="created"} 1`, `tgrelay_links_total{event="redeemed"} 1`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "tgrelay_") && !strings.Contains(line, "bucket") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}

// The webhook takes updates only from whoever knows the secret token, and each acts once, after a restart too.
func TestWebhookUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "mode = \"webhook\"\n[telegram.webhook]\nurl = \"RELAY/telegram\"\nsecret_token = \"the-secret\"\n"+fast)
	ada := w.connect("Ada", "ops")
	update := fmt.Sprintf(`{"update_id":77,"message":{"message_id":9,"date":1,"text":"/status","chat":{"id":%d,"type":"private","first_name":"Ada"},"from":{"id":%[1]d,"is_bot":false,"first_name":"Ada"}}}`, ada)
	post := func(secret string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.relay+"/telegram", strings.NewReader(update))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if secret != "" {
			r.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	for _, secret := range []string{"", "wrong", "the-secret2"} {
		if status := post(secret); status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("with secret %q: %d", secret, status)
		}
	}
	if first, second := post("the-secret"), post("the-secret"); first != http.StatusOK || second != http.StatusOK {
		t.Errorf("with the secret: %d, %d", first, second)
	}
	w.allSent() // what is under way at a kill may come twice
	w.restart()
	if third := post("the-secret"); third != http.StatusOK {
		t.Errorf("after a restart: %d", third)
	}
	w.say(ada, ada, "/help")
	got := w.messages(ada, 3)
	if len(got) != 3 || !strings.Contains(got[1].Text, "Connected as ops") || !strings.Contains(got[2].Text, "/stop") {
		t.Errorf("one update, sent three times, acted so: %+v", got)
	}
	var info struct {
		Result struct {
			URL            string
			MaxConnections int      `json:"max_connections"`
			AllowedUpdates []string `json:"allowed_updates"`
		}
	}
	w.do("GET", w.sim+"/bot"+botToken+"/getWebhookInfo", "", &info)
	if info.Result.URL != w.relay+"/telegram" || info.Result.MaxConnections != 40 || len(info.Result.AllowedUpdates) == 0 {
		t.Errorf("setWebhook said %+v", info)
	}
}

// Whoever changes from webhook to polling need not delete the webhook.
func TestFromWebhookToPolling(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webhookMode+fast)
	ada := w.connect("Ada", "ops")
	w.extra = fast
	w.restart()
	w.say(ada, ada, "/status")
	w.messages(ada, 2)
}

func TestLongTextAsConfigured(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("word ", 2000)
	for setting, check := range map[string]func(t *testing.T, w *world, ada int64){
		"truncate": func(t *testing.T, w *world, ada int64) {
			w.allSent()
			if got := w.messages(ada, 2); len(got) != 2 || len(got[1].Text) > 4200 || !strings.Contains(got[1].Text, "…") {
				t.Errorf("arrived: %d messages, the last of %d bytes", len(got), len(got[1].Text))
			}
		},
		"document": func(t *testing.T, w *world, ada int64) {
			got := w.messages(ada, 3)
			if got[2].FileName != "message.txt" || !got[2].Silent || !strings.Contains(got[1].Text, "…") {
				t.Fatalf("arrived: %+v", got[2])
			}
			_, file := w.call("GET", w.sim+"/file/bot"+botToken+"/files/"+got[2].Document, "")
			if strings.TrimSpace(file) != strings.TrimSpace(text) {
				t.Errorf("the file has %d bytes, want %d", len(file), len(text))
			}
		},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fast+"long_text = \""+setting+"\"\n")
			ada := w.connect("Ada", "ops")
			w.send("ops", text)
			check(t, w, ada)
		})
	}
}

// A reload puts receivers and templates in force, for whom is connected and for what comes; a bad file changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	if status, _ := w.call("POST", w.relay+"/hooks/deploys", `{"version":"1.2"}`); status != http.StatusNotFound {
		t.Errorf("a receiver that is not there yet: %d", status)
	}
	w.write("my.tmpl", `{{ define "deploy" }}*{{ .version }}* is out{{ end }}`)
	old, err := os.ReadFile(w.config())
	if err != nil {
		t.Fatal(err)
	}
	w.write("relay.toml", string(old)+"[templates]\nfiles = [\"my.tmpl\"]\n[receivers.deploys]\ntype = \"json\"\nto = [\"ops\"]\ntemplate = \"deploy\"\n")
	w.do("POST", w.relay+"/-/reload", "", nil)
	w.do("POST", w.relay+"/hooks/deploys", `{"version":"1.2"}`, nil)
	if got := w.messages(ada, 2)[1].Text; got != "1.2 is out" {
		t.Errorf("after the reload: %q", got)
	}
	w.write("my.tmpl", `{{ define "deploy" }}{{ broken`)
	if status, answer := w.call("POST", w.relay+"/-/reload", ""); status != http.StatusConflict || !strings.Contains(answer, "my.tmpl:1") {
		t.Errorf("a bad template: %d %s", status, answer)
	}
	w.do("POST", w.relay+"/hooks/deploys", `{"version":"1.3"}`, nil)
	if got := w.messages(ada, 3)[2].Text; got != "1.3 is out" {
		t.Errorf("after the refused reload: %q", got)
	}
}
