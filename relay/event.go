package relay

import (
	"context"
	"encoding/json"
	"time"
)

// EventType says what happened.
type EventType string

// The types of events.
const (
	RecipientLinked   EventType = "recipient.linked"   // a chat was connected, or takes messages again
	RecipientUnlinked EventType = "recipient.unlinked" // a chat was disconnected
	RecipientBlocked  EventType = "recipient.blocked"  // a chat takes no messages any more: blocked, or the bot was removed
	RecipientMigrated EventType = "recipient.migrated" // a group became a supergroup
	MessageSent       EventType = "message.sent"       // a delivery arrived
	MessageFailed     EventType = "message.failed"     // a delivery failed or expired
	ButtonPressed     EventType = "button.pressed"     // a person pressed a button of an application's
)

// EventAge is for how long an application is told of an event, if it does not take it.
const EventAge = 72 * time.Hour

// Event is something that an application is to hear of. Those of a recipient are told one after the other.
type Event struct {
	ID        ID
	Type      EventType
	Recipient string
	At        time.Time
	Data      json.RawMessage // an object, by the type
	Attempts  int
}

// Events keeps events until they were told. All methods are safe for concurrent use; writes are durable when they return. What happens in the
// storage itself is noted with it, in the same transaction, where somebody wants events.
type Events interface {
	// AddEvent stores an event, unless one of its ID waits already.
	AddEvent(ctx context.Context, e Event) error
	// DueEvents returns the oldest event of each recipient that may be told at now, the oldest first, at most limit.
	DueEvents(ctx context.Context, now time.Time, limit int) ([]Event, error)
	// EndEvent forgets an event that was told, or that is given up.
	EndEvent(ctx context.Context, id ID) error
	// PostponeEvent counts an attempt; what follows for the same recipient waits too.
	PostponeEvent(ctx context.Context, id ID, until time.Time) error
}
