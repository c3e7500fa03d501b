package delivery

import (
	"math/rand/v2"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// action is what to do about a failed attempt.
type action string

const (
	wait      action = "wait"      // as long as Telegram says: the lane closes
	again     action = "again"     // try again with back-off
	stop      action = "stop"      // no message can be sent until a person has mended it: keep everything
	drop      action = "drop"      // this message will never work: it has failed
	dead      action = "dead"      // the chat takes no messages
	move      action = "move"      // to the supergroup that the group became
	plain     action = "plain"     // once more without entities
	noButtons action = "noButtons" // once more without reply_markup
	noTopic   action = "noTopic"   // once more into the chat itself: its topic is gone
	noReply   action = "noReply"   // once more without answering the message that is gone
	anew      action = "anew"      // as a new message: the one to be changed is gone or cannot be
	done      action = "done"      // it is as it should be
	enter     action = "enter"     // once more, when its topic was reopened or made anew, or without it
	degraded  action = "degraded"  // once more with its file in another form, or without it
	recast    action = "recast"    // once more as a caption, or as a text: as what the message to be changed has
)

// reactions has an entry for each of telegram.Reasons.
var reactions = map[telegram.Reason]action{
	telegram.RateLimited: wait,

	telegram.Blocked:      dead,
	telegram.Deactivated:  dead,
	telegram.NotStarted:   dead,
	telegram.IsBot:        dead,
	telegram.ChatNotFound: dead,
	telegram.Kicked:       dead,
	telegram.NotMember:    dead,
	telegram.ChatDeleted:  dead,
	telegram.Migrated:     move,
	telegram.NoRights:     again, // an administrator may give them back before the delivery expires

	telegram.BadEntities:   plain,
	telegram.BadButtons:    noButtons,
	telegram.TopicNotFound: noTopic,
	telegram.TopicClosed:   noTopic,
	telegram.NotForum:      drop, // of calls about topics only, which cost no message

	telegram.EmptyText:      drop,
	telegram.TooLong:        drop,
	telegram.BadEncoding:    drop,
	telegram.ReplyNotFound:  noReply,
	telegram.NotEditable:    anew,
	telegram.NoText:         anew, // unless it can be changed as what it is
	telegram.NoCaption:      anew,
	telegram.NotModified:    done,
	telegram.NotDeletable:   drop,
	telegram.AlreadyDeleted: drop,
	telegram.QueryTooOld:    drop,
	telegram.BadMedia:       drop,
	telegram.TooLarge:       drop,
	telegram.Refused:        drop,

	telegram.BadToken:      stop,
	telegram.MethodMissing: stop,
	telegram.Misdirected:   stop,

	telegram.Conflict:       again,
	telegram.ServerError:    again,
	telegram.BadAnswer:      again,
	telegram.NotSent:        again,
	telegram.OutcomeUnknown: again,
}

// form is what was left out of a message because Telegram refused it. Each is left out at most once.
type form struct{ plain, noButtons, noTopic, noReply, anew bool }

// react decides what to do about a failed attempt at a message that was sent in a form. It does nothing itself.
func react(e *telegram.Error, f form) (action, form) {
	a, known := reactions[e.Reason]
	tried := false
	switch a {
	case wait:
		if e.RetryAfter <= 0 {
			a = again // a raw FLOOD_WAIT without parameters
		}
	case plain:
		tried, f.plain = f.plain, true
	case noButtons:
		tried, f.noButtons = f.noButtons, true
	case noTopic:
		tried, f.noTopic = f.noTopic, true
	case noReply:
		tried, f.noReply = f.noReply, true
	case anew:
		tried, f.anew = f.anew, true
	}
	if !known || tried {
		a = drop
	}
	return a, f
}

// chatState is what a chat is after a reason that makes it dead.
func chatState(r telegram.Reason, chatID int64) relay.ChatState {
	switch r {
	case telegram.Kicked, telegram.NotMember, telegram.ChatDeleted:
		return relay.Left
	case telegram.ChatNotFound:
		if chatID < 0 {
			return relay.Left
		}
	}
	return relay.Blocked
}

const (
	firstBackoff = time.Second
	lastBackoff  = 5 * time.Minute
)

// backoff is the wait after the attempts so far: 1, 2, 4, ... 256, 300, 300 s, each up to a fifth shorter so that many do
// not come back at once.
func backoff(attempts int) time.Duration {
	d := min(firstBackoff<<min(max(attempts-1, 0), 9), lastBackoff)
	return d - rand.N(d/5)
}
