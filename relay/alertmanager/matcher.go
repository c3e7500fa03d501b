package alertmanager

import (
	"fmt"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
)

// Matchers are conditions on labels that all must hold.
type Matchers = labels.Matchers

// ParseMatchers reads matchers as amtool does: team=infra, severity=~"critical|warning", several with commas between them.
func ParseMatchers(text string) (Matchers, error) {
	matchers, err := parse.Matchers(text)
	if err == nil {
		return matchers, nil
	}
	// What only the former syntax takes: an unquoted regular expression, for one.
	if classic, old := labels.ParseMatchers(text); old == nil {
		return classic, nil
	}
	return nil, fmt.Errorf("%.60q is no matcher; want one such as team=infra or severity=~\"critical|warning\"", text)
}

// Exactly are matchers for labels with these values.
func Exactly(values map[string]string) Matchers {
	var all Matchers
	for name, value := range values {
		all = append(all, &labels.Matcher{Type: labels.MatchEqual, Name: name, Value: value})
	}
	return all
}

// Match reports whether all matchers hold; an absent label is empty.
func Match(all Matchers, set map[string]string) bool {
	for _, m := range all {
		if !m.Matches(set[m.Name]) {
			return false
		}
	}
	return true
}
