package trouble

import (
	"context"
	"fmt"
	"time"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

// Refused is that Telegram refuses the token of a bot, which is empty for the first; healthy is telegram.Client's.
func Refused(bot string, healthy func() error) Kind {
	return Kind{
		Name: ofBot("refused", bot), Patience: func() time.Duration { return 0 },
		Check: func(context.Context, bool) error {
			err := healthy()
			if err == nil || refuses(err) {
				return err
			}
			return ErrUnknown // out of reach: who knows what it would say
		},
		End: func(c Case) string {
			return fmt.Sprintf("⚠️ Telegram refused %s from %s on, for %s: %s\nIt takes messages again. What came in meanwhile was kept and is on its way.", theBot(bot), c.From(), c.For(), c.Detail)
		},
	}
}

// Unreachable is that a bot cannot reach Telegram for longer than patience.
func Unreachable(bot string, healthy func() error, patience func() time.Duration) Kind {
	return Kind{
		Name: ofBot("unreachable", bot), Patience: patience,
		Check: func(context.Context, bool) error {
			if err := healthy(); !refuses(err) {
				return err
			}
			return nil
		},
		End: func(c Case) string {
			by := ""
			if bot != "" {
				by = " by " + theBot(bot)
			}
			return fmt.Sprintf("⚠️ Telegram could not be reached%s from %s on, for %s: %s\nWhat came in meanwhile was kept and is on its way.", by, c.From(), c.For(), c.Detail)
		},
	}
}

// ofBot is the name of a kind that each bot has.
func ofBot(kind, bot string) string {
	if bot == "" {
		return kind
	}
	return kind + "." + bot
}

func theBot(bot string) string {
	if bot == "" {
		return "the bot"
	}
	return "the bot " + bot
}

func refuses(err error) bool {
	switch telegram.ReasonOf(err) {
	case telegram.BadToken, telegram.Misdirected:
		return true
	}
	return false
}
