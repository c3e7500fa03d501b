package main_test

import (
	"fmt"
	"strings"
	"testing"
)

// Somebody who has never seen the simulator does all by its page: comes in, opens a deep link, presses a button of an alert, writes, blocks, makes a group, and makes trouble.
func TestChatPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	link := strings.Replace(w.link(`{"recipient":"ops"}`), "https://t.me", w.sim, 1)
	b := newTab(t, w.sim)

	b.visit(w.sim)
	b.shows("main", "A Telegram to click in")
	b.inspect("chat-empty")
	b.fill("#new-person input", "Grace")
	b.click("#new-person button", "Add")
	b.shows(".pane footer button", "Start")

	b.visit(link)
	b.inspect("chat-link")
	b.fill("input[name=name]", "Ada")
	b.click("button", "Start")
	b.shows(".messages .tg-text", "Connected")

	w.hook("alertmanager", "alertmanager/mixed-1-three-firing")
	b.shows(".messages .tg-text b", "3 firing")
	b.click(".tg-button", "Ack")
	b.shows("#toast", "You have it")
	b.shows(".messages .tg-text", "Ada has it")
	b.shows(".tg-foot", "edited")

	b.fill(".pane footer input[name=text]", "/status")
	b.click(".pane footer button[aria-label=Send]", "")
	b.shows(".messages .own", "/status")
	b.shows(".messages li:last-child .tg-text", "ops")

	rich := `{"to":"ops","parse_mode":"MarkdownV2","text":"*bold* _it_ ||spoiler|| ` + "`<b>code</b>`" + ` [link](https://example.org/x)\n>quoted\n>twice\n` +
		"```go\\nfunc main() {}\\n```" + `","disable_notification":true,"reply_markup":{"inline_keyboard":[[{"text":"Open","url":"https://example.org/"}]]}}`
	w.do("POST", w.relay+"/api/v1/messages", rich, nil)
	b.shows(".messages code", "<b>code</b>")
	b.shows(".messages blockquote", "quoted\ntwice")
	b.shows(".messages pre", "func main() {}")
	b.becomes(`document.querySelector(".tg-foot [title='Without a sound']")`)
	b.becomes(`getComputedStyle(document.querySelector(".tg-spoiler")).color === "rgba(0, 0, 0, 0)"`)

	b.click(".side .beside", "Chat with the bot") // Grace beside Ada
	b.becomes("document.querySelectorAll('.pane').length === 2")
	b.shows(".pane:last-child footer button", "Start")
	b.inspect("chat-two")

	b.click(".pane:first-child .menu summary", "")
	b.click(".pane:first-child .menu button", "Block the bot")
	b.shows(".pane:first-child footer button", "Unblock")
	b.shows(".side .tag", "blocked")
	b.click(".pane:first-child footer button", "Unblock")
	b.becomes("document.querySelector('.pane:first-child footer input[name=text]')")

	b.click("#new-group summary", "")
	b.fill("#new-group input[name=title]", "Ops team")
	b.click("#new-group .check input", "")
	b.click("#new-group button", "Make")
	b.click(".side li a", "Ops team")
	b.click(".pane footer button", "Add the bot")
	b.shows(".messages .service", "The bot was added")
	b.click(".menu summary", "")
	b.click(".menu button", "Upgrade")
	b.shows(".pane header", "-1000000005001")
	b.click(".menu summary", "")
	b.click(".menu button", "Turn topics on")
	b.shows(".topics a", "General")
	b.click(".menu summary", "")
	b.fill(".menu form input[name=name]", "Deploys")
	b.click(".menu form.row button", "Make")
	b.click(".topics a", "Deploys")
	b.shows(".messages .service", "created the topic")
	b.inspect("chat-forum")

	b.click("aside button", "Make trouble")
	b.shows("#faults", "too_many_requests, 3 s, 1 more")
	b.shows("#calls", "sendmessage")
	b.click("#faults button", "End all trouble")
	b.shows("#faults", "All is well")
	b.visit(w.sim + "/?p=1.2&p=x.y.z&p=1001.1001")
	b.becomes("document.querySelectorAll('.pane').length === 1")
}

// A page of another site cannot act by the browser of a developer.
func TestChatPageOfAnotherSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	if answer, _ := w.exchange("POST", w.sim+"/sim/users", `{"name":"Eve"}`, "Origin", "https://evil.example"); answer.StatusCode != 403 {
		t.Errorf("%d", answer.StatusCode)
	}
	var chats []struct{ ID int64 }
	w.do("GET", w.sim+"/sim/chats", "", &chats)
	if len(chats) != 0 {
		t.Error(fmt.Sprint("Eve is there: ", chats))
	}
}
