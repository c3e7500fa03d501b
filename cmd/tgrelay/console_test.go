package main_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// evaluate is what an expression of JavaScript says of the page.
func evaluate[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// An operator makes a link in the console, somebody opens it, and the page says so; what fails is looked at and tried again.
func TestConsoleInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+"[receivers.json]\nkeep_payloads = 5\n")
	w.link(`{"recipient":"warm-up"}`) // the bot is known
	b := newTab(t, w.relay)
	b.shine("light", 1440, 900)
	b.visit(w.relay + "/")
	b.shows(".tiles", "Nobody is connected yet")
	b.click("nav a", "Recipients")
	b.shows("h2", "Nobody is connected yet")
	b.inspect("console-recipients-none")

	ada := w.user("Ada")
	b.click(".head .main", "New link")
	b.shows("h1", "New link")
	b.fill("#recipient", "ops")
	b.click("form.stack .main", "Make the link")
	b.shows(".linkstate", "Waiting for somebody")
	b.inspect("console-link")
	w.open(ada, evaluate[string](b, `document.querySelector(".link a.main").href`))
	b.shows(".linkstate .connected", "Connected")
	b.shows(".linkstate", "Ada")

	seed(w)
	retry(w, b)
	for name, path := range map[string]string{
		"overview": "/", "deliveries": "/deliveries", "recipients": "/recipients", "recipient": "/recipients/ops", "forget": "/recipients/ops/forget", "new-link": "/links/new",
		"receivers": "/receivers", "receiver": "/receivers/json", "templates": "/templates?receiver=alertmanager",
		"try": "/try?to=ops&parse_mode=MarkdownV2&text=" + url.QueryEscape("Deploy *done* in `42s`\n>all is well"), "reference": "/api",
	} {
		b.visit(w.relay + path)
		b.inspect("console-" + name)
	}
	try(w, b, ada)
	editTemplate(w, b, ada)
}

// seed is a relay that has been of use for a while.
func seed(w *world) {
	w.t.Helper()
	for _, file := range []string{"alertmanager/mixed-1-three-firing.json", "alertmanager/mixed-2-one-resolved.json", "grafana/firing.json"} {
		receiver, _, _ := strings.Cut(file, "/")
		w.do("POST", w.relay+"/hooks/"+receiver+"/ops", payload(w.t, file), nil)
	}
	w.do("POST", w.relay+"/hooks/json/ops", `{"title":"Backup","text":"of db-1 took 3 min","host":"db-1"}`, nil)
	w.connect("Grace", "grace")
	for i, text := range []string{"Backup finished in 3 min", "Disk is at 81 %", "shop is at v1.4.2", "The build is red", "The build is green again"} {
		body, err := json.Marshal(map[string]any{"to": []string{"ops", "grace", "night-shift"}[i%3], "text": text})
		if err != nil {
			w.t.Fatal(err)
		}
		w.do("POST", w.relay+"/api/v1/messages", string(body), nil)
	}
}

// retry looks at a delivery to a person who blocked the bot, and tries it again once that is over.
func retry(w *world, b *tab) {
	w.t.Helper()
	bob := w.connect("Bob", "bob")
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/block", w.sim, bob), "", nil)
	w.send("bob", "Are you *there*?")
	w.eventually(func() bool {
		_, list := w.call("GET", w.relay+"/api/v1/deliveries?state=failed", "")
		return strings.Contains(list, "blocked")
	})
	b.visit(w.relay + "/deliveries?state=failed")
	b.shows("tbody", "bob")
	b.click(`tbody a[href^="/deliveries/"]`, "failed")
	b.shows(".error", "blocked")
	b.shows(".tg-text", "*there*")
	b.inspect("console-delivery-failed")
	w.do("POST", fmt.Sprintf("%s/sim/users/%d/unblock", w.sim, bob), "", nil)
	w.say(bob, bob, "/start")
	b.click(".head .main", "Retry")
	b.shows("#notice", "back in the queue")
	w.eventually(func() bool {
		b.visit(w.relay + evaluate[string](b, "location.pathname"))
		return evaluate[string](b, `document.querySelector("h1 .state").textContent`) == "sent"
	})
}

// try sends a message from the form, and sees it while writing.
func try(w *world, b *tab, ada int64) {
	w.t.Helper()
	b.visit(w.relay + "/try")
	b.fill("#to", "ops")
	b.fill("#text", "Hello from the <b>console</b>")
	b.shows("#preview .tg-text", "<b>console</b>")
	b.fill("#parse_mode", "HTML")
	b.shows("#preview .tg-text b", "console")
	b.click("#try .main", "Send")
	b.shows("#notice", "Accepted")
	w.eventually(func() bool {
		_, all := w.call("GET", fmt.Sprintf("%s/sim/chats/%d/messages", w.sim, ada), "")
		return strings.Contains(all, "Hello from the console")
	})
}

// editTemplate tries another template on a webhook that came in, sees the message change and a mistake named, and sends the webhook again.
func editTemplate(w *world, b *tab, ada int64) {
	w.t.Helper()
	b.visit(w.relay + "/receivers/json")
	b.click(".payload a", "Try a template on it")
	b.shows("#rendered .tg-text", "db-1")
	b.fill("#text", `{{ define "json.message" }}🎉 *{{ .title }}* of {{ .host }}{{ end }}`)
	b.shows("#rendered .tg-text", "🎉 Backup of db-1")
	b.becomes(`document.querySelector("#rendered .tg-night .tg-text b").textContent === "Backup"`)
	b.fill("#text", "{{ define \"json.message\" }}\n{{ .title | nonsense }}{{ end }}")
	b.shows("#rendered .error", "Line 2")
	b.inspect("console-template-error")
	b.visit(w.relay + "/receivers/json")
	before := len(w.messages(ada, 1))
	b.click(".payload button", "Send again")
	b.shows(".tg-text", "db-1")
	w.messages(ada, before+1)
}

// Who may look may change nothing, and who may not is told so.
func TestConsoleSignInInABrowser(t *testing.T) {
	t.Parallel()
	const boss, eyes = "the-token-of-the-boss-of-the-tests", "the-token-of-the-eyes-of-the-tests"
	w := newWorld(t, fast+"[auth.tokens.boss]\ntoken = \""+boss+"\"\nscopes = [\"admin\"]\n[auth.tokens.eyes]\ntoken = \""+eyes+"\"\nscopes = [\"read\"]\n")
	b := newTab(t, w.relay)
	b.visit(w.relay + "/recipients")
	b.shows("h1", "Sign in")
	b.inspect("console-sign-in")
	b.fill("#token", "wrong")
	b.click("button.main", "Sign in")
	b.shows(".error", "not known")
	b.forgive("401")
	b.fill("#token", eyes)
	b.click("button.main", "Sign in")
	b.shows("h1", "Recipients")
	b.shows(".who", "looks only")
	b.becomes(`document.querySelector("a[href='/links/new']") === null`)
	for _, path := range []string{"/", "/deliveries", "/recipients", "/try", "/api"} {
		b.visit(w.relay + path)
		if n := evaluate[int](b, `document.querySelectorAll("main form[method=post]:not(#try)").length`); n != 0 {
			t.Errorf("%s offers to change something", path)
		}
	}
	b.click(".who button", "Sign out")
	b.shows("h1", "Sign in")
	b.fill("#token", boss)
	b.click("button.main", "Sign in")
	b.shows("h1", "Overview")
}
