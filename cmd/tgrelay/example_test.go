package main_test

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// A person uses the shop of docs/examples in a browser: connects, orders, and cancels in Telegram.
func TestExampleShop(t *testing.T) {
	t.Parallel()
	const token = "the-token-of-the-shop-of-the-tests"
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(eventsKey))
	address := "127.0.0.1:" + freePort(t)
	w := newWorld(t, fast+"[events]\nurl = \"http://"+address+"/events\"\nsecret = \""+secret+"\"\n[auth.tokens.shop]\ntoken = \""+token+"\"\nscopes = [\"links\", \"send\", \"read\"]\n")

	shop := filepath.Join(t.TempDir(), "shop")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", shop, "../../docs/examples/shop").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	process := exec.CommandContext(t.Context(), shop)
	process.Env = append(os.Environ(), "TGRELAY_SERVER="+w.relay, "TGRELAY_TOKEN="+token, "EVENTS_SECRET="+secret, "LISTEN="+address)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Process.Kill()
		process.Wait()
	})
	w.eventually(func() bool {
		response, _ := w.exchange("GET", w.relay+"/-/ready", "")
		return response.StatusCode == 200
	})
	ada := w.user("Ada")
	ctx := browser(t)
	click := func(button string) {
		t.Helper()
		w.eventually(func() bool { // a busy browser may miss that the page is there, and would wait for ever
			ctx, cancel := context.WithTimeout(ctx, patience/6)
			defer cancel()
			return chromedp.Do(ctx, chromedp.Navigate("http://"+address+"/?user=ada"), chromedp.Click(button)) == nil
		})
	}
	click("#connect")
	var link string
	w.eventually(func() bool {
		href, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.getElementById('button')?.href ?? ''"))
		link = href
		return err == nil && link != ""
	})
	w.open(ada, link)
	if got := w.messages(ada, 1)[0].Text; got == "" {
		t.Error("no welcome")
	}
	w.eventually(func() bool {
		if chromedp.Do(ctx, chromedp.Navigate("http://"+address+"/?user=ada")) != nil {
			return false
		}
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.getElementById('connected') !== null"))
		return err == nil && yes
	})
	click("#order")
	order := w.messages(ada, 2)[1]
	if order.Text != "A teapot is on its way." {
		t.Errorf("%q", order.Text)
	}
	w.press(ada, order.ID, "Cancel")
	w.eventually(func() bool { return w.messages(ada, 2)[1].Text == "Your order was cancelled." })
}
