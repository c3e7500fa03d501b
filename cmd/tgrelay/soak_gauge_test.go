package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is what a daemon takes at a moment.
type sample struct {
	at         time.Time
	rss, heap  float64 // bytes
	goroutines float64
	files      float64 // open ones
	storage    float64 // bytes of relay.db and its log
	waiting    float64 // deliveries
}

// gauge looks at a daemon again and again.
type gauge struct {
	s       *soaking
	began   time.Time
	looked  time.Time
	samples []sample
}

func newGauge(s *soaking) *gauge { return &gauge{s: s} }

// begin forgets what was before: another process runs.
func (g *gauge) begin() { g.began, g.samples = time.Now(), nil }

func (g *gauge) length() time.Duration { return g.samples[len(g.samples)-1].at.Sub(g.began) }

// look takes a sample if it is time for one.
func (g *gauge) look() {
	if time.Since(g.looked) < min(5*time.Second, *soak/300) {
		return
	}
	g.looked = time.Now()
	g.samples = append(g.samples, g.take())
}

func (g *gauge) take() sample {
	g.s.t.Helper()
	response, err := http.Get(g.s.w.relay + "/metrics")
	if err != nil {
		g.s.t.Fatal(err)
	}
	defer response.Body.Close()
	v := parseMetrics(g.s, response.Body)
	now := sample{
		at: time.Now(), rss: v["process_resident_memory_bytes"], heap: v["go_memstats_heap_alloc_bytes"],
		goroutines: v["go_goroutines"], files: v["process_open_fds"],
	}
	for _, state := range []string{"queued", "sending", "held"} {
		now.waiting += v[`tgrelay_outbox_deliveries{state="`+state+`"}`]
	}
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(g.s.w.dir, "relay.db"+suffix)); err == nil {
			now.storage += float64(info.Size())
		}
	}
	return now
}

func parseMetrics(s *soaking, r io.Reader) map[string]float64 {
	s.t.Helper()
	values := map[string]float64{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(name, "#") {
			values[name] = v
		}
	}
	if values["process_resident_memory_bytes"] == 0 || values["go_goroutines"] == 0 {
		s.t.Fatal("/metrics lacks what is looked at")
	}
	return values
}

// windows are the samples between a fifth and two fifths of the long run, when it has grown to what it needs, and those of its last fifth.
func (g *gauge) windows() (early, late []sample) {
	n := len(g.samples)
	return g.samples[n/5 : 2*n/5], g.samples[4*n/5:]
}

// median of a field in a window.
func median(window []sample, field func(sample) float64) float64 {
	var all []float64
	for _, s := range window {
		all = append(all, field(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// slope is that of the line through the samples of the later four fifths, per hour.
func (g *gauge) slope(field func(sample) float64) float64 {
	window := g.samples[len(g.samples)/5:]
	var sx, sy, sxx, sxy float64
	n := float64(len(window))
	for _, s := range window {
		x, y := s.at.Sub(g.began).Hours(), field(s)
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

const mega = 1 << 20

// measured are what has to stay as it is: by which part, and beside that by how much, it may be more at the end than it was early.
var measured = []struct {
	name   string
	field  func(sample) float64
	unit   float64
	suffix string
	part   float64
	beside float64
}{
	{"resident memory", func(s sample) float64 { return s.rss }, mega, " MiB", 0.10, 8 * mega},
	{"heap", func(s sample) float64 { return s.heap }, mega, " MiB", 0.15, 4 * mega},
	{"goroutines", func(s sample) float64 { return s.goroutines }, 1, "", 0.15, 15},
	{"open files", func(s sample) float64 { return s.files }, 1, "", 0.15, 15},
	{"storage", func(s sample) float64 { return s.storage }, mega, " MiB", 0.30, 16 * mega},
}

func (g *gauge) judge() {
	early, late := g.windows()
	if len(early) < 3 || len(late) < 3 {
		g.s.t.Fatalf("only %d samples", len(g.samples))
	}
	for _, m := range measured {
		before, after := median(early, m.field), median(late, m.field)
		if after > before*(1+m.part)+m.beside {
			g.s.t.Errorf("%s grew from %.1f to %.1f%s", m.name, before/m.unit, after/m.unit, m.suffix)
		}
	}
}

// rows are lines of the table of figures.
func (g *gauge) rows() (rows [][2]string) {
	early, late := g.windows()
	for _, m := range measured {
		rows = append(rows, [2]string{
			m.name + ": early, at the end, growth an hour",
			fmt.Sprintf("%.1f%s, %.1f%[2]s, %+.1[4]f%[2]s", median(early, m.field)/m.unit, m.suffix, median(late, m.field)/m.unit, g.slope(m.field)/m.unit),
		})
	}
	after := g.s.idleAfter
	return append(rows, [2]string{"without load at the end", fmt.Sprintf("%.1f MiB resident, %.1f MiB heap, %.0f goroutines, %.0f open files, %.0f deliveries wait",
		after.rss/mega, after.heap/mega, after.goroutines, after.files, after.waiting)})
}
