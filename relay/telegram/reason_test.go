package telegram_test

import (
	"slices"
	"testing"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

// Descriptions as the Bot API server writes them, and raw names that it passes on.
var catalogue = []struct {
	code        int
	description string
	want        telegram.Reason
}{
	{429, "Too Many Requests: retry after 17", telegram.RateLimited},
	{420, "FLOOD", telegram.RateLimited},
	{400, "Bad Request: FLOOD_WAIT_12", telegram.RateLimited},
	{400, "Bad Request: SLOWMODE_WAIT_30", telegram.RateLimited},
	{403, "Forbidden: bot was blocked by the user", telegram.Blocked},
	{403, "Forbidden: user is deactivated", telegram.Deactivated},
	{400, "Bad Request: INPUT_USER_DEACTIVATED", telegram.Deactivated},
	{403, "Forbidden: bot can't initiate conversation with a user", telegram.NotStarted},
	{403, "Forbidden: the bot can't send messages to the bot", telegram.TargetIsBot},
	{403, "Forbidden: bot can't send messages to bots", telegram.TargetIsBot},
	{400, "Bad Request: chat not found", telegram.ChatNotFound},
	{400, "Bad Request: private chat not found", telegram.ChatNotFound},
	{400, "Bad Request: user not found", telegram.ChatNotFound},
	{400, "Bad Request: PEER_ID_INVALID", telegram.ChatNotFound},
	{400, "Bad Request: chat_id is empty", telegram.BadRequest},
	{403, "Forbidden: bot was kicked from the group chat", telegram.Kicked},
	{403, "Forbidden: bot was kicked from the supergroup chat", telegram.Kicked},
	{403, "Forbidden: bot was kicked from the channel chat", telegram.Kicked},
	{403, "Forbidden: bot is not a member of the group chat", telegram.NotMember},
	{403, "Forbidden: bot is not a member of the supergroup chat", telegram.NotMember},
	{403, "Forbidden: bot is not a member of the channel chat", telegram.NotMember},
	{400, "Bad Request: CHANNEL_PRIVATE", telegram.NotMember},
	{403, "Forbidden: the group chat was deleted", telegram.ChatDeleted},
	{400, "Bad Request: group chat was upgraded to a supergroup chat", telegram.Migrated},
	{400, "Bad Request: not enough rights to send text messages to the chat", telegram.NoRights},
	{400, "Bad Request: not enough rights to send photos to the chat", telegram.NoRights},
	{400, "Bad Request: need administrator rights in the channel chat", telegram.NoRights},
	{400, "Bad Request: have no write access to the chat", telegram.NoRights},
	{400, "Bad Request: have no rights to send a message", telegram.NoRights},
	{400, "Bad Request: CHAT_WRITE_FORBIDDEN", telegram.NoRights},
	{400, "Bad Request: CHAT_RESTRICTED", telegram.NoRights},
	{400, "Bad Request: CHAT_SEND_PLAIN_FORBIDDEN", telegram.NoRights},
	{400, "Bad Request: CHAT_ADMIN_REQUIRED", telegram.NoRights},
	{400, "Bad Request: USER_RESTRICTED", telegram.NoRights},
	{400, "Bad Request: not enough rights to manage pinned messages in the chat", telegram.NoRights},
	{400, "Bad Request: message thread not found", telegram.ThreadNotFound},
	{400, "Bad Request: TOPIC_CLOSED", telegram.ThreadNotFound},
	{400, "Bad Request: TOPIC_DELETED", telegram.ThreadNotFound},
	{400, "Bad Request: message text is empty", telegram.EmptyText},
	{400, "Bad Request: text must be non-empty", telegram.EmptyText},
	{400, "Bad Request: message is too long", telegram.TooLong},
	{400, "Bad Request: text is too long", telegram.TooLong},
	{400, "Bad Request: message caption is too long", telegram.TooLong},
	{400, "Bad Request: can't parse entities: Character '-' is reserved and must be escaped with the preceding '\\'", telegram.BadEntities},
	{400, `Bad Request: can't parse entities: Unsupported start tag "chat not found" at byte offset 3`, telegram.BadEntities},
	{400, "Bad Request: can't parse MessageEntity: Field \"length\" must be a Number", telegram.BadEntities},
	{400, "Bad Request: entity beginning at UTF-16 offset 7 ends after the end of the text at UTF-16 offset 9", telegram.BadEntities},
	{400, "Bad Request: ENTITY_BOUNDS_INVALID", telegram.BadEntities},
	{400, "Bad Request: unsupported parse_mode", telegram.BadEntities},
	{400, "Bad Request: strings must be encoded in UTF-8", telegram.BadEncoding},
	{400, "Bad Request: text must be encoded in UTF-8", telegram.BadEncoding},
	{400, "Bad Request: message to be replied not found", telegram.BadReply},
	{400, "Bad Request: QUOTE_TEXT_INVALID", telegram.BadReply},
	{400, "Bad Request: message to edit not found", telegram.NotEditable},
	{400, "Bad Request: message can't be edited", telegram.NotEditable},
	{400, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message", telegram.AlreadyDone},
	{400, "Bad Request: message to delete not found", telegram.AlreadyDone},
	{400, "Bad Request: message can't be deleted", telegram.BadRequest},
	{400, "Bad Request: message can't be deleted for everyone", telegram.BadRequest},
	{400, "Bad Request: message to pin not found", telegram.BadRequest},
	{400, "Bad Request: query is too old and response timeout expired or query ID is invalid", telegram.QueryExpired},
	{400, "Bad Request: BUTTON_DATA_INVALID", telegram.BadReplyMarkup},
	{400, "Bad Request: BUTTON_URL_INVALID", telegram.BadReplyMarkup},
	{400, "Bad Request: inline keyboard button URL 'http://bot was blocked' is invalid: Wrong HTTP URL", telegram.BadReplyMarkup},
	{400, "Bad Request: BUTTON_TYPE_INVALID", telegram.BadReplyMarkup},
	{400, "Bad Request: BUTTON_USER_PRIVACY_RESTRICTED", telegram.BadReplyMarkup},
	{400, "Bad Request: BUTTON_COPY_TEXT_INVALID", telegram.BadReplyMarkup},
	{400, "Bad Request: can't parse inline keyboard button: Field \"text\" must be of type String", telegram.BadReplyMarkup},
	{400, "Bad Request: Text buttons are unallowed in the inline keyboard", telegram.BadReplyMarkup},
	{400, "Bad Request: can't parse reply keyboard markup JSON object", telegram.BadReplyMarkup},
	{400, "Bad Request: object expected as reply markup", telegram.BadReplyMarkup},
	{400, "Bad Request: inline keyboard button text must be non-empty", telegram.BadReplyMarkup},
	{400, "Bad Request: reply markup is too long", telegram.BadReplyMarkup},
	{400, "Bad Request: wrong file identifier/HTTP URL specified", telegram.BadFile},
	{400, "Bad Request: wrong remote file identifier specified: Wrong character in the string", telegram.BadFile},
	{400, "Bad Request: invalid file_id", telegram.BadFile},
	{400, "Bad Request: invalid file HTTP URL specified: Unsupported URL protocol", telegram.BadFile},
	{400, "Bad Request: failed to get HTTP URL content", telegram.BadFile},
	{400, "Bad Request: wrong type of the web page content", telegram.BadFile},
	{400, "Bad Request: wrong HTTP URL specified", telegram.BadFile},
	{400, "Bad Request: IMAGE_PROCESS_FAILED", telegram.BadFile},
	{400, "Bad Request: PHOTO_INVALID_DIMENSIONS", telegram.BadFile},
	{400, "Bad Request: PHOTO_SAVE_FILE_INVALID", telegram.BadFile},
	{400, "Bad Request: file must be non-empty", telegram.BadFile},
	{400, "Bad Request: there is no photo in the request", telegram.BadFile},
	{400, "Bad Request: there is no document in the request", telegram.BadFile},
	{400, "Bad Request: file is too big", telegram.TooLarge},
	{413, "Request Entity Too Large", telegram.TooLarge},
	{400, "Bad Request: too many messages to send as an album", telegram.BadRequest},
	{400, "Bad Request: there are no messages to send", telegram.BadRequest},
	{400, "Bad Request: document can't be mixed with other media types", telegram.BadRequest},
	{400, "Bad Request: ALLOW_PAYMENT_REQUIRED_5", telegram.PaymentAsked},
	{400, "Bad Request: message_effect_id is not allowed", telegram.BadEffect},
	{400, "Bad Request: EFFECT_ID_INVALID", telegram.BadEffect},
	{401, "Unauthorized", telegram.Unauthorized},
	{401, "Unauthorized: invalid token specified", telegram.Unauthorized},
	{404, "Not Found", telegram.Unauthorized},
	{404, "Not Found: absolute URI is specified in the Request-Line", telegram.Unauthorized},
	{404, "Not Found: method not found", telegram.MethodNotFound},
	{421, "Misdirected Request: unallowed token specified", telegram.Unauthorized},
	{400, "Logged out", telegram.Unauthorized},
	{409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running", telegram.Conflict},
	{409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first", telegram.Conflict},
	{500, "Internal Server Error", telegram.ServerError},
	{500, "Internal Server Error: restart", telegram.ServerError},
	{500, "Internal Server Error: sent message was immediately deleted and can't be returned", telegram.ServerError},
	{502, "Bad Gateway", telegram.ServerError},
	{504, "", telegram.ServerError},
	{520, "", telegram.ServerError},
	{400, "Bad Request: SOMETHING_NEW", telegram.BadRequest},
	{403, "Forbidden: something new", telegram.Forbidden},
	{302, "", telegram.BadAnswer},
	{0, "", telegram.BadAnswer},
	{-5, "x", telegram.BadAnswer},
}

func TestClassify(t *testing.T) {
	for _, c := range catalogue {
		if got := telegram.Classify(c.code, c.description, telegram.Parameters{}); got != c.want {
			t.Errorf("%d %q is %s, want %s", c.code, c.description, got, c.want)
		}
	}
}

func TestClassifyParametersFirst(t *testing.T) {
	if got := telegram.Classify(400, "Bad Request: new words", telegram.Parameters{MigrateToChatID: -1001}); got != telegram.Migrated {
		t.Errorf("migrate_to_chat_id is %s", got)
	}
	if got := telegram.Classify(400, "Bad Request: new words", telegram.Parameters{RetryAfter: 1}); got != telegram.RateLimited {
		t.Errorf("retry_after is %s", got)
	}
}

func TestReasonsAreClosed(t *testing.T) {
	seen := map[telegram.Reason]bool{}
	for _, r := range telegram.Reasons {
		if seen[r] || r == "" {
			t.Errorf("reason %q stands twice or is empty", r)
		}
		seen[r] = true
	}
	for _, c := range catalogue {
		if !slices.Contains(telegram.Reasons, c.want) {
			t.Errorf("%s is missing in Reasons", c.want)
		}
	}
}

func FuzzClassify(f *testing.F) {
	for _, c := range catalogue {
		f.Add(c.code, c.description)
	}
	f.Fuzz(func(t *testing.T, code int, description string) {
		if got := telegram.Classify(code, description, telegram.Parameters{}); !slices.Contains(telegram.Reasons, got) {
			t.Errorf("%q is no reason", got)
		}
	})
}
