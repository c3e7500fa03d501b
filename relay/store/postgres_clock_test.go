package store_test

import (
	"crypto/sha256"
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

// Links, mutes and threads end by the server's clock too, whichever machine made them and whichever looks.
func TestMachinesClockIsWrongForPeople(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{-72 * time.Hour, 72 * time.Hour} {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			t.Parallel()
			address := schema(t)
			a, b := open(t, store.Options{URL: address, CacheSize: 10}), open(t, store.Options{URL: address, CacheSize: 10})
			a.SetWall(wrong)
			checkAll(t, a, b)
			now := time.Now().UTC().Truncate(time.Millisecond)
			clocks := map[*store.DB]time.Time{a: now.Add(wrong), b: now}
			for db, other := range map[*store.DB]*store.DB{a: b, b: a} {
				linksKeepTime(t, db, other, clocks)
				mutesKeepTime(t, db, other, clocks)
				threadsKeepTime(t, db, other, clocks)
				patientKeepsTime(t, db, clocks[db], now)
			}
			believed(t, a)
			chosen := cached(t, a, "muted-0").Chats[0]
			a.SetWall(0)
			checkAll(t, a)
			if got := cached(t, a, "muted-0").Chats[0]; !near(got.MutedUntil, chosen.MutedUntil.Add(-wrong)) {
				t.Errorf("after the clock was set right it is muted until %s, want %s", got.MutedUntil, chosen.MutedUntil.Add(-wrong))
			}
		})
	}
}

// linksKeepTime has one make links that another looks at, each by its clock.
func linksKeepTime(t *testing.T, one, other *store.DB, clocks map[*store.DB]time.Time) {
	t.Helper()
	made := clocks[one]
	l := link("linked", relay.TargetPrivate)
	l.ID, l.CreatedAt, l.ExpiresAt = relay.NewID(), made, made.Add(time.Hour)
	secret := relay.TokenHash(sha256.Sum256(l.ID[:]))
	must(t, one.CreateLink(t.Context(), l, secret))
	for db, now := range clocks {
		for after, want := range map[time.Duration]relay.LinkState{0: relay.LinkOpen, 59 * time.Minute: relay.LinkOpen, 61 * time.Minute: relay.LinkExpired} {
			got, err := db.LinkOf(t.Context(), secret, now.Add(after))
			must(t, err)
			if got.State != want || !near(got.ExpiresAt, now.Add(time.Hour)) || !near(got.CreatedAt, now) {
				t.Errorf("after %s it is %s, made at %s, and expires at %s", after, got.State, got.CreatedAt, got.ExpiresAt)
			}
		}
		page, err := db.Links(t.Context(), relay.LinkQuery{Limit: 1}, now)
		must(t, err)
		if page.Items[0].State != relay.LinkOpen {
			t.Errorf("listed it is %s", page.Items[0].State)
		}
	}
	_, err := other.Redeem(t.Context(), relay.Redemption{Token: secret, Chat: person(1), Place: relay.TargetPrivate, At: clocks[other].Add(61 * time.Minute)})
	wantCode(t, err, relay.CodeLinkNotOpen)
	_, err = other.Redeem(t.Context(), relay.Redemption{Token: secret, Chat: person(1), Place: relay.TargetPrivate, At: clocks[other].Add(59 * time.Minute)})
	must(t, err)
}

// mutesKeepTime has one mute chats that others look at.
func mutesKeepTime(t *testing.T, one, _ *store.DB, clocks map[*store.DB]time.Time) {
	t.Helper()
	made := clocks[one]
	until := made.Add(time.Hour)
	imported := relay.Binding{Recipient: "muted-1", Chat: person(8), Settings: relay.Settings{MutedUntil: until}}
	must(t, one.Bind(t.Context(), "muted-0", person(7), made))
	must(t, one.ChangeSettings(t.Context(), "", 7, 0, relay.SettingsChange{MutedUntil: &until}))
	must(t, one.BindAll(t.Context(), []relay.Binding{imported}, made))
	for db, now := range clocks {
		for n, recipient := range []string{"muted-0", "muted-1"} {
			is := func(b relay.Binding) bool { return near(b.MutedUntil, now.Add(time.Hour)) && near(b.LinkedAt, now) }
			bindings, err := db.Bindings(t.Context(), "", int64(7+n), 0)
			must(t, err)
			must(t, eventually(func() error { // the cache hears of it
				if r := cached(t, db, recipient); !is(r.Chats[0]) || !is(bindings[0]) || !near(r.CreatedAt, now) {
					return fmt.Errorf("at %s it is %+v, and %+v", now, r, bindings)
				}
				return nil
			}))
		}
	}
}

// threadsKeepTime has one open and end threads that another finds and lets go of in time.
func threadsKeepTime(t *testing.T, one, other *store.DB, clocks map[*store.DB]time.Time) {
	t.Helper()
	made := clocks[one]
	thread := newThread(1, "alice")
	thread.Group, thread.OpenedAt, thread.UpdatedAt = sha256.Sum256(thread.ID[:]), made, made
	must(t, one.Tell(t.Context(), []*relay.Thread{thread}))
	thread.EndedAt = made
	must(t, one.Tell(t.Context(), []*relay.Thread{thread}))
	if near(clocks[other], time.Now()) { // Prune asks the machine itself for the time
		_, err := other.Prune(t.Context(), clocks[other].Add(-time.Hour), 10)
		must(t, err)
	}
	for db, now := range clocks {
		got, err := db.ThreadOf(t.Context(), thread.Group)
		must(t, err)
		if got.ID != thread.ID || !near(got.OpenedAt, now) || !near(got.UpdatedAt, now) || !near(got.EndedAt, now) {
			t.Errorf("at %s it is %+v", now, got)
		}
	}
}

// patientKeepsTime has an update take the place of one that is held back; now is by the server's clock.
func patientKeepsTime(t *testing.T, db *store.DB, made, now time.Time) {
	t.Helper()
	for _, patient := range []bool{false, true} {
		m := kept("muted-0", 7, made.Add(8*time.Hour))
		m.Key, m.OnUpdate, m.Patient, m.CreatedAt = fmt.Sprint("held at ", made), relay.Edit, patient, made
		m.Deliveries[0].CreatedAt, m.Deliveries[0].ExpiresAt = made, made.Add(24*time.Hour)
		if patient {
			m.Deliveries[0].State, m.Deliveries[0].NotBefore = relay.Queued, time.Time{}
		}
		must(t, db.Accept(t.Context(), m))
		stored, err := db.Message(t.Context(), m.ID)
		must(t, err)
		if d := stored.Deliveries[0]; d.State != relay.Held || !near(d.NotBefore, now.Add(8*time.Hour)) || !near(d.ExpiresAt, now.Add(24*time.Hour)) {
			t.Errorf("patient %v: it is %s until %s and expires at %s", patient, d.State, d.NotBefore, d.ExpiresAt)
		}
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
