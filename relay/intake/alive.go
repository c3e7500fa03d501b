package intake

import (
	"context"
	"fmt"
)

// nobody is a recipient who is looked up to see whether that works.
const nobody = "tgrelay.alive"

// Alive returns nil if what takes messages in still works: recipients are found, and Run comes round. It does not matter whether the storage
// takes writes. Error: ctx's, where no answer came.
func (d *Door) Alive(ctx context.Context) error {
	_, _ = d.directory.Recipient(ctx, nobody) // an answer is all that is wanted
	if ctx.Err() != nil {
		return fmt.Errorf("recipients are not found: %w", ctx.Err())
	}
	answer := make(chan struct{})
	select {
	case d.questions <- answer:
		<-answer
	case <-ctx.Done():
		return fmt.Errorf("notices and what was kept do not go on: %w", ctx.Err())
	}
	d.notices.mu.Lock() // whoever renders needs it
	defer d.notices.mu.Unlock()
	return nil
}

// answer says that Run is alive, if somebody asks.
func (d *Door) answer() {
	select {
	case answer := <-d.questions:
		close(answer)
	default:
	}
}
