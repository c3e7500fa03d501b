package chat

import (
	"github.com/tgrelay/tgrelay/relay/oncall"
	"github.com/tgrelay/tgrelay/relay/thread"
)

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

// NewList and NewMade are data of templates.
func NewList(alerts []oncall.Alert, silences []oncall.Silence, text string) any {
	return list{Alerts: alerts, Silences: silences, Total: 9, Filter: text, Page: 1, Pages: 2, Trouble: text}
}

// NewMade is the data of the answer to /silence.
func NewMade(s *thread.Silence, text string) any { return made{s, text, []string{text, "2"}} }
