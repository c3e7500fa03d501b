package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/tgrelay/tgrelay/relay"
)

// states are how states stand in the file: by their place in this list, which therefore only grows at its end.
var states = [...]relay.State{
	relay.Held, relay.Queued, relay.Sending, relay.Sent, relay.Failed, relay.Expired, relay.Discarded, relay.Superseded,
}

// moves are the drawing in relay/delivery.go, and two that it leaves out: a chat that is taken away takes what waits for it along
// (discarded), and what is retried while its recipient has no chat waits for one (held).
var moves = map[relay.State][]relay.State{
	relay.Held:       {relay.Queued, relay.Expired, relay.Superseded, relay.Discarded},
	relay.Queued:     {relay.Sending, relay.Sent, relay.Failed, relay.Queued, relay.Expired, relay.Discarded, relay.Superseded},
	relay.Sending:    {relay.Queued, relay.Sent, relay.Failed, relay.Expired, relay.Discarded},
	relay.Failed:     {relay.Queued, relay.Held, relay.Discarded, relay.Sent},
	relay.Expired:    {relay.Queued, relay.Held, relay.Discarded, relay.Sent},
	relay.Superseded: {relay.Sent},
}

var (
	lively   = []relay.State{relay.Sending, relay.Queued} // what a lane may have; most often it is sending
	hopeless = []relay.State{relay.Failed, relay.Expired} // what an operator may put back or end
	patient  = []relay.State{relay.Queued, relay.Held}    // what may grow too old
	waiting  = []relay.State{relay.Sending, relay.Queued, relay.Held}
	denied   = []relay.State{relay.Failed, relay.Expired, relay.Superseded} // ended while it was being sent, unknown to who ended it
)

func code(s relay.State) int { return slices.Index(states[:], s) }

// inState is the condition as the partial indexes need it: a number in the text, and their own words repeated.
func inState(s relay.State) string {
	condition := "state = " + strconv.Itoa(code(s))
	switch s {
	case relay.Queued, relay.Sending:
		condition += " AND state IN (1, 2)"
	}
	return condition
}

// change moves deliveries. set and where are SQL with the parameters args.
type change struct {
	from  []relay.State
	to    relay.State
	set   string // further columns, each beginning with a comma
	where string
	args  []any
	one   bool // where means one delivery: nobody looks further once it is found
}

// move is the one place in which deliveries change their state. It returns how many did.
func (t *tx) move(ctx context.Context, c change) (int64, error) {
	var moved int64
	for _, from := range c.from {
		if !slices.Contains(moves[from], c.to) {
			return 0, fmt.Errorf("a delivery cannot go from %s to %s", from, c.to)
		}
		n, err := t.exec(ctx, c.text(from), c.args...)
		if err != nil {
			return 0, err
		}
		t.moved(c, from, n)
		moved += n
		if c.one && n > 0 {
			break
		}
	}
	return moved, nil
}

// moveLater is move for one delivery of which nobody waits to hear whether it did. It is most often in the first state; in none of them, otherwise is called.
func (t *tx) moveLater(ctx context.Context, c change, otherwise func(context.Context) error) error {
	return t.soon(ctx, func(n int64) {
		t.moved(c, c.from[0], n)
		if n == 0 {
			t.after = append(t.after, func(ctx context.Context) error {
				moved, err := t.move(ctx, c)
				if err != nil || moved > 0 {
					return err
				}
				return otherwise(ctx)
			})
		}
	}, c.text(c.from[0]), c.args...)
}

func (c change) text(from relay.State) string {
	return `UPDATE deliveries SET state = ` + strconv.Itoa(code(c.to)) + c.set + ` WHERE ` + inState(from) + ` AND ` + c.where
}

// moved counts what a change did.
func (t *tx) moved(c change, from relay.State, n int64) {
	t.count(from, -n)
	t.count(c.to, n)
	t.end(c.to, n)
}

func (t *tx) count(s relay.State, n int64) { t.counts[code(s)] += n }

// end counts deliveries that came to their end, for the metrics.
func (t *tx) end(s relay.State, n int64) {
	if !s.Waiting() {
		t.endings[code(s)] += n
	}
}

// saveCounts adds what changed to the numbers in the file, once for a batch.
func (t *tx) saveCounts(ctx context.Context) error {
	for i, n := range t.counts {
		if n == 0 {
			continue
		}
		err := t.later(ctx, `INSERT INTO numbers (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = numbers.value + excluded.value`,
			"deliveries."+string(states[i]), n)
		if err != nil {
			return err
		}
	}
	return nil
}
