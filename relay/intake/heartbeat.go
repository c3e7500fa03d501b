package intake

import (
	"context"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tgrelay/tgrelay/receivers"
)

// Heartbeat is an alert that always fires: hearing of it is a sign of life, and nothing to be told.
type Heartbeat struct {
	Name     string
	Receiver string
	Matchers labels.Matchers // all of which its alert fits
}

// is reports whether an alert of a receiver is the heartbeat's.
func (h *Heartbeat) is(receiver string, a receivers.Alert) bool {
	if h.Receiver != receiver {
		return false
	}
	for _, m := range h.Matchers {
		if !m.Matches(a.Labels[m.Name]) {
			return false
		}
	}
	return true
}

// beats notes the signs of life in a webhook and takes their alerts out of it. A resolved one is taken out too, and is none. Alerts of
// those who have recipients of their own are no signs of life for the operator, and arrive.
func (d *Door) beats(ctx context.Context, caller Caller, rules *Rules, rc *Receiver, drafts []receivers.Draft) []receivers.Draft {
	if len(rules.Heartbeats) == 0 || caller.Apart {
		return drafts
	}
	alive := map[string]bool{}
	var rest []receivers.Draft
	for _, draft := range drafts {
		left, told := draft.Without(func(a receivers.Alert) (found bool) {
			for _, h := range rules.Heartbeats {
				if h.is(rc.Name, a) {
					alive[h.Name] = alive[h.Name] || a.Status == "firing"
					found = true
				}
			}
			return found
		})
		if told {
			rest = append(rest, left)
		}
	}
	for name, firing := range alive {
		if !firing {
			continue
		}
		if err := d.alive(ctx, name); err != nil { // it counts, and the sender comes again anyway
			d.log.Warn("a sign of life is not stored", "heartbeat", name, "error", err)
		}
	}
	return rest
}
