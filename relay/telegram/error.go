package telegram

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Reason is why a call failed, for programs: a closed set, matched on code and parameters first and on parts of the
// description second, since the Bot API's texts are subject to change.
type Reason string

// The reasons. Where a person can mend it, Error's text says how.
const (
	RateLimited    Reason = "rate_limited"    // wait RetryAfter
	Blocked        Reason = "blocked"         // the person blocked the bot
	Deactivated    Reason = "deactivated"     // the account is gone
	NotStarted     Reason = "not_started"     // the person never pressed Start
	IsBot          Reason = "is_bot"          // bots cannot write to bots
	ChatNotFound   Reason = "chat_not_found"  // unknown ID, or never met
	Kicked         Reason = "kicked"          // removed from the group or channel and banned
	NotMember      Reason = "not_member"      // not in the group or channel
	ChatDeleted    Reason = "chat_deleted"    // the group is gone
	Migrated       Reason = "migrated"        // the group became the supergroup MigrateToChatID
	NoRights       Reason = "no_rights"       // the bot may not write in the group or channel
	TopicNotFound  Reason = "topic_not_found" // wrong or deleted topic
	TopicClosed    Reason = "topic_closed"    // and the bot may not manage topics
	NotForum       Reason = "not_forum"       // the group has no topics
	EmptyText      Reason = "empty_text"      // nothing to see
	TooLong        Reason = "too_long"        // text or caption
	BadEntities    Reason = "bad_entities"    // markup or entities that Telegram refuses
	BadEncoding    Reason = "bad_encoding"    // no UTF-8
	BadButtons     Reason = "bad_buttons"     // reply_markup that Telegram refuses
	ReplyNotFound  Reason = "reply_not_found" // the message to be replied to, or its quote
	NotEditable    Reason = "not_editable"    // the message is gone or not the bot's own
	NoText         Reason = "no_text"         // what was to be changed is a file with a caption
	NoCaption      Reason = "no_caption"      // what was to be changed is a text
	NotModified    Reason = "not_modified"    // it is so already: as good as done
	NotDeletable   Reason = "not_deletable"   // too old or no right
	AlreadyDeleted Reason = "already_deleted" // as good as done
	QueryTooOld    Reason = "query_too_old"   // the press of a button was answered late
	BadMedia       Reason = "bad_media"       // a file, photo or URL of one
	TooLarge       Reason = "too_large"       // the request (413)
	Refused        Reason = "refused"         // another 400: this request will never work
	BadToken       Reason = "bad_token"       // 401, or 404 without a method: revoked or wrong
	MethodMissing  Reason = "method_missing"  // the Bot API server is too old
	Misdirected    Reason = "misdirected"     // a self-hosted server that does not serve this token (421)
	Conflict       Reason = "conflict"        // a second poller, or a webhook (409)
	ServerError    Reason = "server_error"    // 5xx: the outcome is unknown
	BadAnswer      Reason = "bad_answer"      // no Bot API answer: the outcome is unknown
	NotSent        Reason = "not_sent"        // failed before the request was written
	OutcomeUnknown Reason = "outcome_unknown" // failed after the request was written, before an answer
)

// Reasons are all reasons.
var Reasons = []Reason{
	RateLimited, Blocked, Deactivated, NotStarted, IsBot, ChatNotFound, Kicked, NotMember, ChatDeleted, Migrated, NoRights,
	TopicNotFound, TopicClosed, NotForum, EmptyText, TooLong, BadEntities, BadEncoding, BadButtons, ReplyNotFound, NotEditable, NoText, NoCaption, NotModified,
	NotDeletable, AlreadyDeleted, QueryTooOld, BadMedia, TooLarge, Refused, BadToken, MethodMissing, Misdirected, Conflict,
	ServerError, BadAnswer, NotSent, OutcomeUnknown,
}

// Error is a failed call. Neither it nor anything it wraps holds the token.
type Error struct {
	Method          string        // sendMessage
	Code            int           // HTTP status; 0 without an answer
	Description     string        // Telegram's, or what was wrong with the answer
	Reason          Reason        // never empty
	RetryAfter      time.Duration // with RateLimited, at least 1 s
	MigrateToChatID int64         // with Migrated
	Err             error         // with NotSent, OutcomeUnknown and BadAnswer
	Table           string        // of the bot in relay.toml; empty: telegram
}

func (e *Error) Error() string {
	s := e.Method
	if e.Code != 0 {
		s += fmt.Sprintf(": %d", e.Code)
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if hint := e.Hint(); hint != "" {
		s += ": " + hint
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Hint is what a person can do about it, empty where there is nothing.
func (e *Error) Hint() string {
	if e.Reason == NoRights && strings.HasSuffix(e.Method, "ForumTopic") {
		return "make the bot an administrator of this group, with the right to manage topics"
	}
	if e.Reason == BadToken && e.Table != "" {
		return strings.Replace(hints[BadToken], "[telegram]", "["+e.Table+"]", 1)
	}
	return hints[e.Reason]
}

var hints = map[Reason]string{
	BadToken:       "the bot token is wrong or revoked (or api_url leads elsewhere): get the token from @BotFather and put it into [telegram]",
	MethodMissing:  "update the Bot API server at api_url",
	Misdirected:    "the Bot API server at api_url does not serve this bot: see its --filter",
	Conflict:       "another program uses this bot's token: stop it, or give it a bot of its own",
	BadAnswer:      "what answers at api_url is no Bot API server, or a gateway stands before it",
	NotSent:        "cannot reach the Bot API: check the network, api_url and proxy_url",
	NoRights:       "give the bot the right to send messages in this chat",
	NotForum:       "turn topics on in the group's settings",
	OutcomeUnknown: "the connection broke before the answer",
}

// ReasonOf returns the reason of an error of this package, empty for another error.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// answer is what is classified: a Bot API answer with ok = false.
type answer struct {
	code        int
	description string
	retryAfter  time.Duration
	migrateTo   int64
}

// classify is the one place that decides what an answer means.
func classify(a answer) Reason {
	switch {
	case a.code == http.StatusTooManyRequests || a.retryAfter > 0:
		return RateLimited
	case a.migrateTo != 0:
		return Migrated
	}
	text := strings.ToLower(a.description)
	for _, r := range rules {
		if r.code == a.code && strings.Contains(text, r.part) {
			return r.reason
		}
	}
	if a.code >= http.StatusInternalServerError {
		return ServerError
	}
	if a.code >= http.StatusBadRequest {
		return Refused
	}
	return BadAnswer
}
