package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// functions are what the pages' templates may call.
var functions = template.FuncMap{
	"asset": func(name string) (string, error) {
		_, served := assets()
		if served[name] == "" {
			return "", fmt.Errorf("there is no asset %q", name)
		}
		return served[name], nil
	},
	"moment":  moment,
	"took":    took,
	"size":    size,
	"bytesOf": func(text string) int64 { return int64(len(text)) },
	"count":   count,
	"span":    span,
	"prose":   prose,
	"join":    strings.Join,
	"dict":    dict,
	"list":    func(items ...string) []string { return items },
	"minus":   func(a, b int) int { return a - b },
	"wide":    func(n int) int64 { return int64(n) },
	"muted":   func(until time.Time) bool { return until.After(time.Now()) },
	"section": section,
	"asked":   relay.BotAsked,
	"nav":     func() []entry { return nav },
}

// moment is a time for people: how long ago or how soon, with the exact time on hovering; nothing for none. A script shows it in the
// browser's zone.
func moment(t time.Time) template.HTML {
	if t.IsZero() {
		return ""
	}
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, t.Format(time.RFC3339), t.Format("2006-01-02 15:04:05 UTC"), distance(time.Until(t))))
}

// distance is a time from now in one unit, as 5 min ago or in 3 h.
func distance(d time.Duration) string {
	text := span(d.Abs())
	switch {
	case d.Abs() < time.Second:
		return "now"
	case d < 0:
		return text + " ago"
	}
	return "in " + text
}

// took is how long a delivery was on its way.
func took(d relay.Delivery) string {
	from := d.CreatedAt
	if d.SendAt.After(from) {
		from = d.SendAt
	}
	return span(max(d.SentAt.Sub(from), 0))
}

// span is how long something takes, in one unit.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// dict is for templates that hand several things to another.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict wants names, not %T", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
