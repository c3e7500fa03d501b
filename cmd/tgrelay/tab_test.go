package main_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a browser's, in which a test acts as a person does. At the end of the test it complains of errors that pages had, and of requests that left the hosts of the test.
type tab struct {
	t     *testing.T
	ctx   context.Context
	hosts []string

	mu     sync.Mutex
	faults []string
}

func newTab(t *testing.T, addresses ...string) *tab {
	t.Helper()
	b := &tab{t: t, ctx: browser(t)}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		b.hosts = append(b.hosts, u.Host)
	}
	if err := chromedp.Listen(b.ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, fault := range b.faults {
			t.Error(fault)
		}
	})
	return b
}

// hear notes what a page must not do.
func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.fault("a script failed: %s", e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.fault("the console says: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Host == "" {
			return
		}
		for _, host := range b.hosts {
			if u.Host == host {
				return
			}
		}
		b.fault("a page asked another host: %s", e.Request.URL)
	}
}

func (b *tab) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// forgive forgets faults that a test means to have.
func (b *tab) forgive(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.faults[:0]
	for _, fault := range b.faults {
		if !strings.Contains(fault, part) {
			kept = append(kept, fault)
		}
	}
	b.faults = kept
}

func (b *tab) visit(address string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(address)); err != nil {
		b.t.Fatal(err)
	}
}

// becomes waits until an expression of JavaScript is true.
func (b *tab) becomes(expression string) {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var err error
	for deadline := time.After(patience); ; {
		var yes bool
		if yes, err = chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")); err == nil && yes {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("it never becomes true: %s (%v)\n%s", expression, err, b.text())
		}
	}
}

// text is all that a page shows.
func (b *tab) text() string {
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

// shows waits until an element that a selector finds is visible and says something.
func (b *tab) shows(selector, says string) {
	b.t.Helper()
	b.becomes(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.checkVisibility() && e.innerText.includes(%q))", selector, says))
}

// click clicks the first visible element that a selector finds and that says something, once the page and its scripts are there.
func (b *tab) click(selector, says string) {
	b.t.Helper()
	b.becomes(fmt.Sprintf("document.readyState === 'complete' && (() => { const e = [...document.querySelectorAll(%q)].find((e) => e.checkVisibility() && e.textContent.includes(%q)); e?.click(); return e })()", selector, says))
}

// fill writes into a field as a person does, with the events that belong to it.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.becomes(fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (!e) return false; e.focus(); e.value = %q;
		for (const kind of ["input", "change", "keyup"]) e.dispatchEvent(new Event(kind, { bubbles: true })); return true })()`, selector, text))
}

// shine sets day or night, and the size of the window.
func (b *tab) shine(scheme string, width, height int64) {
	b.t.Helper()
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, params); err != nil {
		b.t.Fatal(err)
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, height)); err != nil {
		b.t.Fatal(err)
	}
}

// inspect looks at a page by day, by night and on a phone: nothing may hinder people (axe-core finds no violation) or be wider than the window.
func (b *tab) inspect(name string) {
	b.t.Helper()
	for _, as := range []struct {
		name, scheme  string
		width, height int64
	}{{"light", "light", 1440, 900}, {"dark", "dark", 1440, 900}, {"phone", "light", 360, 740}} {
		b.shine(as.scheme, as.width, as.height)
		screenshot(b.t, b.ctx, name+"-"+as.name)
		if violations := b.axe(); violations != "" {
			b.t.Errorf("%s, %s: %s", name, as.name, violations)
		}
		b.becomes("document.documentElement.scrollWidth <= innerWidth")
	}
	b.shine("light", 1440, 900)
}

var axe = sync.OnceValues(func() (string, error) {
	script, err := os.ReadFile("testdata/axe/axe.min.js")
	return string(script), err
})

// axe tells what axe-core finds wrong with a page.
func (b *tab) axe() string {
	b.t.Helper()
	script, err := axe()
	if err != nil {
		b.t.Fatal(err)
	}
	const check = `; axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations.map((v) =>
		v.id + ": " + v.help + "\n" + v.nodes.slice(0, 5).map((n) => "  " + n.html.slice(0, 200) + "\n  " + n.failureSummary).join("\n")).join("\n"))`
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script+check, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}
