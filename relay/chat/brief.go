package chat

import (
	"maps"
	"slices"

	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// A page of a list is one message: its buttons stand below its last part, and its first line says what was asked for. In characters; all
// of them together are fewer than markup.MaxText.
const (
	maxFilter  = 600 // bytes
	maxTrouble = 300
	maxWord    = 40  // of a name or a value
	maxWords   = 150 // of the labels or matchers of an item
	maxNumber  = 6   // of labels or matchers of an item
	maxPhrase  = 80  // of a summary or a comment
)

func oneMessage(t markup.Text) bool {
	return t.Len() <= markup.MaxText && len(t.Entities) <= markup.MaxEntities
}

// short cuts a text to n UTF-16 units.
func short(text string, n int) string {
	for i, r := range text {
		if n -= max(1, len(string(r))/2); n < 1 && i+len(string(r)) < len(text) {
			return text[:i] + "…"
		}
	}
	return text
}

// brief is a list whose items are short, for one whose items are large.
func (l list) brief() list {
	l.Alerts, l.Silences = slices.Clone(l.Alerts), slices.Clone(l.Silences)
	for i := range l.Alerts {
		a := &l.Alerts[i]
		a.Labels, a.Annotations = briefLabels(a.Labels), maps.Clone(a.Annotations)
		for name, text := range a.Annotations {
			a.Annotations[name] = short(text, maxPhrase)
		}
	}
	for i := range l.Silences {
		s := &l.Silences[i]
		s.Matchers, s.CreatedBy, s.Comment = briefMatchers(s.Matchers), short(s.CreatedBy, maxWord), short(s.Comment, maxPhrase)
	}
	return l
}

func briefLabels(labels map[string]string) map[string]string {
	kept, room, number := map[string]string{}, maxWords, maxNumber
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value := short(labels[name], maxWord)
		if name != "alertname" && name != "severity" {
			room, number = room-(markup.Text{Text: name + "=" + value + "  "}).Len(), number-1
		}
		if room >= 0 && number >= 0 || name == "alertname" || name == "severity" {
			kept[name] = value
		}
	}
	return kept
}

func briefMatchers(all []alertmanager.Matcher) []alertmanager.Matcher {
	var kept []alertmanager.Matcher
	for _, m := range all[:min(len(all), maxNumber)] {
		kept = append(kept, alertmanager.Matcher{Name: short(m.Name, maxWords/maxNumber), Value: short(m.Value, maxWord), IsRegex: m.IsRegex, IsEqual: m.IsEqual})
	}
	return kept
}
