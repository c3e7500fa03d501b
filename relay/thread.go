package relay

import (
	"context"
	"encoding/json"
	"time"
)

// ThreadAge is for how long a thread is remembered after its end: what comes late still finds it.
const ThreadAge = 24 * time.Hour

// Thread is what a chat was told of a group of alerts from its firing to its resolution: one conversation. When the group fires again
// after that, it is another one. Its messages are a live message whose key is the thread's ID.
type Thread struct {
	ID        ID
	Group     [32]byte // SHA-256 of what makes the group: receiver, the sender's group key, the recipient that the path named
	Receiver  string
	To        []string // whom it is told to
	OpenedAt  time.Time
	UpdatedAt time.Time
	EndedAt   time.Time // zero while it is open; a group has one open thread at most
	State     json.RawMessage
	// Version is how often the thread was stored. It is zero for one that is new, and a thread that changed since it was read is not overwritten.
	Version int64
}

// Threads keeps threads. All methods are safe for concurrent use; writes are durable when they return.
type Threads interface {
	// ThreadOf returns the newest thread of a group, and Thread one by its ID. Error: CodeNotFound.
	ThreadOf(ctx context.Context, group [32]byte) (*Thread, error)
	Thread(ctx context.Context, id ID) (*Thread, error)
	// OpenThreads returns a page of the threads that are open, in the order of their IDs.
	OpenThreads(ctx context.Context, after ID, limit int) ([]Thread, error)
	// Tell stores threads and accepts messages in one transaction, and counts the threads' Version up. Error, with nothing done:
	// CodeConflict for a thread that was changed since it was read, or a group that has got an open thread since. The rest is as of Accept.
	Tell(ctx context.Context, threads []*Thread, messages ...*Message) error
}
