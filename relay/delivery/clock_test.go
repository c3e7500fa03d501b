package delivery

import (
	"context"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// slowOutbox answers Heads when it is let.
type slowOutbox struct {
	relay.Outbox // what is not called here is nil
	heads        chan []relay.Job
}

func (o *slowOutbox) Heads(context.Context, string, int64, time.Time, int) ([]relay.Job, error) {
	return <-o.heads, nil
}

// What was read of the storage before it followed the clock has the old times: by them it may be too old, and is not.
func TestHeadsOfBeforeTheClockWasFollowed(t *testing.T) {
	o := &slowOutbox{heads: make(chan []relay.Job, 1)}
	s := newScheduler(New(Options{Outbox: o}), t.Context())
	s.recalled[0] = true
	note := func() { (<-s.results)(time.Now()) }
	l := s.lane(1001)
	l.busy = true
	s.fetch(l)
	s.clock.owed = time.Hour // it was set ahead
	s.watchClock(time.Now())
	note() // the storage has followed
	stale := relay.Job{}
	stale.ID, stale.ChatID, stale.ExpiresAt = relay.NewID(), l.chatID, time.Now().Add(-time.Minute)
	o.heads <- []relay.Job{stale}
	note() // the heads come in
	if l.owes() {
		t.Errorf("the delivery ends as %s", l.current.outcome.State)
	}
	if l.current == nil || len(s.errands)+len(s.urgent) == 0 {
		t.Error("the outbox is not asked again")
	}
}
