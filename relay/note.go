package relay

import (
	"context"
	"time"
)

// Notes keep for a while what a later request has to know, whichever process it reaches. All methods are safe for concurrent use; writes are durable when
// they return.
type Notes interface {
	// Note keeps a value under a name until a moment, in the place of the one before.
	Note(ctx context.Context, name, value string, until time.Time) error
	// Noted returns the value of a name; empty where there is none, or none any more at now.
	Noted(ctx context.Context, name string, now time.Time) (string, error)
	// Unnote lets go of a name.
	Unnote(ctx context.Context, name string) error
}
