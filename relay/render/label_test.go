package render_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// Labels in code are what a template makes that marks each of them by itself, whatever they hold.
func TestCodes(t *testing.T) {
	set, err := render.New(render.Options{MaxTime: time.Minute, Files: []render.File{{Name: "t.tmpl", Text: `
		{{ define "codes" }}{{ codes . "job" "severity" }}{{ end }}
		{{ define "marked" }}{{ $first := true }}{{ range $name, $value := . }}{{ if and (ne $name "job") (ne $name "severity") }}{{ if not $first }} {{ end }}{{ $first = false }}` +
		"`{{ $name }}={{ $value }}`" + `{{ end }}{{ end }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.OneOf(rapid.SampledFrom([]string{"job", "severity", "a", "b"}), lawValues)
		labels := rapid.MapOfN(names, lawValues, 0, 4).Draw(t, "labels")
		got, err := set.Execute("codes", markup.MarkdownV2, labels)
		if err != nil {
			t.Fatal(err)
		}
		want, err := set.Execute("marked", markup.MarkdownV2, labels)
		if err != nil || got.HTML() != want.HTML() {
			t.Fatalf("%q is %q, %v; want %q", labels, got.HTML(), err, want.HTML())
		}
	})
}

// A short duration is Prometheus' own, cut behind its second unit and without zeros.
func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 900 * time.Millisecond: "0s", 45 * time.Second: "45s", 2*time.Minute + 5*time.Second: "2m 5s", 5 * time.Minute: "5m",
		3*time.Hour + 20*time.Minute + 59*time.Second: "3h 20m", 2*time.Hour + 7*time.Second: "2h", 103 * time.Hour: "4d 7h", 48*time.Hour + 30*time.Minute: "2d",
		-90 * time.Second: "-1m 30s", -900 * time.Millisecond: "0s",
	} {
		if got := execute(t, markup.Plain, `{{ shortDuration . }}`, d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	const long = `{{ humanizeDuration (.Truncate 1000000000) | reReplaceAll "d ([0-9]+h) .*$" "d $1" | reReplaceAll "(h [0-9]+m) [0-9]+s$" "$1" | reReplaceAll "([dhm]) 0[hms]$" "$1" }}`
	set, err := render.New(render.Options{MaxTime: time.Minute, Files: []render.File{{Name: "t.tmpl", Text: `{{ define "long" }}` + long + `{{ end }}{{ define "short" }}{{ shortDuration . }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.SampledFrom([]time.Duration{2 * time.Minute, 3 * time.Hour, 60 * time.Hour, 100_000 * time.Hour}).Draw(t, "most")
		d := time.Duration(rapid.Int64Range(-int64(most), int64(most)).Draw(t, "duration"))
		got, err := set.Execute("short", markup.Plain, d)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := set.Execute("long", markup.Plain, d); err != nil || got.Text != want.Text {
			t.Fatalf("%s: %q, %v; want %q", d, got.Text, err, want.Text)
		}
	})
}
