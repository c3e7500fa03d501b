package markup

// Type is the type of an entity, by the Bot API's name (MessageEntity.type).
type Type string

// The types that markup can produce.
const (
	Bold                 Type = "bold"
	Italic               Type = "italic"
	Underline            Type = "underline"
	Strikethrough        Type = "strikethrough"
	Spoiler              Type = "spoiler"
	Code                 Type = "code"
	Pre                  Type = "pre"
	TextLink             Type = "text_link"
	TextMention          Type = "text_mention"
	CustomEmoji          Type = "custom_emoji"
	DateTime             Type = "date_time"
	Blockquote           Type = "blockquote"
	ExpandableBlockquote Type = "expandable_blockquote"
)

// Entity is a stretch of a Text with a meaning, with the Bot API's JSON names (MessageEntity).
// Offset and Length count UTF-16 code units of the text.
type Entity struct {
	Type           Type   `json:"type"`
	Offset         int    `json:"offset"`
	Length         int    `json:"length"`
	URL            string `json:"url,omitempty"`
	Language       string `json:"language,omitempty"`
	User           *User  `json:"user,omitempty"`
	CustomEmojiID  string `json:"custom_emoji_id,omitempty"`
	UnixTime       int64  `json:"unix_time,omitempty"`
	DateTimeFormat string `json:"date_time_format,omitempty"`
}

// User is the person that a text_mention names; only the ID is sent.
type User struct {
	ID int64 `json:"id"`
}
