package telegram

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestClassify goes through the descriptions that the Bot API server, TDLib and Telegram's own servers are known to give.
func TestClassify(t *testing.T) {
	for _, row := range []struct {
		code int
		text string
		want Reason
	}{
		{429, "Too Many Requests: retry after 5", RateLimited},
		{400, "Bad Request: FLOOD_WAIT_17", RateLimited},
		{400, "Bad Request: SLOWMODE_WAIT_30", RateLimited},
		{403, "Forbidden: bot was blocked by the user", Blocked},
		{403, "Forbidden: something new", Blocked},
		{403, "Forbidden: user is deactivated", Deactivated},
		{403, "Forbidden: bot can't initiate conversation with a user", NotStarted},
		{403, "Forbidden: the bot can't send messages to the bot", IsBot},
		{403, "Forbidden: bot can't send messages to bots", IsBot},
		{400, "Bad Request: chat not found", ChatNotFound},
		{400, "Bad Request: private chat not found", ChatNotFound},
		{400, "Bad Request: user not found", ChatNotFound},
		{400, "Bad Request: chat_id is empty", Refused},
		{403, "Forbidden: bot was kicked from the group chat", Kicked},
		{403, "Forbidden: bot was kicked from the supergroup chat", Kicked},
		{403, "Forbidden: bot was kicked from the channel chat", Kicked},
		{403, "Forbidden: bot is not a member of the group chat", NotMember},
		{403, "Forbidden: bot is not a member of the supergroup chat", NotMember},
		{403, "Forbidden: bot is not a member of the channel chat", NotMember},
		{403, "Forbidden: the group chat was deleted", ChatDeleted},
		{400, "Bad Request: not enough rights to send text messages to the chat", NoRights},
		{400, "Bad Request: not enough rights to send photos to the chat", NoRights},
		{400, "Bad Request: need administrator rights in the channel chat", NoRights},
		{400, "Bad Request: have no write access to the chat", NoRights},
		{400, "Bad Request: CHAT_WRITE_FORBIDDEN", NoRights},
		{400, "Bad Request: CHAT_RESTRICTED", NoRights},
		{400, "Bad Request: CHAT_SEND_PLAIN_FORBIDDEN", NoRights},
		{400, "Bad Request: CHAT_ADMIN_REQUIRED", NoRights},
		{400, "Bad Request: USER_RESTRICTED", NoRights},
		{400, "Bad Request: ALLOW_PAYMENT_REQUIRED_10", NoRights},
		{400, "Bad Request: message thread not found", TopicNotFound},
		{400, "Bad Request: TOPIC_DELETED", TopicNotFound},
		{400, "Bad Request: TOPIC_ID_INVALID", TopicNotFound},
		{400, "Bad Request: TOPIC_CLOSED", TopicClosed},
		{400, "Bad Request: TOPIC_NOT_MODIFIED", NotModified},
		{400, "Bad Request: the chat is not a forum", NotForum},
		{400, "Bad Request: CHANNEL_FORUM_MISSING", NotForum},
		{400, "Bad Request: not enough rights to create a topic", NoRights},
		{400, "Bad Request: not enough rights to edit the topic", NoRights},
		{400, "Bad Request: message text is empty", EmptyText},
		{400, "Bad Request: text must be non-empty", EmptyText},
		{400, "Bad Request: message is too long", TooLong},
		{400, "Bad Request: text is too long", TooLong},
		{400, "Bad Request: message caption is too long", TooLong},
		{400, "Bad Request: can't parse entities: Can't find end of Bold entity at byte offset 3", BadEntities},
		{400, `Bad Request: can't parse MessageEntity: Unsupported type specified`, BadEntities},
		{400, "Bad Request: entity begins in a middle of a UTF-16 symbol at byte offset 4", BadEntities},
		{400, "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 9", BadEntities},
		{400, "Bad Request: receive an entity with incorrect offset -1", BadEntities},
		{400, "Bad Request: entity URL 'http://button' is invalid: Wrong HTTP URL", BadEntities},
		{400, "Bad Request: invalid custom emoji identifier specified", BadEntities},
		{400, "Bad Request: ENTITY_BOUNDS_INVALID", BadEntities},
		{400, "Bad Request: unsupported parse_mode", BadEntities},
		{400, "Bad Request: strings must be encoded in UTF-8", BadEncoding},
		{400, "Bad Request: text must be encoded in UTF-8", BadEncoding},
		{400, "Bad Request: message to be replied not found", ReplyNotFound},
		{400, "Bad Request: QUOTE_TEXT_INVALID", ReplyNotFound},
		{400, "Bad Request: message to edit not found", NotEditable},
		{400, "Bad Request: message can't be edited", NotEditable},
		{400, "Bad Request: there is no text in the message to edit", NoText},
		{400, "Bad Request: there is no caption in the message to edit", NoCaption},
		{400, "Bad Request: there is no media in the message to edit", NotEditable},
		{400, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message", NotModified},
		{400, "Bad Request: message to delete not found", AlreadyDeleted},
		{400, "Bad Request: message can't be deleted", NotDeletable},
		{400, "Bad Request: message can't be deleted for everyone", NotDeletable},
		{400, "Bad Request: message to pin not found", Refused},
		{400, "Bad Request: not enough rights to manage pinned messages in the chat", Refused},
		{400, "Bad Request: query is too old and response timeout expired or query ID is invalid", QueryTooOld},
		{400, "Bad Request: BUTTON_DATA_INVALID", BadButtons},
		{400, "Bad Request: BUTTON_URL_INVALID", BadButtons},
		{400, "Bad Request: inline keyboard button URL 'x' is invalid: Wrong HTTP URL", BadButtons},
		{400, "Bad Request: BUTTON_TYPE_INVALID", BadButtons},
		{400, "Bad Request: BUTTON_USER_PRIVACY_RESTRICTED", BadButtons},
		{400, "Bad Request: BUTTON_COPY_TEXT_INVALID", BadButtons},
		{400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard", BadButtons},
		{400, "Bad Request: can't parse reply keyboard markup JSON object", BadButtons},
		{400, "Bad Request: object expected as reply markup", BadButtons},
		{400, "Bad Request: inline keyboard button text must be non-empty", BadButtons},
		{400, "Bad Request: reply markup is too long", BadButtons},
		{400, "Bad Request: wrong file identifier/HTTP URL specified", BadMedia},
		{400, "Bad Request: wrong remote file identifier specified: Wrong string length", BadMedia},
		{400, "Bad Request: invalid file_id", BadMedia},
		{400, "Bad Request: invalid file HTTP URL specified: URL host is empty", BadMedia},
		{400, "Bad Request: failed to get HTTP URL content", BadMedia},
		{400, "Bad Request: wrong type of the web page content", BadMedia},
		{400, "Bad Request: wrong HTTP URL specified", BadMedia},
		{400, "Bad Request: IMAGE_PROCESS_FAILED", BadMedia},
		{400, "Bad Request: PHOTO_INVALID_DIMENSIONS", BadMedia},
		{400, "Bad Request: PHOTO_SAVE_FILE_INVALID", BadMedia},
		{400, "Bad Request: file must be non-empty", BadMedia},
		{400, "Bad Request: file is too big", BadMedia},
		{400, "Bad Request: there is no photo in the request", BadMedia},
		{400, `Bad Request: failed to send message #2 with the error message "WEBPAGE_CURL_FAILED"`, BadMedia},
		{400, `Bad Request: failed to send message #1 with the error message "Wrong file identifier/HTTP URL specified"`, BadMedia},
		{413, "Request Entity Too Large", TooLarge},
		{400, "Bad Request: too many messages to send as an album", Refused},
		{400, "Bad Request: EFFECT_ID_INVALID", Refused},
		{400, "Bad Request: something new", Refused},
		{400, "Logged out", BadToken},
		{401, "Unauthorized", BadToken},
		{401, "Unauthorized: invalid token specified", BadToken},
		{404, "Not Found", BadToken},
		{404, "Not Found: method not found", MethodMissing},
		{409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running", Conflict},
		{409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first", Conflict},
		{421, "Misdirected Request: unallowed token specified", Misdirected},
		{500, "Internal Server Error: restart", ServerError},
		{500, "Internal Server Error: sent message was immediately deleted and can't be returned", ServerError},
		{502, "Bad Gateway", ServerError},
		{520, "", ServerError},
		{200, "odd", BadAnswer},
	} {
		for _, text := range []string{row.text, strings.ToUpper(row.text)} {
			if got := classify(answer{code: row.code, description: text}); got != row.want {
				t.Errorf("%d %q: %s, want %s", row.code, text, got, row.want)
			}
		}
	}
}

func TestParametersComeFirst(t *testing.T) {
	a := answer{code: 400, description: "Bad Request: group chat was upgraded to a supergroup chat", migrateTo: -1001}
	if got := classify(a); got != Migrated {
		t.Errorf("migrate_to_chat_id: %s", got)
	}
	if got := classify(answer{code: 400, description: "chat not found", retryAfter: time.Second}); got != RateLimited {
		t.Errorf("retry_after: %s", got)
	}
}

func TestItem(t *testing.T) {
	for text, want := range map[string]int{
		`Bad Request: failed to send message #10 with the error message "WEBPAGE_MEDIA_EMPTY"`: 10,
		`Bad Request: Failed to send message #1 with the error message "#2"`:                   1,
		"Bad Request: group send failed":                                                       0,
		"":                                                                                     0,
	} {
		if got := (&Error{Description: text}).Item(); got != want {
			t.Errorf("%s: %d", text, got)
		}
	}
}

func TestReasonsAreClosed(t *testing.T) {
	for _, r := range rules {
		if !slices.Contains(Reasons, r.reason) {
			t.Errorf("%s is missing from Reasons", r.reason)
		}
		if r.part != strings.ToLower(r.part) {
			t.Errorf("%q is never found: descriptions are lower-cased", r.part)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(Reasons)))) != len(Reasons) {
		t.Error("a reason stands twice in Reasons")
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("connection refused")
	err := fmt.Errorf("wrapped: %w", &Error{Method: "getMe", Reason: NotSent, Err: cause})
	if ReasonOf(err) != NotSent || !errors.Is(err, cause) || ReasonOf(cause) != "" {
		t.Error("reason or cause is lost")
	}
	want := "getMe: 401: Unauthorized: the bot token is wrong or revoked (or api_url leads elsewhere): get the token from @BotFather and put it into [telegram]"
	if got := (&Error{Method: "getMe", Code: 401, Description: "Unauthorized", Reason: BadToken}).Error(); got != want {
		t.Errorf("got %q", got)
	}
	if got := (&Error{Method: "getMe", Reason: BadToken, Table: "bots.team"}).Error(); !strings.Contains(got, "put it into [bots.team]") {
		t.Errorf("of another bot: %q", got)
	}
	for method, want := range map[string]string{"sendMessage": "the right to send messages", "createForumTopic": "the right to manage topics"} {
		if got := (&Error{Method: method, Code: 400, Description: "x", Reason: NoRights}).Error(); !strings.Contains(got, want) {
			t.Errorf("%s: got %q", method, got)
		}
	}
}
