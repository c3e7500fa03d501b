package daemon

import (
	"context"
	"errors"

	"github.com/tgrelay/tgrelay/relay"
)

// onDuty has a function run only while this replica has the duty of a name: of all replicas one does at a time. Its ctx ends when the duty is lost or is to be
// handed over, which is done when it has returned; it begins anew when the duty is gained again. Once it returns by itself, or with an error of its own, that is all.
func onDuty(leases relay.Leases, name string, run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for ctx.Err() == nil {
			changed := leases.Changed()
			lease, ok := leases.Duty(name)
			if ok {
				over, err := serveDuty(ctx, leases, name, lease, run)
				if over {
					return err
				}
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		return nil
	}
}

// serveDuty runs a function for as long as a lease is ours. It reports whether that was the last time.
func serveDuty(ctx context.Context, leases relay.Leases, name string, lease relay.Lease, run func(context.Context) error) (over bool, err error) {
	done, ok := leases.Use(lease)
	if !ok {
		return false, nil // lost between the two questions
	}
	defer done()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- run(serving) }()
	for {
		changed := leases.Changed()
		if now, ok := leases.Duty(name); !ok || now.Fence != lease.Fence {
			stop()
			err := <-ended
			return err != nil && !errors.Is(err, context.Canceled), err
		}
		select {
		case <-changed:
		case err := <-ended:
			return true, err
		}
	}
}
