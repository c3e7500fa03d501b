package store_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// pool starts a PgBouncer before the shared server, and returns it with the addresses of an empty schema by way of it and without it.
func pool(t *testing.T, mode string, size int) (p *pgtest.Pooler, address, direct string) {
	t.Helper()
	direct = schema(t)
	p, err := server.Pool(mode, size)
	without(t, "PgBouncer", err)
	t.Cleanup(func() { must(t, p.Stop()) })
	u, err := url.Parse(direct)
	must(t, err)
	return p, p.URL(u.Query().Get("search_path")), direct
}

// A pooler that lends sessions stands in nobody's way: the settings of each pool are in force, the schema is the one that was asked for, and the lock
// of a daemon holds.
func TestPoolerInSessionMode(t *testing.T) {
	t.Parallel()
	_, address, direct := pool(t, "session", 20)
	lock, err := store.Acquire(address)
	must(t, err)
	if _, err := store.Acquire(direct); err == nil {
		t.Error("a second daemon takes the lock")
	}
	db := open(t, store.Options{URL: address})
	must(t, db.Accept(t.Context(), message(to("alice", 7))))
	if jobs, err := db.Heads(t.Context(), "", 7, t0, 8); err != nil || len(jobs) != 1 {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
	for _, check := range []string{"idle_in_transaction_session_timeout = '5s'", "search_path <> 'public'"} {
		name, want, _ := strings.Cut(check, " ")
		must(t, db.OnWriter(t.Context(), `DO $$ BEGIN ASSERT current_setting('`+name+`') `+want+`; END $$`))
	}
	if n := len(texts(t, beside(t, direct), `SELECT id::text FROM messages`)); n != 1 {
		t.Errorf("%d messages stand in the schema", n)
	}
	must(t, lock.Release())
	again, err := store.Acquire(direct)
	must(t, err)
	must(t, again.Release())
}

// A pooler that gives each transaction another session is refused before anything is done by way of it, and what to do is said.
func TestPoolerInTransactionMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"transaction", "statement"} {
		pooler, address, direct := pool(t, mode, 20)
		for what, try := range map[string]func() error{
			"Acquire": func() error { _, err := store.Acquire(address); return err },
			"Open":    func() error { _, err := store.Open(t.Context(), store.Options{URL: address}); return err },
		} {
			if err := try(); err == nil || !strings.Contains(err.Error(), "pool_mode=session") {
				t.Errorf("%s mode: %s answers %v", mode, what, err)
			}
		}
		if settings := texts(t, beside(t, pooler.URL("")+"&default_query_exec_mode=simple_protocol"), `SHOW default_transaction_read_only`); settings[0] != "off" {
			t.Error("a session that others get too has the settings of ours")
		}
		lock, err := store.Acquire(direct) // none was left behind
		must(t, err)
		must(t, lock.Release())
	}
}
