package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"time"
)

// Shards is in how many parts work is divided among replicas: chats, and duties. A replica holds whole shards.
const Shards = 64

// LaneShard is the shard of a chat's lane at a bot, by its name.
func LaneShard(bot string, chatID int64) int {
	return shardOf(binary.BigEndian.AppendUint64(append([]byte(bot), 0), uint64(chatID)))
}

// DutyShard is the shard of a duty.
func DutyShard(name string) int { return shardOf([]byte(name)) }

func shardOf(key []byte) int {
	h := fnv.New32a()
	_, _ = h.Write(key) // never fails: hash.Hash
	return int(h.Sum32() % Shards)
}

// ErrLeaseLost is of what was done by a lease that another replica has by now.
var ErrLeaseLost = errors.New("another replica has the lease by now")

// Lease is the right to work on a shard for a time. It is renewed for as long as all is well.
type Lease struct {
	// Fence is the number of the lease. No two have the same, and a later one of the same shard has a greater: an outcome with a number that the storage
	// does not have any more comes from one who lost it. 0: there is nobody who could have another.
	Fence int64
	// Until is when nothing more may be begun, on the clock that does not jump; zero: never.
	Until time.Time
}

// Leases say what of the work is this replica's. They are safe for concurrent use, and answer from memory.
type Leases interface {
	// Lane returns the lease of a chat's lane. With false nothing may be begun there: another replica has it, or nobody, and the Lease is zero; or it is to be
	// handed over or waits for being renewed, and what is under way by the Lease may go on.
	Lane(bot string, chatID int64) (Lease, bool)
	// Duty returns the lease of a duty that one replica at a time has, by its name: "poll" for the updates of the first bot, "poll.NAME" for those of
	// another, "heartbeats", and so on. With false as in Lane.
	Duty(name string) (Lease, bool)
	// Use keeps a lease from being handed over until done is called; it may be called more than once. False: the lease has ended.
	Use(l Lease) (done func(), ok bool)
	// Changed is closed when what Lane and Duty answer is not what it was when it was asked for.
	Changed() <-chan struct{}
	// StandBack leaves the work to other replicas, as long as there are any that do not stand back themselves: this one could do it only badly, and why says
	// for what reason. What is under way is waited for, some seconds at most. Where there are no others nothing changes. With nil it takes its share again. It
	// never blocks.
	StandBack(why error)
	// Run keeps the leases until ctx ends, and gives them back then, each as soon as nobody uses it. Before it there are none.
	Run(ctx context.Context) error
}

// Alone are the leases of a relay that shares its storage with no other: all of them, for ever.
type Alone struct{}

// Lane implements Leases.
func (Alone) Lane(string, int64) (Lease, bool) { return Lease{}, true }

// Duty implements Leases.
func (Alone) Duty(string) (Lease, bool) { return Lease{}, true }

// Use implements Leases.
func (Alone) Use(Lease) (done func(), ok bool) { return func() {}, true }

// Changed implements Leases: nothing ever is.
func (Alone) Changed() <-chan struct{} { return nil }

// StandBack implements Leases: there is nobody to leave the work to.
func (Alone) StandBack(error) {}

// Run implements Leases.
func (Alone) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
