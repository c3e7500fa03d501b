package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// hold keeps the committer busy with a redemption until release is called, so that what is written meanwhile shares one batch.
func hold(t *testing.T, db *store.DB) (release func()) {
	t.Helper()
	busy, free := make(chan struct{}), make(chan struct{})
	r := redemption(255, person(999))
	must(t, db.CreateLink(t.Context(), link("holder", relay.TargetPrivate), r.Token))
	r.Answer = func(relay.Redeemed) *relay.Message {
		close(busy)
		<-free
		return nil
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := db.Redeem(context.Background(), r); err != nil {
			t.Error(err)
		}
	})
	<-busy
	return func() {
		close(free)
		wg.Wait()
	}
}

// together runs writes that share one batch, in their order, and returns their errors.
func together(t *testing.T, db *store.DB, writes ...func() error) []error {
	t.Helper()
	release := hold(t, db)
	errs := make([]error, len(writes))
	var wg sync.WaitGroup
	for i, write := range writes {
		wg.Go(func() { errs[i] = write() })
		for db.Waiting() <= i {
			runtime.Gosched() // lets the other goroutine come to the queue
		}
	}
	release()
	wg.Wait()
	return errs
}

func TestBatchSharesOneCommit(t *testing.T) {
	db := open(t, store.Options{})
	commits := 0
	db.BeforeCommit(func() error { commits++; return nil })
	var writes []func() error
	for i := range 100 {
		writes = append(writes, func() error { return db.Accept(t.Context(), text(fmt.Sprint(i), to("alice", 1))) })
	}
	for _, err := range together(t, db, writes...) {
		must(t, err)
	}
	if commits != 3 { // of the link, of its redemption, and of all the others
		t.Errorf("%d commits, want 3", commits)
	}
	(&place{storage: db}).wantCount(t, relay.Queued, 100)
}

func (p *place) wantCount(t *testing.T, state relay.State, want int64) {
	t.Helper()
	b, err := p.Backlog(t.Context())
	must(t, err)
	if b.Count[state] != want {
		t.Errorf("%d are %s, want %d", b.Count[state], state, want)
	}
}

func TestOneOfABatchFailsAlone(t *testing.T) {
	var told told
	db := open(t, store.Options{Queued: told.queued})
	twice := message(to("alice", 2))
	twice.Deliveries = append(twice.Deliveries, twice.Deliveries[0])
	errs := together(t, db,
		func() error { return db.Accept(t.Context(), text("1", to("alice", 1))) },
		func() error { return db.Accept(t.Context(), twice) },
		func() error { return db.Unbind(t.Context(), "nobody", "", 1, 0) },
		func() error { return db.Accept(t.Context(), text("2", to("alice", 1))) },
		func() error { return db.Forget(t.Context(), "nobody") },
	)
	var codes []relay.Code
	for _, err := range errs {
		if err == nil {
			codes = append(codes, "")
		} else {
			codes = append(codes, relay.ErrorCode(err))
		}
	}
	if want := []relay.Code{"", relay.CodeConflict, relay.CodeNotFound, "", relay.CodeNotFound}; !slices.Equal(codes, want) {
		t.Errorf("got %q, want %q", codes, want)
	}
	p := &place{storage: db}
	p.wantTexts(t, 1, "1", "2")
	p.wantTexts(t, 2)
	p.wantCount(t, relay.Queued, 2)
	if got := told.take(); !slices.Equal(got, []int64{1}) {
		t.Errorf("told of %v, want 1", got)
	}
	checkInvariants(t, db.Path())
}

func TestFailedCommitFailsItsBatchOnly(t *testing.T) {
	var told told
	db := open(t, store.Options{Queued: told.queued, CacheSize: 10})
	must(t, db.Accept(t.Context(), text("before", to("alice", 1))))
	told.take()
	disk := errors.New("the disk fell down")
	commits := 0
	db.BeforeCommit(func() error {
		if commits++; commits == 3 {
			return disk
		}
		return nil
	})
	errs := together(t, db,
		func() error { return db.Accept(t.Context(), text("lost", to("alice", 1))) },
		func() error { return db.Unbind(t.Context(), "nobody", "", 1, 0) }, // it may have seen what is not kept
		func() error { return db.Bind(t.Context(), "bob", person(2), t0) },
	)
	for i, err := range errs {
		e, ok := errors.AsType[*relay.Error](err)
		if !ok || e.Code != relay.CodeStorageUnavailable || e.Detail == "" || e.RetryAfter <= 0 || !errors.Is(err, disk) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	must(t, db.Accept(t.Context(), text("after", to("alice", 1))))
	p := &place{storage: db}
	p.wantTexts(t, 1, "before", "after")
	p.wantCount(t, relay.Queued, 2)
	_, err := db.Recipient(t.Context(), "bob")
	wantCode(t, err, relay.CodeUnknownRecipient)
	if got := told.take(); !slices.Equal(got, []int64{1}) {
		t.Errorf("told of %v, want only of what was kept", got)
	}
	checkInvariants(t, db.Path())
}

func TestLargeBatchesAreCut(t *testing.T) {
	db := open(t, store.Options{})
	commits := 0
	db.BeforeCommit(func() error { commits++; return nil })
	var writes []func() error
	for i := range 600 {
		writes = append(writes, func() error { return db.SetSetting(t.Context(), fmt.Sprint(i), "x") })
	}
	for _, err := range together(t, db, writes...) {
		must(t, err)
	}
	if commits != 4 { // 600 are 512 and 88
		t.Errorf("%d commits, want 4", commits)
	}
}

func TestCancelBeforeItsTurn(t *testing.T) {
	db := open(t, store.Options{})
	release := hold(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Accept(ctx, text("withdrawn", to("alice", 1))); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was canceled", err)
		}
	})
	for db.Waiting() == 0 {
		runtime.Gosched()
	}
	cancel()
	wg.Wait()
	release()
	must(t, db.Accept(t.Context(), text("kept", to("alice", 1))))
	if err := db.Accept(ctx, text("late", to("alice", 1))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
	(&place{storage: db}).wantTexts(t, 1, "kept")
}

func TestCancelAfterItsTurn(t *testing.T) {
	db := open(t, store.Options{})
	must(t, db.CreateLink(t.Context(), link("alice", relay.TargetPrivate), token(1)))
	ctx, cancel := context.WithCancel(t.Context())
	r := redemption(1, person(1))
	r.Answer = func(relay.Redeemed) *relay.Message { cancel(); return text("welcome", to("", 1)) }
	_, err := db.Redeem(ctx, r)
	must(t, err)
	(&place{storage: db}).wantTexts(t, 1, "welcome")
}

// faults are SQL by which the writer's connection fails, and a word of what people are told.
var faults = map[string]struct{ text, word string }{
	"disk full": {"PRAGMA max_page_count = 1", "disk of the storage is full"},
	"read-only": {"PRAGMA query_only = 1", "cannot be written"},
}

func TestFaultsAreToldAndEnd(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			db := open(t, store.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			p := &place{storage: db}
			must(t, db.Accept(t.Context(), text("before", to("alice", 1))))
			db.Fault(fault.text)
			big := text(strings.Repeat("x", 100_000), to("alice", 1))
			for range 3 {
				err := db.Accept(t.Context(), big)
				wantCode(t, err, relay.CodeStorageUnavailable)
				if e, _ := errors.AsType[*relay.Error](err); !strings.Contains(e.Detail, fault.word) {
					t.Errorf("people are told %q", e.Detail)
				}
			}
			p.wantTexts(t, 1, "before") // reading goes on
			db.Fault("")
			must(t, db.Check(t.Context()))
			must(t, db.Accept(t.Context(), text("after", to("alice", 1))))
			p.wantTexts(t, 1, "before", "after")
			p.wantCount(t, relay.Queued, 2)
			if s := log.String(); strings.Count(s, "takes no writes") != 1 || strings.Count(s, "takes writes again") != 1 {
				t.Errorf("the log should tell the fault and its end once:\n%s", s)
			}
		})
	}
}

func TestFullDiskFailsTheBatch(t *testing.T) {
	db := open(t, store.Options{})
	release := hold(t, db)
	must(t, db.OnWriter(t.Context(), "PRAGMA max_page_count = 1"))
	errs := make([]error, 3)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = db.Accept(t.Context(), text(strings.Repeat("x", i*100_000), to("alice", 1))) })
		for db.Waiting() <= i {
			runtime.Gosched()
		}
	}
	release()
	wg.Wait()
	for _, err := range errs {
		wantCode(t, err, relay.CodeStorageUnavailable)
	}
	must(t, db.Accept(t.Context(), text("after", to("alice", 1))))
	(&place{storage: db}).wantTexts(t, 1, "after")
	checkInvariants(t, db.Path())
}

func TestLockedByAnother(t *testing.T) {
	db := open(t, store.Options{BusyTimeout: time.Millisecond})
	other, err := raw(t, db.Path()).Conn(t.Context())
	must(t, err)
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	must(t, err)
	err = db.Check(t.Context())
	wantCode(t, err, relay.CodeStorageUnavailable)
	if !strings.Contains(err.Error(), "another program keeps the storage locked") {
		t.Errorf("people are told %q", err)
	}
	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	must(t, err)
	must(t, other.Close())
	must(t, db.Check(t.Context()))
}

func TestFileTakenAway(t *testing.T) {
	o := store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db")}
	db := open(t, o)
	must(t, db.Check(t.Context()))
	moveAway(t, db.Path())
	wantCode(t, db.Check(t.Context()), relay.CodeStorageUnavailable)
}

func TestCommitsAreSynced(t *testing.T) {
	db := open(t, store.Options{})
	must(t, db.Check(t.Context()))
	for name, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "auto_vacuum": "2"} {
		got, err := db.Pragma(t.Context(), name)
		must(t, err)
		if got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestCloseFinishesWhatWaits(t *testing.T) {
	o := store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db")}
	db := open(t, o)
	release := hold(t, db)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Accept(context.Background(), text("last", to("alice", 1))); err != nil {
			t.Error(err)
		}
	})
	for db.Waiting() == 0 {
		runtime.Gosched()
	}
	wg.Go(release)
	must(t, db.Close())
	wg.Wait()
	wantCode(t, db.Accept(t.Context(), text("too late", to("alice", 1))), relay.CodeStorageUnavailable)
	wantCode(t, db.Check(t.Context()), relay.CodeStorageUnavailable)
	db.Sending(relay.NewID())
	if _, err := db.Message(t.Context(), relay.NewID()); err == nil || relay.ErrorCode(err) == relay.CodeNotFound {
		t.Errorf("reading after the end: %v", err)
	}
	(&place{storage: open(t, o)}).wantTexts(t, 1, "last")
}

func TestSendingNeverBlocks(t *testing.T) {
	db := open(t, store.Options{})
	m := text("one", to("alice", 1))
	must(t, db.Accept(t.Context(), m))
	release := hold(t, db)
	for range 5000 {
		db.Sending(relay.NewID())
	}
	release()
	must(t, db.Check(t.Context())) // there is room for notes again: one that finds none is dropped
	db.Sending(m.Deliveries[0].ID)
	must(t, db.Check(t.Context()))
	(&place{storage: db}).wantState(t, m, relay.Sending)
}

// TestVirtualClock shows that the storage keeps no time of its own: it runs in a bubble where a day passes at once.
func TestVirtualClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(context.Background(), store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db"), Log: slog.New(slog.DiscardHandler)})
		must(t, err)
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		var last *relay.Message
		for range 24 * 60 {
			now := <-tick.C
			last = text("tick", to("alice", 1))
			last.CreatedAt, last.Deliveries[0].CreatedAt = now, now
			must(t, db.Accept(context.Background(), last))
			must(t, db.Finish(context.Background(), relay.Outcome{Delivery: last.Deliveries[0].ID, State: relay.Sent, At: now}))
		}
		got, err := db.Message(context.Background(), last.ID)
		must(t, err)
		if d := got.Deliveries[0]; d.State != relay.Sent || !d.SentAt.Equal(last.CreatedAt.UTC().Truncate(time.Millisecond)) {
			t.Errorf("it is %s at %v, want sent at %v", d.State, d.SentAt, last.CreatedAt)
		}
		must(t, db.Close())
	})
}

func TestDamagedFile(t *testing.T) {
	o := store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db")}
	db := open(t, o)
	for i := range 200 {
		must(t, db.Accept(t.Context(), text(strings.Repeat("x", 500), to("alice", int64(i+1)))))
	}
	must(t, db.Close())
	scribble(t, db.Path())
	again, err := store.Open(t.Context(), o)
	if err == nil {
		_, err = again.Heads(t.Context(), "", 7, t0, 10)
		err = errors.Join(err, again.Accept(t.Context(), text("x", to("alice", 7))))
		must(t, again.Close())
	}
	if err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v, want that it is damaged", err)
	}
}

func TestMigratedIsTold(t *testing.T) {
	var moves [][2]int64
	db := open(t, store.Options{Migrated: func(_ string, from, to int64) { moves = append(moves, [2]int64{from, to}) }})
	must(t, db.Migrate(t.Context(), "", -5, -100500)) // nobody knows it
	must(t, db.Bind(t.Context(), "ops", group(-5), t0))
	for range 2 {
		must(t, db.Migrate(t.Context(), "", -5, -100500))
	}
	if want := [][2]int64{{-5, -100500}}; !slices.Equal(moves, want) {
		t.Errorf("told of %v, want %v", moves, want)
	}
}

// TestTwoOnOneFile is not how it is meant to be used, yet nothing is lost or mixed up.
func TestTwoOnOneFile(t *testing.T) {
	o := store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db")}
	dbs := []*store.DB{open(t, o), open(t, o)}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if err := dbs[i%2].Accept(t.Context(), text("x", to("alice", 1))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	(&place{storage: dbs[0]}).wantCount(t, relay.Queued, 40)
	checkInvariants(t, dbs[0].Path())
}

// Who hears of failures hears of those that fail with their chat, after the commit.
func TestEndedIsTold(t *testing.T) {
	var ended []relay.Delivery
	db := open(t, store.Options{Ended: func(all []relay.Delivery) { ended = append(ended, all...) }})
	a, b, other := message(to("alice", 1)), message(to("alice", 1)), message(to("bob", 2))
	must(t, db.Accept(t.Context(), a, b, other))
	must(t, db.Finish(t.Context(), relay.Outcome{
		Delivery: a.Deliveries[0].ID, State: relay.Failed, Reason: "blocked", LastError: "Forbidden", At: t0, ChatID: 1, ChatState: relay.Blocked,
	}))
	if len(ended) != 2 || ended[0].ID != a.Deliveries[0].ID || ended[1].ID != b.Deliveries[0].ID {
		t.Fatalf("told of %+v", ended)
	}
	for _, d := range ended {
		if d.State != relay.Failed || d.Reason != "blocked" || d.LastError != "Forbidden" {
			t.Errorf("told of %+v", d)
		}
	}
}

// A storage that takes no writes has answered; a committer that does not come back has not.
func TestAlive(t *testing.T) {
	db := open(t, store.Options{})
	must(t, db.Alive(t.Context()))
	db.BeforeCommit(func() error { return errors.New("no space") })
	if err := db.Check(t.Context()); relay.ErrorCode(err) != relay.CodeStorageUnavailable {
		t.Errorf("it takes writes: %v", err)
	}
	must(t, db.Alive(t.Context()))
	db.BeforeCommit(nil)

	release := hold(t, db)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := db.Alive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a committer that is held up: %v", err)
	}
	release()
	must(t, db.Alive(t.Context()))
}
