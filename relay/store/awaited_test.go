package store_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// A daemon may be running while somebody asks for which bots something waits, and what its secret is.
func TestGlances(t *testing.T) {
	for name, address := range map[string]func() string{
		"SQLite":     func() string { return "sqlite:" + filepath.Join(t.TempDir(), "relay.db") },
		"PostgreSQL": func() string { return schema(t) },
	} {
		t.Run(name, func(t *testing.T) {
			at := address()
			db := open(t, store.Options{URL: at})
			must(t, db.Accept(t.Context(), forBot("one", "alice", "gone"), forBot("two", "alice", relay.FirstBot), text("three", heldFor("alice")), text("four", by(second, to("bob", 7)))))
			must(t, db.SetSetting(t.Context(), "secret", "kept"))
			if got, err := store.AwaitedBots(t.Context(), at); err != nil || !slices.Equal(got, []string{"gone", second, relay.FirstBot}) {
				t.Errorf("waits for %q, %v", got, err)
			}
			if got, err := store.KeptSetting(t.Context(), at, "secret"); err != nil || got != "kept" {
				t.Errorf("kept is %q, %v", got, err)
			}
			if got, err := store.KeptSetting(t.Context(), at, "none"); err != nil || got != "" {
				t.Errorf("kept is %q, %v", got, err)
			}
		})
	}
}
