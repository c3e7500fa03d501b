package delivery

import (
	"math/rand/v2"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// What to do after a failed attempt.
type step int

const (
	again   step = iota // wait, then the same
	resend              // at once, without what Telegram refused
	migrate             // to the supergroup that the group became
	goneFor             // the chat takes nothing: fail, and with it what else waits for the chat
	giveUp              // fail this delivery only
	stop                // no request would get through: all wait until the token is accepted
	success             // what was asked for is already so
)

// reaction is a step with what it needs.
type reaction struct {
	step  step
	after time.Duration   // with again
	limit bool            // with again: Telegram asked for it, so the chat's pace was too fast
	drop  extras          // with resend
	chat  relay.ChatState // with goneFor
}

// extras are what a message can do without rather than not arrive.
type extras uint8

const (
	entities extras = 1 << iota
	replyMarkup
	linkPreview
	thread
)

// softTries is how often a chat that the bot may not write to is tried before the delivery fails: 1+2+4+8+16 s, for
// rights are often given back at once by whoever took them by mistake.
const softTries = 6

// react decides what follows a failed attempt. failures is how many attempts of this delivery have failed in a row, this one
// included; left are the extras that the message still has. It is pure but for the jitter.
func react(e *telegram.Error, chatID int64, failures int, left extras) reaction {
	switch e.Reason {
	case telegram.RateLimited:
		return reaction{step: again, after: max(e.RetryAfter, time.Second), limit: true}
	case telegram.Unauthorized:
		return reaction{step: stop}
	case telegram.Migrated:
		if e.MigrateToChatID != 0 && e.MigrateToChatID != chatID {
			return reaction{step: migrate}
		}
		return reaction{step: again, after: backoff(failures)} // the update that names the new chat is on its way
	case telegram.Blocked, telegram.Deactivated, telegram.NotStarted, telegram.TargetIsBot:
		return reaction{step: goneFor, chat: relay.Blocked}
	case telegram.Kicked, telegram.NotMember, telegram.ChatDeleted:
		return reaction{step: goneFor, chat: relay.Left}
	case telegram.ChatNotFound:
		return reaction{step: goneFor, chat: absence(chatID)}
	case telegram.NoRights, telegram.PaymentAsked:
		if failures < softTries {
			return reaction{step: again, after: backoff(failures)}
		}
		return reaction{step: giveUp}
	case telegram.AlreadyDone:
		return reaction{step: success}
	case telegram.ServerError, telegram.BadAnswer, telegram.OutcomeUnknown, telegram.NotSent, telegram.Conflict, telegram.MethodNotFound:
		return reaction{step: again, after: backoff(failures)}
	}
	if drop := dispensable(e.Reason) & left; drop != 0 {
		return reaction{step: resend, drop: drop}
	}
	return reaction{step: giveUp}
}

// dispensable are the extras that may be what Telegram refused.
func dispensable(r telegram.Reason) extras {
	switch r {
	case telegram.BadEntities, telegram.BadEncoding:
		return entities
	case telegram.BadReplyMarkup:
		return replyMarkup
	case telegram.BadLinkPreview:
		return linkPreview
	case telegram.ThreadNotFound:
		return thread
	case telegram.BadRequest: // a fault that this program does not know: the bare text may still get through
		return entities | replyMarkup | linkPreview
	}
	return 0
}

// absence is how a chat is missing: a person has blocked or never met the bot, a group is left.
func absence(chatID int64) relay.ChatState {
	if chatID < 0 {
		return relay.Left
	}
	return relay.Blocked
}

const (
	backoffMin = time.Second
	backoffMax = 5 * time.Minute
)

// backoff is the pause after so many failures in a row: 1 s, 2 s, 4 s, ... 5 min, up to a quarter more or less, but within these bounds.
func backoff(failures int) time.Duration {
	d := backoffMax
	if failures < 10 {
		d = min(backoffMin<<max(failures-1, 0), backoffMax)
	}
	d = d - d/4 + rand.N(d/2)
	return min(max(d, backoffMin), backoffMax)
}
