package config_test

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// manual is the page about relay.toml. Its words are the comments of relay.toml, its types are those of Config, its defaults those that
// TestReferenceTellsTheDefaults holds relay.toml to, and what is valid is what the checks say of a value that is not.
const manual = "../../docs/reference/configuration.md"

// TestManual holds the page to be what -update writes.
func TestManual(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	got := writeManual(t, readSections(readReference(t)))
	if *update {
		if err := os.WriteFile(manual, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("write it anew with -update (-page +code):\n%s", diff)
	}
}

// section is a table of relay.toml.
type section struct {
	name   string // with the name that the user may choose as NAME
	intro  string
	groups []group
}

// group is keys that one comment is about.
type group struct {
	comment string
	keys    []setting
}

type setting struct{ name, value string }

var (
	header = regexp.MustCompile(`^(?:# )?\[([a-z_.]+)\]$`)
	keyed  = regexp.MustCompile(`^(?:# )?([a-z0-9_]+) = (.*)$`)
)

// readSections reads the tables of relay.toml with their comments. A paragraph of comment before a table is the table's.
func readSections(text string) (all []section) {
	var comment []string
	taken := func() string {
		words := strings.Join(comment, " ")
		comment = nil
		return words
	}
	for _, line := range strings.Split(text, "\n") {
		h, k := header.FindStringSubmatch(line), keyed.FindStringSubmatch(line)
		switch {
		case h != nil:
			all = append(all, section{name: h[1], intro: taken()})
		case k != nil && len(all) > 0:
			all[len(all)-1].add(taken(), setting{k[1], k[2]})
		case line == "#" && len(all) > 0 && len(comment) > 0:
			comment = append(comment, "\n\n")
		case line == "":
			if len(all) == 0 {
				comment = nil // what is said of the file as a whole
			}
			comment = slices.DeleteFunc(comment, func(s string) bool { return s == "\n\n" })
		case strings.HasPrefix(line, "# "):
			comment = append(comment, strings.TrimPrefix(line, "# "))
		}
	}
	return all
}

// add takes a key to those before it, unless it has a comment of its own.
func (s *section) add(comment string, key setting) {
	if comment != "" || len(s.groups) == 0 {
		s.groups = append(s.groups, group{comment: comment})
	}
	last := &s.groups[len(s.groups)-1]
	last.keys = append(last.keys, key)
}

const head = `<!-- Made from relay.toml and from the code: go test ./relay/config -run Manual -update -->

# Configuration

Every key of relay.toml, with its default. Only the bot token has none. [relay.toml](../../relay.toml) has the same words as comments, to be kept as your own file.

tgrelay reads the file that ` + "`--config`" + ` names, else ` + "`$TGRELAY_CONFIG`, else `./relay.toml`, else `/etc/tgrelay/relay.toml`" + `. ` + "`tgrelay check`" + ` tells all faults of a file at once, each with its line and with what would be valid.
Relative paths start at the folder of the file. SIGHUP, ` + "`systemctl reload`" + ` and ` + "`POST /-/reload`" + ` read it again; a file with faults changes nothing.

| type | is written |
|---|---|
| duration | ` + "`\"90s\"`, `\"1h30m\"`, `\"30d\"`" + `; units ms, s, m, h, d, w, y |
| size | ` + "`\"512KiB\"`, `\"1MiB\"`" + `; units B, KiB, MiB, GiB |
| address range | ` + "`\"10.0.0.0/8\"`, `\"2001:db8::/32\"`" + ` |
| template | a text with [Go's actions](../templates.md): ` + "`\"team-{{ .CommonLabels.team }}\"`" + ` |
| secret | given in one of three ways: ` + "`X_file`" + ` names a file that holds it, ` + "`X_env`" + ` an environment variable, ` + "`X`" + ` is the secret itself (discouraged) |

A key that a later version brings says since when it is there; all others are there since 0.1.
`

func writeManual(t *testing.T, sections []section) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(head)
	receivers, keys := map[string]map[string]string{}, []group(nil)
	for _, s := range sections {
		name, isReceiver := strings.CutPrefix(s.name, "receivers.")
		name = strings.TrimSuffix(name, ".escalate")
		if isReceiver {
			if receivers[name] == nil {
				receivers[name] = map[string]string{}
			}
			keys = gather(keys, s, receivers[name])
			if s.name == "receivers.alertmanager" {
				b.WriteString("\n## [receivers.NAME]\n\n" + sentence(s.intro) + "\n\n@receivers@")
			}
			continue
		}
		fmt.Fprintf(&b, "\n## [%s]\n\n", named(s.name))
		if s.intro != "" {
			b.WriteString(paragraphs(s.intro) + "\n\n")
		}
		b.WriteString(reloading(named(s.name)) + "\n\n")
		b.WriteString(table(t, s.name, s.groups))
	}
	text := reloading("receivers") + "\n\n" + table(t, "receivers.alertmanager", keys) + "\n### Defaults by type\n\n" + byType(receivers)
	return strings.Replace(b.String(), "@receivers@", text, 1)
}

// gather collects the keys of all blocks of receivers, each once, and notes the defaults of this one.
func gather(keys []group, s section, defaults map[string]string) []group {
	prefix := ""
	if strings.HasSuffix(s.name, ".escalate") {
		prefix = "escalate."
	}
	for _, g := range s.groups {
		var fresh []setting
		for _, k := range g.keys {
			defaults[prefix+k.name] = k.value
			known := slices.ContainsFunc(keys, func(g group) bool {
				return slices.ContainsFunc(g.keys, func(other setting) bool { return other.name == prefix+k.name })
			})
			if !known {
				fresh = append(fresh, setting{prefix + k.name, k.value})
			}
		}
		if len(fresh) > 0 {
			keys = append(keys, group{cmp.Or(g.comment, s.intro), fresh})
		}
	}
	return keys
}

// named is a table's name as a user writes it.
func named(section string) string {
	for _, open := range []string{"auth.tokens", "bots", "alertmanagers", "heartbeats"} {
		if name, ours := strings.CutPrefix(section, open+"."); ours {
			_, of, _ := strings.Cut(name, ".")
			return strings.TrimSuffix(open+".NAME."+of, ".")
		}
	}
	return section
}

func reloading(table string) string {
	var keys []string
	for _, key := range config.AtStart {
		if name, ours := strings.CutPrefix(key, table+"."); ours && !strings.Contains(name, ".") {
			keys = append(keys, "`"+name+"`")
		}
	}
	if len(keys) == 0 {
		return "*Takes effect at a reload.*"
	}
	return "*Takes effect at a reload, but for " + strings.Join(keys, ", ") + ": at a restart.*"
}

// sentence is a comment as a page has it.
func sentence(comment string) string {
	text := strings.ReplaceAll(strings.Join(strings.Fields(comment), " "), "|", `\|`)
	text = pages.ReplaceAllString(text, "[$1](../$1.md)")
	return values.ReplaceAllStringFunc(text, func(value string) string { return "`" + strings.Trim(value, "`") + "`" })
}

var (
	pages  = regexp.MustCompile(`docs/([a-z]+)\.md`)
	values = regexp.MustCompile("`[^`]*`" + `|\[?"(?:\\"|[^"])*"(?:, "[^"]*")*\]?|\{\{.*?\}\}`) // which are shown as code
)

func paragraphs(comment string) string {
	var all []string
	for _, p := range strings.Split(comment, "\n\n") {
		all = append(all, sentence(p))
	}
	return strings.TrimSpace(strings.Join(all, "\n\n"))
}

func table(t *testing.T, section string, groups []group) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| key | default | takes | |\n|---|---|---|---|\n")
	for _, g := range groups {
		var columns [3][]string
		for _, k := range g.keys {
			field := lookup(t, section+"."+k.name)
			for i, cell := range []string{"`" + k.name + "`", initial(section, k), takes(t, section+"."+k.name, field)} {
				columns[i] = append(columns[i], cell)
			}
		}
		b.WriteString("|")
		for _, column := range columns {
			b.WriteString(" " + strings.Join(column, "<br>") + " |")
		}
		b.WriteString(" " + sentence(g.comment) + " |\n")
	}
	return b.String()
}

// byType are the defaults of receivers that differ between types.
func byType(receivers map[string]map[string]string) string {
	types := []string{"alertmanager", "grafana", "json", "ntfy", "gotify", "apprise", "text", "telepush"}
	var b strings.Builder
	b.WriteString("| key | " + strings.Join(types, " | ") + " |\n|---" + strings.Repeat("|---", len(types)) + "|\n")
	for _, key := range []string{"template", "parse_mode", "disable_notification", "priority", "on_update", "key", "buttons", "hmac_header"} {
		b.WriteString("| `" + key + "` |")
		for _, typ := range types {
			b.WriteString(" " + shown(receivers[typ][key]) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// initial is a key's default. Tables that one has to write have none for most; relay.toml shows an example.
func initial(section string, k setting) string {
	if strings.HasPrefix(section, "bots.") && !slices.Contains([]string{"token_file", "token_env", "token", "secret_token_file", "secret_token_env", "secret_token", "url"}, k.name) {
		return "as the first bot's"
	}
	if value := shown(k.value); named(section) == section || value == "–" || k.name == "interval" || k.name == "repeat" {
		return value
	}
	return "– (such as " + shown(k.value) + ")"
}

// takes is a key's type, and what bounds it.
func takes(t *testing.T, key string, f reflect.StructField) string {
	t.Helper()
	typ, bounds := typeOf(f), valid(t, key, f)
	switch {
	case bounds == "":
		return typ
	case f.Tag.Get("one_of") != "":
		return strings.Replace(strings.Replace(typ, "list of words", "some of", 1), "word", "one of", 1) + " " + bounds
	}
	return typ + ", " + bounds
}

// shown is a default as code; – is none.
func shown(value string) string {
	if value == "" || value == `""` || value == "[]" {
		return "–"
	}
	return "`" + strings.ReplaceAll(value, "|", `\|`) + "`"
}

// lookup is the field of a key.
func lookup(t *testing.T, key string) reflect.StructField {
	t.Helper()
	typ := reflect.TypeFor[config.Config]()
	var field reflect.StructField
	for _, name := range strings.Split(key, ".") {
		if typ.Kind() == reflect.Map {
			typ = typ.Elem()
			continue
		}
		fields := reflect.VisibleFields(typ)
		i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return f.Tag.Get("toml") == name })
		if i < 0 {
			t.Fatalf("relay.toml has %s, and %s has not", key, typ)
		}
		field = fields[i]
		typ = field.Type
	}
	return field
}

var typeNames = map[reflect.Type]string{
	reflect.TypeFor[time.Duration](): "duration", reflect.TypeFor[config.Size](): "size", reflect.TypeFor[config.Rate](): "rate",
	reflect.TypeFor[netip.Prefix](): "address range", reflect.TypeFor[secret.Value](): "secret", reflect.TypeFor[config.Condition](): "true, false or template",
}

func typeOf(f reflect.StructField) string {
	list := f.Type.Kind() == reflect.Slice
	typ := f.Type
	if list {
		typ = typ.Elem()
	}
	name, key := typeNames[typ], f.Tag.Get("toml")
	switch {
	case name != "":
	case strings.HasSuffix(key, "_file"):
		name = "path"
	case strings.HasSuffix(key, "_env"):
		name = "variable"
	case f.Tag.Get("one_of") != "", reflect.PointerTo(typ).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		name = "word"
	case typ.Kind() == reflect.Bool:
		name = "true or false"
	case typ.Kind() == reflect.Float64:
		name = "number"
	case typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64:
		name = "whole number"
	default:
		name = "text"
	}
	if list {
		return "list of " + strings.TrimSuffix(name, "s") + "s"
	}
	return name
}

// wrong are values that few keys take, by the kind of the key.
func wrong(f reflect.StructField) []string {
	switch {
	case f.Tag.Get("one_of") != "":
		return nil
	case f.Type == reflect.TypeFor[time.Duration]():
		return []string{`"0s"`}
	case f.Type == reflect.TypeFor[config.Size]():
		return []string{`"0B"`}
	case f.Type.Kind() == reflect.Int:
		return []string{"-1"}
	case f.Type.Kind() == reflect.Float64:
		return []string{"0"}
	case f.Type == reflect.TypeFor[[]int64]():
		return []string{"[0]"}
	}
	return nil
}

var bounds = regexp.MustCompile(`(?:is out of range; |want )(.*?)(?:: .*| to tell a silence once)?$`)

// valid is what a key takes, by what is said of a value that it does not take.
func valid(t *testing.T, key string, f reflect.StructField) string {
	t.Helper()
	if words := f.Tag.Get("one_of"); words != "" {
		return "`" + strings.ReplaceAll(words, "|", "` `") + "`"
	}
	table, name := key[:strings.LastIndex(key, ".")], key[strings.LastIndex(key, ".")+1:]
	for _, value := range wrong(f) {
		_, err := config.Parse(filepath.Join(t.TempDir(), "relay.toml"), []byte(fmt.Sprintf("[telegram]\ntoken = %q\n", token)+"["+table+"]\n"+name+" = "+value+"\n"))
		faults, _ := errors.AsType[config.Faults](err)
		for _, fault := range faults {
			if found := bounds.FindStringSubmatch(fault.Detail); fault.Key == key && found != nil {
				return sentence(found[1])
			}
		}
	}
	return ""
}
