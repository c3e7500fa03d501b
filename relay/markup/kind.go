package markup

// kind is a Type as a small number, in the order in which Telegram sorts entities of the same stretch.
type kind uint8

const (
	kindQuote kind = iota
	kindExpandable
	kindPreCode // a pre with a language
	kindPre
	kindCode
	kindDateTime
	kindLink
	kindMention
	kindBold
	kindItalic
	kindUnderline
	kindStrike
	kindSpoiler
	kindEmoji
	kindUnknown // mentions, hashtags and the like, which Telegram finds by itself, and types that nobody knows
	kinds
)

// kindTypes has the Bot API's name of each kind.
var kindTypes = [kinds]Type{
	Blockquote, ExpandableBlockquote, Pre, Pre, Code, DateTime, TextLink, TextMention, Bold, Italic, Underline, Strikethrough, Spoiler, CustomEmoji,
}

// kindNames has the names that Telegram's parser uses in "Can't find end of X entity".
var kindNames = [kinds]string{
	"BlockQuote", "ExpandableBlockQuote", "PreCode", "Pre", "Code", "DateTime", "TextUrl", "MentionName",
	"Bold", "Italic", "Underline", "Strikethrough", "Spoiler", "CustomEmoji",
}

// rank is the order among entities of the same stretch: the two quotes are equal, and so are link and mention.
func (k kind) rank() kind {
	switch k {
	case kindExpandable:
		return kindQuote
	case kindMention:
		return kindLink
	}
	return k
}

func (k kind) isQuote() bool { return k <= kindExpandable }

// isStyle reports whether k may be cut and joined at will: it says how characters look and nothing else.
func (k kind) isStyle() bool { return k >= kindBold && k <= kindSpoiler }

// isBare reports whether k takes no style inside.
func (k kind) isBare() bool { return k >= kindPreCode && k <= kindDateTime }

func kindOf(e *Entity) kind {
	switch e.Type {
	case Pre:
		if e.Language != "" {
			return kindPreCode
		}
		return kindPre
	case Blockquote:
		return kindQuote
	case ExpandableBlockquote:
		return kindExpandable
	case Code:
		return kindCode
	case DateTime:
		return kindDateTime
	case TextLink:
		return kindLink
	case TextMention:
		return kindMention
	case Bold:
		return kindBold
	case Italic:
		return kindItalic
	case Underline:
		return kindUnderline
	case Strikethrough:
		return kindStrike
	case Spoiler:
		return kindSpoiler
	case CustomEmoji:
		return kindEmoji
	}
	return kindUnknown
}
