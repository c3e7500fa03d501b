package chat

// ParseCommand is tested by itself: it reads what people type.
var ParseCommand = parseCommand

// Talk is how much the bot answers.
type Talk = talk

// NewTalk is tested by itself, with a clock of the test's.
var NewTalk = newTalk

// Allow is talk.allow.
var Allow = (*talk).allow

// ParseSilence and ParseFilter read what people type, FilterOf what was shown to them.
var (
	ParseSilence = parseSilence
	ParseFilter  = parseFilter
	FilterOf     = filterOf
)
