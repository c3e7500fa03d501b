package store_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay/store"
)

// Whoever was told that nothing may be begun hears of it when that changes, also when nobody else had noticed.
func TestLateRenewalIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := store.NewTestLeases()
		l.Renew(7, 1)
		time.Sleep(8*time.Second + time.Millisecond)
		changed := l.Changed()
		chat := chats()[7]
		if lease, ok := l.Lane("", chat); ok || lease.Fence != 1 {
			t.Fatalf("something may be begun: %+v", lease)
		}
		select {
		case <-changed:
		default:
			t.Error("what is answered is another than before, and nobody is told")
		}
		changed = l.Changed()
		l.Renew(7, 1)
		select {
		case <-changed:
		default:
			t.Error("nobody is told that the lease was renewed")
		}
		if _, ok := l.Lane("", chat); !ok {
			t.Error("it was not renewed")
		}
	})
}
