package relay

import (
	"context"
	"time"
)

// ClaimTime is how long a claim of an update holds.
const ClaimTime = 10 * time.Second

// Claim is what came of claiming an update.
type Claim int

// What may come of it.
const (
	Claimed Claim = iota // it is the caller's to work through
	Done                 // that was done
	Busy                 // somebody else does it, or did until lately
)

// Updates keeps how far Telegram's updates of each bot were worked through, so that each acts once over restarts and in both modes.
type Updates interface {
	// Offset is getUpdates' offset of a bot, zero at first; SetOffset stores it, after the effects of all updates below it were stored.
	Offset(ctx context.Context, bot string) (int64, error)
	SetOffset(ctx context.Context, bot string, offset int64) error
	// ClaimUpdate begins to work an update of a bot through, unless that was done or is being done. A claim ends by itself after ClaimTime, for who has
	// it may be gone. UnclaimUpdate gives it back where that failed.
	ClaimUpdate(ctx context.Context, bot string, updateID int64, at time.Time) (Claim, error)
	UnclaimUpdate(ctx context.Context, bot string, updateID int64) error
	// MarkUpdate notes that an update was worked through, and reports whether it is the first to do so. Notes are kept two days, for
	// Telegram sends an update for one day at most and update IDs may start anew after a week.
	MarkUpdate(ctx context.Context, bot string, updateID int64, at time.Time) (first bool, err error)
	// Setting returns a value that the daemon keeps for itself (the webhook's secret token), empty if there is none.
	Setting(ctx context.Context, name string) (string, error)
	SetSetting(ctx context.Context, name, value string) error
	// ChangeSetting puts what change makes of a value in its place, in one step: nobody's value is overwritten unseen. change may run several times. Its error
	// is returned, and leaves the value as it was.
	ChangeSetting(ctx context.Context, name string, change func(value string) (string, error)) error
}
