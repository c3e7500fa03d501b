package trouble

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Storage is that the storage takes no writes; check makes one.
func Storage(check func(context.Context) error) Kind {
	return Kind{
		Name: "storage", Patience: func() time.Duration { return 0 },
		Check: func(ctx context.Context, _ bool) error {
			err := check(ctx)
			var e *relay.Error
			if errors.As(err, &e) && e.Detail != "" {
				return errors.New(e.Detail)
			}
			return err
		},
		End: func(c Case) string {
			return fmt.Sprintf("⚠️ The storage took no writes from %s on, for %s: %s\nWebhooks and messages were answered with 503 meanwhile; senders that try again have lost nothing.", c.From(), c.For(), c.Detail)
		},
	}
}
