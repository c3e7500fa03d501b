package main_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// An operator's day: whom there is, what is chosen for them, and what became of their messages.
func TestRecipientsByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "ops")
	do := func(args ...string) []string { return append(args, "--server", w.relay) }
	expect := func(want string, args ...string) {
		t.Helper()
		if out := works(t, do(args...)...); !strings.Contains(out, want) {
			t.Errorf("%v does not say %q:\n%s", args, want, out)
		}
	}
	expect(`1001 "Ada", private, since`, "recipients", "show", "ops")
	expect("paused", "recipients", "set", "ops", "--pause", "--note", "on leave", "--time-zone=Europe/Berlin", "--quiet-hours", "22:00-07:00")
	expect("on leave", "recipients", "show", "ops")
	expect("(paused)", "recipients")
	expect(`"paused":false`, "recipients", "set", "ops", "--resume", "--json")
	refuses(t, 2, "--pause", do("recipients", "set", "ops")...)
	refuses(t, 1, "nowhere", do("recipients", "set", "ops", "--time-zone", "nowhere")...)
	expect("-1001234567890/5", "recipients", "bind", "team", "-1001234567890/5")
	expect("-1001234567890/5", "recipients", "--prefix", "te")
	expect("no more", "recipients", "unbind", "team", "-1001234567890/5")
	refuses(t, 2, "no number of a chat", do("recipients", "bind", "team", "@team")...)
	refuses(t, 1, "chat of this recipient", do("recipients", "unbind", "team", "-1001234567890/5")...)
	expect("forgotten", "recipients", "forget", "team")
	refuses(t, 1, "there is no recipient", do("recipients", "show", "team")...)
}

func TestDeliveriesByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	do := func(args ...string) []string { return append(args, "--server", w.relay) }
	w.do("POST", w.sim+"/sim/faults", `{"kind":"status","method":"sendMessage","code":400,"description":"Bad Request: something odd"}`, nil)
	for i := range 3 {
		w.send("ops", fmt.Sprint("message ", i))
	}
	failed := func() []string {
		out := works(t, do("deliveries", "--state", "failed", "--json")...)
		return regexp.MustCompile(`"id":"([^"]+)"`).FindAllString(out, -1)
	}
	w.eventually(func() bool { return len(failed()) == 3 })
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	var first struct {
		ID        string
		MessageID string `json:"message_id"`
	}
	if err := json.Unmarshal([]byte(works(t, do("deliveries", "--state", "failed", "--limit", "1", "--json")...)), &first); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{first.ID, first.MessageID} {
		if out := works(t, do("deliveries", "show", id)...); !strings.Contains(out, "message 2") || !strings.Contains(out, "something odd") {
			t.Errorf("show %s:\n%s", id, out)
		}
	}
	refuses(t, 1, "there is no message and no delivery", do("deliveries", "show", "01900000-0000-7000-8000-000000000000")...)
	refuses(t, 2, "which deliveries?", do("deliveries", "retry")...)
	refuses(t, 2, "no duration", do("deliveries", "retry", "--since", "soon")...)
	if out := works(t, do("deliveries", "retry", "--since", "1h", "--dry-run")...); strings.Count(out, "\n") != 3 {
		t.Errorf("--dry-run:\n%s", out)
	}
	if out := works(t, do("deliveries", "discard", first.ID)...); !strings.Contains(out, "discarded for ops") || !strings.Contains(out, "1 delivery discarded") {
		t.Errorf("discard:\n%s", out)
	}
	refuses(t, 1, "could not be helped", do("deliveries", "retry", first.ID)...)
	if out := works(t, do("deliveries", "retry", "--recipient", "ops")...); !strings.Contains(out, "2 deliveries put back") {
		t.Errorf("retry:\n%s", out)
	}
	if got := w.messages(ada, 3); got[1].Text+got[2].Text != "message 0message 1" && got[1].Text+got[2].Text != "message 1message 0" {
		t.Errorf("arrived: %+v", got)
	}
}

func TestSendByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	w.write("report.txt", "all is well")
	do := func(args ...string) []string { return append(args, "--server", w.relay) }
	works(t, do("send", "ops", "the report", "--document", filepath.Join(w.dir, "report.txt"), "--silent")...)
	works(t, do("send", "ops", "50%", "--key", "job", "--priority", "high")...)
	got := w.messages(ada, 3)
	if got[1].FileName != "report.txt" || !got[1].Silent || got[2].Text != "50%" {
		t.Errorf("arrived: %+v", got)
	}
	works(t, do("send", "ops", "100%", "--key", "job")...)
	w.eventually(func() bool { return w.messages(ada, 3)[2].Text == "100%" })
	if out := works(t, do("send", "ops", "later", "--send-at", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "--expires-in", "1h")...); !strings.Contains(out, "queued for ops") {
		t.Errorf("later: %s", out)
	}
	refuses(t, 2, "absent.txt", do("send", "ops", "--document", filepath.Join(w.dir, "absent.txt"))...)
}

func TestCheckForPrograms(t *testing.T) {
	t.Parallel()
	w := &world{t: t, dir: t.TempDir()}
	w.write("relay.toml", "[telegram]\ntoken = \""+botToken+"\"\ncolour = 1\n")
	out, _, status := run(t, "", "check", "--json", "--config", w.config())
	if status != 2 || !strings.Contains(out, `{"kind":"fault","file":"`+w.config()+`","line":3,"key":"telegram.colour"`) {
		t.Errorf("status %d\n%s", status, out)
	}
	w.write("my.tmpl", `{{ define "my" }}*open {{ .Status }}{{ end }}`)
	w.write("relay.toml", "[telegram]\ntoken = \""+botToken+"\"\n[templates]\nfiles = [\"my.tmpl\"]\n[receivers.alertmanager]\ntemplate = \"my\"\n")
	out, errs, status := run(t, "", "check", "--json", "--config", w.config())
	if status != 0 || errs != "" || !strings.Contains(out, `"kind":"warning"`) || !strings.Contains(out, `"detail":"my: with`) {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

func TestTelegramByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "ops")
	polling := []string{"--config", w.config()}
	if out := works(t, append([]string{"telegram", "info"}, polling...)...); !strings.Contains(out, "@relay_bot") || !strings.Contains(out, "/start") && !strings.Contains(out, "/help") || !strings.Contains(out, "0 updates waiting") {
		t.Errorf("info:\n%s", out)
	}
	refuses(t, 2, `mode = "webhook"`, append([]string{"telegram", "set-webhook"}, polling...)...)
	w.process.stop(t)

	w.write("hook.toml", fmt.Sprintf("[telegram]\ntoken_file = \"bot-token\"\napi_url = %q\nmode = \"webhook\"\n[telegram.webhook]\nurl = \"http://127.0.0.1:9/telegram\"\n", w.sim))
	hook := []string{"--config", filepath.Join(w.dir, "hook.toml")}
	if out := works(t, append([]string{"telegram", "set-webhook"}, hook...)...); !strings.Contains(out, "http://127.0.0.1:9/telegram") {
		t.Errorf("set-webhook:\n%s", out)
	}
	var info struct {
		Webhook struct {
			URL     string
			Allowed []string `json:"allowed_updates"`
		}
	}
	if err := json.Unmarshal([]byte(works(t, append([]string{"telegram", "info", "--json"}, hook...)...)), &info); err != nil || info.Webhook.URL != "http://127.0.0.1:9/telegram" || len(info.Webhook.Allowed) == 0 {
		t.Errorf("info: %+v %v", info, err)
	}
	w.do("POST", w.sim+"/bot"+botToken+"/setWebhook", `{"url":"https://me:hidden@other.example.org/bot`+botToken+`?k=hidden"}`, nil)
	for _, args := range [][]string{{"telegram", "info"}, {"telegram", "info", "--json"}} { // what another program set may hold secrets, often the token itself
		if out := works(t, append(args, hook...)...); strings.Contains(out, "the-secret-token") || strings.Contains(out, "hidden") || !strings.Contains(out, "https://other.example.org/bot[secret]") {
			t.Errorf("%v of another's webhook:\n%s", args, out)
		}
	}
	if out := works(t, append([]string{"telegram", "delete-webhook", "--drop-pending-updates"}, hook...)...); !strings.Contains(out, "deleted") || !strings.Contains(out, "sets it again") {
		t.Errorf("delete-webhook:\n%s", out)
	}
	if out := works(t, append([]string{"telegram", "info"}, hook...)...); !strings.Contains(out, "webhook       none") {
		t.Errorf("info:\n%s", out)
	}
}
