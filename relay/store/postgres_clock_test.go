package store_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// timed is the address of a storage on a server whose clock can be set, by the function.
func timed(t *testing.T) (address string, set func(by time.Duration)) {
	t.Helper()
	u, err := url.Parse(schema(t))
	must(t, err)
	query := u.Query()
	query.Set("search_path", query.Get("search_path")+",pg_catalog") // what is named first stands for the server's own function
	u.RawQuery = query.Encode()
	side := beside(t, u.String())
	_, err = side.Exec(`CREATE TABLE clock AS SELECT 0::bigint AS ahead;
		CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT pg_catalog.clock_timestamp() + (SELECT ahead FROM clock) * interval ''1 ms'''`)
	must(t, err)
	return u.String(), func(by time.Duration) {
		t.Helper()
		_, err := side.Exec(`UPDATE clock SET ahead = ahead + $1`, by.Milliseconds())
		must(t, err)
	}
}

// near reports whether two times are the same but for what a test takes.
func near(a, b time.Time) bool { return a.Sub(b).Abs() < setBack/2 }

const setBack = time.Minute

// expires is when a message expires by the server's clock.
func expires(t *testing.T, db *store.DB, id relay.ID) time.Time {
	t.Helper()
	m, err := db.Message(t.Context(), id)
	must(t, err)
	return m.Deliveries[0].ExpiresAt
}

func checkAll(t *testing.T, all ...*store.DB) {
	t.Helper()
	for range 2 {
		for _, db := range all {
			must(t, db.Check(t.Context()))
		}
	}
}

// A clock of the server's that is set is followed once, however many see it, also where one starts meanwhile.
func TestServersClockIsSet(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{72 * time.Hour, 2 * time.Hour, -time.Hour, -72 * time.Hour} {
		t.Run(fmt.Sprint(by), func(t *testing.T) {
			t.Parallel()
			address, set := timed(t)
			a, b := open(t, store.Options{URL: address}), open(t, store.Options{URL: address})
			checkAll(t, a, b)
			now := time.Now().UTC().Truncate(time.Millisecond)
			id := waiting(t, a, now, time.Time{})
			checkAll(t, a, b)
			set(by)
			if by < 0 { // that a clock was set ahead while nothing ran cannot be told from a long pause
				checkAll(t, open(t, store.Options{URL: address}))
			}
			checkAll(t, b, a)
			if got := expires(t, a, id); !near(got, now.Add(time.Hour+by)) {
				t.Errorf("it expires at %s, want %s", got, now.Add(time.Hour+by))
			}
			jobs, err := b.Heads(t.Context(), "", 1, time.Now(), 10)
			must(t, err)
			if len(jobs) != 1 || !near(jobs[0].ExpiresAt, now.Add(time.Hour)) {
				t.Errorf("by our clock it expires at %v", jobs)
			}
			ended, err := a.Expire(t.Context(), time.Now(), 10)
			must(t, err)
			if len(ended) > 0 {
				t.Error("it has expired")
			}
		})
	}
}

// A machine whose clock is wrong ends nothing of others', and what it takes in lives as long as it should. That its clock is put right moves nothing.
func TestMachinesClockIsWrong(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{-72 * time.Hour, 72 * time.Hour} {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			t.Parallel()
			address := schema(t)
			a, b := open(t, store.Options{URL: address}), open(t, store.Options{URL: address})
			a.SetWall(wrong)
			checkAll(t, a, b)
			now := time.Now().UTC().Truncate(time.Millisecond)
			theirs := now.Add(wrong)
			fromA, fromB := waiting(t, a, theirs, time.Time{}), waiting(t, b, now, time.Time{})
			wished := waiting(t, a, theirs, now.Add(time.Minute))
			check := func(when string, wrong time.Duration) {
				t.Helper()
				for _, id := range []relay.ID{fromA, fromB} {
					if got := expires(t, b, id); !near(got, now.Add(time.Hour)) {
						t.Errorf("%s: it expires at %s, want %s", when, got, now.Add(time.Hour))
					}
				}
				if got := expires(t, b, wished); !near(got, now.Add(time.Minute+time.Hour)) {
					t.Errorf("%s: what was wished for a moment expires at %s", when, got)
				}
				for db, at := range map[*store.DB]time.Time{a: now.Add(wrong), b: now} {
					ended, err := db.Expire(t.Context(), at, 10)
					must(t, err)
					if len(ended) > 0 {
						t.Fatalf("%s: %d have expired", when, len(ended))
					}
					jobs, err := db.Heads(t.Context(), "", 1, at, 10)
					must(t, err)
					if len(jobs) != 2 || !near(jobs[0].ExpiresAt, at.Add(time.Hour)) || !near(jobs[1].NotBefore, at.Add(time.Minute)) {
						t.Fatalf("%s: at %s it has %+v", when, at, jobs)
					}
					chats, next, err := db.Lanes(t.Context(), "", at)
					must(t, err)
					if len(chats) != 1 || !near(next, at.Add(time.Minute)) {
						t.Errorf("%s: lanes %v, and the next at %s, want %s", when, chats, next, at.Add(time.Minute))
					}
					pruned, err := db.Prune(t.Context(), at.Add(-time.Hour), 10)
					must(t, err)
					if pruned != 0 {
						t.Errorf("%s: %d were pruned", when, pruned)
					}
				}
			}
			check("while the clock is wrong", wrong)
			a.SetWall(0)
			must(t, a.ClockSet(t.Context(), -wrong))
			check("when it is right again", 0)
		})
	}
}

// A machine that slept has not missed that a clock was set, where others were at work.
func TestMachineSlept(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a, b := open(t, store.Options{URL: address}), open(t, store.Options{URL: address})
	checkAll(t, a, b)
	now := time.Now().UTC().Truncate(time.Millisecond)
	id := waiting(t, a, now.Add(-3*time.Hour), time.Time{})
	was := expires(t, a, id)
	must(t, b.Check(t.Context()))
	a.Sleep(2 * time.Hour)
	checkAll(t, a, b)
	if got := expires(t, a, id); !got.Equal(was) {
		t.Errorf("it expires at %s, want %s", got, was)
	}

	// One that is alone has: what waited for it lives as much longer.
	alone := open(t, store.Options{URL: schema(t)})
	id = waiting(t, alone, now.Add(-3*time.Hour), time.Time{})
	alone.Sleep(2 * time.Hour)
	checkAll(t, alone)
	if got := expires(t, alone, id); !near(got, was.Add(2*time.Hour)) {
		t.Errorf("it expires at %s, want %s", got, was.Add(2*time.Hour))
	}
}

// That a clock is followed is not taken for done where the transaction was not kept.
func TestClockIsFollowedAgain(t *testing.T) {
	t.Parallel()
	address, set := timed(t)
	db := open(t, store.Options{URL: address})
	checkAll(t, db)
	now := time.Now().UTC().Truncate(time.Millisecond)
	id := waiting(t, db, now, time.Time{})
	set(72 * time.Hour)
	_, err := db.Discard(t.Context(), relay.NewID(), now)
	wantCode(t, err, relay.CodeNotFound)
	checkAll(t, db)
	if got := expires(t, db, id); !near(got, now.Add(73*time.Hour)) {
		t.Errorf("it expires at %s", got)
	}
}

// What the storage was seen by a server whose clock was set back while nothing ran is noticed at the start, once.
func TestServersClockIsSetBackAtTheStart(t *testing.T) {
	t.Parallel()
	address, set := timed(t)
	first := open(t, store.Options{URL: address})
	checkAll(t, first)
	now := time.Now().UTC().Truncate(time.Millisecond)
	id := waiting(t, first, now, time.Time{})
	checkAll(t, first)
	must(t, first.Close())
	set(-time.Hour)
	for range 2 {
		db := open(t, store.Options{URL: address})
		checkAll(t, db)
		if got := expires(t, db, id); !near(got, now) {
			t.Fatalf("it expires at %s, want %s", got, now)
		}
	}
}
