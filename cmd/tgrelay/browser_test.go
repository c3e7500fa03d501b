package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browser starts a real browser, and returns the context in which it acts. Without Chromium the test is skipped, but for the project's own checks.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(480, 900), chromedp.Flag("lang", "en"))
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		without(t, "a browser", err)
	}
	return ctx
}

// screenshot keeps what the browser shows, where somebody asks for it with PICTURES=FOLDER.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	folder := os.Getenv("PICTURES")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A person looks at a link's page, opens the link in Telegram, and the page says that it is done.
func TestLinkPageInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.user("Ada")
	w.link(`{"recipient":"alice"}`) // the bot is known
	var link struct {
		URL          string `json:"url"`
		PageURL      string `json:"page_url"`
		StartCommand string `json:"start_command"`
	}
	w.do("POST", w.relay+"/api/v1/links", `{"recipient":"alice"}`, &link)
	ctx := browser(t)
	open := func(url string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url)); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(selector string) {
		t.Helper()
		script := chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q)?.checkVisibility() ?? false", selector))
		w.eventually(func() bool {
			yes, err := chromedp.Run(ctx, script)
			return yes && err == nil
		})
	}
	open(link.PageURL)
	shows("#qr svg")
	href, err := chromedp.Run(ctx, chromedp.AttributeValue("#button", "href"))
	if err != nil || href.Value != link.URL {
		t.Errorf("the button leads to %q: %v", href.Value, err)
	}
	command, err := chromedp.Run(ctx, chromedp.Text("#command"))
	if err != nil || command != link.StartCommand {
		t.Errorf("the command is %q: %v", command, err)
	}
	screenshot(t, ctx, "link-open")
	w.open(ada, link.URL)
	shows("#connected")
	screenshot(t, ctx, "link-connected")
	open(link.PageURL + "x")
	shows("#gone")
	screenshot(t, ctx, "link-gone")

	// On a small phone at night, a link for two.
	w.do("POST", w.relay+"/api/v1/links", `{"recipient":"family","max_uses":2}`, &link)
	night := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, night); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(320, 640)); err != nil {
		t.Fatal(err)
	}
	open(link.PageURL)
	shows("#qr svg")
	fits, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.documentElement.scrollWidth <= innerWidth"))
	if err != nil || !fits {
		t.Errorf("the page is wider than a phone: %v", err)
	}
	w.open(ada, link.URL)
	shows("#sofar")
	shows("#button")
	screenshot(t, ctx, "link-phone-night")
	w.open(w.user("Bob"), link.URL)
	shows("#connected")
	screenshot(t, ctx, "link-phone-night-connected")
}
