package main_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// An operator of two bots sees which is which, and makes a link of the one that is meant; who opens it at the simulator's page finds both.
func TestConsoleOfTwoBots(t *testing.T) {
	t.Parallel()
	w := newTeam(t, fast)
	w.connect("Ada", "alice")
	w.link(`{"recipient":"warm-up","bot":"team"}`) // both bots are known
	b := newTab(t, w.relay, w.sim)
	b.shine("light", 1440, 900)
	b.visit(w.relay + "/links/new?recipient=alice")
	b.becomes(`(document.querySelector("#bot").value = "team")`)
	b.inspect("bots-new-link")
	b.becomes(`(document.querySelector("#bot").value = "team")`)
	b.click("form.stack .main", "Make the link")
	b.shows("h1", "with the bot team")
	link := evaluate[string](b, `document.querySelector(".link a.main").href`)
	if !strings.HasPrefix(link, "https://t.me/team_bot?start=") {
		t.Fatalf("the link is %s", link)
	}
	b.inspect("bots-link")
	w.open(1001, link)
	b.shows(".linkstate .connected", "Connected")

	w.to("alice", "", "by any")
	w.to("alice", "team", "by the team's")
	w.to("bob", "team", "waits for the team's")
	w.to("carol", "", "waits for any")
	for name, path := range map[string]string{
		"overview": "/", "deliveries": "/deliveries?bot=team", "recipients": "/recipients", "recipient": "/recipients/alice", "receiver": "/receivers/json",
	} {
		b.visit(w.relay + path)
		b.inspect("bots-" + name)
	}
	b.visit(w.relay + "/deliveries?bot=team")
	b.shows("#list tbody tr", "bob")
	b.becomes(`[...document.querySelectorAll("#list tbody tr")].every((row) => row.innerText.includes("team"))`)
	b.click("#list tbody tr:first-child a", "")
	b.shows("dl.facts", "Bot")
	b.inspect("bots-delivery")

	b.visit(w.relay + "/recipients/alice")
	b.shows("table.list", "bot telegram")
	b.click("tr:last-child button", "Mute")
	b.shows("tr:last-child td", "muted")
	b.becomes(`!document.querySelector("tbody tr:first-child").innerText.includes("muted")`)

	b.visit(w.sim + "/?p=1001.1001&p=1001.1001@team_bot")
	b.shows(".pane:last-child h2", "team_bot")
	b.shows(".pane:last-child .tg-text", "by the team's")
	b.shows(".side li a", "@team_bot")
	b.fill(".pane:last-child footer input[name=text]", "/status")
	b.click(".pane:last-child footer button[aria-label=Send]", "")
	b.shows(".pane:last-child .messages li:last-child .tg-text", "alice")
	b.inspect("bots-chats")
	b.visit(strings.Replace(w.link(`{"recipient":"dave","bot":"team"}`), "https://t.me", w.sim, 1))
	b.fill("input[name=name]", "Dave")
	b.click("button", "Start")
	b.shows(".pane h2", "team_bot")
	b.shows(".messages .tg-text", "Connected")
}

// The commands name a bot where one is meant, and say nothing of bots where there is one.
func TestCommandsOfTwoBots(t *testing.T) {
	t.Parallel()
	w := newTeam(t, fast)
	ada := w.user("Ada")
	command := func(args ...string) string {
		t.Helper()
		out, errs, status := run(t, "", append(args, "--server", w.relay)...)
		if status != 0 {
			t.Errorf("%v: exit status %d\n%s%s", args, status, out, errs)
		}
		return out
	}
	asked := func(want string, args ...string) {
		t.Helper()
		if out, errs, status := run(t, "", append(args, "--server", w.relay)...); status == 0 || !strings.Contains(out+errs, want) {
			t.Errorf("%v: exit status %d, want %q in\n%s%s", args, status, want, out, errs)
		}
	}
	has := func(text string, words ...string) {
		t.Helper()
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("%q is not in\n%s", word, text)
			}
		}
	}
	w.link(`{"recipient":"warm-up","bot":"team"}`)
	w.link(`{"recipient":"warm-up"}`)
	has(command("send", "alice", "first", "--bot", "team"), "`tgrelay link alice --bot team` makes a link")
	link := command("link", "alice", "--bot", "team")
	has(link, "/team_bot?start=")
	w.open(ada, strings.TrimSpace(link))
	if got := w.textsBy("team_bot", ada, 2); got[1] != "first" {
		t.Errorf("%q arrives", got)
	}
	asked("there are telegram, team", "link", "alice", "--bot", "tean")
	asked("there are telegram, team", "send", "alice", "x", "--bot", "tean")
	asked("there are telegram, team", "recipients", "bind", "alice", "1001", "--bot", "tean")

	has(command("recipients", "bind", "bob", fmt.Sprint(ada), "--bot", "team"), fmt.Sprintf("%d with bot team", ada))
	has(command("recipients", "show", "alice"), fmt.Sprintf("%d with bot team \"Ada\"", ada))
	export := command("recipients", "export")
	has(export, `{"recipient":"alice","bot":"team"`)
	w.write("export.jsonl", export)
	command("recipients", "unbind", "bob", fmt.Sprint(ada), "--bot", "team")
	if out := command("recipients", "export"); strings.Contains(out, "bob") {
		t.Errorf("bob is there still: %s", out)
	}
	command("recipients", "import", filepath.Join(w.dir, "export.jsonl"))
	has(command("recipients", "export"), `{"recipient":"bob","bot":"team"`)

	list := command("deliveries", "--bot", "team")
	has(list, "BOT", "team", "alice")
	if out := command("deliveries", "--bot", "telegram"); strings.Contains(out, "alice") || strings.Contains(out, "BOT") {
		t.Errorf("the first bot has sent nothing to alice: %s", out)
	}
	config := filepath.Join(w.dir, "relay.toml")
	out, _, _ := run(t, "", "telegram", "info", "--config", config)
	has(out, "@relay_bot", "@team_bot", "name          team")
	if out, _, _ = run(t, "", "telegram", "info", "--config", config, "--bot", "team", "--json"); strings.Contains(out, "relay_bot") {
		t.Errorf("only one is asked for: %s", out)
	}
	has(out, `{"name":"team","bot":{`)
	out, _, _ = run(t, "", "doctor", "--config", config, "bot", "webhook")
	has(out, "[telegram] @relay_bot", "[bots.team] @team_bot")
}

// A receiver's alerts go by its bot: the message, the button below it, what becomes of it then, and the end. The first bot hears nothing of it, though
// the recipient has a chat with it too.
func TestReceiverOfABot(t *testing.T) {
	t.Parallel()
	w := newTeam(t, fast+"[receivers.alertmanager]\nbot = \"team\"\n")
	ada := w.connect("Ada", "ops")
	w.open(ada, w.link(`{"recipient":"ops","bot":"team"}`))
	w.textsBy("team_bot", ada, 1)
	w.hook("alertmanager", "alertmanager/mixed-1-three-firing")
	if got := w.textsBy("team_bot", ada, 2)[1]; !strings.Contains(got, "3 firing") {
		t.Fatalf("%q arrives", got)
	}
	private := fmt.Sprintf("%s/sim/chats/%d/messages?bot=team_bot", w.sim, ada)
	var all []message
	w.do("GET", private, "", &all)
	alert := all[len(all)-1]
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/press?bot=team_bot", w.sim, ada), fmt.Sprintf(`{"message_id":%d,"text":%q}`, alert.ID, alert.buttons()[0]), nil)
	w.eventually(func() bool {
		w.do("GET", private, "", &all)
		return strings.Contains(all[len(all)-1].Text, "Ada has it")
	})
	w.hook("alertmanager", "alertmanager/mixed-2-one-resolved")
	w.eventually(func() bool { return strings.Contains(strings.Join(w.textsBy("team_bot", ada, 2), "\n"), "2 firing") })
	if got := w.messages(ada, 1); len(got) != 1 {
		t.Errorf("the first bot says %+v", got)
	}
}
