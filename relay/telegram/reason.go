package telegram

// rule gives answers of a code whose lower-cased description holds part a reason. The first that fits decides, so the
// narrower stands before the wider.
type rule struct {
	code   int
	part   string
	reason Reason
}

// The descriptions are those of the official Bot API server (Client.cpp) and TDLib; names in capitals come from Telegram's
// own servers as they are.
var rules = []rule{
	{400, "flood_wait", RateLimited},
	{400, "slowmode_wait", RateLimited},

	{400, "entity url", BadEntities},
	{400, "can't parse entities", BadEntities},
	{400, "can't parse messageentity", BadEntities},
	{400, "utf-16", BadEntities},
	{400, "entity_", BadEntities},
	{400, "entity with incorrect", BadEntities},
	{400, "entity begin", BadEntities},
	{400, "custom emoji identifier", BadEntities},
	{400, "unsupported parse_mode", BadEntities},
	{400, "encoded in utf-8", BadEncoding},

	{400, "button", BadButtons},
	{400, "reply markup is too long", BadButtons},
	{400, "reply_markup", BadButtons},
	{400, "as reply markup", BadButtons},
	{400, "keyboard", BadButtons},

	{400, "private chat not found", ChatNotFound},
	{400, "user not found", ChatNotFound},
	{400, "chat not found", ChatNotFound},
	{400, "not enough rights to manage pinned", Refused},
	{400, "not enough rights", NoRights},
	{400, "have no rights", NoRights},
	{400, "need administrator rights", NoRights},
	{400, "have no write access", NoRights},
	{400, "chat_write_forbidden", NoRights},
	{400, "chat_restricted", NoRights},
	{400, "chat_send_", NoRights},
	{400, "chat_admin_required", NoRights},
	{400, "user_restricted", NoRights},
	{400, "allow_payment_required", NoRights},
	{400, "message thread not found", TopicNotFound},
	{400, "topic_deleted", TopicNotFound},
	{400, "topic_id_invalid", TopicNotFound},
	{400, "topic_closed", TopicClosed},
	{400, "not a forum", NotForum},
	{400, "channel_forum_missing", NotForum},

	{400, "message text is empty", EmptyText},
	{400, "text must be non-empty", EmptyText},
	{400, "message is too long", TooLong},
	{400, "text is too long", TooLong},
	{400, "caption is too long", TooLong},

	{400, "message to be replied not found", ReplyNotFound},
	{400, "quote_text_invalid", ReplyNotFound},
	{400, "message to edit not found", NotEditable},
	{400, "message can't be edited", NotEditable},
	{400, "no text in the message to edit", NoText},
	{400, "no caption in the message to edit", NoCaption},
	{400, "no media in the message to edit", NotEditable},
	{400, "message is not modified", NotModified},
	{400, "topic_not_modified", NotModified},
	{400, "message to delete not found", AlreadyDeleted},
	{400, "message can't be deleted", NotDeletable},
	{400, "can't be deleted for everyone", NotDeletable},
	{400, "query is too old", QueryTooOld},

	{400, "file identifier", BadMedia},
	{400, "invalid file", BadMedia},
	{400, "http url", BadMedia},
	{400, "web page content", BadMedia},
	{400, "webpage_", BadMedia}, // of an album's file the raw name stands
	{400, "media_empty", BadMedia},
	{400, "media_invalid", BadMedia},
	{400, "image_process_failed", BadMedia},
	{400, "photo_", BadMedia},
	{400, "file must be non-empty", BadMedia},
	{400, "file is too big", BadMedia},
	{400, "in the request", BadMedia},

	{400, "logged out", BadToken}, // logOut was called: the bot lives on another Bot API server
	{401, "", BadToken},

	{403, "user is deactivated", Deactivated},
	{403, "can't initiate conversation", NotStarted},
	{403, "to the bot", IsBot},
	{403, "to bots", IsBot},
	{403, "was kicked", Kicked},
	{403, "not a member", NotMember},
	{403, "was deleted", ChatDeleted},
	{403, "", Blocked},

	{404, "method not found", MethodMissing},
	{404, "", BadToken},
	{409, "", Conflict},
	{413, "", TooLarge},
	{421, "", Misdirected},
}
