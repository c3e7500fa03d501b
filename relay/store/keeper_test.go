package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

// sharer is a storage whose leases are kept.
type sharer struct {
	*store.DB
	leases relay.Leases
	stop   func() // ends Run and waits for it
}

func newSharer(t *testing.T, address string, edit ...func(*store.DB)) *sharer {
	t.Helper()
	r := &sharer{DB: open(t, store.Options{URL: address})}
	for _, f := range edit {
		f(r.DB)
	}
	r.leases = r.Leases()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- r.leases.Run(ctx) }()
	go func() { done <- r.Listen(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		must(t, errors.Join(<-done, <-done))
	})
	t.Cleanup(r.stop)
	return r
}

// chats has for each shard a chat that is in it.
var chats = sync.OnceValue(func() (chats [relay.Shards]int64) {
	for chat, found := int64(1), 0; found < relay.Shards; chat++ {
		if n := relay.LaneShard("", chat); chats[n] == 0 {
			chats[n], found = chat, found+1
		}
	}
	return chats
})

// has are the shards of a replica, in which it may begin something, with the numbers of their leases.
func (r *sharer) has() map[int]int64 {
	has := map[int]int64{}
	for n, chat := range chats() {
		if l, ok := r.leases.Lane("", chat); ok {
			has[n] = l.Fence
		}
	}
	return has
}

// divided waits until replicas have so many shards, each one only by one of them, and returns how long that took.
func divided(t *testing.T, want []int, replicas ...*sharer) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		var counts []int
		owner := map[int]int{}
		for i, r := range replicas {
			has := r.has()
			counts = append(counts, len(has))
			for n := range has {
				if other, twice := owner[n]; twice {
					t.Fatalf("shard %d is of replicas %d and %d", n, other, i)
				}
				owner[n] = i
			}
		}
		if slices.Equal(counts, want) {
			return time.Since(began)
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("replicas have %v shards, want %v", counts, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Replicas have fair shares, and one that ends hands its over at once.
func TestLeasesAreShared(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := newSharer(t, address)
	divided(t, []int{64}, a)
	b := newSharer(t, address)
	divided(t, []int{32, 32}, a, b)
	c := newSharer(t, address)
	begun := time.Now()
	for len(c.has()) < 20 || len(a.has()) > 22 || len(b.has()) > 22 {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("they have %d, %d and %d", len(a.has()), len(b.has()), len(c.has()))
		}
		time.Sleep(5 * time.Millisecond)
	}
	b.stop()
	if took := divided(t, []int{32, 0, 32}, a, b, c); took > 1500*time.Millisecond {
		t.Errorf("what was given back was taken after %s", took)
	}
	c.stop()
	a.stop()
	if n := number(t, beside(t, address), `SELECT count(*) FROM leases WHERE holder <> ''`); n != 0 {
		t.Errorf("%d leases are left", n)
	}
}

// What is in use is handed over when it is not used any more, also at the end; nothing is begun in it until then.
func TestLeasesInUseAreHandedOverLater(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := newSharer(t, address)
	divided(t, []int{64}, a)
	var uses []func()
	for _, chat := range chats() {
		l, _ := a.leases.Lane("", chat)
		done, ok := a.leases.Use(l)
		if !ok {
			t.Fatal("a lease that is there cannot be used")
		}
		uses = append(uses, done)
	}
	b := newSharer(t, address)
	divided(t, []int{32, 0}, a, b)
	time.Sleep(500 * time.Millisecond)
	divided(t, []int{32, 0}, a, b)
	for n, chat := range chats() {
		l, ok := a.leases.Lane("", chat)
		if l.Fence == 0 {
			t.Fatalf("shard %d is lost", n)
		}
		if !ok {
			uses[n]()
		}
	}
	if took := divided(t, []int{32, 32}, a, b); took > 1500*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	go a.stop()
	divided(t, []int{0, 32}, a, b)
	time.Sleep(500 * time.Millisecond)
	divided(t, []int{0, 32}, a, b)
	for _, done := range uses {
		done()
	}
	if took := divided(t, []int{0, 64}, a, b); took > 1500*time.Millisecond {
		t.Errorf("it took %s", took)
	}
}

// line leads to the server, and can be silent.
type line struct {
	dir    string
	mu     sync.Mutex
	resume chan struct{} // closed while all flows
}

// through returns an address of the same database that a line leads to.
func through(t *testing.T, address string) (string, *line) {
	u, err := url.Parse(address)
	must(t, err)
	query := u.Query()
	dir, err := os.MkdirTemp("/tmp", "line")
	must(t, err)
	l := &line{dir: dir, resume: make(chan struct{})}
	close(l.resume)
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	must(t, err)
	t.Cleanup(func() { l.restore(); _ = errors.Join(listener.Close(), os.RemoveAll(dir)) })
	server := filepath.Join(query.Get("host"), ".s.PGSQL.5432")
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go l.serve(client, server)
		}
	}()
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	return u.String(), l
}

func (l *line) serve(client net.Conn, server string) {
	defer client.Close()
	l.flows()
	remote, err := net.Dial("unix", server)
	if err != nil {
		return
	}
	defer remote.Close()
	go l.pass(client, remote)
	l.pass(remote, client)
}

func (l *line) pass(from, to net.Conn) {
	defer to.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		l.flows()
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// flows waits while nothing passes.
func (l *line) flows() {
	l.mu.Lock()
	resume := l.resume
	l.mu.Unlock()
	<-resume
}

// hold lets nothing pass, until restore.
func (l *line) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resume = make(chan struct{})
}

func (l *line) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.resume:
	default:
		close(l.resume)
	}
}

// A replica that cannot reach the server any more stops by itself, before another one has its shards.
func TestLeasesEndByThemselves(t *testing.T) {
	t.Parallel()
	address := schema(t)
	led, line := through(t, address)
	a := newSharer(t, led)
	divided(t, []int{64}, a)
	b := newSharer(t, address)
	divided(t, []int{32, 32}, a, b)
	before := a.has()
	changed := a.leases.Changed()
	held := time.Now()
	line.hold()
	divided(t, []int{0, 32}, a, b)
	if took := time.Since(held); took < 5*time.Second {
		t.Errorf("nothing is begun any more after %s", took)
	}
	<-changed
	divided(t, []int{0, 64}, a, b)
	if took := time.Since(held); took > 15*time.Second {
		t.Errorf("the other one has all after %s", took)
	}
	line.restore()
	divided(t, []int{32, 32}, a, b)
	for n, fence := range a.has() {
		if fence <= before[n] {
			t.Errorf("shard %d is had by number %d, and was by %d", n, fence, before[n])
		}
	}
}

// What a replica cannot take over it gives back, and others take it.
func TestTakeOverFails(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := newSharer(t, address)
	divided(t, []int{64}, a)
	before := fmt.Sprint(a.has())
	b := newSharer(t, address, func(db *store.DB) { db.BeforeCommit(func() error { return errors.New("disk full") }) })
	must(t, eventually(func() error {
		if fmt.Sprint(a.has()) == before {
			return errors.New("nothing was handed over")
		}
		return nil
	}))
	if took := divided(t, []int{64, 0}, a, b); took > 6*time.Second {
		t.Errorf("it took %s", took)
	}
}

// expire makes the leases of a replica look as they do when it was frozen for longer than a lease.
func (r *sharer) expire(t *testing.T, address string, other *sharer) {
	t.Helper()
	side := beside(t, address)
	fences := make([]int64, 0, relay.Shards)
	for _, fence := range r.has() {
		fences = append(fences, fence)
	}
	_, err := side.Exec(`UPDATE leases SET ends_at = 0 WHERE fence = ANY ($1) OR name LIKE 'replica.%' AND holder = (SELECT holder FROM leases WHERE fence = $2)`, fences, fences[0])
	must(t, err)
	divided(t, []int{64}, other)
}

// What one who was frozen found out about a delivery counts only if it was sent: another replica has its lane by now.
func TestOutcomesOfTheFrozen(t *testing.T) {
	t.Parallel()
	address := schema(t)
	led, line := through(t, address)
	a := newSharer(t, led)
	divided(t, []int{64}, a)
	b := newSharer(t, address)
	divided(t, []int{32, 32}, a, b)
	var chat, own int64
	for n := range a.has() {
		chat = chats()[n]
	}
	for n := range b.has() {
		own = chats()[n]
	}
	failed, sent, queued, foreign := text("fails", to("", chat)), text("is sent", to("", chat)), text("waits", to("", chat)), text("of the other", to("", own))
	must(t, b.Accept(t.Context(), failed, sent, queued, foreign))
	lease, ok := a.leases.Lane("", chat)
	other, _ := b.leases.Lane("", own)
	if !ok || lease.Fence == other.Fence {
		t.Fatalf("the leases are %+v and %+v", lease, other)
	}
	for _, m := range []*relay.Message{failed, foreign} {
		a.Sending(m.Deliveries[0].ID)
	}
	must(t, a.Check(t.Context())) // after what is noted
	wantState(t, b, failed, relay.Sending)
	line.hold()
	a.expire(t, address, b)
	wantState(t, b, failed, relay.Queued)
	wantState(t, b, foreign, relay.Sending) // its lane was not taken over
	line.restore()
	finish := func(r *sharer, m *relay.Message, s relay.State, fence int64) error {
		return r.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: s, Attempts: 1, Fence: fence, At: t0, TelegramMessageIDs: []int64{7}})
	}
	refused := func(err error) {
		t.Helper()
		if !errors.Is(err, relay.ErrLeaseLost) {
			t.Errorf("the error is %v, want %v", err, relay.ErrLeaseLost)
		}
	}
	refused(eventuallyRefused(func() error { return finish(a, failed, relay.Failed, lease.Fence) }))
	refused(finish(a, queued, relay.Queued, lease.Fence))
	refused(finish(a, sent, relay.Sent, lease.Fence))
	refused(finish(a, failed, relay.Failed, other.Fence))
	for m, want := range map[*relay.Message]relay.State{failed: relay.Queued, queued: relay.Queued, sent: relay.Sent} {
		wantState(t, b, m, want)
	}
	d, err := b.Delivery(t.Context(), queued.Deliveries[0].ID)
	must(t, err)
	if d.Attempts != 0 {
		t.Errorf("an attempt that does not count was counted: %+v", d)
	}
	must(t, finish(b, foreign, relay.Failed, other.Fence))
	lease, _ = b.leases.Lane("", chat)
	must(t, finish(b, failed, relay.Failed, lease.Fence))
	wantState(t, a, failed, relay.Failed)
}

// eventuallyRefused tries again while the storage is not there.
func eventuallyRefused(try func() error) (last error) {
	_ = eventually(func() error {
		if last = try(); relay.ErrorCode(last) == relay.CodeStorageUnavailable {
			return last
		}
		return nil
	})
	return last
}

func wantState(t *testing.T, r *sharer, m *relay.Message, want relay.State) {
	t.Helper()
	d, err := r.Delivery(t.Context(), m.Deliveries[0].ID)
	must(t, err)
	if d.State != want {
		t.Errorf("%q is %s, want %s", m.Content.Text.Text, d.State, want)
	}
}

// After the server was away replicas go on with what they had, by the same leases.
func TestLeasesSurviveTheServer(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start()
	without(t, "PostgreSQL", err)
	t.Cleanup(func() { must(t, server.Stop()) })
	a := newSharer(t, server.URL(""))
	divided(t, []int{64}, a)
	b := newSharer(t, server.URL(""))
	divided(t, []int{32, 32}, a, b)
	before := []map[int]int64{a.has(), b.has()}
	must(t, server.Kill())
	divided(t, []int{0, 0}, a, b)
	time.Sleep(3 * time.Second) // they have ended at the server too
	must(t, server.Run())
	divided(t, []int{32, 32}, a, b)
	for i, r := range []*sharer{a, b} {
		if now := r.has(); fmt.Sprint(now) != fmt.Sprint(before[i]) {
			t.Errorf("replica %d has %v, and had %v", i, now, before[i])
		}
	}
}

// However leases change hands, none is given twice, and nobody has what another one has.
func TestFencesAreGivenOnce(t *testing.T) {
	t.Parallel()
	address := schema(t)
	var mu sync.Mutex
	seen := map[int64]string{} // by number: shard and replica
	a := newSharer(t, address)
	look := func(name string, r *sharer) {
		mu.Lock()
		defer mu.Unlock()
		for n, fence := range r.has() {
			what := fmt.Sprint(name, " ", n)
			if was, known := seen[fence]; known && was != what {
				t.Errorf("lease %d is of %s, and was of %s", fence, what, was)
			}
			seen[fence] = what
		}
	}
	var others sync.WaitGroup
	for i := range 3 {
		others.Go(func() {
			for j := range 4 {
				r := newSharer(t, address)
				name := fmt.Sprint(i, ".", j)
				for range 30 {
					look(name, r)
					time.Sleep(10 * time.Millisecond)
				}
				r.stop()
			}
		})
	}
	ended := make(chan struct{})
	go func() { others.Wait(); close(ended) }()
	for {
		look("a", a)
		select {
		case <-ended:
			divided(t, []int{64}, a)
			if len(seen) < 2*relay.Shards {
				t.Errorf("%d leases were given: too few to tell", len(seen))
			}
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A replica that freezes while it hands leases over holds up those that are to have them for moments only.
func TestFrozenHandOver(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := open(t, store.Options{URL: address})
	side := beside(t, address)
	_, err := side.Exec(`INSERT INTO leases (name, holder, fence, ends_at) SELECT 'lane.' || n, (SELECT id FROM writers LIMIT 1), 0, 0 FROM generate_series(0, 63) AS n`)
	must(t, err)
	thaw, err := a.Freeze(t.Context())
	must(t, err)
	defer thaw()
	b := newSharer(t, address)
	if took := divided(t, []int{64}, b); took > 12*time.Second {
		t.Errorf("they are taken after %s", took)
	}
}

// Leases of the dead end also where the server's clock was set back meanwhile.
func TestServersClockIsSetBack(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := newSharer(t, address)
	divided(t, []int{64}, a)
	a.stop()
	_, err := beside(t, address).Exec(`UPDATE leases SET holder = '\x01', ends_at = ends_at + 3600000`)
	must(t, err)
	b := newSharer(t, address)
	if took := divided(t, []int{64}, b); took < 9*time.Second {
		t.Errorf("they were taken after %s: somebody may live who had them", took)
	}
}

// One that was frozen while it took a lane over leaves alone what others send there by now, and hears of what is not its any more as soon as the storage says so.
func TestFrozenTakeOver(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := newSharer(t, address)
	divided(t, []int{64}, a)
	lease, _ := a.leases.Lane("", chats()[7])
	m := text("is being sent", to("", chats()[7]))
	must(t, a.Accept(t.Context(), m))
	a.Sending(m.Deliveries[0].ID)
	must(t, a.Check(t.Context()))
	heard := newEar()
	b := open(t, heard.options(address))
	go func() { _ = b.Listen(t.Context()) }()
	believed(t, b)
	_, err := beside(t, address).Exec(`UPDATE leases SET holder = '\x01', fence = nextval('fences') WHERE name = 'lane.7'`)
	must(t, err)
	must(t, a.TakeOver(t.Context(), 7, lease.Fence))
	wantState(t, a, m, relay.Sending)
	err = a.Finish(t.Context(), relay.Outcome{Delivery: m.Deliveries[0].ID, State: relay.Sent, Attempts: 1, Fence: lease.Fence, At: t0, TelegramMessageIDs: []int64{7}})
	if !errors.Is(err, relay.ErrLeaseLost) {
		t.Errorf("the error is %v", err)
	}
	if got, _ := a.leases.Lane("", chats()[7]); got.Fence != 0 {
		t.Errorf("it still has what the storage says is another's: %+v", got)
	}
	if got, want := heard.next(t), fmt.Sprint(chats()[7], " ", int(relay.Reordered)); got != want {
		t.Errorf("the others hear %q, want %q", got, want)
	}
}

// Tables are not changed under a daemon that uses them as they were.
func TestNoUpgradeUnderADaemon(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := newSharer(t, address)
	divided(t, []int{64}, a)
	_, err := beside(t, address).Exec(`DELETE FROM tgrelay_schema WHERE version = (SELECT max(version) FROM tgrelay_schema)`)
	must(t, err)
	upgrade := func() string {
		_, err := store.Open(t.Context(), store.Options{URL: address, Log: slog.New(slog.DiscardHandler)})
		return fmt.Sprint(err)
	}
	if err := upgrade(); !strings.Contains(err, "stop those first") {
		t.Errorf("it was begun: %s", err)
	}
	a.stop()
	if err := upgrade(); !strings.Contains(err, "migrate storage with") { // which fails, for it was done already
		t.Errorf("it is not begun: %s", err)
	}
}

// One that was frozen while a newer version changed the tables writes nothing any more, and leaves its lanes to others.
func TestOutdatedStops(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := newSharer(t, address)
	divided(t, []int{64}, a)
	_, err := beside(t, address).Exec(`INSERT INTO tgrelay_schema (version) SELECT max(version) + 1 FROM tgrelay_schema`)
	must(t, err)
	if err := a.Accept(t.Context(), text("too late", to("", 1))); relay.ErrorCode(err) != relay.CodeStorageUnavailable || !strings.Contains(fmt.Sprint(errors.Unwrap(err)), "a newer tgrelay") {
		t.Errorf("it was taken: %v", err)
	}
	divided(t, []int{0}, a)
}

var errCutOff = errors.New("telegram cannot be reached")

// A replica that stands back leaves its work to those that do not, and keeps it where there are none.
func TestStandBack(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := newSharer(t, address, func(db *store.DB) { db.Leases().StandBack(errCutOff) })
	divided(t, []int{64}, a)
	b := newSharer(t, address)
	divided(t, []int{0, 64}, a, b)
	b.leases.StandBack(errCutOff)
	for range 50 { // all stand back: nothing changes hands
		time.Sleep(100 * time.Millisecond)
		divided(t, []int{0, 64}, a, b)
	}
	if living, err := b.Living(t.Context()); err != nil || living == 0 {
		t.Errorf("%d are said to live, %v", living, err)
	}
	a.leases.StandBack(nil)
	divided(t, []int{64, 0}, a, b)
	fences := fmt.Sprint(a.has())
	a.leases.StandBack(errCutOff)
	b.leases.StandBack(nil)
	time.Sleep(time.Second) // it is not believed yet that it lasts
	if now := fmt.Sprint(a.has()); now != fences {
		t.Errorf("it has handed over at once: %s, and had %s", now, fences)
	}
	divided(t, []int{0, 64}, a, b)
	a.leases.StandBack(nil)
	divided(t, []int{32, 32}, a, b)
	b.leases.StandBack(errCutOff)
	if took := divided(t, []int{64, 0}, a, b); took > 1500*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	a.stop()
	divided(t, []int{0, 64}, a, b)
}

// What is under way in a replica that stands back is waited for; what hangs is broken off, and others have it when that is over.
func TestStandBackInUse(t *testing.T) {
	t.Parallel()
	address := schema(t)
	a := newSharer(t, address)
	divided(t, []int{64}, a)
	b := newSharer(t, address)
	divided(t, []int{32, 32}, a, b)
	used := map[int]func(){}
	for n := range a.has() {
		l, _ := a.leases.Lane("", chats()[n])
		done, ok := a.leases.Use(l)
		if !ok {
			t.Fatal("a lease that is there cannot be used")
		}
		used[n] = done
	}
	began := time.Now()
	a.leases.StandBack(errCutOff)
	divided(t, []int{0, 32}, a, b)
	for n := range used { // something begins nothing more, and goes on
		if l, _ := a.leases.Lane("", chats()[n]); l.Fence == 0 {
			t.Fatalf("shard %d is lost at once", n)
		}
	}
	until(t, "what hangs is broken off", func() bool {
		for n := range used {
			if l, _ := a.leases.Lane("", chats()[n]); l.Fence != 0 {
				return false
			}
		}
		return true
	})
	if took := time.Since(began); took < 4*time.Second || took > 10*time.Second {
		t.Errorf("it was broken off after %s", took)
	}
	divided(t, []int{0, 32}, a, b)
	for _, done := range used {
		done()
	}
	if took := divided(t, []int{0, 64}, a, b); took > 1500*time.Millisecond {
		t.Errorf("it took %s", took)
	}
}
