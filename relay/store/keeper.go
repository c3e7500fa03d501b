package store

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	renewEvery = 2 * time.Second
	keeperWait = 4 * time.Second // for all that is asked of the server in one round
	watchEvery = 250 * time.Millisecond
	// reconnectEvery is how often a lost connection is tried to be made anew.
	reconnectEvery = 500 * time.Millisecond
	// afterOutage is for how long nothing is taken after the server was away: others have a chance to renew what is theirs.
	afterOutage = renewEvery + time.Second
	// unwantedAfter is for how long a free shard is left to those who have less.
	unwantedAfter = 3 * time.Second
	// takeOverWithin is how long what the former holder left may take to be put in order.
	takeOverWithin = 5 * time.Second
	// calmFor is for how long a replica that stood back leaves the work to the others after it need not any more: it may be cut off again at once.
	calmFor = 5 * time.Second
	// finishWithin is for how long what is under way is waited for by a replica that stands back. What it does then is broken off: it can do it only badly.
	finishWithin = 5 * time.Second
	// awayFor is for how long a replica that could not take over leaves the work to the others.
	awayFor = 30 * time.Second
	// handOverWithin is how long what is under way at the end is waited for. The daemon drains for less.
	handOverWithin = 15 * time.Second
)

// keeper gets, renews and gives leases back on a connection of its own, so that nothing else holds it up:
//
//	every 2 s, and when something became free: renew ours ─▶ who lives, what is free? ─┬─ we have too few ─▶ take ─▶ take over ─▶ begin
//	                                                                                   └─ too many ─▶ begin nothing more ─▶ nobody uses it: give back
//
// A replica that stands back is none of those that share the work. While there are such, all that it has is too many. While all stand back, each keeps what it
// has: one of them may be the first that can do it again, and nothing goes to and fro. Whoever need not stand back any more keeps it too, until it has its share.
//
// What is left of others' leases is told by the server's clock, and of ours by our own clocks.
type keeper struct {
	*leases
	db      *DB
	p       *postgres
	log     *slog.Logger
	running sync.WaitGroup

	conn     *pgx.Conn // nil: there is none
	gone     time.Time // when the connection was lost; zero: it was not
	late     time.Time // since when there are leases that end too late; zero: there are none
	replicas int       // that live, this one among them
	left     time.Time // since when the work is left to the others; zero: it is not
	next     time.Duration

	ending bool
	rest   time.Time // nothing is taken before then; under mu
	away   time.Time // before then this is none of the replicas that share the work; under mu
	back   error     // why it stands back, and is none of them either; nil: it does not; under mu
}

func newKeeper(db *DB, p *postgres) *keeper {
	return &keeper{leases: newLeases(db.metrics), db: db, p: p, log: db.options.Log}
}

// Run implements relay.Leases. It may be called once.
func (k *keeper) Run(ctx context.Context) error {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer k.running.Wait()
	defer stop()
	k.running.Go(func() { k.watch(watching) })
	for ctx.Err() == nil {
		k.round()
		k.wait(ctx)
	}
	k.end()
	return nil
}

// StandBack implements relay.Leases.
func (k *keeper) StandBack(why error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if calm := time.Now().Add(calmFor); why == nil && k.back != nil && k.away.Before(calm) {
		k.away = calm
	}
	k.back = why
	k.metrics.back.Set(0)
	if why != nil {
		k.metrics.back.Set(1)
	}
	k.wakeUp()
}

// watch tells of leases that end, also while the server does not answer.
func (k *keeper) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.lost(k.change(func(*[relay.Shards]shard) {}))
		case <-ctx.Done():
			return
		}
	}
}

// lost notes leases that ended without having been given back.
func (k *keeper) lost(n int) {
	if n > 0 {
		k.metrics.lost.Add(float64(n))
		k.log.Warn("leases ended before they could be renewed: what is under way by them is broken off, and whoever gets them next goes on", "shards", n)
	}
}

// round does all that is to be done now.
func (k *keeper) round() {
	ctx, cancel := context.WithTimeout(context.Background(), keeperWait)
	defer cancel()
	k.next = reconnectEvery
	if err := k.keep(ctx); err != nil {
		k.disconnect(err)
	}
}

func (k *keeper) keep(ctx context.Context) error {
	if err := k.connect(ctx); err != nil {
		return err
	}
	if err := k.known(ctx); err != nil {
		return err
	}
	asked := time.Now()
	ours, err := k.renew(ctx)
	if err != nil {
		return err
	}
	k.renewed(asked, ours)
	all, err := k.look(ctx)
	if err != nil {
		return err
	}
	if err := k.setRight(ctx, all); err != nil {
		return err
	}
	k.yield(all.others)
	missing := k.balance(all)
	if err := k.giveBack(ctx); err != nil || missing == 0 {
		return err
	}
	asked = time.Now()
	got, err := k.take(ctx, missing)
	if err == nil {
		k.took(asked, got)
	}
	return err
}

// renewed notes which leases are still ours. What nobody knew to be ours was taken, or given back, when the connection was lost.
func (k *keeper) renewed(asked time.Time, ours []grant) {
	var found []grant
	k.lost(k.change(func(all *[relay.Shards]shard) {
		var still [relay.Shards]bool
		for _, h := range ours {
			s := &all[h.shard]
			still[h.shard] = true
			if s.fence != h.fence {
				*s = shard{fence: h.fence, taking: true}
				found = append(found, h)
			}
			s.asked = asked
		}
		for n := range all {
			if !still[n] {
				all[n] = shard{}
			}
		}
	}))
	k.takeOver(found)
}

// disown notes that the storage says a lease is another's, which the keeper has not heard of yet.
func (k *keeper) disown(fence int64) {
	k.lost(k.change(func(all *[relay.Shards]shard) {
		for n := range all {
			if all[n].fence == fence {
				all[n] = shard{}
			}
		}
	}))
}

// took notes what was taken just now.
func (k *keeper) took(asked time.Time, got []grant) {
	k.change(func(all *[relay.Shards]shard) {
		for _, h := range got {
			all[h.shard] = shard{fence: h.fence, asked: asked, taking: true}
		}
	})
	k.takeOver(got)
}

// takeOver puts in order what the former holders left, and begins. Whatever they wrote before is kept, and what they write from now on is refused: this
// goes through the committer, as that does.
func (k *keeper) takeOver(got []grant) {
	if len(got) == 0 {
		return
	}
	k.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), takeOverWithin)
		defer cancel()
		err := k.db.takeOver(ctx, got)
		if err != nil {
			k.log.Warn("what another replica had cannot be taken over; it is given back", "shards", len(got), "error", err)
		}
		k.change(func(all *[relay.Shards]shard) {
			for _, h := range got {
				if s := &all[h.shard]; s.fence == h.fence {
					s.taking, s.leaving = err != nil, s.leaving || err != nil
				}
			}
			if err != nil {
				k.away = time.Now().Add(awayFor)
				k.rest = k.away
			}
		})
		k.wakeUp()
	})
}

// balance compares what we have with our share, and returns how much is to be taken.
func (k *keeper) balance(all census) (missing int) {
	k.met(all.replicas)
	share := (relay.Shards + k.replicas - 1) / k.replicas
	leaving := k.ending || !k.left.IsZero()
	if leaving {
		share = 0
	}
	k.change(func(shards *[relay.Shards]shard) {
		surplus := stay(shards, share)
		for _, used := range []bool{false, true} { // what nobody uses goes first
			for n := range shards {
				if s := &shards[n]; surplus > 0 && s.fence != 0 && !s.leaving && (s.users > 0) == used {
					s.leaving = true
					surplus--
				}
			}
		}
		if leaving || time.Now().Before(k.rest) {
			return
		}
		missing = min(max(-surplus, all.unwanted), all.free)
	})
	k.next = min(renewEvery, all.next)
	return missing
}

// stay lets what was to be handed over stay as far as there is room for it, and returns how much we have beyond our share.
func stay(shards *[relay.Shards]shard, share int) (surplus int) {
	surplus = -share
	for n := range shards {
		if s := &shards[n]; s.fence != 0 && !s.leaving {
			surplus++
		}
	}
	for n := range shards {
		if s := &shards[n]; surplus < 0 && s.fence != 0 && s.leaving && !s.taking {
			s.leaving = false
			surplus++
		}
	}
	return surplus
}

// met notes how many replicas live.
func (k *keeper) met(replicas int) {
	if replicas != k.replicas {
		k.log.Info("replicas that share the work", "replicas", replicas)
	}
	k.replicas = replicas
	k.metrics.replicas.Set(float64(replicas))
}

// yield notes whether the work is left to others, of whom there are so many, and says so once.
func (k *keeper) yield(others int) {
	k.mu.Lock()
	why := k.back
	k.mu.Unlock()
	leaves, left := why != nil && others > 0, !k.left.IsZero()
	switch {
	case leaves && !left:
		k.log.Warn("this replica stands back, and leaves its work to the others until it can do it again", "others", others, "reason", why)
		k.left = time.Now()
	case left && !leaves && why == nil:
		k.log.Info("this replica takes its share of the work again", "after", time.Since(k.left).Round(time.Second))
	case left && !leaves:
		k.log.Warn("there is no other replica any more that can do the work: this one goes on trying", "reason", why)
	}
	if !leaves {
		k.left = time.Time{}
	}
}

// breakOff ends what is under way in shards that are left to others for long enough. They are given back when that is over.
func (k *keeper) breakOff() {
	if k.left.IsZero() || time.Since(k.left) < finishWithin {
		return
	}
	broken := 0
	k.change(func(all *[relay.Shards]shard) {
		for n := range all {
			if s := &all[n]; s.leaving && s.users > 0 && !s.taking {
				s.taking = true // to those who use it, it has ended
				broken++
			}
		}
	})
	if broken > 0 {
		k.log.Info("what is under way in shards that are left to others is broken off", "shards", broken)
	}
}

// giveBack gives what is to be handed over and nobody uses.
func (k *keeper) giveBack(ctx context.Context) error {
	k.breakOff()
	var names []string
	k.change(func(all *[relay.Shards]shard) {
		for n := range all {
			if s := &all[n]; s.fence != 0 && s.leaving && s.users == 0 {
				names = append(names, laneName(n))
				*s = shard{}
			}
		}
	})
	if len(names) == 0 {
		return nil
	}
	return k.give(ctx, names)
}

// wait ends with ctx, when the next round is due, or when something became free, here or elsewhere.
func (k *keeper) wait(ctx context.Context) {
	timer := time.NewTimer(k.next)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.unused:
	case <-k.db.channel.onLease():
	case <-ctx.Done():
	}
}

// end gives everything back, each shard when nobody uses it any more.
func (k *keeper) end() {
	ctx, cancel := context.WithTimeout(context.Background(), handOverWithin)
	defer cancel()
	k.ending = true
	for ctx.Err() == nil {
		k.round()
		if k.conn == nil || k.hold() == 0 { // without a connection they end by themselves
			break
		}
		k.wait(ctx)
	}
	k.disconnect(nil)
}

// hold is how many shards we have in one way or another.
func (k *keeper) hold() (n int) {
	k.change(func(all *[relay.Shards]shard) {
		for _, s := range all {
			if s.fence != 0 {
				n++
			}
		}
	})
	return n
}

// disconnect ends the connection, which err, if there is one, came from.
func (k *keeper) disconnect(err error) {
	if err != nil && k.gone.IsZero() {
		k.log.Warn("leases cannot be renewed; trying again", "reason", reason(err), "error", err)
		k.gone = time.Now()
	}
	if k.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = k.conn.Close(ctx)
	k.conn = nil
}

// connected notes that the server answers.
func (k *keeper) connected() {
	if k.gone.IsZero() {
		return
	}
	away := time.Since(k.gone)
	k.log.Info("leases can be renewed again", "after", away.Round(time.Second))
	k.gone = time.Time{}
	if away > renewEvery {
		k.change(func(*[relay.Shards]shard) { k.rest = time.Now().Add(afterOutage) })
	}
}

// Living is how many daemons share the storage now, this one not counted before its leases run. Nobody shares a file.
func (db *DB) Living(ctx context.Context) (living int, err error) {
	if _, ok := db.engine.(*postgres); !ok {
		return 0, nil
	}
	err = db.readers.QueryRowContext(ctx, livingText).Scan(&living)
	return living, err
}
