package store_test

import (
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/store"
)

// Who cannot begin in a database hears why and what to do, from doctor too, and a rehearsal leaves nothing behind.
func TestDatabaseThatCannotBe(t *testing.T) {
	t.Parallel()
	foreign, fresh, used := schema(t), schema(t), schema(t)
	_, err := beside(t, foreign).Exec(`CREATE TABLE messages (x integer)`)
	must(t, err)
	open(t, store.Options{URL: used})
	for address, want := range map[string]string{
		foreign:                    "another program keeps tables in this schema",
		fresh + "&sslmod=disable":  "check what stands after its question mark",
		fresh + "&work_mem=plenty": "check what stands after its question mark",
		strings.Replace(fresh, "search_path=", "search_path=no_", 1): "there is no schema to keep tables in",
		fresh + "&default_transaction_read_only=on":                  "it is a standby's, or set to read only",
		used + "&default_transaction_read_only=on":                   "it is a standby's, or set to read only",
	} {
		if err := store.Rehearse(t.Context(), address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the rehearsal: got %v, want %q", err, want)
		}
		db, err := store.Open(t.Context(), store.Options{URL: address})
		if err == nil {
			must(t, db.Close())
		}
		if address != used+"&default_transaction_read_only=on" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, address := range []string{fresh, used} {
		must(t, store.Rehearse(t.Context(), address))
	}
	if n := texts(t, beside(t, fresh), `SELECT count(*)::text FROM pg_tables WHERE schemaname = current_schema()`); n[0] != "0" {
		t.Errorf("%s tables are left of a rehearsal", n[0])
	}
}
