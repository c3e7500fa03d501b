package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// server is the PostgreSQL that tests share; TestMain stops it.
var server struct {
	once sync.Once
	*pgtest.Server
	err     error
	schemas atomic.Int64
}

// schema is the address of an empty schema on the shared server.
func schema(tb testing.TB) string {
	tb.Helper()
	server.once.Do(func() { server.Server, server.err = pgtest.Start() })
	without(tb, "PostgreSQL", server.err)
	name := fmt.Sprintf("relay_%d", server.schemas.Add(1))
	side := beside(tb, server.URL(""))
	_, err := side.Exec(`CREATE SCHEMA ` + name)
	must(tb, err)
	tb.Cleanup(func() {
		if _, err := side.Exec(`DROP SCHEMA ` + name + ` CASCADE`); err != nil {
			tb.Error(err)
		}
	})
	return server.URL(name)
}

// without skips a test for which a program is missing, but not on CI.
func without(tb testing.TB, tool string, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "" && errors.Is(err, exec.ErrNotFound):
		tb.Skipf("%s is needed: %v", tool, err)
	default:
		tb.Fatalf("%s is needed: %v", tool, err)
	}
}

// beside opens a database beside the storage.
func beside(tb testing.TB, address string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("pgx", address)
	must(tb, err)
	db.SetMaxOpenConns(1)
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

func TestPostgreSQL(t *testing.T) {
	exercise(t, newPostgres)
}

func newPostgres(t *testing.T) *place {
	t.Helper()
	address := schema(t)
	p, db := newPlace(t, store.Options{URL: address})
	t.Cleanup(func() {
		checkServerPlans(t, *db, address)
		for _, fault := range violated(t, beside(t, address)) {
			t.Error(fault)
		}
	})
	return p
}

// mayScanServer are the texts that may look at all of a table, as scans are.
var mayScanServer = []string{
	`FROM writers`, // as many as there are daemons
	`FROM leases`,  // one for each shard and replica
	`FROM events`,
	`threads WHERE recipients`,
	`FROM threads WHERE replace(recipients`,
	`FROM requests WHERE replace(deliveries`, // to forget somebody: rare, and requests are of one day
	`count(*) FROM bindings`,
	`count(*) FROM recipients`,
	`SELECT seq FROM deliveries WHERE chat_id = $1 AND bot = $2 AND +state <> 2`,
}

// checkServerPlans asks PostgreSQL how it would go about each text that was used if looking at all of a table cost much.
func checkServerPlans(t *testing.T, db *store.DB, address string) {
	t.Helper()
	side := beside(t, address)
	_, err := side.Exec(`SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan`)
	must(t, err)
	for i, text := range db.Texts() {
		verb, _, _ := strings.Cut(text, " ")
		if !slices.Contains([]string{"SELECT", "WITH", "UPDATE", "DELETE"}, verb) || slices.ContainsFunc(mayScanServer, func(s string) bool { return strings.Contains(text, s) }) {
			continue
		}
		_, err := side.Exec(fmt.Sprintf("PREPARE p%d AS %s", i, text))
		must(t, err)
		args := ""
		if n := parameters(strings.ReplaceAll(text, "$", "?")); n > 0 {
			args = "(" + strings.TrimSuffix(strings.Repeat("NULL,", n), ",") + ")"
		}
		for _, line := range texts(t, side, fmt.Sprintf("EXPLAIN EXECUTE p%d%s", i, args)) {
			if strings.Contains(line, "Seq Scan on") {
				t.Errorf("%s\n\tgoes about it by %s", text, line)
			}
		}
	}
}
