package render

import (
	"regexp"
	"strings"
)

// said is what a function of a template said of the value that it was given.
var said = regexp.MustCompile(`(?s)(: error calling \S+?): .*`)

// ranged is what text/template says of a value that is no list.
var ranged = regexp.MustCompile(`(?s)(: range can't iterate over ).*`)

// quoted is what an error quotes, with the word before it; its end may be cut off.
var quoted = regexp.MustCompile(`(?s)(\w+ )?"(?:[^"\\]|\\.)*(?:"|$)`)

// WithoutValues is the text of an error of a template, for a log: without the values that it speaks of. Names of templates stay.
func WithoutValues(err error) string {
	text := ranged.ReplaceAllString(said.ReplaceAllString(err.Error(), "$1"), "$1…")
	return quoted.ReplaceAllStringFunc(text, func(found string) string {
		if strings.HasPrefix(found, "executing ") || strings.HasPrefix(found, "template ") {
			return found
		}
		before, _, _ := strings.Cut(found, `"`)
		return before + `"…"`
	})
}
