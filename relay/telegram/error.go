package telegram

import (
	"fmt"
	"strings"
	"time"
)

// Error is a call that failed. Neither it nor what it wraps holds the bot token.
type Error struct {
	Method          string
	Code            int    // error_code, or the HTTP status of an answer that is not the Bot API's; 0: there was no answer
	Description     string // Telegram's, or our own where it gave none
	Reason          Reason
	RetryAfter      time.Duration // with RateLimited: 1 s or more
	MigrateToChatID int64         // with Migrated; 0 where Telegram did not say
	Err             error         // of the network; may be nil
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "telegram %s: ", e.Method)
	if e.Code != 0 {
		fmt.Fprintf(&b, "%d ", e.Code)
	}
	b.WriteString(e.Description)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Unknown reports whether the request may have acted although it failed: sending it again may send it twice.
func (e *Error) Unknown() bool {
	switch e.Reason {
	case ServerError, BadAnswer, OutcomeUnknown:
		return true
	}
	return false
}

// Outage reports whether the failure is not about this request: any other would have failed alike, until Telegram, the
// network or the token is mended.
func (e *Error) Outage() bool {
	return e.Reason == Unauthorized || e.Reason == NotSent || e.Unknown()
}

// Remedy is a sentence that tells a person what to do; empty where the description says it all.
func (e *Error) Remedy() string {
	switch e.Reason {
	case Unauthorized:
		return "Telegram refuses the bot token: ask @BotFather for the bot's present token (/mybots, API Token) and check telegram.api_url"
	case Conflict:
		return "another program receives this bot's updates: stop it, or give this one a bot of its own"
	case MethodNotFound:
		return "the Bot API server does not know this method: update it"
	case NotSent:
		return "Telegram cannot be reached: check the network, the name server, telegram.api_url and telegram.proxy_url"
	case OutcomeUnknown:
		return "Telegram does not answer: check the network and telegram.proxy_url"
	case BadAnswer:
		return "what answers is no Bot API: check telegram.api_url and telegram.proxy_url"
	case ServerError:
		return "Telegram has trouble of its own: wait, it is tried again"
	}
	return ""
}
