package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// retention is for how long finished deliveries are there.
const retention = 30 * 24 * time.Hour

// rows are many of a table.
type rows struct {
	table   string
	columns string
	n       int
	row     func(i int) []any
}

func (l *large) fill() {
	now := time.Now()
	var report [][]string
	for _, r := range []rows{l.recipientRows(now), l.bindingRows(now), l.linkRows(now), l.messageRows(now), l.deliveryRows(now)} {
		before, began := l.bytes(), time.Now()
		l.add(r)
		took := time.Since(began)
		report = append(report, []string{
			r.table, fmt.Sprintf("%d rows", r.n), took.Round(time.Second).String(), fmt.Sprintf("%.0f rows/s", float64(r.n)/took.Seconds()),
			mib(l.bytes() - before), fmt.Sprintf("%.0f B a row with its indexes", (l.bytes()-before)/float64(r.n)),
		})
	}
	for state, n := range map[string]int{"sent": l.deliveries * 94 / 100, "failed": l.deliveries / 100, "queued": l.deliveries / 20} {
		_, err := l.side.Exec(`INSERT INTO numbers (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2`, "deliveries."+state, n)
		must(l.T, err)
	}
	began := time.Now()
	_, err := l.side.Exec(map[bool]string{true: `VACUUM ANALYZE`, false: `SELECT 1`}[l.server != nil])
	must(l.T, err)
	report = append(report, []string{"VACUUM ANALYZE", "", time.Since(began).Round(time.Second).String()})
	l.table("filled", report...)
}

// bytes is how large the storage is.
func (l *large) bytes() float64 {
	if l.server != nil {
		return l.number(`SELECT pg_database_size(current_database())`)
	}
	return l.number(`SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`)
}

// add writes rows as fast as the database takes them: by COPY, or many a transaction.
func (l *large) add(r rows) {
	l.Helper()
	const step = 500_000
	for first := 0; first < r.n; first += step {
		last := min(first+step, r.n)
		if l.server != nil {
			l.copy(r, first, last)
		} else {
			l.insert(r, first, last)
		}
	}
}

func (l *large) copy(r rows, first, last int) {
	l.Helper()
	ctx := context.Background()
	conn, err := l.side.Conn(ctx)
	must(l.T, err)
	defer conn.Close()
	must(l.T, conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{r.table}, strings.Split(r.columns, ", "),
			pgx.CopyFromSlice(last-first, func(i int) ([]any, error) { return r.row(first + i), nil }))
		return err
	}))
}

func (l *large) insert(r rows, first, last int) {
	l.Helper()
	tx, err := l.side.Begin()
	must(l.T, err)
	defer tx.Rollback()
	marks := strings.TrimSuffix(strings.Repeat("?, ", strings.Count(r.columns, ", ")+1), ", ")
	stmt, err := tx.Prepare(`INSERT INTO ` + r.table + ` (` + r.columns + `) VALUES (` + marks + `)`)
	must(l.T, err)
	for i := first; i < last; i++ {
		_, err := stmt.Exec(r.row(i)...)
		must(l.T, err)
	}
	must(l.T, tx.Commit())
}

func userOf(i int) string { return fmt.Sprintf("user-%08d", i) }

// chatOf is like Telegram's numbers: without an order, and each once.
func chatOf(i int) int64 { return 1_000_000_000 + int64(i+1)*48271%2147483647 }

func (l *large) recipientRows(now time.Time) rows {
	return rows{"recipients", "id, created_at", l.recipients, func(i int) []any { return []any{userOf(i), now.UnixMilli()} }}
}

func (l *large) bindingRows(now time.Time) rows {
	return rows{
		"bindings", "recipient, bot, chat_id, message_thread_id, type, title, username, language_code, state, linked_at, muted_until, quiet_hours, digest, time_zone, locale",
		l.recipients, func(i int) []any {
			state := "active"
			if i%50 == 7 {
				state = "blocked"
			}
			return []any{userOf(i), "", chatOf(i), 0, "private", fmt.Sprintf("Ada Lovelace %d", i), fmt.Sprintf("ada%d", i), "en", state, now.UnixMilli(), 0, "", "", "", ""}
		},
	}
}

func (l *large) linkRows(now time.Time) rows {
	return rows{"links", "id, token, recipient, target, uses, max_uses, created_at, expires_at, revoked_at, welcome", l.recipients / 10, func(i int) []any {
		return []any{idOf(now, i), hashOf(i), userOf(i * 10), "private", 1, 1, now.UnixMilli(), now.Add(time.Hour).UnixMilli(), 0, ""}
	}}
}

func hashOf(i int) []byte {
	h := make([]byte, 32)
	binary.BigEndian.PutUint64(h, rand.Uint64())
	binary.BigEndian.PutUint64(h[24:], uint64(i))
	return h
}

// when is when the i-th delivery was made: evenly over what is retention.
func (l *large) when(now time.Time, i int) time.Time {
	return now.Add(-retention).Add(time.Duration(float64(retention) * float64(i) / float64(l.deliveries)))
}

// idOf is one of that time. Those of the same time differ.
func idOf(at time.Time, i int) []byte {
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id, uint64(at.UnixMilli())<<16|0x7000|uint64(i&0xfff))
	binary.BigEndian.PutUint64(id[8:], 0x8000000000000000|uint64(i)<<20|uint64(rand.IntN(1<<20)))
	return id
}

// ordinary is the content of a message as an application sends it.
const ordinary = `{"text":{"text":"Your parcel 00340434292135100186 has arrived at the shop in the Long Street 17, where it waits for you until Friday. Please bring your card along, or send somebody who has a letter of yours.","entities":[{"type":"bold","offset":0,"length":11}]}}`

func (l *large) messageRows(now time.Time) rows {
	return rows{"messages", "seq, id, created_at, receiver, owner, priority, send_at, expires_at, first_delivery, deliveries, content", l.deliveries, func(i int) []any {
		at := l.when(now, i)
		return []any{i + 1, idOf(at, i), at.UnixMilli(), "api", "shop", 0, 0, at.Add(48 * time.Hour).UnixMilli(), i + 1, 1, ordinary}
	}}
}

func (l *large) deliveryRows(now time.Time) rows {
	const columns = "seq, id, message, recipient, chat_id, message_thread_id, receiver, state, priority, attempts, reason, last_error, telegram_message_ids, created_at, send_at, not_before, expires_at, sent_at, finished_at, rank, live_key, on_update"
	return rows{"deliveries", columns, l.deliveries, func(i int) []any {
		at, who := l.when(now, i), int(uint64(i+1)*2654435761%uint64(l.recipients))
		state, reason, finished := 3, "", at.Add(2*time.Second).UnixMilli()
		expires := at.Add(48 * time.Hour).UnixMilli()
		switch {
		case i >= l.deliveries*95/100: // the newest wait
			state, finished, expires = 1, 0, now.Add(24*time.Hour).UnixMilli()
		case i%95 == 3:
			state, reason = 4, "blocked"
		}
		sent := finished
		if state != 3 {
			sent = 0
		}
		return []any{
			i + 1, idOf(at, i), i + 1, userOf(who), chatOf(who), 0, "api", state, 0, 1, reason, "", fmt.Sprintf("[%d]", i), at.UnixMilli(), 0, 0,
			expires, sent, finished, i + 1, "", "",
		}
	}}
}
