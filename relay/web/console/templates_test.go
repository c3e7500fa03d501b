package console

import (
	"context"
	"testing"
)

// Each key that is pressed begins a trial; those that nobody waits for any more must not queue up.
func TestTrialEndsWithItsRequest(t *testing.T) {
	c := New(Options{})
	for range cap(c.trials) {
		c.trials <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.previewTemplate(ctx, nil, writing{}) // does not wait for those that run
	if len(c.trials) != cap(c.trials) {
		t.Error("it ended another's trial")
	}
}
