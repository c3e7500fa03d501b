package config_test

import (
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/secret"
)

const (
	reference = "../../relay.toml"
	token     = "123456:AA-reference"
	teamToken = "234567:AA-reference"
)

// commented is a key or a header that is commented out; the other comments are prose.
var commented = regexp.MustCompile(`(?m)^# ([a-z0-9_]+ = .*|\[[a-z_.]+\])$`)

// load parses the reference beside a token file and gives back what it should be but for tokens: the defaults.
func load(t *testing.T, text string) (got, want *config.Config) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bot-token"), token+"\n")
	write(t, filepath.Join(dir, "bot-token-team"), teamToken+"\n")
	got, err := config.Parse(filepath.Join(dir, "relay.toml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want = config.Default()
	want.File = got.File
	want.Storage.URL = "sqlite:" + filepath.Join(dir, "relay.db")
	want.Telegram.Token, want.Telegram.TokenFile = secret.New(token), filepath.Join(dir, "bot-token")
	return got, want
}

func readReference(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReferenceAsItStands(t *testing.T) {
	got, want := load(t, readReference(t))
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("(-defaults +%s):\n%s", reference, diff)
	}
}

// TestReferenceTellsTheDefaults takes every key out of its comment: nothing may change but that a token is configured.
func TestReferenceTellsTheDefaults(t *testing.T) {
	text := readReference(t)
	full := commented.ReplaceAllString(text, "$1")
	if strings.Count(full, "\n# ") == strings.Count(text, "\n# ") {
		t.Fatal("no key was taken out of its comment")
	}
	got, want := load(t, full)
	team := config.Bot{Telegram: want.Telegram, GlobalRate: want.Delivery.GlobalRate}
	team.Token, team.TokenFile = secret.New(teamToken), filepath.Join(filepath.Dir(got.File), "bot-token-team")
	want.Bots = map[string]config.Bot{"team": team}
	want.Heartbeats = map[string]config.Heartbeat{"watchdog": {
		Receiver: "alertmanager", Matchers: []string{"alertname=Watchdog"}, Interval: 5 * time.Minute, Repeat: 4 * time.Hour, To: []string{"ops"},
		Matching: labels.Matchers{{Type: labels.MatchEqual, Name: "alertname", Value: "Watchdog"}},
	}}
	want.Auth.Tokens = map[string]config.Token{"alertmanager": {
		SHA256: strings.Repeat("0", 64), Scopes: []string{"hooks"}, Receivers: []string{"alertmanager"}, Recipients: []string{},
	}}
	want.Alertmanagers = map[string]config.Alertmanager{"main": {URL: "http://127.0.0.1:9093", Receivers: []string{"alertmanager"}}}
	want.Receivers["telepush"] = config.Receiver{
		Type: "telepush", Template: "telepush.message", ParseMode: "Markdown", DisableNotification: "false", Priority: "normal", OnUpdate: "edit",
	}
	empty := cmp.FilterValues(func(a, b any) bool { return isEmptyList(a) && isEmptyList(b) }, cmp.Comparer(func(_, _ any) bool { return true }))
	if diff := cmp.Diff(want, got, equal, empty, cmpopts.IgnoreUnexported(labels.Matcher{})); diff != "" {
		t.Errorf("(-defaults +%s):\n%s", reference, diff)
	}
	checkAllKeys(t, got, "", reflect.ValueOf(*got))
}

func isEmptyList(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Slice && r.Len() == 0
}

// checkAllKeys looks up each key of the structs in the file; Line of a key that is not there is that of its table. Of tables with names
// of the user's choosing, one shows all keys.
func checkAllKeys(t *testing.T, c *config.Config, table string, v reflect.Value) {
	t.Helper()
	for _, key := range missing(c, table, v) {
		t.Errorf("%s does not show %s", reference, key)
	}
}

func missing(c *config.Config, table string, v reflect.Value) (keys []string) {
	for _, field := range reflect.VisibleFields(v.Type()) {
		name, value := field.Tag.Get("toml"), v.FieldByIndex(field.Index)
		if name == "" {
			continue
		}
		key := strings.TrimPrefix(table+"."+name, ".")
		switch {
		case value.Kind() == reflect.Map:
			keys = append(keys, missingInAll(c, key, value)...)
		case value.Kind() == reflect.Struct && value.Type().PkgPath() == v.Type().PkgPath():
			keys = append(keys, missing(c, key, value)...)
		case c.Line(key) == c.Line(table):
			keys = append(keys, key)
		}
	}
	return keys
}

// missingInAll is what none of a map's tables shows.
func missingInAll(c *config.Config, key string, tables reflect.Value) []string {
	least := []string{key + ".NAME"}
	for i, name := range tables.MapKeys() {
		keys := missing(c, key+"."+name.String(), tables.MapIndex(name))
		shown := func(of string) bool {
			return !slices.ContainsFunc(keys, func(k string) bool { return path.Ext(k) == path.Ext(of) })
		}
		if i == 0 {
			least = keys
		} else {
			least = slices.DeleteFunc(least, shown)
		}
	}
	return least
}
