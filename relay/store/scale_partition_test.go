package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/store"
)

// Messages and deliveries in partitions by their numbers, which follow time: what that would bring, and what it would cost. The storage does not do
// it; the tests lay the tables of its schema out anew, beside it.

// partitions are in how many parts what is kept is laid out: one for each day.
const partitions = 30

// acrossPartitions are behaviours that need an ID to be unique.
var acrossPartitions = []string{"/Links/an_answer_that_fails_undoes_all", "/Outbox/a_message_is_accepted_wholly_or_not"}

// TestScalePartitionedSuite asks of partitioned tables what is asked of every storage.
func TestScalePartitionedSuite(t *testing.T) {
	newLarge(t)
	exercise(t, func(t *testing.T) *place {
		if slices.ContainsFunc(acrossPartitions, func(name string) bool { return strings.HasSuffix(t.Name(), name) }) {
			t.Skip("nothing makes an ID unique across partitions")
		}
		address := schema(t)
		p, db := newPlace(t, store.Options{URL: address})
		l := &large{T: t, db: *db, address: address, side: beside(t, address), server: server.Server}
		l.partition(1000)
		return p
	})
}

// TestScalePartitions measures the same deliveries in whole tables, then in partitions.
func TestScalePartitions(t *testing.T) {
	l := newLarge(t)
	l.recipients = 100_000
	l.server = startScaled(t)
	l.address = l.server.URL("")
	l.db = open(t, store.Options{URL: l.address})
	l.side = beside(t, l.address)
	now := time.Now()
	for _, r := range []rows{l.recipientRows(now), l.bindingRows(now), l.messageRows(now), l.deliveryRows(now)} {
		l.add(r)
	}
	l.vacuum()
	l.measureParts("whole tables")
	began := time.Now()
	l.partition(l.deliveries/partitions + 1)
	l.vacuum()
	fmt.Printf("laid out in %d partitions in %s\n", partitions, time.Since(began).Round(time.Second))
	must(t, l.db.Close())
	l.db = open(t, store.Options{URL: l.address})
	l.measureParts(fmt.Sprintf("%d partitions", partitions))
	l.drops()
}

func (l *large) vacuum() {
	_, err := l.side.Exec(`VACUUM ANALYZE`)
	must(l.T, err)
}

// measureParts asks what goes to messages and deliveries, and prunes.
func (l *large) measureParts(what string) {
	ctx := context.Background()
	some := l.ids(2000)
	all := []ask{{"a delivery by its ID", 5000, 1, func(i int) error { _, err := l.db.Delivery(ctx, some[i%len(some)]); return err }}}
	for _, a := range append(l.questions(), l.changes()...) {
		for _, wanted := range []string{"those of a recipient", "the newest 100", "which chats wait", "what waits for a chat", "accept", "finish", "nothing is too old"} {
			if strings.HasPrefix(a.what, wanted) {
				all = append(all, a)
			}
		}
	}
	var report [][]string
	for _, a := range all {
		report = append(report, l.time(a))
	}
	wal, n, began := l.wal(), 0, time.Now()
	for ; n < 50*pruneStep && time.Since(began) < time.Minute; n += pruneStep {
		gone, err := l.db.Prune(ctx, time.Now().Add(-retention/2), pruneStep)
		must(l.T, err)
		if gone == 0 {
			break
		}
	}
	report = append(report, []string{"prune", fmt.Sprintf("%d deliveries", n), fmt.Sprintf("%s for each", (time.Since(began) / time.Duration(max(n, 1))).Round(time.Microsecond)), fmt.Sprintf("%.0f B of WAL for each", (l.wal()-wal)/float64(max(n, 1)))})
	l.table(what, report...)
}

func (l *large) wal() float64 { return l.number(`SELECT pg_current_wal_insert_lsn() - '0/0'`) }

// drops lets go of three whole partitions that nothing was pruned from.
func (l *large) drops() {
	wal, began, n := l.wal(), time.Now(), 0.
	for part := 20; part < 23; part++ {
		for _, table := range []string{"deliveries", "messages"} {
			name := fmt.Sprintf("%s_%d", table, part)
			n += l.number(`SELECT count(*) FROM ` + name)
			_, err := l.side.Exec(fmt.Sprintf(`ALTER TABLE %s DETACH PARTITION %s; DROP TABLE %s`, table, name, name))
			must(l.T, err)
		}
	}
	l.table("dropped", []string{fmt.Sprintf("%.0f rows", n), time.Since(began).String(), fmt.Sprintf("%.0f B of WAL in all", l.wal()-wal)})
}

// partition lays messages and deliveries out anew in parts of so many numbers. What identifies a row across parts cannot be unique by an index
// without the number in it: that of the IDs is none any more.
func (l *large) partition(each int) {
	l.Helper()
	for _, table := range []string{"messages", "deliveries"} {
		var indexes []string
		for _, text := range texts(l.T, l.side, `SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = $1`, table) {
			if !strings.Contains(text, "UNIQUE") {
				indexes = append(indexes, text)
			}
		}
		commands := []string{
			`ALTER TABLE ` + table + ` RENAME TO whole_` + table,
			fmt.Sprintf(`CREATE TABLE %s (LIKE whole_%s INCLUDING DEFAULTS, PRIMARY KEY (seq)) PARTITION BY RANGE (seq)`, table, table),
		}
		for part := range partitions + 1 {
			commands = append(commands, fmt.Sprintf(`CREATE TABLE %s_%d PARTITION OF %s FOR VALUES FROM (%d) TO (%d)`, table, part+1, table, part*each, (part+1)*each))
		}
		commands = append(commands, fmt.Sprintf(`CREATE TABLE %s_rest PARTITION OF %s DEFAULT`, table, table),
			fmt.Sprintf(`INSERT INTO %s SELECT * FROM whole_%s`, table, table), `DROP TABLE whole_`+table+` CASCADE`)
		commands = append(append(commands, indexes...), fmt.Sprintf(`CREATE INDEX %s_id ON %s (id)`, table, table))
		for _, command := range commands {
			if _, err := l.side.Exec(command); err != nil {
				l.Fatalf("%s: %v", command, err)
			}
		}
	}
}
