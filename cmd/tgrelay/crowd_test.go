package main_test

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// Ten thousand people start the bot at once, three hundred of them with a link. These are all connected; the others are answered as far as
// is reasonable, and what an application sends goes before it all.
func TestTenThousandStartAtOnce(t *testing.T) {
	t.Parallel()
	const strangers, guests = 9_700, 300
	sim := simulator.New(simulator.Options{Token: botToken, KeepMessages: 1 << 20})
	telegram := httptest.NewServer(sim)
	t.Cleanup(telegram.Close)
	w := (&world{t: t, dir: t.TempDir(), sim: telegram.URL, extra: "[delivery]\nglobal_rate = 1\nchat_rate = 1000\n"}).begin()
	ada := w.connect("Ada", "ops")
	link := w.link(fmt.Sprintf(`{"recipient":"guests","max_uses":%d}`, guests))
	for i := range strangers + guests {
		person := sim.User(fmt.Sprintf("User %d", i))
		var err error
		if i%(strangers/guests) == 0 && i/(strangers/guests) < guests {
			err = person.Open(link)
		} else {
			err = person.Write(person.ID, "/start")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.eventually(func() bool {
		return w.metric(`tgrelay_telegram_updates_total{type="message"}`) == 1+strangers+guests && w.metric(`tgrelay_links_total{event="redeemed"}`) == 1+guests
	})
	before := w.metric(`tgrelay_deliveries_total{state="sent"}`)
	w.send("ops", "an alert")
	if got := w.messages(ada, 2)[1].Text; got != "an alert" {
		t.Errorf("%q", got)
	}
	if after := w.metric(`tgrelay_deliveries_total{state="sent"}`); after-before > 100 {
		t.Errorf("%d answers went before an alert", after-before)
	}
	if waiting := w.metric(`tgrelay_outbox_deliveries{state="queued"}`); waiting > strangers/2 {
		t.Errorf("%d answers are stored", waiting)
	}
}

// metric is a number that /metrics tells, 0 where it is not there.
func (w *world) metric(name string) int {
	w.t.Helper()
	_, text := w.call("GET", w.relay+"/metrics", "")
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(found[1]), 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return int(n)
}
