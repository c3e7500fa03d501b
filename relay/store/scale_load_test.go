package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// load keeps a rate up: each message is looked up, accepted, read by its lane, noted as being sent, and finished, while as many
// old ones are pruned.
func (l *large) load() {
	l.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), *sustain)
	defer cancel()
	if l.server != nil { // from here on every page that is changed goes into the log once, as after each checkpoint
		_, err := l.side.Exec(`CHECKPOINT`)
		must(l.T, err)
	}
	due := make(chan time.Time, *rate*60) // an open loop: what is late waits here
	var workers sync.WaitGroup
	var mu sync.Mutex
	var accepted, delivered []time.Duration
	for range 128 {
		workers.Go(func() {
			for at := range due {
				a, d := l.one(at)
				mu.Lock()
				accepted, delivered = append(accepted, a), append(delivered, d)
				mu.Unlock()
			}
		})
	}
	before, began := l.gauge(), time.Now()
	var report [][]string
	var told time.Time
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	sent := 0
	for ctx.Err() == nil {
		now := <-tick.C
		for ; sent < int(now.Sub(began).Seconds()*float64(*rate)); sent++ {
			due <- now
		}
		if now.Sub(told) >= *sustain/6 && now.Sub(began) > time.Second {
			told = now
			mu.Lock()
			a, d := accepted, delivered
			accepted, delivered = nil, nil
			mu.Unlock()
			a50, a99 := percentiles(a)
			d50, d99 := percentiles(d)
			report = append(report, []string{
				now.Sub(began).Round(time.Second).String(), fmt.Sprintf("%d done, %d late", len(a), len(due)),
				fmt.Sprintf("accepted p50 %s p99 %s", a50.Round(10*time.Microsecond), a99.Round(10*time.Microsecond)),
				fmt.Sprintf("finished p50 %s p99 %s", d50.Round(10*time.Microsecond), d99.Round(10*time.Microsecond)), l.health(),
			})
			workers.Go(func() { l.prune(len(a)) })
		}
	}
	close(due)
	workers.Wait()
	l.table(fmt.Sprintf("%d messages a second for %s", *rate, *sustain), append(report, l.gauge().since(before, sent)...)...)
}

// snapshot keeps the rate up while somebody reads for long, as a dump does: the server keeps what died meanwhile. It tells how long the questions
// take that engines ask.
func (l *large) snapshot() {
	if l.server == nil {
		return // readers of the file see the log: it grows by what is written, and is reused afterwards
	}
	side := beside(l.T, l.address)
	dump, err := side.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	must(l.T, err)
	_, err = dump.Exec(`SELECT count(*) FROM tallies`)
	must(l.T, err)
	asked := make(chan [][]string)
	go func() {
		var report [][]string
		for began := time.Now(); time.Since(began) < *sustain-10*time.Second; time.Sleep(*sustain / 8) {
			row := []string{time.Since(began).Round(time.Second).String()}
			for _, a := range l.questions() {
				switch a.what {
				case "which chats wait", "how much waits", "nothing is too old":
					a.n = 3
					row = append(row, l.time(a)[:3]...)
				}
			}
			report = append(report, row)
		}
		asked <- report
	}()
	l.load()
	report := <-asked
	must(l.T, dump.Rollback())
	l.table("while a snapshot is held", report...)
}

// one is a message's life in the storage. It returns how long after at it was accepted and finished.
func (l *large) one(at time.Time) (accepted, finished time.Duration) {
	ctx, m := context.Background(), l.message()
	d := m.Deliveries[0]
	_, err := l.db.Recipient(ctx, d.Recipient)
	if relay.ErrorCode(err) == relay.CodeUnknownRecipient {
		err = nil // it was forgotten
	}
	if err == nil {
		err = l.db.Accept(ctx, m)
	}
	accepted = time.Since(at)
	if err == nil {
		_, err = l.db.Heads(ctx, "", d.ChatID, time.Now(), 8)
	}
	if err == nil {
		l.db.Sending(d.ID)
		err = l.db.Finish(ctx, relay.Outcome{Delivery: d.ID, State: relay.Sent, Attempts: 1, TelegramMessageIDs: []int64{1}, At: time.Now()})
	}
	if err != nil {
		l.Error(err)
	}
	return accepted, time.Since(at)
}

// prune lets go of n of the oldest deliveries, by the daemon's steps.
func (l *large) prune(n int) {
	for ; n > 0; n -= pruneStep {
		if _, err := l.db.Prune(context.Background(), time.Now().Add(-retention/2), pruneStep); err != nil {
			l.Error(err)
		}
	}
}

// gauge is what was used so far.
type gauge struct {
	own, server         time.Duration // of the processors
	wal, records, pages float64       // bytes; full pages in it
	syncs               float64
	written             float64 // blocks of the disk, by the whole machine
	vacuums             float64
	connections         float64 // of the storage
}

func (l *large) gauge() gauge {
	l.Helper()
	var used syscall.Rusage
	must(l.T, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	g := gauge{own: time.Duration(used.Utime.Nano() + used.Stime.Nano()), written: diskWrites()}
	if l.server == nil {
		return g
	}
	must(l.T, l.side.QueryRow(`SELECT wal_bytes, wal_records, wal_fpi, wal_sync FROM pg_stat_wal`).Scan(&g.wal, &g.records, &g.pages, &g.syncs))
	g.vacuums = l.number(`SELECT coalesce(sum(autovacuum_count), 0) FROM pg_stat_user_tables`)
	g.connections = l.number(`SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tgrelay'`)
	g.server = l.server.CPU()
	return g
}

// since tells what was used for each of n messages.
func (g gauge) since(before gauge, n int) [][]string {
	each := func(a, b float64) string { return fmt.Sprintf("%.2f", (a-b)/float64(n)) }
	return [][]string{
		{"for each message", "this program's CPU", fmt.Sprint((g.own - before.own) / time.Duration(n))},
		{"", "the server's CPU", fmt.Sprint((g.server - before.server) / time.Duration(n))},
		{"", "WAL bytes", each(g.wal, before.wal), "records", each(g.records, before.records), "full pages", each(g.pages, before.pages)},
		{"", "syncs of the WAL", each(g.syncs, before.syncs), "writes of the machine's disks", each(g.written, before.written)},
		{"", "autovacuums", fmt.Sprint(g.vacuums - before.vacuums), "connections", fmt.Sprint(g.connections)},
	}
}

// health tells of what is dead and how large the tables are that change most.
func (l *large) health() string {
	if l.server == nil {
		wal, _ := os.Stat(l.db.Path() + "-wal")
		return mib(l.bytes()) + ", log " + mib(float64(wal.Size()))
	}
	return strings.Join(texts(l.T, l.side, `SELECT relname || ' ' || pg_total_relation_size(relid) / 1048576 || ' MiB, dead ' || n_dead_tup FROM pg_stat_user_tables
		WHERE relname IN ('deliveries', 'messages', 'numbers', 'writers', 'tallies') ORDER BY relname`), "; ")
}

// diskWrites is how many writes the machine's disks have completed.
func diskWrites() (n float64) {
	found, _ := filepath.Glob("/sys/block/*/stat")
	for _, path := range found {
		text, _ := os.ReadFile(path)
		if fields := bytes.Fields(text); len(fields) > 4 {
			writes, _ := strconv.ParseFloat(string(fields[4]), 64)
			n += writes
		}
	}
	return n
}
