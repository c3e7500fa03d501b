package markup

import (
	"strconv"
	"strings"
)

// ParseError says what is wrong with a markup text, in the words of Telegram's parser.
type ParseError struct {
	Message string // as in the Bot API's answer after "Bad Request: can't parse entities: "
	Offset  int    // of what is wrong, in bytes from the start of the text, whether Message names it or not; -1 where it is all of the text
}

// notUTF8 is the one message that does not come from the parser but from the server in front of it.
const notUTF8 = "text must be encoded in UTF-8"

// tooDeep is none of Telegram's: such a text is too long for it to be read at all.
const tooDeep = "Too many entities are open"

// Error is the message, with the offset.
func (e *ParseError) Error() string {
	if e.Offset < 0 || strings.Contains(e.Message, atByte) {
		return e.Message
	}
	return e.Message + " (" + strings.TrimSpace(atByte) + " " + strconv.Itoa(e.Offset) + ")"
}

const atByte = " at byte offset"

// Description is the whole description in the Bot API's answer.
func (e *ParseError) Description() string {
	if e.Message == notUTF8 {
		return "Bad Request: " + e.Message
	}
	return "Bad Request: can't parse entities: " + e.Message
}

// failure is an error whose message does not name the offset.
func failure(message string, offset int) *ParseError {
	return &ParseError{Message: message, Offset: offset}
}

// failureAt is an error whose message ends in the byte offset, or has it before rest.
func failureAt(message string, offset int, rest string) *ParseError {
	return &ParseError{Message: message + atByte + " " + strconv.Itoa(offset) + rest, Offset: offset}
}

// reserved is MarkdownV2's error for a character that opens and closes nothing.
func reserved(c byte, offset int) *ParseError {
	return failure("Character '"+string(rune(c))+`' is reserved and must be escaped with the preceding '\'`, offset)
}
