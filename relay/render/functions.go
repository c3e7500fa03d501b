package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"strconv"
	"strings"
	"text/template"
	"time"

	amtemplate "github.com/prometheus/alertmanager/template"
	"github.com/rivo/uniseg"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// functions are Alertmanager's (https://prometheus.io/docs/alerting/latest/notifications/#functions), so that its users' templates
// load unchanged, and ours.
func functions(now func() time.Time) template.FuncMap {
	f := template.FuncMap{}
	maps.Copy(f, template.FuncMap(amtemplate.DefaultFuncs))
	maps.Copy(f, growing())
	maps.Copy(f, comparisons())
	duration := amtemplate.DefaultFuncs["humanizeDuration"].(func(any) (string, error))
	maps.Copy(f, template.FuncMap{
		// In Alertmanager these two say what HTML may hold as it is.
		safeHTMLFunction: safeHTML,
		"safeUrl":        func(v any) string { return textOf(v) },

		// Where a template runs for a request, its own take the place of these.
		headerFunction: nowhere,
		queryFunction:  nowhere,

		"get":   get,
		"text":  text,
		"items": items,
		"now":   now,
		"since": func(t time.Time) time.Duration { return now().Sub(t) },

		"bold":      wrapper(markup.Bold),
		"italic":    wrapper(markup.Italic),
		"underline": wrapper(markup.Underline),
		"strike":    wrapper(markup.Strikethrough),
		"spoiler":   wrapper(markup.Spoiler),
		"code":      wrapper(markup.Code),
		"quote":     wrapper(markup.Blockquote),
		"pre":       pre,
		"link":      link,
		"mention":   mention,
		"raw":       raw,
		"markdown":  markdown,
		"webHtml":   webHTML,
		"escapemd":  func(v any) any { return v }, // telepush's: a value needs no escaping here
		"div":       div,

		"codes":         codes,
		"shortDuration": shortDuration,

		"default":          defaultTo,
		"humanize":         humanize,
		"humanizeDuration": func(v any) (string, error) { return duration(plainNumber(v)) },
		"json":             toJSON,
		"toJson":           compactJSON,
		"truncate":         func(n int, v any) string { return Truncate(n, textOf(v)) },
	})
	return f
}

// raw takes a value for markup of the template's mode. What is built already stays so: the values in it are data.
func raw(v any) string {
	if isBuilt(v) {
		return v.(string)
	}
	return built(Cut(textOf(v), MaxOutput/2))
}

func wrapper(t markup.Type) func(any) string {
	return func(v any) string { return built(markup.Wrap(markup.Entity{Type: t}, content(v))) }
}

// pre makes a block of code: {{ pre .Log }}, or with its language {{ pre "go" .Log }}.
func pre(args ...any) (string, error) {
	e := markup.Entity{Type: markup.Pre}
	switch len(args) {
	case 2:
		e.Language = textOf(args[0])
	case 1:
	default:
		return "", fmt.Errorf("pre wants a text, or a language and a text; it was given %d arguments", len(args))
	}
	return built(markup.Wrap(e, content(args[len(args)-1]))), nil
}

// link makes a link: {{ link "Runbook" .Annotations.runbook_url }}. An address that Telegram takes for none is shown as text.
func link(label, url any) string {
	return built(markup.Wrap(markup.Entity{Type: markup.TextLink, URL: textOf(url)}, content(label)))
}

// mention names a person by Telegram's user ID: {{ mention "Ada" 12345678 }}.
func mention(label, user any) (string, error) {
	id, err := strconv.ParseInt(textOf(user), 10, 64)
	if err != nil {
		return "", fmt.Errorf("mention wants Telegram's number of a user, not %.40q", textOf(user))
	}
	return built(markup.Wrap(markup.Entity{Type: markup.TextMention, User: &markup.User{ID: id}}, content(label))), nil
}

// safeHTML takes a value for Telegram's HTML: {{ .Annotations.description | safeHtml }}. What is not closed or not known is text.
func safeHTML(v any) string {
	if isBuilt(v) {
		return v.(string)
	}
	return built(markup.ParseTemplate(markup.HTML, Cut(textOf(v), MaxOutput/2)).Inline())
}

// defaultTo is the value, or what stands in for an empty one: {{ .Labels.team | default "nobody" }}.
func defaultTo(fallback, v any) any {
	if truth, _ := template.IsTrue(v); !truth || reflect.ValueOf(v).IsZero() {
		return fallback
	}
	return v
}

// humanize writes a number with a metric prefix, as Prometheus does: 1234567 is 1.235M.
func humanize(v any) (string, error) {
	n, err := strconv.ParseFloat(textOf(v), 64)
	if err != nil {
		return "", fmt.Errorf("humanize wants a number, not %.40q", textOf(v))
	}
	if n == 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		return fmt.Sprintf("%.4g", n), nil
	}
	prefix := ""
	if math.Abs(n) >= 1 {
		for _, p := range []string{"k", "M", "G", "T", "P", "E", "Z", "Y"} {
			if math.Abs(n) < 1000 {
				break
			}
			prefix, n = p, n/1000
		}
		return fmt.Sprintf("%.4g%s", n, prefix), nil
	}
	for _, p := range []string{"m", "u", "n", "p", "f", "a", "z", "y"} {
		if math.Abs(n) >= 1 {
			break
		}
		prefix, n = p, n*1000
	}
	return fmt.Sprintf("%.4g%s", n, prefix), nil
}

// div divides, as telepush's inlets do: {{ div .amount 100 }}.
func div(dividend, divisor any) (float64, error) {
	a, err := strconv.ParseFloat(textOf(dividend), 64)
	b, other := strconv.ParseFloat(textOf(divisor), 64)
	if err != nil || other != nil || b == 0 {
		return 0, fmt.Errorf("div cannot divide %.40q by %.40q", textOf(dividend), textOf(divisor))
	}
	return a / b, nil
}

// plainNumber is a number of a document as Alertmanager's functions know them.
func plainNumber(v any) any {
	switch v.(type) {
	case Decimal, json.Number:
		if f, ok := float(reflect.ValueOf(v)); ok {
			return f
		}
	}
	return v
}

// toJSON writes a value as JSON, indented: {{ pre "json" (json .) }}. One too deep to be indented is not.
func toJSON(v any) (string, error) {
	if !fits(v) {
		return "", errTooLarge
	}
	budget, indent := maxResult, "  "
	if !spend(reflect.ValueOf(v), 1, 1, &budget) {
		indent = ""
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// compactJSON is Alertmanager's toJson.
func compactJSON(v any) (string, error) {
	if !fits(v) {
		return "", errTooLarge
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// Truncate cuts a text to at most n characters as people count them (grapheme clusters), the last one an ellipsis:
// {{ truncate 100 .Annotations.description }}.
func Truncate(n int, s string) string {
	if len(s) <= n || uniseg.GraphemeClusterCount(s) <= n {
		return s
	}
	end := 0
	graphemes := uniseg.NewGraphemes(s)
	for i := 0; i < n-1 && graphemes.Next(); i++ {
		_, end = graphemes.Positions()
	}
	return strings.TrimRight(s[:end], " \n") + "…"
}
