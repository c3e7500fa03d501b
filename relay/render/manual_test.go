package render

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the page about functions anew")

// manual is the page about the functions of templates: their signatures are the code's, their meanings those below.
const manual = "../../docs/reference/template-functions.md"

// meanings are what functions do, with an example where it says more. In the order of the page.
var meanings = []struct {
	title string
	of    [][2]string
}{
	{"Looks", [][2]string{
		{"bold", "`{{ bold .name }}`"},
		{"italic", "`{{ italic .name }}`"},
		{"underline", "`{{ underline .name }}`"},
		{"strike", "`{{ strike .name }}`"},
		{"spoiler", "hidden until it is tapped"},
		{"code", "`{{ code .version }}`"},
		{"quote", "a quotation"},
		{"pre", "a block of code: `{{ pre .log }}`, with its language `{{ pre \"go\" .source }}`"},
		{"link", "`{{ link \"Runbook\" .url }}`; an address that Telegram takes for none is shown"},
		{"mention", "names a person by Telegram's user ID: `{{ mention \"Ada\" 12345678 }}`"},
		{"raw", "takes a value as markup of the template's mode: only for what you wrote yourself"},
		{"markdown", "shows Markdown of the common kind (GitHub's)"},
		{"webHtml", "shows HTML of pages and mails"},
		{"safeHtml", "takes a value as Telegram's HTML"},
		{"safeUrl", "the value: addresses need no care here"},
		{"html", "nothing at the end of an action, for values are data already"},
		{"escapemd", "the value: telepush's, for its inlets"},
	}},
	{"Documents", [][2]string{
		{"get", "what stands at a path: `{{ get . \"release.assets.0\" }}`; nothing where nothing stands there or on the way"},
		{"text", "the same as a text"},
		{"items", "the same as a list; what is none is empty"},
		{"header", "a header of the request that brought the webhook; secrets are empty"},
		{"query", "a parameter of its address; likewise"},
		{"routeLabels", "a label of Alertmanager's route"},
		{"json", "a value as indented JSON: `{{ pre \"json\" (json .) }}`"},
		{"toJson", "a value as JSON in one line"},
		{"default", "`{{ .team | default \"nobody\" }}`"},
		{"list", "a list of its arguments"},
		{"append", "a list with more at its end"},
		{"dict", "a table: `{{ dict \"key\" 1 }}`"},
		{"codes", "labels as code, but for some: `{{ codes .CommonLabels \"alertname\" }}`"},
		{"stringSlice", "a list of texts, for `join`"},
	}},
	{"Texts", [][2]string{
		{"toUpper", "in capitals"},
		{"toLower", "in small letters"},
		{"title", "each word with a capital"},
		{"trimSpace", "without white space at both ends"},
		{"truncate", "cut to so many characters as people count them: `{{ truncate 100 .text }}`"},
		{"join", "`{{ join \", \" .list }}`"},
		{"match", "whether a regular expression fits: `{{ match \"^web\" .instance }}`"},
		{"reReplaceAll", "expression, replacement, text"},
		{"urlUnescape", "what `%20` and the like stand for"},
		{"urlquery", "a text for the query of an address"},
		{"base64encode", ""},
		{"base64decode", ""},
		{"print", "as Go's"},
		{"println", "as Go's"},
		{"printf", "`{{ printf \"%.1f\" .load }}`"},
		{"js", "as Go's"},
	}},
	{"Numbers and times", [][2]string{
		{"humanize", "1234567 is 1.235M"},
		{"humanizeDuration", "seconds as 1h 2m 3s"},
		{"shortDuration", "a duration by its two largest units: `{{ since .StartsAt | shortDuration }}`"},
		{"div", "`{{ div .amount 100 }}`"},
		{"now", "this moment"},
		{"since", "how long ago: `{{ since .StartsAt | humanizeDuration }}`"},
		{"date", "layout as Go's: `{{ date \"15:04\" .StartsAt }}`"},
		{"tz", "in a time zone: `{{ .StartsAt | tz \"Europe/Berlin\" | date \"15:04\" }}`"},
		{"toDate", "layout, text; the zero time where the text does not fit"},
		{"mustToDate", "the same; an error where it does not fit"},
	}},
	{"Comparisons", [][2]string{
		{"eq", "whether the first equals one of the others; numbers of documents are numbers"}, {"ne", ""}, {"lt", "what cannot be ordered is an error"}, {"le", ""}, {"gt", "`{{ if gt .load 5 }}`"}, {"ge", ""},
	}},
}

// TestManual holds the page to the functions: each is on it, with its signature, and no other.
func TestManual(t *testing.T) {
	got := writeManual(t)
	if *update {
		if err := os.WriteFile(manual, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what the code says; write it anew with -update. It would be:\n%s", manual, got)
	}
}

func writeManual(t *testing.T) string {
	t.Helper()
	all := functions(time.Now)
	var b strings.Builder
	b.WriteString("<!-- Made from the code: go test ./relay/render -run Manual -update -->\n\n# Functions of templates\n\n" +
		"What templates can call besides Go's `and`, `or`, `not`, `len`, `index`, `slice` and `call`; Alertmanager's functions are among them, so its templates load unchanged. How to write a template is in " +
		"[templates](../templates.md), and what it sees in [data of templates](template-data.md).\n\n" +
		"`any` takes everything; a list may be ranged over, a table has keys. The last argument may come through a pipe: `{{ .name | toUpper }}`.\n")
	for _, section := range meanings {
		fmt.Fprintf(&b, "\n## %s\n\n| function | does |\n|---|---|\n", section.title)
		for _, f := range section.of {
			function, there := all[f[0]]
			if !there {
				t.Errorf("there is no function %s", f[0])
				continue
			}
			delete(all, f[0])
			fmt.Fprintf(&b, "| `%s` | %s |\n", signature(f[0], reflect.TypeOf(function)), strings.ReplaceAll(f[1], "|", `\|`))
		}
	}
	for name := range all {
		t.Errorf("function %s is not described", name)
	}
	return b.String()
}

// signature is a function with its types, as people write templates: name text … any → text.
func signature(name string, f reflect.Type) string {
	words := []string{name}
	for i := range f.NumIn() {
		in := f.In(i)
		if f.IsVariadic() && i == f.NumIn()-1 {
			words = append(words, typeName(in.Elem())+"…")
			continue
		}
		words = append(words, typeName(in))
	}
	return strings.Join(words, " ") + " → " + typeName(f.Out(0))
}

func typeName(typ reflect.Type) string {
	switch typ {
	case reflect.TypeFor[time.Time]():
		return "time"
	case reflect.TypeFor[time.Duration]():
		return "duration"
	}
	return cmp.Or(map[reflect.Kind]string{
		reflect.String: "text", reflect.Bool: "truth", reflect.Int: "number", reflect.Float64: "number", reflect.Interface: "any", reflect.Slice: "list", reflect.Map: "table",
	}[typ.Kind()], typ.String())
}
