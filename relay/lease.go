package relay

import (
	"context"
	"time"
)

// Shards is in how many parts work is divided among replicas: chats, and duties. A replica holds whole shards.
const Shards = 64

// Lease is the right to work on a shard for a time.
type Lease struct {
	// Fence grows with each new holder of the shard: an outcome that says another than the storage has comes from one who lost it.
	Fence int64
	// Until is when nothing more may be begun, on the clock that does not jump; zero: never.
	Until time.Time
}

// Leases say what of the work is this replica's. They are safe for concurrent use, and answer from memory.
type Leases interface {
	// Lane returns the lease of a chat's lane; false: another replica has it, or nobody.
	Lane(bot string, chatID int64) (Lease, bool)
	// Duty returns the lease of a duty that one replica at a time has, by its name: "poll" for the updates of the first bot, "poll.NAME" for those of
	// another, "heartbeats", and so on.
	Duty(name string) (Lease, bool)
	// Changed is closed when something was gained or lost since it was asked for.
	Changed() <-chan struct{}
	// Run keeps the leases until ctx ends, and gives them back then.
	Run(ctx context.Context) error
}

// Alone are the leases of a relay that shares its storage with no other: all of them, for ever.
type Alone struct{}

// Lane implements Leases.
func (Alone) Lane(string, int64) (Lease, bool) { return Lease{}, true }

// Duty implements Leases.
func (Alone) Duty(string) (Lease, bool) { return Lease{}, true }

// Changed implements Leases: nothing ever is.
func (Alone) Changed() <-chan struct{} { return nil }

// Run implements Leases.
func (Alone) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
