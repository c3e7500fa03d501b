package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// However many engines notice that the clock was set, the storage follows once, and again where it failed.
func TestClockIsFollowedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var followed []time.Duration
		var fails error
		c := newClock(func(_ context.Context, by time.Duration) error {
			if fails == nil {
				followed = append(followed, by)
			}
			return fails
		})
		notice := func() error { return c.set(t.Context(), time.Hour) }
		if err := notice(); err != nil || len(followed) != 0 {
			t.Fatalf("nothing was set: %v, %v", followed, err)
		}
		c.followed = -time.Hour // as if the clock had been set ahead by an hour since
		if fails = errors.New("disk full"); !errors.Is(notice(), fails) {
			t.Error("the failure is not told")
		}
		fails = nil
		for range 3 {
			if err := notice(); err != nil {
				t.Error(err)
			}
		}
		if len(followed) != 1 || followed[0] != time.Hour {
			t.Errorf("followed by %v", followed)
		}
	})
}
