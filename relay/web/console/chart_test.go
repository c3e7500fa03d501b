package console

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
)

// What waited is found backwards from what waits now, and each bar is as high as its number is to the largest.
func TestCharts(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 10, 0, 0, time.UTC)
	tallies := []relay.Tally{
		{At: now.Add(-48 * time.Hour).Truncate(relay.TallySpan), Taken: 1000}, // too old to be shown
		{At: now.Add(-45 * time.Minute).Truncate(relay.TallySpan), Taken: 10, Sent: 4, Waiting: 6},
		{At: now.Add(-40 * time.Minute).Truncate(relay.TallySpan), Taken: 2, Failed: 1, Waiting: 1},
		{At: now.Truncate(relay.TallySpan), Sent: 5, Waiting: -5},
	}
	s, begin := gather(tallies, 2, now)
	n := len(s.taken)
	if diff := cmp.Diff([]int64{0, 12, 0, 0}, s.taken[n-4:]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{0, 0, 7, 7, 2}, s.waiting[n-5:]); diff != "" {
		t.Error(diff)
	}
	if sum(s.taken) != 12 || sum(s.sent) != 9 || sum(s.failed) != 1 || !begin.Equal(now.Truncate(step).Add(-shown+step)) {
		t.Errorf("%+v from %s", s, begin)
	}
	all := charts(tallies, 2, now)
	last := all[1].Bars[n-1]
	if len(all) != 4 || last.Height != chartHeight || last.Y != 0 || all[1].Now != 9 || all[3].Now != 2 {
		t.Errorf("%+v", all[1])
	}
	for _, c := range charts(nil, 0, now) {
		for _, b := range c.Bars {
			if b.Height != 0 {
				t.Errorf("%s shows something of nothing: %+v", c.Name, b)
			}
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := count(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 5 << 20: "5.0 MiB", 200 << 30: "200 GiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "now", -90 * time.Second: "90 s ago", 24*time.Hour - time.Second: "in 24 h", -72 * time.Hour: "3 days ago"} {
		if got := distance(d); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
}
