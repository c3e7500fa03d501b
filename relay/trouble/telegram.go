package trouble

import (
	"context"
	"fmt"
	"time"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

// Refused is that Telegram refuses the bot's token; healthy is telegram.Client's.
func Refused(healthy func() error) Kind {
	return Kind{
		Name: "refused", Patience: func() time.Duration { return 0 },
		Check: func(context.Context, bool) error {
			err := healthy()
			if err == nil || refuses(err) {
				return err
			}
			return ErrUnknown // out of reach: who knows what it would say
		},
		End: func(c Case) string {
			return fmt.Sprintf("⚠️ Telegram refused the bot from %s on, for %s: %s\nIt takes messages again. What came in meanwhile was kept and is on its way.", c.From(), c.For(), c.Detail)
		},
	}
}

// Unreachable is that Telegram cannot be reached for longer than patience.
func Unreachable(healthy func() error, patience func() time.Duration) Kind {
	return Kind{
		Name: "unreachable", Patience: patience,
		Check: func(context.Context, bool) error {
			if err := healthy(); !refuses(err) {
				return err
			}
			return nil
		},
		End: func(c Case) string {
			return fmt.Sprintf("⚠️ Telegram could not be reached from %s on, for %s: %s\nWhat came in meanwhile was kept and is on its way.", c.From(), c.For(), c.Detail)
		},
	}
}

func refuses(err error) bool {
	switch telegram.ReasonOf(err) {
	case telegram.BadToken, telegram.Misdirected:
		return true
	}
	return false
}
