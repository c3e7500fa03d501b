package telegram

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reason is why a call failed. The set is closed (Reasons), so that it may label metrics and decide what to do next.
type Reason string

// The reasons. Those up to Unauthorized are Telegram's own answers about one request or one chat; those from Unauthorized
// on say that no request would have got through.
const (
	RateLimited Reason = "rate_limited" // wait RetryAfter

	Blocked      Reason = "blocked"        // the person blocked the bot
	Deactivated  Reason = "deactivated"    // the account is gone
	NotStarted   Reason = "not_started"    // the person never pressed Start
	TargetIsBot  Reason = "target_is_bot"  // bots cannot write to bots
	ChatNotFound Reason = "chat_not_found" // an ID that this bot has never met
	Kicked       Reason = "kicked"         // removed and banned from the group or channel
	NotMember    Reason = "not_member"     // left the group or channel, or never was in it
	ChatDeleted  Reason = "chat_deleted"
	Migrated     Reason = "migrated" // the group became a supergroup: MigrateToChatID
	NoRights     Reason = "no_rights"
	PaymentAsked Reason = "payment_required" // the person asks Stars for messages
	Forbidden    Reason = "forbidden"        // any other 403

	ThreadNotFound Reason = "thread_not_found" // the topic is deleted or closed
	BadReply       Reason = "bad_reply"        // the message to answer is gone, or the quote differs
	BadEntities    Reason = "bad_entities"
	BadEncoding    Reason = "bad_encoding" // no UTF-8
	BadReplyMarkup Reason = "bad_reply_markup"
	BadLinkPreview Reason = "bad_link_preview"
	BadEffect      Reason = "bad_effect"
	BadFile        Reason = "bad_file" // also one that Telegram could not fetch
	EmptyText      Reason = "empty_text"
	TooLong        Reason = "too_long"     // of a text or caption
	TooLarge       Reason = "too_large"    // of a file or of the whole request
	NotEditable    Reason = "not_editable" // the message to edit is gone or not ours
	AlreadyDone    Reason = "already_done" // not modified, already deleted: as good as success
	QueryExpired   Reason = "query_expired"
	BadRequest     Reason = "bad_request" // any other 400

	Conflict       Reason = "conflict" // a second poller, or a webhook, gets the updates
	MethodNotFound Reason = "method_not_found"
	Unauthorized   Reason = "unauthorized"    // the token is wrong or revoked
	ServerError    Reason = "server_error"    // 5xx: whether the request acted is unknown
	BadAnswer      Reason = "bad_answer"      // not the Bot API's: a proxy's page, cut JSON; whether the request acted is unknown
	OutcomeUnknown Reason = "outcome_unknown" // the connection broke, or time was up, after the request was written
	NotSent        Reason = "not_sent"        // the request never reached Telegram
)

// Reasons are all reasons.
var Reasons = []Reason{
	RateLimited, Blocked, Deactivated, NotStarted, TargetIsBot, ChatNotFound, Kicked, NotMember, ChatDeleted, Migrated, NoRights, PaymentAsked, Forbidden,
	ThreadNotFound, BadReply, BadEntities, BadEncoding, BadReplyMarkup, BadLinkPreview, BadEffect, BadFile, EmptyText, TooLong, TooLarge, NotEditable,
	AlreadyDone, QueryExpired, BadRequest, Conflict, MethodNotFound, Unauthorized, ServerError, BadAnswer, OutcomeUnknown, NotSent,
}

// Parameters are what an error's answer may say beside its text (ResponseParameters).
type Parameters struct {
	RetryAfter      time.Duration
	MigrateToChatID int64
}

// Classify is the reason of an error that the Bot API answered: by error_code and parameters first, then by a part of the
// description, whose wording is "subject to change" (Bot API).
func Classify(code int, description string, p Parameters) Reason {
	text := strings.ToLower(description)
	switch {
	case p.MigrateToChatID != 0:
		return Migrated
	case code == 429, code == 420, p.RetryAfter > 0:
		return RateLimited
	case code >= 500, code == 408:
		return ServerError
	case code == 401, code == 421, strings.HasSuffix(text, "logged out"):
		return Unauthorized
	case code == 404 && strings.Contains(text, "method not found"):
		return MethodNotFound
	case code == 404: // hosted servers answer so to a malformed token
		return Unauthorized
	case code == 409:
		return Conflict
	case code == 413:
		return TooLarge
	case code < 400:
		return BadAnswer
	}
	for _, r := range phrases {
		if slices.ContainsFunc(r.parts, func(part string) bool { return strings.Contains(text, part) }) {
			return r.reason
		}
	}
	if code == 403 {
		return Forbidden
	}
	return BadRequest
}

// phrases are parts of descriptions of 400 and 403. First come those whose descriptions quote what the caller sent: a quoted
// "chat not found" means nothing.
var phrases = []struct {
	reason Reason
	parts  []string
}{
	{BadEntities, []string{"can't parse entities", "can't parse messageentity", "utf-16 offset", "entity_bounds_invalid", "entity_", "entities_", "unsupported parse_mode"}},
	{AlreadyDone, []string{"message is not modified", "message_not_modified", "message to delete not found"}},
	{BadReplyMarkup, []string{"inline keyboard", "button_", "button url", "text buttons are unallowed", "reply keyboard", "reply markup", "reply_markup", "keyboard button"}},
	{BadFile, []string{
		"file identifier", "file_id", "http url", "web page content", "image_process_failed", "photo_", "file must be non-empty",
		"there is no photo", "there is no document", "media_empty", "webpage_",
	}},
	{BadLinkPreview, []string{"link preview", "linkpreviewoptions", "link_preview"}},
	{BadEncoding, []string{"encoded in utf-8"}},
	{RateLimited, []string{"flood_wait", "slowmode_wait", "too many requests"}},
	{Blocked, []string{"bot was blocked", "user_is_blocked"}},
	{Deactivated, []string{"user is deactivated", "user_deactivated"}},
	{NotStarted, []string{"can't initiate conversation"}},
	{TargetIsBot, []string{"can't send messages to the bot", "can't send messages to bots", "user_is_bot"}},
	{Kicked, []string{"bot was kicked", "user_banned_in_channel"}},
	{NotMember, []string{"bot is not a member", "channel_private"}},
	{ChatDeleted, []string{"chat was deleted", "chat is deactivated"}},
	{Migrated, []string{"was upgraded to a supergroup"}},
	{PaymentAsked, []string{"payment_required"}},
	{ThreadNotFound, []string{"message thread not found", "topic_closed", "topic_deleted", "topic_id_invalid", "topic not found"}},
	{BadReply, []string{"message to be replied not found", "replied message not found", "reply message not found", "quote_text_invalid", "reply_message_id_invalid"}},
	{NotEditable, []string{"message to edit not found", "message can't be edited", "message_id_invalid"}},
	{QueryExpired, []string{"query is too old", "query_id_invalid"}},
	{NoRights, []string{
		"not enough rights", "need administrator rights", "have no write access", "have no rights", "chat_write_forbidden", "chat_restricted",
		"chat_send_", "chat_guest_send_forbidden", "chat_admin_required", "user_restricted",
	}},
	{ChatNotFound, []string{"chat not found", "user not found", "peer_id_invalid"}},
	{EmptyText, []string{"text is empty", "text must be non-empty", "message_empty"}},
	{TooLong, []string{"message is too long", "text is too long", "caption is too long", "message_too_long", "caption_too_long"}},
	{TooLarge, []string{"file is too big", "entity too large", "file_parts_invalid"}},
	{BadEffect, []string{"message_effect_id", "effect_id_invalid"}},
}

var waitForm = regexp.MustCompile(`(?i)(?:_wait_|retry after )(\d{1,9})`)

// waitIn is the time that a description asks to wait: "FLOOD_WAIT_12" and "retry after 12" are 12 s.
func waitIn(description string) time.Duration {
	m := waitForm.FindStringSubmatch(description)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0 // not reached: nine digits
	}
	return time.Duration(n) * time.Second
}
