package main_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// BenchmarkReplicas is one, two and three relays on a database that syncs to disk, each with its share of the callers: messages accepted with Telegram's
// rates in force, and delivered with open ones. Relays, database, callers and Telegram share the machine, so that more relays show what sharing costs,
// and not what more machines would bring.
func BenchmarkReplicas(b *testing.B) {
	for _, kind := range []string{"accept", "deliver"} {
		rates := map[string]string{"accept": "[delivery]\nsurge_after = \"0s\"\n", "deliver": fast}[kind]
		one := map[string]float64{} // figures of one relay, by unit
		for relays := range 3 {
			b.Run(fmt.Sprintf("%s/relays=%d", kind, relays+1), func(b *testing.B) {
				f := benchFleet(b, rates, relays+1)
				b.Run("messages", func(b *testing.B) { f.measure(b, kind, one, relays == 0) })
			})
		}
	}
}

func benchFleet(b *testing.B, rates string, relays int) *fleet {
	b.Helper()
	f := newFleet(b, rates, simulator.Limits{})
	f.way.Store(0)
	f.must(f.server.Kill(), f.server.Run("fsync=on", "full_page_writes=on", "shared_buffers=256MB"))
	for range relays {
		f.join(nil)
	}
	f.members()[0].connectMany()
	f.members()[0].allSent()
	f.divided()
	return f
}

// measure posts b.N messages to all relays.
func (f *fleet) measure(b *testing.B, kind string, one map[string]float64, first bool) {
	b.Helper()
	var urls []string
	for _, m := range f.members() {
		urls = append(urls, m.relay)
	}
	relays, server, began := f.cpu(), f.serverCPU(), time.Now()
	loadOn(b, urls, kilobytes("/api/v1/messages"))
	rate, unit := float64(b.N)/b.Elapsed().Seconds(), "accepted/s"
	if kind == "deliver" {
		f.members()[0].allSent()
		rate, unit = float64(b.N)/time.Since(began).Seconds(), "delivered/s"
	}
	b.ReportMetric(rate, unit)
	b.ReportMetric(float64((f.cpu()-relays).Microseconds())/float64(b.N), "relays-cpu-µs/message")
	b.ReportMetric(float64((f.serverCPU()-server).Microseconds())/float64(b.N), "database-cpu-µs/message")
	if first {
		one[unit] = rate
	}
	b.ReportMetric(rate/one[unit], "times-one-relay")
}

// cpu is the time that the relays have used.
func (f *fleet) cpu() (used time.Duration) {
	for _, m := range f.members() {
		used += m.cpu()
	}
	return used
}

// serverCPU is what the database has.
func (f *fleet) serverCPU() (used time.Duration) {
	f.t.Helper()
	all, err := f.server.Processes()
	f.must(err)
	for _, pid := range all {
		used += cpuOf(f.t, pid)
	}
	return used
}
