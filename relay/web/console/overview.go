package console

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// overview is what the first page shows.
type overview struct {
	Backlog relay.Backlog
	Charts  []chart
	Status  Status
}

// Count is how many deliveries are in a state.
func (o *overview) Count(state string) int64 { return o.Backlog.Count[relay.State(state)] }

// Failed are the deliveries that somebody may want to look at.
func (o *overview) Failed() int64 {
	return o.Backlog.Count[relay.Failed] + o.Backlog.Count[relay.Expired]
}

// figures are gathered once for all who look within a moment.
type figures struct {
	mu     sync.Mutex
	at     time.Time
	status time.Time
	last   *overview
}

const (
	freshFigures = time.Second
	freshStatus  = 5 * time.Second // it asks more of the storage
)

// overview is at most a second old. Error: the storage's.
func (c *Console) overview(ctx context.Context) (*overview, error) {
	f := &c.figures
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.last != nil && now.Sub(f.at) < freshFigures {
		return f.last, nil
	}
	o := &overview{}
	if f.last != nil && now.Sub(f.status) < freshStatus {
		o.Status = f.last.Status
	} else {
		o.Status = c.Status(ctx)
		f.status = now
	}
	var err error
	if o.Backlog, err = c.Outbox.Backlog(ctx); err != nil {
		return nil, err
	}
	tallies, err := c.Outbox.Tallies(ctx, now.Add(-shown))
	if err != nil {
		return nil, err
	}
	o.Charts = charts(tallies, o.Backlog.Waiting(), now)
	f.last, f.at = o, now
	return o, nil
}

// Overview shows how the relay is doing. Whoever reaches some recipients only sees nothing of the whole.
func (c *Console) Overview(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	shown := view{Viewer: v, Page: "overview", Title: "Overview"}
	if v.Whole() {
		o, err := c.overview(r.Context())
		if err != nil {
			return err
		}
		shown.Data = o
	}
	return c.frame(w, r, shown)
}
