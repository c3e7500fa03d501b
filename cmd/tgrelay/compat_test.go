package main_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// shoutrrr is built from its own module as .ci/clients.mod pins it.
var shoutrrr = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "-modfile=../../.ci/clients.mod", "shoutrrr").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build shoutrrr: %w\n%s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
})

func needShoutrrr(t *testing.T) string {
	t.Helper()
	path, err := shoutrrr()
	if err != nil {
		without(t, "shoutrrr", err)
	}
	return path
}

func needApprise(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("apprise")
	if err != nil {
		without(t, "apprise", err)
	}
	return path
}

// client runs a client of another server to its end.
func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %v: %v\n%s", filepath.Base(name), args, err, out)
	}
	return string(out)
}

// keyboard is the buttons of a message, each as its text and what it does.
func (m message) keyboard(t *testing.T) (all []string) {
	t.Helper()
	var k struct {
		Rows [][]struct {
			Text string
			URL  string
			Copy struct{ Text string } `json:"copy_text"`
			Data string                `json:"callback_data"`
		} `json:"inline_keyboard"`
	}
	if len(m.ReplyMarkup) > 0 {
		if err := json.Unmarshal(m.ReplyMarkup, &k); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range k.Rows {
		for _, b := range row {
			all = append(all, strings.TrimSpace(b.Text+" "+b.URL+b.Copy.Text+b.Data))
		}
	}
	return all
}

// connectAs binds a person who has started the bot, where tokens are configured.
func (w *world) connectAs(token, name, recipient string) int64 {
	w.t.Helper()
	id := w.user(name)
	w.say(id, id, "/start")
	w.messages(id, 1)
	if response, answer := w.exchange("PUT", fmt.Sprintf("%s/api/v1/recipients/%s/chats/%d", w.relay, recipient, id), "", "Authorization", "Bearer "+token); response.StatusCode != 200 {
		w.t.Fatal(answer)
	}
	return id
}

// toast presses a button and returns what the bot shows for it.
func (w *world) toast(user, messageID int64, button string) string {
	w.t.Helper()
	var pressed struct {
		Query string `json:"callback_query_id"`
	}
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/press", w.sim, user), fmt.Sprintf(`{"chat_id":%d,"message_id":%d,"text":%q}`, user, messageID, button), &pressed)
	var shown struct {
		Answered bool
		Text     string
	}
	w.eventually(func() bool {
		w.do("GET", w.sim+"/sim/presses/"+pressed.Query, "", &shown)
		return shown.Answered
	})
	return shown.Text
}

// reconfigure changes a word of relay.toml while the relay runs.
func (w *world) reconfigure(token, old, replacement string) {
	w.t.Helper()
	b, err := os.ReadFile(w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("relay.toml", strings.ReplaceAll(string(b), old, replacement))
	if response, answer := w.exchange("POST", w.relay+"/-/reload", "", "Authorization", "Bearer "+token); response.StatusCode != 200 {
		w.t.Fatal(answer)
	}
}

const compatTokens = `
[auth.tokens.app]
token = "tk_abcdefghijklmnop"
scopes = ["hooks"]
[auth.tokens.admin]
token = "admin-token"
scopes = ["admin"]
`

func TestNtfyWithItsClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	host := strings.TrimPrefix(w.relay, "http://")

	response, answer := w.exchange("PUT", w.relay+"/hooks/ntfy/ops", "Backup failed: a_b*c", "Title", "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte("Nächtlich"))+"?=",
		"Tags", "warning,nas", "Priority", "urgent", "Click", "https://example.org/x", "Actions", "view, Logs, https://example.org/logs; copy, Code, 123456")
	if response.StatusCode != 200 {
		t.Fatalf("%d %s", response.StatusCode, answer)
	}
	var first struct {
		ID, Event, Topic, Title, Message string
		Time, Priority                   int64
	}
	if err := json.Unmarshal([]byte(answer), &first); err != nil || len(first.ID) != 12 || first.Event != "message" || first.Topic != "ops" || first.Title != "Nächtlich" || first.Priority != 5 {
		t.Errorf("%v in %s", err, answer)
	}
	got := w.messages(ada, 2)[1]
	if got.Text != "⚠️ Nächtlich\nBackup failed: a_b*c\n🏷 nas" || got.Silent {
		t.Errorf("arrived %+v", got)
	}
	if b := strings.Join(got.keyboard(t), "; "); b != "🔗 example.org https://example.org/x; Logs https://example.org/logs; Code 123456" {
		t.Errorf("buttons: %s", b)
	}

	// An update names the first message's ID, or a sequence of the caller's.
	w.do("PUT", w.relay+"/hooks/ntfy/ops/"+first.ID, "Backup done", nil)
	w.eventually(func() bool { return w.messages(ada, 2)[1].Text == "Backup done" })
	w.exchange("POST", w.relay+"/hooks/ntfy", `{"topic":"ops","message":"**10** %","markdown":true,"priority":2,"sequence_id":"deploy"}`)
	if got := w.messages(ada, 3)[2]; got.Text != "10 %" || !got.Silent || len(got.Entities) != 1 {
		t.Errorf("arrived %+v", got)
	}
	w.exchange("POST", w.relay+"/hooks/ntfy/ops", "done", "X-Sequence-ID", "deploy")
	w.eventually(func() bool { return w.messages(ada, 3)[2].Text == "done" })
	if response, answer := w.exchange("DELETE", w.relay+"/hooks/ntfy/ops/deploy", ""); response.StatusCode != 200 || !strings.Contains(answer, `"message_delete"`) {
		t.Errorf("%d %s", response.StatusCode, answer)
	}
	w.eventually(func() bool { return w.messages(ada, 3)[2].Text == "🗑 deleted" })

	// By GET, as a file, as a picture.
	w.do("GET", w.relay+"/hooks/ntfy/ops/trigger?t=Door&m=open%5Cnnow&p=4", "", nil)
	w.exchange("PUT", w.relay+"/hooks/ntfy/ops", "a,b\n", "X-Filename", "report.csv", "X-Message", "The report")
	w.exchange("PUT", w.relay+"/hooks/ntfy/ops", string(picture(t)))
	all := w.messages(ada, 6)
	if all[3].Text != "Door\nopen\nnow" || all[4].FileName != "report.csv" || all[4].Text != "The report" || w.fileOf(all[4].Document) != "a,b\n" || w.fileOf(all[5].Photo) != string(picture(t)) {
		t.Errorf("arrived %+v", all[3:])
	}
	w.exchange("PUT", w.relay+"/hooks/ntfy/ops", "later", "Delay", "2 days", "Priority", "min")
	var newest struct {
		Items []struct {
			State, Priority string
			SendAt          time.Time `json:"send_at"`
			ExpiresAt       time.Time `json:"expires_at"`
		}
	}
	w.do("GET", w.relay+"/api/v1/deliveries?limit=1", "", &newest)
	if d := newest.Items[0]; d.State != "queued" || d.Priority != "low" || time.Until(d.SendAt) < 47*time.Hour || !d.ExpiresAt.After(d.SendAt) {
		t.Errorf("a message for later waits as %+v", d)
	}
	if _, answer := w.exchange("GET", w.relay+"/hooks/ntfy/v1/health", ""); answer != `{"healthy":true}`+"\n" {
		t.Errorf("health: %s", answer)
	}
	response, answer = w.exchange("PUT", w.relay+"/hooks/ntfy/ops", "x", "Priority", "7")
	if response.StatusCode != 400 || !strings.HasPrefix(answer, `{"code":40007,"http":400,"error":"priority: `) {
		t.Errorf("%d %s", response.StatusCode, answer)
	}

	t.Run("shoutrrr", func(t *testing.T) {
		client(t, needShoutrrr(t), "send", "--url", "ntfy://"+host+"/hooks/ntfy/ops?scheme=http&title=Shout&priority=high&tags=tada&click=https%3A%2F%2Fexample.org", "--message", "from shoutrrr")
		if got := w.messages(ada, 7)[6]; got.Text != "🎉 Shout\nfrom shoutrrr" || len(got.keyboard(t)) != 1 {
			t.Errorf("arrived %+v", got)
		}
	})
}

// The buttons of ntfy's http actions call hosts that relay.toml names, and no others.
func TestButtonsThatCall(t *testing.T) {
	t.Parallel()
	calls := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + string(body)
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	w := newWorld(t, fast+fmt.Sprintf("[receivers.ntfy]\nhttp_actions = [%q]\n", strings.TrimPrefix(server.URL, "http://")))
	ada := w.connect("Ada", "ops")
	w.exchange("PUT", w.relay+"/hooks/ntfy/ops", "Garage open", "Actions", fmt.Sprintf(
		"http, Close, %s/door, method=PUT, headers.Authorization=Bearer x, body='{\"a\": 1}'; http, Break, %s/broken; http, Elsewhere, https://elsewhere.example.org/", server.URL, server.URL))
	got := w.messages(ada, 2)[1]
	if b := got.buttons(); strings.Join(b, ",") != "Close,Break" {
		t.Fatalf("buttons: %v", b)
	}
	w.press(ada, got.ID, "Close")
	if call := <-calls; call != `PUT /door Bearer x {"a": 1}` {
		t.Errorf("called %s", call)
	}
	w.eventually(func() bool { return w.messages(ada, 2)[1].Text == "Garage open\n✅ Close · Ada" })
	w.press(ada, got.ID, "Break")
	if call := <-calls; call != "POST /broken  " {
		t.Errorf("called %s", call)
	}
	w.eventually(func() bool {
		return w.messages(ada, 2)[1].Text == "Garage open\n✅ Close · Ada\n⚠️ Break · Ada: the server answered 500 Internal Server Error"
	})
	// What is not allowed any more is not called.
	w.reconfigure("", strings.TrimPrefix(server.URL, "http://"), "other.example.org")
	if toast := w.toast(ada, got.ID, "Close"); toast != "This button does not work any more." {
		t.Errorf("told %q", toast)
	}
	w.reconfigure("", "other.example.org", strings.TrimPrefix(server.URL, "http://"))
	w.press(ada, got.ID, "Break")
	if call := <-calls; call != "POST /broken  " {
		t.Errorf("called %s", call)
	}
}

func TestGotifyWithItsClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+compatTokens+"[receivers.gotify]\nto = [\"ops\"]\n")
	ada := w.connectAs("admin-token", "Ada", "ops")
	host := strings.TrimPrefix(w.relay, "http://")
	picture := "https://example.org/chart.png"

	response, answer := w.exchange("POST", w.relay+"/hooks/gotify/message?token=tk_abcdefghijklmnop", "message=hello&title=Backup&priority=2", "Content-Type", "application/x-www-form-urlencoded")
	if response.StatusCode != 200 {
		t.Fatalf("%d %s", response.StatusCode, answer)
	}
	var first struct {
		ID, AppID, Priority  int64
		Message, Title, Date string
	}
	if err := json.Unmarshal([]byte(answer), &first); err != nil || first.ID == 0 || first.AppID == 0 || first.Priority != 2 || first.Message != "hello" || first.Title != "Backup" || first.Date == "" {
		t.Errorf("%v in %s", err, answer)
	}
	w.exchange("POST", w.relay+"/hooks/gotify/ops/message", fmt.Sprintf(`{"message":"**CPU**","priority":8,"extras":{"client::display":{"contentType":"text/markdown"},"client::notification":{"click":{"url":"https://example.org"},"bigImageUrl":%q}}}`, picture),
		"Content-Type", "application/json", "X-Gotify-Key", "tk_abcdefghijklmnop")
	got := w.messages(ada, 3)
	if got[1].Text != "Backup\nhello" || !got[1].Silent {
		t.Errorf("arrived %+v", got[1])
	}
	if got[2].Text != "CPU" || got[2].Silent || len(got[2].Entities) != 1 || got[2].Photo == "" || strings.Join(got[2].keyboard(t), "; ") != "🔗 example.org https://example.org" {
		t.Errorf("arrived %+v, %v", got[2], got[2].keyboard(t))
	}
	if _, answer := w.exchange("GET", w.relay+"/hooks/gotify/version", ""); !strings.Contains(answer, `"version"`) {
		t.Errorf("version: %s", answer)
	}
	if _, answer := w.exchange("GET", w.relay+"/hooks/gotify/health", ""); answer != `{"database":"green","health":"green"}`+"\n" {
		t.Errorf("health: %s", answer)
	}
	for token, want := range map[string]string{
		"wrong":               `401 {"error":"Unauthorized","errorCode":401,"errorDescription":"this token is not known`,
		"":                    `401 {"error":"Unauthorized","errorCode":401,"errorDescription":"send a token`,
		"tk_abcdefghijklmnop": `400 {"error":"Bad Request","errorCode":400,"errorDescription":"Field 'message' is required"}`,
	} {
		response, answer := w.exchange("POST", w.relay+"/hooks/gotify/message?token="+token, `{"title":"x"}`, "Content-Type", "application/json")
		if got := fmt.Sprint(response.StatusCode, " ", answer); !strings.HasPrefix(got, want) {
			t.Errorf("token %q: %s", token, got)
		}
	}

	t.Run("shoutrrr", func(t *testing.T) { // it takes tokens of Gotify's own shape only
		w.reconfigure("admin-token", "tk_abcdefghijklmnop", "Aabcdefghijklmn")
		client(t, needShoutrrr(t), "send", "--url", "gotify://"+host+"/hooks/gotify/Aabcdefghijklmn?disabletls=yes&title=Shout", "--message", "from shoutrrr")
		if got := w.messages(ada, 4)[3]; got.Text != "Shout\nfrom shoutrrr" {
			t.Errorf("arrived %+v", got)
		}
	})
	t.Run("apprise", func(t *testing.T) {
		client(t, needApprise(t), "-t", "Apprise", "-b", "from *apprise*", "gotify://"+host+"/hooks/gotify/Aabcdefghijklmn?format=markdown")
		if got := w.messages(ada, 5)[4]; got.Text != "Apprise\nfrom apprise" {
			t.Errorf("arrived %+v", got)
		}
	})
}

func TestAppriseWithItsClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+"[receivers.apprise]\nto = [\"ops\"]\n[receivers.ntfy]\naliases = [\"ntfy\"]\n")
	ada := w.connect("Ada", "ops")
	host := strings.TrimPrefix(w.relay, "http://")
	for i, c := range []struct{ path, kind, body, want string }{
		{"/notify/ops", "application/json", `{"title":"Deploy","body":"**done**","type":"success","format":"markdown","tag":"all"}`, "✅ Deploy\ndone"},
		{"/notify", "application/x-www-form-urlencoded", "title=Disk&body=91+%25&type=warning", "⚠️ Disk\n91 %"},
		{"/notify/ops/", "application/json", `{"body":"<p>a<br>b</p>","format":"html"}`, "a\nb"},
	} {
		if response, answer := w.exchange("POST", w.relay+"/hooks/apprise"+c.path, c.body, "Content-Type", c.kind); response.StatusCode != 200 {
			t.Fatalf("%s: %d %s", c.path, response.StatusCode, answer)
		}
		if got := w.messages(ada, 2+i)[1+i].Text; got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
	response, answer := w.exchange("POST", w.relay+"/hooks/apprise/notify/ops", `{"body":"x","type":"odd"}`, "Content-Type", "application/json")
	if response.StatusCode != 400 || !strings.HasPrefix(answer, `{"details":[],"error":"type: one of info, `) {
		t.Errorf("%d %s", response.StatusCode, answer)
	}
	if status, _ := w.upload("", "attach", "a.txt", []byte("one")); status == 202 {
		t.Error("the API took what is no message")
	}

	report := filepath.Join(w.dir, "report.csv")
	w.write("report.csv", "a,b\n")
	w.write("chart.png", string(picture(t)))
	t.Run("apprise", func(t *testing.T) {
		apprise := needApprise(t)
		client(t, apprise, "-t", "Title", "-b", "by json", "-n", "failure", "-a", report, "-a", filepath.Join(w.dir, "chart.png"), "json://"+host+"/hooks/apprise/ops")
		got := w.messages(ada, 6)
		if got[4].Text != "❌ Title\nby json" || got[4].FileName != "report.csv" || w.fileOf(got[4].Document) != "a,b\n" || got[5].Photo == "" || got[5].Text != "" {
			t.Errorf("arrived %+v", got[4:])
		}
		client(t, apprise, "-t", "Title", "-b", "by api", "apprise://"+host+"/hooks/apprise/ops")
		client(t, apprise, "-t", "Title", "-b", "by ntfy", "ntfy://"+host+"/ops?priority=high")
		if got := w.messages(ada, 8); got[6].Text != "Title\nby api" || got[7].Text != "Title\nby ntfy" {
			t.Errorf("arrived %+v", got[6:])
		}
	})
}

func TestTelepush(t *testing.T) {
	t.Parallel()
	inlets, err := filepath.Abs("../../receivers/testdata/inlets/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, fast+compatTokens+"[receivers.telepush]\ninlets = [\""+inlets+"\"]\n[auth.tokens.ada]\ntoken = \"a1b2c3\"\nscopes = [\"hooks\"]\nreceivers = [\"telepush\"]\nrecipients = [\"ada\"]\n")
	ada := w.connectAs("admin-token", "Ada", "ada")
	for i, c := range []struct{ path, kind, body, want string }{
		{"/api/messages/a1b2c3", "application/json", `{"text":"*bold* a_b","origin":"cron"}`, "cron wrote:\n\nbold a_b"},
		{"/api/messages/a1b2c3/", "application/json", `{"text":"*plain*","options":{"disable_markdown":true}}`, "Telepush wrote:\n\n*plain*"},
		{"/api/inlets/default/a1b2c3?text=query&origin=curl&async=true", "", "", "curl wrote:\n\nquery"},
		{"/api/inlets/words/a1b2c3", "text/plain", "any [text] of_mine", "any [text] of_mine"},
		{
			"/api/inlets/orders/a1b2c3", "application/json", `{"type":"order.created","order":{"items":[{"product":"pro_x","cents":1250,"currency":"eur","path":"a_b"}]}}`,
			"Corner *Shop* sold:\n- pro_x for 12.5 eur (page)",
		},
	} {
		response, answer := w.exchange("POST", w.relay+c.path, c.body, "Content-Type", c.kind, "X-Shop-Name", "Corner *Shop*")
		want := 200
		if strings.Contains(c.path, "async") {
			want = 202
		}
		if response.StatusCode != want || answer != "" {
			t.Fatalf("%s: %d %s", c.path, response.StatusCode, answer)
		}
		if got := w.messages(ada, 2+i)[1+i].Text; got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
	w.exchange("POST", w.relay+"/api/messages/a1b2c3", `{"type":"FILE","file":"YSxiCg==","filename":"report.csv"}`)
	w.exchange("POST", w.relay+"/api/inlets/alerts/a1b2c3", payload(t, "alertmanager/single-firing.json"))
	got := w.messages(ada, 8)
	if got[6].FileName != "report.csv" || !strings.HasPrefix(got[7].Text, "Alerts") || !strings.Contains(got[7].Text, "severity = critical\n") {
		t.Errorf("arrived %+v", got[6:])
	}
	for path, want := range map[string]int{"/api/messages/unknown": 401, "/api/inlets/none/a1b2c3": 404, "/api/messages/a1b2c3": 400, "/api/messages/admin-token": 403} {
		if response, answer := w.exchange("POST", w.relay+path, `{"origin":"x"}`); response.StatusCode != want || strings.Contains(answer, "{") || len(answer) < 10 {
			t.Errorf("%s: %d %s", path, response.StatusCode, answer)
		}
	}
	if strings.Contains(w.process.text(), "a1b2c3") {
		t.Error("the log tells a token")
	}
}

func TestAnyText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	for i, c := range []struct{ query, kind, title, body, want string }{
		{"", "", "", "just *text*\n", "just *text*"},
		{"", "text/plain; charset=iso-8859-1", "Grün", "gr\xfcn", "Grün\ngrün"},
		{"?title=Query", "application/x-www-form-urlencoded", "", "a=b\x00&c\xff", "Query\na=b&c\uFFFD"},
	} {
		if response, answer := w.exchange("POST", w.relay+"/hooks/text/ops"+c.query, c.body, "Content-Type", c.kind, "X-Title", c.title); response.StatusCode != 202 {
			t.Fatalf("%d %s", response.StatusCode, answer)
		}
		if got := w.messages(ada, 2+i)[1+i].Text; got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if response, answer := w.exchange("POST", w.relay+"/hooks/text/ops", "\x00 \n"); response.StatusCode != 400 || !strings.Contains(answer, "the body is empty") {
		t.Errorf("%d %s", response.StatusCode, answer)
	}
}

// alertmanager.yml stays as it was for another bridge, but for the host.
func TestAddressesOfOtherBridges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+"[receivers.alertmanager]\non_update = \"new\"\naliases = [\"alertmanager-bot\", \"prometheus_bot\", \"alertgram\"]\n")
	ada, bob := w.connect("Ada", "ada"), w.connect("Bob", "bob")
	alert := payload(t, "alertmanager/single-firing.json")
	for i, path := range []string{"/webhooks/telegram/%d", "/alert/%d", "/alerts?chat-id=%d"} {
		if response, answer := w.exchange("POST", w.relay+fmt.Sprintf(path, ada), strings.ReplaceAll(alert, "InstanceDown", fmt.Sprint("Down", i))); response.StatusCode != 202 {
			t.Fatalf("%s: %d %s", path, response.StatusCode, answer)
		}
		if got := w.messages(ada, 2+i)[1+i].Text; !strings.HasPrefix(got, fmt.Sprint("🔥 Down", i)) {
			t.Errorf("%s: %q", path, got)
		}
	}
	for path, want := range map[string]string{
		"/alert/4711":                   "404 no recipient is connected to the chat 4711 alone",
		"/alert/here":                   "400 \\\"here\\\" is no number of a chat",
		fmt.Sprintf("/alert/%d/7", ada): fmt.Sprintf("404 no recipient is connected to the chat %d:7", ada),
		fmt.Sprintf("/v1/alertmanager/%d,%d", ada, bob): "404 nothing is served at this path",
		"/api/messages/ada":                             "404 nothing is served at this path",
		"/alerts":                                       "404 nobody is named to receive this",
	} {
		response, answer := w.exchange("POST", w.relay+path, alert)
		if got := fmt.Sprint(response.StatusCode, " ", strings.TrimPrefix(answer, `{"detail":"`)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	w.reconfigure("", `"alertgram"`, `"alertly"`)
	if response, answer := w.exchange("POST", w.relay+fmt.Sprintf("/v1/alertmanager/%d,%d", ada, bob), alert); response.StatusCode != 202 || strings.Count(answer, `"deliveries"`) != 2 {
		t.Errorf("%d %s", response.StatusCode, answer)
	}
	w.messages(bob, 2)
	w.messages(ada, 5)
}

// The page about other servers is right as it stands: its configuration is, and its commands bring their messages.
func TestCompatibleOfTheDocs(t *testing.T) {
	t.Parallel()
	const page = "docs/compatible.md"
	dir := t.TempDir()
	for name, text := range map[string]string{
		"relay.toml":      "[telegram]\ntoken = \"123456:AAabcdefghijklmnopqrstuvwxyz012345\"\n" + strings.Join(fences(t, page, "toml"), ""),
		"inlets.d/a.yaml": payload(t, "inlets/orders.yaml"), "ada-token": "a1b2c3\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, errs, status := run(t, "", "check", "--config", filepath.Join(dir, "relay.toml")); status != 0 || errs != "" {
		t.Errorf("check: status %d\n%s%s", status, out, errs)
	}
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	count := 1
	for _, block := range fences(t, page, "sh") {
		for command := range strings.Lines(strings.TrimSpace(block)) {
			if strings.HasPrefix(command, "apprise") {
				needApprise(t)
			}
			command = strings.ReplaceAll(strings.ReplaceAll(command, "127.0.0.1:9786", strings.TrimPrefix(w.relay, "http://")), "curl ", "curl -sSf ")
			client(t, "sh", "-c", command)
			count++
			w.messages(ada, count)
		}
	}
}

// A button that copies is Telegram's, and is checked as it would.
func TestCopyButton(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	const message = `{"to":"ops","text":"Code","reply_markup":{"inline_keyboard":[[{"text":"Copy","copy_text":{"text":%q}}]]}}`
	w.do("POST", w.relay+"/api/v1/messages", fmt.Sprintf(message, "123"), nil)
	if got := w.messages(ada, 2)[1].keyboard(t); strings.Join(got, ",") != "Copy 123" {
		t.Errorf("buttons: %v", got)
	}
	for _, text := range []string{"", strings.Repeat("x", 257)} {
		if status, answer := w.call("POST", w.relay+"/api/v1/messages", fmt.Sprintf(message, text)); status != 400 || !strings.Contains(answer, "/copy_text/text") {
			t.Errorf("%d %s", status, answer)
		}
	}
}
