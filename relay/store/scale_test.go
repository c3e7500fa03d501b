package store_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// How the storage grows: filled with as many recipients as a country has, asked everything, and kept busy. `make scale` runs it; docs/scale.md has
// what came out. Without -scale nothing of it runs.

var (
	scale   = flag.Int("scale", 0, "how many recipients the tests of scale store, each with a chat; a fifth as many deliveries; 0: none of them runs")
	sustain = flag.Duration("sustain", 2*time.Minute, "how long the tests of scale keep up -rate")
	rate    = flag.Int("rate", 1000, "messages a second that the tests of scale keep up")
)

// large is a storage of some size.
type large struct {
	*testing.T
	db         *store.DB
	address    string
	side       *sql.DB        // beside the storage
	server     *pgtest.Server // nil: it is a file
	recipients int
	deliveries int
}

// forScale are settings of a server that does its duty, on a machine of some size.
var forScale = []string{
	"fsync=on", "full_page_writes=on", "shared_buffers=2GB", "max_wal_size=8GB", "checkpoint_timeout=5min", "maintenance_work_mem=512MB",
	"track_wal_io_timing=on", "autovacuum_naptime=10s",
}

func TestScaleSQLite(t *testing.T) {
	l := newLarge(t)
	l.address = "sqlite:" + filepath.Join(t.TempDir(), "relay.db")
	l.db = open(t, store.Options{URL: l.address})
	side, err := sql.Open("sqlite3", l.db.Path()+"?_synchronous=OFF&_cache_size=-1000000")
	must(t, err)
	t.Cleanup(func() { must(t, side.Close()) })
	side.SetMaxOpenConns(1)
	l.side = side
	l.all()
}

func TestScalePostgreSQL(t *testing.T) {
	l := newLarge(t)
	l.server = startScaled(t)
	l.address = l.server.URL("")
	l.db = open(t, store.Options{URL: l.address})
	l.side = beside(t, l.address)
	l.all()
}

// startScaled starts a server with settings for scale.
func startScaled(t *testing.T) *pgtest.Server {
	t.Helper()
	server, err := pgtest.Start(forScale...)
	without(t, "PostgreSQL", err)
	t.Cleanup(func() { must(t, server.Stop()) })
	return server
}

func newLarge(t *testing.T) *large {
	t.Helper()
	if *scale == 0 {
		t.Skip("-scale says how large")
	}
	return &large{T: t, recipients: *scale, deliveries: *scale / 5}
}

func (l *large) all() {
	l.fill()
	l.sizes()
	l.asks()
	l.plans()
	l.load()
	l.snapshot()
	l.prunes()
	l.unused()
}

// table prints rows in columns.
func (l *large) table(title string, rows ...[]string) {
	fmt.Printf("\n%s: %s\n", l.Name(), title)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for _, cell := range row {
			fmt.Fprintf(w, "%s\t", cell)
		}
		fmt.Fprintln(w)
	}
	must(l.T, w.Flush())
}

// number reads one from beside the storage.
func (l *large) number(question string, args ...any) (n float64) {
	l.Helper()
	must(l.T, l.side.QueryRowContext(context.Background(), question, args...).Scan(&n))
	return n
}

// percentiles are of durations, which it sorts.
func percentiles(took []time.Duration) (p50, p99 time.Duration) {
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100]
}

func mib(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }
