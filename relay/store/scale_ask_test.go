package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// ask is a question or a change that is timed.
type ask struct {
	what    string
	n       int // times at most, and for ten seconds at most
	callers int // at once
	do      func(i int) error
}

// errSkip is of an ask for which there is nothing.
var errSkip = errors.New("skip")

func (l *large) asks() {
	var report [][]string
	for _, a := range append(l.questions(), l.changes()...) {
		report = append(report, l.time(a))
	}
	l.table("asked", report...)
}

// time returns a row of the report.
func (l *large) time(a ask) []string {
	l.Helper()
	took := make([]time.Duration, a.n)
	var next atomic.Int64
	var callers sync.WaitGroup
	began := time.Now()
	for range max(a.callers, 1) {
		callers.Go(func() {
			for i := int(next.Add(1)) - 1; i < a.n && time.Since(began) < 10*time.Second; i = int(next.Add(1)) - 1 {
				at := time.Now()
				err := a.do(i)
				if errors.Is(err, errSkip) {
					continue
				}
				if err != nil {
					l.Errorf("%s: %v", a.what, err)
					return
				}
				took[i] = max(time.Since(at), 1)
			}
		})
	}
	callers.Wait()
	all := time.Since(began)
	done := took[:0]
	for _, d := range took {
		if d > 0 {
			done = append(done, d)
		}
	}
	p50, p99 := percentiles(done)
	return []string{a.what, fmt.Sprintf("%d by %d", len(done), max(a.callers, 1)), "p50 " + p50.String(), "p99 " + p99.String(), fmt.Sprintf("%.0f/s", float64(len(done))/all.Seconds())}
}

func (l *large) anybody() string { return userOf(rand.IntN(l.recipients)) }

func (l *large) questions() []ask {
	ctx, now := context.Background(), time.Now()
	some := l.ids(2000)
	page := func(q relay.DeliveryQuery) func(int) error {
		return func(int) error { _, err := l.db.Deliveries(ctx, q); return err }
	}
	return []ask{
		{"a recipient, past the cache", 20_000, 1, func(int) error { _, err := l.db.Recipient(ctx, l.anybody()); return err }},
		{"a recipient, past the cache", 100_000, 16, func(int) error { _, err := l.db.Recipient(ctx, l.anybody()); return err }},
		{"100 recipients from anywhere", 1000, 1, func(int) error {
			_, err := l.db.Recipients(ctx, relay.RecipientQuery{After: l.anybody(), Limit: 100})
			return err
		}},
		{"whose chat is this", 10_000, 1, func(int) error { _, err := l.db.Bindings(ctx, "", chatOf(rand.IntN(l.recipients)), 0); return err }},
		{"a delivery by its ID", 5000, 1, func(i int) error { _, err := l.db.Delivery(ctx, some[i%len(some)]); return err }},
		{"the delivery of a Telegram message", 2000, 1, func(int) error {
			i := rand.IntN(l.deliveries * 9 / 10)
			_, err := l.db.DeliveryOf(ctx, "", chatOf(int(uint64(i+1)*2654435761%uint64(l.recipients))), int64(i))
			if relay.ErrorCode(err) == relay.CodeNotFound {
				err = nil
			}
			return err
		}},
		{"the newest 100 deliveries", 500, 1, page(relay.DeliveryQuery{})},
		{"the newest 100 that failed", 500, 1, page(relay.DeliveryQuery{State: relay.Failed})},
		{"100 of a receiver", 50, 1, page(relay.DeliveryQuery{Receiver: "api"})},
		{"none of a receiver that brought none", 20, 1, page(relay.DeliveryQuery{Receiver: "nobody"})},
		{"100 of an hour ten days ago", 500, 1, page(relay.DeliveryQuery{Since: now.Add(-240 * time.Hour), Until: now.Add(-239 * time.Hour)})},
		{"those of a recipient", 5000, 1, func(int) error {
			_, err := l.db.Deliveries(ctx, relay.DeliveryQuery{Recipient: l.anybody()})
			return err
		}},
		{"100 of the recipients with a prefix", 50, 1, page(relay.DeliveryQuery{Prefix: "user-0000"})},
		{"which chats wait", 5, 1, func(int) error { _, _, err := l.db.Lanes(ctx, "", now); return err }},
		{"what waits for a chat", 5000, 1, func(int) error {
			_, err := l.db.Heads(ctx, "", chatOf(int(uint64(l.deliveries-rand.IntN(l.deliveries/20))*2654435761%uint64(l.recipients))), now, 8)
			return err
		}},
		{"how much waits", 1000, 1, func(int) error { _, err := l.db.Backlog(ctx); return err }},
		{"how many recipients there are", 5, 1, func(int) error { _, err := l.db.RecipientCount(ctx); return err }},
		{"how many chats there are, by state", 5, 1, func(int) error { _, err := l.db.BindingCount(ctx); return err }},
		{"open the storage", 5, 1, func(int) error {
			db, err := store.Open(ctx, store.Options{URL: l.address})
			if err == nil {
				err = db.Close()
			}
			return err
		}},
		{"nothing is too old", 50, 1, func(int) error { _, err := l.db.Expire(ctx, now, 1000); return err }},
	}
}

// ids are of deliveries of the second half: older ones may be pruned.
func (l *large) ids(n int) []relay.ID {
	l.Helper()
	out := make([]relay.ID, n)
	for i := 0; i < n; {
		err := l.side.QueryRow(`SELECT id FROM deliveries WHERE seq = $1`, l.deliveries-rand.IntN(l.deliveries/2)).Scan(&out[i])
		if !errors.Is(err, sql.ErrNoRows) { // its recipient was forgotten
			must(l.T, err)
			i++
		}
	}
	return out
}

func (l *large) changes() []ask {
	ctx := context.Background()
	var accepted sync.Map
	links, run := make([]relay.TokenHash, 50_000), rand.Uint64()
	return []ask{
		{"make a link", len(links), 64, func(i int) error {
			links[i] = sha256.Sum256(fmt.Append(nil, run, i))
			return l.db.CreateLink(ctx, link(fmt.Sprintf("new-%d-%d", run, i), relay.TargetPrivate), links[i])
		}},
		{"redeem a link, with a welcome", len(links), 64, func(i int) error {
			if links[i] == (relay.TokenHash{}) {
				return errSkip // there was no time to make it
			}
			chat := int64(9_000_000_000 + i)
			r := relay.Redemption{Token: links[i], Chat: person(chat), Place: relay.TargetPrivate, At: t0}
			r.Answer = func(relay.Redeemed) *relay.Message { return message(to("", chat)) }
			_, err := l.db.Redeem(ctx, r)
			return err
		}},
		{"accept a message", 200_000, 64, func(i int) error {
			m := l.message()
			accepted.Store(i, m.Deliveries[0].ID)
			return l.db.Accept(ctx, m)
		}},
		{"finish a delivery", 200_000, 64, func(i int) error {
			id, ok := accepted.Load(i)
			if !ok {
				return errSkip
			}
			l.db.Sending(id.(relay.ID))
			return l.db.Finish(ctx, relay.Outcome{Delivery: id.(relay.ID), State: relay.Sent, Attempts: 1, TelegramMessageIDs: []int64{int64(i)}, At: time.Now()})
		}},
		{"a chat blocks the bot", 500, 8, func(int) error { return l.db.SetChatState(ctx, "", chatOf(rand.IntN(l.recipients)), relay.Blocked) }},
		{"forget a recipient", 200, 8, func(int) error {
			err := l.db.Forget(ctx, l.anybody())
			if relay.ErrorCode(err) == relay.CodeNotFound {
				err = nil
			}
			return err
		}},
	}
}

// message is an ordinary one for anybody.
func (l *large) message() *relay.Message {
	i := rand.IntN(l.recipients)
	now := time.Now()
	m := message(to(userOf(i), chatOf(i)))
	m.CreatedAt, m.ExpiresAt = now, now.Add(48*time.Hour)
	m.Content.Text.Text = ordinary
	for i := range m.Deliveries {
		m.Deliveries[i].CreatedAt, m.Deliveries[i].ExpiresAt = m.CreatedAt, m.ExpiresAt
	}
	return m
}

// pruneStep is how many deliveries a daemon prunes at once.
const pruneStep = 1000

func (l *large) prunes() {
	before, n := time.Now().Add(-retention/2), int64(0)
	a := ask{"prune 1,000 deliveries", 200, 1, func(int) error {
		gone, err := l.db.Prune(context.Background(), before, pruneStep)
		n += gone
		return err
	}}
	row := l.time(a)
	l.table("pruned", append(row, fmt.Sprintf("%d deliveries", n)))
}
