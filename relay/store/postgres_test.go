package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
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
	p, _ := newPlace(t, store.Options{URL: address})
	t.Cleanup(func() {
		for _, fault := range violated(t, beside(t, address)) {
			t.Error(fault)
		}
	})
	return p
}
