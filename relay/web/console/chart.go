package console

import (
	"fmt"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	// shown is how far back charts go, and step what one bar stands for: a bar for each 20 minutes of a day.
	shown = 24 * time.Hour
	step  = 4 * relay.TallySpan
)

// chart is a row of bars. Sizes are units of an SVG that is stretched: chartWidth by chartHeight.
type chart struct {
	Name  string
	Class string
	Now   int64 // the number that counts: the sum, or what is now
	Most  int64
	Words string // for who does not see it
	Bars  []bar
}

const (
	chartHeight = 48
	barWidth    = 5
	barStep     = 6
)

// Width is that of the drawing.
func (c chart) Width() int { return len(c.Bars) * barStep }

// bar is one step.
type bar struct {
	X, Y, Width, Height int
	Title               string
}

// charts are drawn of tallies up to now, at which waiting deliveries wait.
func charts(tallies []relay.Tally, waiting int64, now time.Time) []chart {
	s, begin := gather(tallies, waiting, now)
	return []chart{
		draw("In", "in", "taken in", s.taken, begin, sum(s.taken)),
		draw("Sent", "sent", "sent", s.sent, begin, sum(s.sent)),
		draw("Failed", "failed", "failed or expired", s.failed, begin, sum(s.failed)),
		draw("Waiting", "waiting", "waiting", s.waiting, begin, waiting),
	}
}

// series are values for each step, the oldest first.
type series struct{ taken, waiting, sent, failed []int64 }

// gather sums tallies by step. What waited is found backwards from what waits now.
func gather(tallies []relay.Tally, waiting int64, now time.Time) (s series, begin time.Time) {
	last := now.Truncate(step)
	n := int(shown / step)
	begin = last.Add(-time.Duration(n-1) * step)
	s.taken, s.waiting, s.sent, s.failed = make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for _, t := range tallies {
		i := int(t.At.Sub(begin) / step)
		if t.At.Before(begin) || i >= n {
			continue
		}
		s.taken[i] += t.Taken
		s.sent[i] += t.Sent
		s.failed[i] += t.Failed
		s.waiting[i] += t.Waiting
	}
	for i := n - 1; i >= 0; i-- {
		change := s.waiting[i]
		s.waiting[i] = max(waiting, 0)
		waiting -= change
	}
	return s, begin
}

func draw(name, class, what string, values []int64, begin time.Time, number int64) chart {
	c := chart{Name: name, Class: class, Now: number, Most: slices.Max(values)}
	peak := begin
	for i, n := range values {
		at := begin.Add(time.Duration(i) * step)
		if n == c.Most {
			peak = at
		}
		height := 0
		if n > 0 {
			height = max(int(n*chartHeight/max(c.Most, 1)), 2)
		}
		c.Bars = append(c.Bars, bar{i * barStep, chartHeight - height, barWidth, height, fmt.Sprintf("%s UTC: %s %s", at.UTC().Format("15:04"), count(n), what)})
	}
	c.Words = fmt.Sprintf("Deliveries that were %s in the last 24 hours: none.", what)
	if c.Most > 0 {
		c.Words = fmt.Sprintf("Deliveries that were %s in the last 24 hours. The most were %s, at %s UTC.", what, count(c.Most), peak.UTC().Format("15:04"))
	}
	return c
}

func sum(values []int64) (n int64) {
	for _, v := range values {
		n += v
	}
	return n
}
