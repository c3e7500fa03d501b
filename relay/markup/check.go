package markup

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

// EntityError says why Telegram refuses entities that were given instead of a parse_mode, in Telegram's words.
type EntityError struct {
	Message string // as in the Bot API's answer after "Bad Request: "
}

func (e *EntityError) Error() string { return e.Message }

// Description is the whole description in the Bot API's answer.
func (e *EntityError) Description() string { return "Bad Request: " + e.Message }

// maxOffset is the largest offset or length of an entity that Telegram looks at.
const maxOffset = 1000000

// Check reports what Telegram would refuse of t's entities: unknown types, links to what is no URL, offsets outside of
// the text or in the middle of a character. The error is an *EntityError, or a *ParseError for text that is no UTF-8.
// Types that Telegram finds by itself pass; Clean drops them.
func Check(t Text) error {
	if !utf8.ValidString(t.Text) {
		return failure(notUTF8, -1)
	}
	for i := range t.Entities {
		if err := checkMeaning(&t.Entities[i]); err != nil {
			return err
		}
	}
	for i := range t.Entities {
		e := &t.Entities[i]
		if e.Offset < 0 || e.Offset > maxOffset {
			return entityError("receive an entity with incorrect offset ", e.Offset)
		}
		if e.Length < 0 || e.Length > maxOffset {
			return entityError("receive an entity with incorrect length ", e.Length)
		}
	}
	return checkPlaces(t)
}

func entityError(message string, n int) error {
	return &EntityError{message + strconv.Itoa(n)}
}

func checkMeaning(e *Entity) error {
	switch kindOf(e) {
	case kindLink:
		if _, reason := checkURL(e.URL); reason != "" && userID(e.URL) == 0 {
			return &EntityError{(&URLError{e.URL, reason}).For("entity")}
		}
	case kindEmoji:
		if decimal(e.CustomEmojiID) == 0 {
			return &EntityError{"invalid custom emoji identifier specified"}
		}
	case kindMention:
		if e.User == nil || !validUser(e.User.ID) {
			return &EntityError{"can't parse MessageEntity: Invalid user identifier specified"}
		}
	case kindDateTime:
		if _, ok := dateTimeFormat(e.DateTimeFormat); !ok || e.UnixTime <= 0 {
			return &EntityError{"can't parse MessageEntity: Invalid date specified"}
		}
	case kindUnknown:
		if !slices.Contains(found, e.Type) {
			return &EntityError{"can't parse MessageEntity: Unsupported type specified"}
		}
	}
	return nil
}

// found are the types that Telegram finds by itself and ignores when they are given.
var found = []Type{"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number"}

// checkPlaces checks that entities begin and end between characters of the text.
func checkPlaces(t Text) error {
	spans := make([]span, 0, len(t.Entities))
	for i := range t.Entities {
		if e := &t.Entities[i]; e.Length > 0 && kindOf(e) != kindUnknown {
			spans = append(spans, span{e.Offset, e.Offset + e.Length, kindOf(e), int32(i)})
		}
	}
	sortSpans(spans)
	ends := slices.Clone(spans)
	slices.SortStableFunc(ends, func(a, b span) int { return a.to - b.to })
	unit := 0
	for i := 0; ; i++ {
		for i < len(t.Text) && !utf8.RuneStart(t.Text[i]) {
			i++
		}
		for len(ends) > 0 && unit >= ends[0].to {
			if unit != ends[0].to {
				return entityError("entity beginning at UTF-16 offset "+strconv.Itoa(ends[0].from)+" ends in a middle of a UTF-16 symbol at byte offset ", i)
			}
			ends = ends[1:]
		}
		for len(spans) > 0 && unit >= spans[0].from {
			if unit != spans[0].from {
				return entityError("entity begins in a middle of a UTF-16 symbol at byte offset ", i)
			}
			spans = spans[1:]
		}
		if i >= len(t.Text) {
			break
		}
		unit += unitWidth(t.Text[i])
	}
	switch {
	case len(spans) > 0:
		return entityError("entity begins after the end of the text at UTF-16 offset ", spans[0].from)
	case len(ends) > 0:
		return entityError("entity beginning at UTF-16 offset "+strconv.Itoa(ends[0].from)+" ends after the end of the text at UTF-16 offset ", ends[0].to)
	}
	return nil
}
