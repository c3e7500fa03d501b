package relay

import (
	"context"
	"time"
)

// Updates keeps how far Telegram's updates of each bot were worked through, so that each acts once over restarts and in both modes.
type Updates interface {
	// Offset is getUpdates' offset of a bot, zero at first; SetOffset stores it, after the effects of all updates below it were stored.
	Offset(ctx context.Context, bot string) (int64, error)
	SetOffset(ctx context.Context, bot string, offset int64) error
	// SeenUpdate reports whether an update of a bot was worked through; MarkUpdate notes it. Notes are kept two days, for
	// Telegram sends an update for one day at most and update IDs may start anew after a week.
	SeenUpdate(ctx context.Context, bot string, updateID int64) (bool, error)
	MarkUpdate(ctx context.Context, bot string, updateID int64, at time.Time) error
	// Setting returns a value that the daemon keeps for itself (the webhook's secret token), empty if there is none.
	Setting(ctx context.Context, name string) (string, error)
	SetSetting(ctx context.Context, name, value string) error
	// ChangeSetting puts what change makes of a value in its place, in one step: nobody's value is overwritten unseen. change may run several times. Its error
	// is returned, and leaves the value as it was.
	ChangeSetting(ctx context.Context, name string, change func(value string) (string, error)) error
}
