package store_test

import (
	"fmt"
	"testing"

	"github.com/tgrelay/tgrelay/relay"
)

var mergeSuite = map[string]func(*testing.T, *place){
	"a summary stands where the first stood":     summaryStandsFirst,
	"what waits no longer is not merged":         goneIsNotMerged,
	"an upload is kept as long as its message":   uploadKept,
	"superseded deliveries are pruned with time": supersededPruned,
}

func mergeOf(chat int64) *relay.Message {
	m := message(to("ops", chat))
	m.Content.Text.Text = "summary"
	return m
}

func summaryStandsFirst(t *testing.T, p *place) {
	a, b, c, d := message(to("ops", 1)), message(to("ops", 1)), message(to("ops", 1)), message(to("ops", 1))
	p.accept(t, a, b, c, d)
	m := mergeOf(1)
	must(t, p.Merge(t.Context(), m, []relay.ID{b.Deliveries[0].ID, d.Deliveries[0].ID}))
	p.reopen()
	jobs, err := p.Heads(t.Context(), "", 1, t0, 10)
	must(t, err)
	if len(jobs) != 3 || jobs[0].MessageID != a.ID || jobs[1].MessageID != m.ID || jobs[2].MessageID != c.ID {
		t.Errorf("the lane is %+v", jobs)
	}
	if got := stateOf(t, p, d); got != relay.Superseded {
		t.Errorf("a merged delivery is %s", got)
	}
}

func goneIsNotMerged(t *testing.T, p *place) {
	a, b, other := message(to("ops", 1)), message(to("ops", 1)), message(to("ops", 2))
	p.accept(t, a, b, other)
	must(t, p.Finish(t.Context(), relay.Outcome{Delivery: a.Deliveries[0].ID, State: relay.Sent, TelegramMessageIDs: []int64{1}, At: t0}))
	for _, gone := range []relay.ID{a.Deliveries[0].ID, other.Deliveries[0].ID, relay.NewID()} {
		err := p.Merge(t.Context(), mergeOf(1), []relay.ID{b.Deliveries[0].ID, gone})
		if relay.ErrorCode(err) != relay.CodeConflict {
			t.Errorf("merging what waits no longer: %v", err)
		}
	}
	if got := stateOf(t, p, b); got != relay.Queued {
		t.Errorf("half of a refused merge is kept: %s", got)
	}
}

func uploadKept(t *testing.T, p *place) {
	m := message(to("ops", 1))
	m.Content.Media, m.File = &relay.Media{Kind: relay.Photo, Name: "x.png"}, []byte("pixels\x00")
	p.accept(t, m)
	p.reopen()
	if file, err := p.File(t.Context(), m.ID); err != nil || string(file) != "pixels\x00" {
		t.Errorf("%q, %v", file, err)
	}
	must(t, p.Forget(t.Context(), "ops"))
	if _, err := p.File(t.Context(), m.ID); relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("the file of a forgotten message: %v", err)
	}
}

func supersededPruned(t *testing.T, p *place) {
	a, b := message(to("ops", 1)), message(to("ops", 1))
	p.accept(t, a, b)
	must(t, p.Merge(t.Context(), mergeOf(1), []relay.ID{a.Deliveries[0].ID, b.Deliveries[0].ID}))
	n, err := p.Prune(t.Context(), t0.AddDate(100, 0, 0), 100)
	must(t, err)
	if n != 2 {
		t.Errorf("%d deliveries were pruned, want 2", n)
	}
}

// Whoever has what is merged in memory has to look again before it sends.
func TestMergeIsHeardOf(t *testing.T) {
	e := newEar()
	db := open(t, e.options(""))
	a, b := message(to("", 1)), message(to("", 1))
	must(t, db.Accept(t.Context(), a, b))
	e.next(t)
	must(t, db.Merge(t.Context(), mergeOf(1), []relay.ID{a.Deliveries[0].ID, b.Deliveries[0].ID}))
	if got, want := e.next(t), fmt.Sprint(1, " ", int(relay.Reordered)); got != want {
		t.Errorf("it is heard %q, want %q", got, want)
	}
}
