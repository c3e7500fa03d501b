package store_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// What goes from SQLite to PostgreSQL and back is what it was, and both go on from there.
func TestCopyThereAndBack(t *testing.T) {
	dir := t.TempDir()
	first, server, back := "sqlite:"+filepath.Join(dir, "first.db"), schema(t), "sqlite:"+filepath.Join(dir, "back.db")
	db, err := store.Open(t.Context(), store.Options{URL: first})
	must(t, err)
	for _, tell := range stories {
		tell(t, db)
	}
	for i := range 450 { // more than one statement takes
		mark(t, db, "", int64(1000+i), t0)
	}
	must(t, db.SetTopic(t.Context(), relay.Topic{ChatID: -2001, Name: "Closed", MessageThreadID: 12, Closed: true}))
	must(t, db.Close())

	var done, total int64
	rows, err := store.Copy(t.Context(), first, server, func(d, of int64) { done, total = d, of })
	must(t, err)
	if rows < 450 || done != rows || total != rows {
		t.Errorf("%d rows were copied, and %d of %d told of", rows, done, total)
	}
	for _, fault := range violated(t, beside(t, server)) {
		t.Error(fault)
	}
	again, err := store.Copy(t.Context(), server, back, nil)
	must(t, err)
	if again != rows {
		t.Errorf("%d rows came back of %d", again, rows)
	}
	was, is := lines(t, filepath.Join(dir, "first.db")), lines(t, filepath.Join(dir, "back.db"))
	if !slices.Equal(was, is) {
		t.Errorf("was:\n%s\n\nis:\n%s", strings.Join(was, "\n"), strings.Join(is, "\n"))
	}

	_, err = store.Copy(t.Context(), first, server, nil)
	if err == nil || !strings.Contains(err.Error(), "choose an empty place") {
		t.Errorf("a second copy into the same place: %v", err)
	}
	moved := open(t, store.Options{URL: server})
	must(t, moved.CreateLink(t.Context(), link("zoe", relay.TargetPrivate), token(99)))
	must(t, moved.Accept(t.Context(), text("goes on", to("alice", 1001))))
	must(t, moved.AddEvent(t.Context(), relay.Event{ID: relay.NewID(), Type: relay.RecipientLinked, Recipient: "bob", At: t0, Data: []byte(`{}`)}))
}

// lines are all of a file's rows, in an order of their own.
func lines(t *testing.T, path string) []string {
	all := strings.Split(dump(t, raw(t, path)), "\n")
	slices.Sort(all)
	return all
}
