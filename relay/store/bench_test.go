package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// BenchmarkAccept has 64 callers hand in messages of one delivery each.
func BenchmarkAccept(b *testing.B) { accepts(b, store.Options{}) }

// BenchmarkAcceptPostgreSQL does so with a server on the same machine, at the other end of a unix socket. It syncs nothing.
func BenchmarkAcceptPostgreSQL(b *testing.B) { accepts(b, store.Options{URL: schema(b)}) }

// BenchmarkAcceptPostgreSQLHeard has two other storages hear of it.
func BenchmarkAcceptPostgreSQLHeard(b *testing.B) {
	address := schema(b)
	var heard atomic.Int64
	for range 2 {
		open(b, store.Options{URL: address, CacheSize: 100, Queued: func(string, int64, relay.Priority) { heard.Add(1) }})
	}
	accepts(b, store.Options{URL: address})
	b.ReportMetric(float64(heard.Load())/float64(b.N), "heard/op")
}

func accepts(b *testing.B, o store.Options) {
	db := open(b, o)
	var n atomic.Int64
	b.SetParallelism(32) // times 2 processors
	b.ResetTimer()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			if err := db.Accept(context.Background(), message(to(fmt.Sprintf("r%d", i%5000), 1000+i%5000))); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
}

// BenchmarkLookupCached asks for recipients that are held in memory.
func BenchmarkLookupCached(b *testing.B) {
	db := open(b, store.Options{CacheSize: 1000})
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprintf("recipient-%d", i)
		if err := db.Bind(b.Context(), ids[i], person(int64(i+1)), t0); err != nil {
			b.Fatal(err)
		}
	}
	lookUp(b, db, ids)
}

// BenchmarkLookupUncached asks past the cache. -recipients says among how many.
func BenchmarkLookupUncached(b *testing.B) {
	db := open(b, store.Options{})
	fill(b, db, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
		INSERT INTO recipients (id, created_at) SELECT 'recipient-' || i, 1 FROM n`, *recipients)
	fill(b, db, `INSERT INTO bindings (recipient, bot, chat_id, message_thread_id, type, title, username, language_code, state, linked_at, muted_until, quiet_hours, digest, time_zone, locale)
		SELECT id, '', row_number() OVER (), 0, 'private', 'Alice', 'alice', 'en', 'active', 1, 0, '', '', '', '' FROM recipients LIMIT ?1`, *recipients)
	ids := make([]string, 100_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("recipient-%d", rand.IntN(*recipients)+1)
	}
	lookUp(b, db, ids)
	b.StopTimer()
	tail(b, "p99-us", 20_000, func(i int) error {
		_, err := db.Recipient(context.Background(), ids[i])
		return err
	})
	tail(b, "page-p99-us", 1000, func(i int) error {
		_, err := db.Recipients(context.Background(), relay.RecipientQuery{After: ids[i], Limit: 100})
		return err
	})
	var size int64
	if err := raw(b, db.Path()).QueryRow(`SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`).Scan(&size); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(size)/(1<<20), "MiB")
}

// tail reports the 99th percentile of how long something takes, in microseconds.
func tail(b *testing.B, name string, n int, do func(int) error) {
	b.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		if err := do(i); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[n*99/100].Microseconds()), name)
}

// BenchmarkRedeem has 64 people at once open links of their own: each is bound, welcomed, and gets what was held.
func BenchmarkRedeem(b *testing.B) {
	db := open(b, store.Options{})
	links := make([]relay.TokenHash, b.N)
	var ready sync.WaitGroup
	for part := range 64 {
		ready.Go(func() {
			for i := part; i < b.N; i += 64 {
				l := link(fmt.Sprintf("user-%d", i), relay.TargetPrivate)
				links[i] = sha256.Sum256(fmt.Append(nil, i))
				if err := db.CreateLink(context.Background(), l, links[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	ready.Wait()
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1) - 1
			r := relay.Redemption{Token: links[i], Chat: person(i + 1), Place: relay.TargetPrivate, At: t0}
			r.Answer = func(relay.Redeemed) *relay.Message { return message(to("", i+1)) }
			if _, err := db.Redeem(context.Background(), r); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "redeems/s")
}

var (
	recipients = flag.Int("recipients", 20_000, "how many recipients BenchmarkLookupUncached stores")
	backlog    = flag.Int("backlog", 50_000, "how many waiting deliveries BenchmarkLanesMillion stores")
)

func lookUp(b *testing.B, db *store.DB, ids []string) {
	b.ReportAllocs()
	b.ResetTimer()
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for i := n.Add(7919); pb.Next(); i++ {
			r, err := db.Recipient(context.Background(), ids[i%int64(len(ids))])
			if err != nil || len(r.Chats) != 1 {
				b.Error(r, err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
}

// fill makes many rows at once beside the storage.
func fill(b *testing.B, db *store.DB, text string, n int) {
	b.Helper()
	side, err := sql.Open("sqlite3", db.Path())
	if err != nil {
		b.Fatal(err)
	}
	defer side.Close()
	if _, err := side.Exec(text, n); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLanesMillion lists lanes, reads the first of one, counts, and opens, over a large backlog in few and in many chats.
// -backlog says how large.
func BenchmarkLanesMillion(b *testing.B) {
	for name, chats := range map[string]int{"few": 100, "many": *backlog} {
		o := store.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "relay.db")}
		db := open(b, o)
		fill(b, db, `INSERT INTO messages (seq, id, created_at, receiver, owner, priority, send_at, expires_at, first_delivery, deliveries, content) VALUES (1, randomblob(16), 1, '', '', 0, 0, 0, 1, ?1, '{"text":{"text":"x"}}')`, *backlog)
		fill(b, db, fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			INSERT INTO deliveries (seq, id, message, recipient, chat_id, message_thread_id, receiver, state, priority, attempts, reason, last_error,
				telegram_message_ids, created_at, send_at, not_before, expires_at, sent_at, finished_at, rank, live_key, on_update)
			SELECT i, randomblob(16), 1, 'alice', i %% %d + 1, 0, '', 1, 0, 0, '', '', '[]', 1, 0, 0, 9e15, 0, 0, i, '', '' FROM n`, chats), *backlog)
		b.Run("chats="+name+"/lanes", func(b *testing.B) {
			for b.Loop() {
				if got, _, err := db.Lanes(b.Context(), "", t0); err != nil || len(got) != chats {
					b.Fatal(len(got), err)
				}
			}
		})
		b.Run("chats="+name+"/heads", func(b *testing.B) {
			for b.Loop() {
				if got, err := db.Heads(b.Context(), "", 7, t0, 8); err != nil || len(got) == 0 {
					b.Fatal(len(got), err)
				}
			}
		})
		b.Run("chats="+name+"/backlog", func(b *testing.B) {
			for b.Loop() {
				if got, err := db.Backlog(b.Context()); err != nil || got.Oldest.IsZero() {
					b.Fatal(got, err)
				}
			}
		})
		b.Run("chats="+name+"/open", func(b *testing.B) {
			for b.Loop() {
				again, err := store.Open(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				if err := again.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
