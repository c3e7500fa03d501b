package render

import (
	"maps"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// codeStart and codeEnd are what stands around a value in code.
var codeStart, codeEnd, _ = strings.Cut(markup.Wrap(markup.Entity{Type: markup.Code}, "\n"), "\n")

// Codes are labels in code, name=value by their names, but for those to be left out. For templates, to be printed as it is.
func Codes(labels map[string]string, without func(name string) bool) string {
	var room [8]string
	names := slices.AppendSeq(room[:0], maps.Keys(labels))
	slices.Sort(names)
	b := make([]byte, 0, 128)
	for _, name := range names {
		if without(name) || len(b) > MaxOutput {
			continue
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(b, codeStart...)
		b = markup.AppendValue(b, name+"="+labels[name])
		b = append(b, codeEnd...)
	}
	if len(b) == 0 {
		return ""
	}
	return built(string(b))
}

// codes is Codes for templates, with names to be left out: {{ codes .CommonLabels "alertname" "severity" }}.
func codes(labels map[string]string, without ...string) (string, error) {
	if !fits(labels) {
		return "", errTooLarge
	}
	return Codes(labels, func(name string) bool { return slices.Contains(without, name) }), nil
}
