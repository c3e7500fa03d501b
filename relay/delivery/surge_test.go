package delivery

import (
	"testing"
	"time"
)

func TestWithin(t *testing.T) {
	chat, group, fast, open := newPace(1), newGroupPace(20), newPace(100), newPace(0)
	for name, c := range map[string]struct {
		p    pace
		span time.Duration
		want int
	}{
		"a chat": {chat, time.Minute, 61}, "a group": {group, time.Minute, 20}, "a group, longer": {group, 3 * time.Minute, 60},
		"a fast chat": {fast, time.Second, 200}, "no limit": {open, time.Second, maxWithin}, "no time": {chat, time.Millisecond, 1},
	} {
		if got := c.p.within(c.span); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
