package main_test

import "testing"

// The whole way in a browser, by pages only: a link made in the console opens in the simulated Telegram, where somebody presses Start; the console says so. A real Alertmanager's
// alert arrives, a button silences it there, and the message says until when.
func TestFromConsoleToChat(t *testing.T) {
	t.Parallel()
	w, am := newManaged(t, "")
	w.extra = "link_url = \"SIM\"\n" + w.extra
	w.restart()
	w.link(`{"recipient":"warm-up"}`) // the bot is known
	console, chat := newTab(t, w.relay), newTab(t, w.sim)
	console.visit(w.relay + "/links/new")
	console.fill("#recipient", "ops")
	console.click("form.stack .main", "Make the link")
	console.shows(".linkstate", "Waiting for somebody")

	chat.visit(evaluate[string](console, `document.querySelector(".link a.main").href`))
	chat.fill("input[name=name]", "Ada")
	chat.click("button", "Start")
	chat.shows(".messages .tg-text", "Connected")
	console.shows(".linkstate .connected", "Connected")
	console.shows(".linkstate", "Ada")

	am.fires(`"alertname":"DiskFull","severity":"critical","instance":"nas"`, true)
	chat.shows(".messages .tg-text", "DiskFull")
	chat.click(".tg-button", "4h")
	chat.shows("#toast", "Silenced until")
	chat.shows(".messages .tg-text", "Silenced by Ada until")
	chat.shows(".tg-foot", "edited")
	if made := am.silences(); len(made) != 1 || made[0].matchers() != "alertname=DiskFull instance=nas severity=critical" {
		t.Errorf("silences: %+v", made)
	}
	chat.inspect("chat-silenced")
	console.click("nav a", "Deliveries")
	console.shows("tbody", "ops")
}
