package chat

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// An update may come twice, to two replicas at once: Telegram repeats what was not answered in time, and who was at it may be gone or only slow. So whoever
// works it through claims it before. Should two be at it all the same, one having been frozen for longer than a claim holds, then what they say bears
// the update's name, and the storage takes it once.

const (
	// workTime is how long an update may take to be worked through: its claim has not ended then.
	workTime = relay.ClaimTime - 3*time.Second
	// askAgain is how soon it is looked again whether somebody else is done.
	askAgain = 100 * time.Millisecond
)

// errBusy is of an update that somebody else works through for longer than is waited for.
var errBusy = errors.New("somebody else is at this update, or was when it ended: it is to come again")

// handling is an update that is worked through.
type handling struct {
	bot      string
	updateID int64
	answers  int
}

type handlingKey struct{}

// Handle acts upon an update, once: an update_id that was worked through before does nothing. An error means that
// the effect is not stored and the update is to be sent again.
func (b *Bot) Handle(ctx context.Context, u telegram.Update) error {
	began := time.Now() // whatever holds us up, the claim is not older
	claim, err := b.claim(ctx, u.UpdateID)
	if err != nil || claim == relay.Done {
		return err
	}
	working, cancel := context.WithTimeout(context.WithValue(ctx, handlingKey{}, &handling{bot: b.Bot, updateID: u.UpdateID}), workTime)
	defer cancel()
	if err := b.dispatch(working, u); err != nil {
		return errors.Join(err, b.giveBack(ctx, u.UpdateID, began))
	}
	if _, err = b.Updates.MarkUpdate(ctx, b.Bot, u.UpdateID, time.Now()); err != nil {
		b.kept.add(u.UpdateID, began)
	}
	return err
}

// claim returns Claimed or Done. It waits for whoever is at the update already: what follows in its chat is not to overtake it.
func (b *Bot) claim(ctx context.Context, updateID int64) (relay.Claim, error) {
	if err := b.giveBackKept(ctx, updateID); err != nil {
		return relay.Busy, err
	}
	for began := time.Now(); ; {
		claim, err := b.Updates.ClaimUpdate(ctx, b.Bot, updateID, time.Now())
		switch {
		case err != nil || claim != relay.Busy:
			return claim, err
		case time.Since(began) > relay.ClaimTime+time.Second:
			return claim, errBusy
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return claim, ctx.Err()
		}
	}
}

// giveBack lets an update that failed be tried again at once, also where whoever brought it has left meanwhile. Where the storage is away it is done when
// the update comes again.
func (b *Bot) giveBack(ctx context.Context, updateID int64, claimed time.Time) error {
	err := b.Updates.UnclaimUpdate(context.WithoutCancel(ctx), b.Bot, updateID)
	if err != nil {
		b.kept.add(updateID, claimed)
	}
	return err
}

// giveBackKept gives a claim back that could not be when it failed.
func (b *Bot) giveBackKept(ctx context.Context, updateID int64) error {
	claimed, ours := b.kept.take(updateID)
	if !ours {
		return nil
	}
	return b.giveBack(ctx, updateID, claimed)
}

// kept are claims of updates that failed and that could not be given back, with when they were made.
type kept struct {
	mu     sync.Mutex
	claims map[int64]time.Time
}

func (k *kept) add(updateID int64, claimed time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.claims == nil {
		k.claims = map[int64]time.Time{}
	}
	k.claims[updateID] = claimed
	for id, at := range k.claims { // what never came again
		if time.Since(at) > relay.ClaimTime {
			delete(k.claims, id)
		}
	}
}

// take reports whether a claim is still ours: soon after it anybody may have the update.
func (k *kept) take(updateID int64) (claimed time.Time, ours bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	claimed, ours = k.claims[updateID]
	delete(k.claims, updateID)
	return claimed, ours && time.Since(claimed) < workTime
}

// settle notes that an update is worked through before something is done that must not be done twice. It is false where somebody else has done so.
func (b *Bot) settle(ctx context.Context) (first bool, err error) {
	h, ok := ctx.Value(handlingKey{}).(*handling)
	if !ok {
		return true, nil // of no update
	}
	return b.Updates.MarkUpdate(ctx, h.bot, h.updateID, time.Now())
}

// once names an answer after the update that is worked through, so that it is given once.
func once(ctx context.Context, answer *relay.Message) *relay.Message {
	answer.Request = nextAnswer(ctx)
	if h, ok := ctx.Value(handlingKey{}).(*handling); ok {
		h.answers++
	}
	return answer
}

// nextAnswer names the next answer to the update that is worked through; nil outside of one.
func nextAnswer(ctx context.Context) *relay.Request {
	h, ok := ctx.Value(handlingKey{}).(*handling)
	if !ok {
		return nil
	}
	return &relay.Request{Owner: relay.OwnRequests, Key: fmt.Sprintf("update %s %d %d", h.bot, h.updateID, h.answers)}
}

// eventID is that of the event that an update becomes, however often it does.
func eventID(ctx context.Context) relay.ID {
	if h, ok := ctx.Value(handlingKey{}).(*handling); ok {
		return relay.NamedID(fmt.Sprintf("update %s %d", h.bot, h.updateID))
	}
	return relay.NewID()
}
