package store_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// waiting accepts a message that was made at a moment, lives for an hour, and was told to come again a minute later.
func waiting(t *testing.T, db *store.DB, made, sendAt time.Time) relay.ID {
	t.Helper()
	m := text("x", to("alice", 1))
	m.CreatedAt, m.SendAt = made, sendAt
	d := &m.Deliveries[0]
	d.CreatedAt, d.SendAt, d.ExpiresAt = made, sendAt, made.Add(time.Hour)
	if !sendAt.IsZero() {
		d.ExpiresAt = sendAt.Add(time.Hour)
	}
	must(t, db.Accept(t.Context(), m))
	must(t, db.Finish(t.Context(), relay.Outcome{Delivery: d.ID, State: relay.Queued, Attempts: 1, Reason: "rate_limited", NotBefore: made.Add(time.Minute), At: made}))
	return m.ID
}

// expect checks when a message expires, and before when it is not tried.
func expect(t *testing.T, db *store.DB, id relay.ID, expires, notBefore time.Time) {
	t.Helper()
	m, err := db.Message(t.Context(), id)
	must(t, err)
	if d := m.Deliveries[0]; !d.ExpiresAt.Equal(expires) || !d.NotBefore.Equal(notBefore) {
		t.Errorf("expires %s, not before %s; want %s, %s", d.ExpiresAt, d.NotBefore, expires, notBefore)
	}
}

// What waits when the clock is set lives as long as before; what came on the new clock, or was wished for a moment to come, stays as it is.
func TestClockSet(t *testing.T) {
	const days = 72 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		db := open(t, store.Options{})
		now := time.Now().UTC()
		old := now.Add(-days)
		behind, right := waiting(t, db, old, time.Time{}), waiting(t, db, now, time.Time{})
		wished := waiting(t, db, old, now.Add(time.Hour))
		must(t, db.ClockSet(t.Context(), days))
		expect(t, db, behind, now.Add(time.Hour), old.Add(time.Minute))
		expect(t, db, right, now.Add(time.Hour), now.Add(time.Minute))
		expect(t, db, wished, now.Add(2*time.Hour), old.Add(time.Minute))
	})
	synctest.Test(t, func(t *testing.T) {
		db := open(t, store.Options{})
		now := time.Now().UTC()
		ahead := now.Add(days)
		early, right := waiting(t, db, ahead, time.Time{}), waiting(t, db, now, time.Time{})
		must(t, db.ClockSet(t.Context(), -days))
		expect(t, db, early, now.Add(time.Hour), now.Add(time.Minute))
		expect(t, db, right, now.Add(time.Hour), now.Add(time.Minute).Add(-days)) // it is tried at once
	})
}

// A clock that is set back and then right again, as one that boots without the time after a failure of the power, costs nobody the message: what waited before
// has as long to live as then.
func TestClockSetThereAndBack(t *testing.T) {
	const days, half = 72 * time.Hour, 30 * time.Minute
	for _, back := range []time.Duration{days, 2 * days} { // the whole way, and half of it
		synctest.Test(t, func(t *testing.T) {
			db := open(t, store.Options{})
			was := time.Now().UTC().Add(back)
			waits := waiting(t, db, was.Add(-half), time.Time{})
			must(t, db.ClockSet(t.Context(), -back))
			time.Sleep(days) // no timer here sleeps: the clock is set
			right := waiting(t, db, time.Now().UTC(), time.Time{})
			must(t, db.ClockSet(t.Context(), days))
			now := time.Now().UTC()
			expect(t, db, waits, now.Add(half), was.Add(time.Minute-half-back))
			expect(t, db, right, now.Add(time.Hour), now.Add(time.Minute))
		})
	}
}

// A clock that was set back while nothing ran is noticed by what the storage has seen, once.
func TestClockSetBackAtTheStart(t *testing.T) {
	const days = 72 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		path := "sqlite:" + t.TempDir() + "/relay.db"
		db := open(t, store.Options{URL: path})
		now := time.Now().UTC()
		early := waiting(t, db, now.Add(days), time.Time{})
		must(t, db.Close())
		side := raw(t, path[len("sqlite:"):])
		_, err := side.Exec(`UPDATE numbers SET value = ? WHERE name = 'checked_at'`, now.Add(days).UnixMilli())
		must(t, err)
		must(t, side.Close())
		for range 2 {
			db = open(t, store.Options{URL: path})
			expect(t, db, early, now.Add(time.Hour), now.Add(time.Minute))
			must(t, db.Close())
		}
	})
}
