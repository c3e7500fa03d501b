package thread

import (
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// OwnButton begins the data of this room's buttons among the bot's own.
const OwnButton = "tgrelay:t "

// Action is what a button of a conversation does.
type Action string

// The actions; SilenceFor, SilenceChosen and Toggle have an argument.
const (
	SilenceFor Action = "s" // for a duration, or until a moment: one of Spans
	// SilenceChosen is SilenceFor, bound to just the labels that were chosen.
	SilenceChosen Action = "c"
	More          Action = "m" // shows further buttons
	Back          Action = "b"
	Toggle        Action = "l" // binds the next silence to a label, or not: that of an abbreviation
	Unsilence     Action = "u"
	AckIt         Action = "a"
	Unack         Action = "r"
)

// Span is how long a silence lasts.
type Span struct {
	Data string // in the button
	For  time.Duration
	// Morning is a silence until 9:00 on that day, the next if Weekday is negative.
	Morning bool
	Weekday time.Weekday
}

// Spans of the first row of buttons, and of those behind More.
var (
	Spans     = []Span{{Data: "1h", For: time.Hour}, {Data: "4h", For: 4 * time.Hour}, {Data: "1d", For: 24 * time.Hour}}
	MoreSpans = []Span{{Data: "tomorrow", Morning: true, Weekday: -1}, {Data: "monday", Morning: true, Weekday: time.Monday}, {Data: "1w", For: 7 * 24 * time.Hour}}
)

const morning = relay.Clock("09:00")

// End is when a silence of a span ends that begins at a moment in a time zone.
func (s Span) End(now time.Time, zone *time.Location) time.Time {
	if !s.Morning {
		return now.Add(s.For)
	}
	end := morning.Next(now, zone)
	for s.Weekday >= 0 && end.In(zone).Weekday() != s.Weekday {
		end = morning.Next(end, zone)
	}
	return end
}

// ParseSpan finds the span of a button.
func ParseSpan(data string) (Span, bool) {
	for _, spans := range [][]Span{Spans, MoreSpans} {
		for _, s := range spans {
			if s.Data == data {
				return s, true
			}
		}
	}
	return Span{}, false
}

// ParseButton takes a button's data apart.
func ParseButton(data string) (id relay.ID, action Action, argument string, ok bool) {
	rest, ours := strings.CutPrefix(data, OwnButton)
	words := strings.SplitN(rest, " ", 3)
	if !ours || len(words) < 2 {
		return id, "", "", false
	}
	id, err := relay.ParseID(words[0])
	if len(words) == 3 {
		argument = words[2]
	}
	return id, Action(words[1]), argument, err == nil
}

// button is the Bot API's InlineKeyboardButton.
type button struct {
	Text         string `json:"text"`
	URL          string `json:"url,omitempty"`
	CallbackData string `json:"callback_data,omitempty"`
}

// Labels names buttons: by "ack", "undo" and the like, by the Data of a span, and by the kind of a link.
type Labels func(name string) string

// Keyboard is what stands below the first message: nil if nothing. managed says that silences can be made.
func (s *State) Keyboard(t *relay.Thread, managed bool, labels Labels, now time.Time) json.RawMessage {
	var rows [][]button
	if t.EndedAt.IsZero() {
		rows = append(rows, s.silenceRow(t.ID, managed, labels, now), s.ackRow(t.ID, labels))
	}
	var links []button
	for _, l := range s.Links {
		if l.Kind != receivers.SilencePage || !managed && t.EndedAt.IsZero() {
			links = append(links, button{Text: labels(string(l.Kind)), URL: l.URL})
		}
	}
	return keyboard(slices.AppendSeq(rows, slices.Chunk(links, linksInRow)))
}

// linksInRow is how many words a telephone's width takes.
const linksInRow = 3

func (s *State) silenceRow(id relay.ID, managed bool, labels Labels, now time.Time) []button {
	switch {
	case !managed:
		return nil
	case s.Silence != nil && now.Before(s.Silence.Until):
		return []button{press(id, Unsilence, "", labels("unsilence"))}
	}
	var row []button
	for _, span := range Spans {
		row = append(row, press(id, SilenceFor, span.Data, labels(span.Data)))
	}
	return append(row, press(id, More, "", labels("more")))
}

func (s *State) ackRow(id relay.ID, labels Labels) []button {
	if s.Ack != nil {
		return []button{press(id, Unack, "", labels("unack"))}
	}
	return []button{press(id, AckIt, "", labels("ack"))}
}

// toggled is how many labels can be chosen among.
const toggled = 8

// Menu is the keyboard behind More: longer silences, and to which labels the next one is bound.
func (s *State) Menu(t *relay.Thread, labels Labels) json.RawMessage {
	var spans []button
	for _, span := range MoreSpans {
		spans = append(spans, press(t.ID, SilenceChosen, span.Data, labels(span.Data)))
	}
	rows := [][]button{spans}
	for i, name := range slices.Sorted(maps.Keys(s.Common)) {
		mark := "☑️ "
		if slices.Contains(s.Without, name) {
			mark = "◻️ "
		}
		if i < toggled {
			rows = append(rows, []button{press(t.ID, Toggle, abbreviate(name), mark+cut(shortened(name)+"="+shortened(s.Common[name])))})
		}
	}
	var short []button
	for _, span := range Spans {
		short = append(short, press(t.ID, SilenceChosen, span.Data, labels(span.Data)))
	}
	return keyboard(append(rows, short, []button{press(t.ID, Back, "", labels("back"))}))
}

// Toggle binds the next silence to the label of an abbreviation, or no longer. False if there is no such label, or it is the last.
func (s *State) Toggle(abbreviation string) bool {
	for name := range s.Common {
		if abbreviate(name) != abbreviation {
			continue
		}
		if i := slices.Index(s.Without, name); i >= 0 {
			s.Without = slices.Delete(s.Without, i, i+1)
			return true
		}
		if len(s.Matched()) == 1 {
			return false
		}
		s.Without = append(s.Without, name)
		return true
	}
	return false
}

// abbreviate makes a label's name fit into a button's data, which has 64 bytes.
func abbreviate(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return strconv.FormatUint(uint64(h.Sum32()), 36)
}

// maxButton is how many characters of a button's text are worth writing: a telephone shows fewer.
const maxButton = 48

func cut(text string) string {
	return markup.Text{Text: text}.Truncate(maxButton).Text
}

func press(id relay.ID, action Action, argument, text string) button {
	return button{Text: text, CallbackData: strings.TrimSpace(OwnButton + id.String() + " " + string(action) + " " + argument)}
}

func keyboard(rows [][]button) json.RawMessage {
	var full [][]button
	for _, row := range rows {
		row = slices.DeleteFunc(row, func(b button) bool { return strings.TrimSpace(b.Text) == "" }) // an operator's template may leave one out
		if len(row) > 0 {
			full = append(full, row)
		}
	}
	if len(full) == 0 {
		return nil
	}
	b, err := json.Marshal(map[string]any{"inline_keyboard": full})
	if err != nil {
		return nil // not reached: texts always encode
	}
	return b
}
