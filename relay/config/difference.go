package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// AtStart are the keys that take effect when the daemon starts, and not at a reload. NAME stands for any name.
var AtStart = []string{
	"telegram.token", "telegram.mode", "telegram.api_url", "telegram.proxy_url", "telegram.webhook.url", "telegram.webhook.secret_token",
	"bots.NAME", "bots.NAME.token", "bots.NAME.mode", "bots.NAME.api_url", "bots.NAME.proxy_url", "bots.NAME.webhook.url", "bots.NAME.webhook.secret_token",
	"server.listen", "server.web_config_file", "server.max_connections", "storage.url",
}

// TakesStart reports whether a key takes effect when the daemon starts, and not at a reload.
func TakesStart(key string) bool {
	if rest, ofBot := strings.CutPrefix(key, "bots."); ofBot {
		_, of, _ := strings.Cut(rest, ".")
		key = strings.TrimSuffix("bots.NAME."+of, ".")
	}
	return slices.Contains(AtStart, key)
}

// Differences are the keys whose values differ between two configurations, sorted; of a table that only one of them has, the table. A secret
// counts by what it is, not by how it is given. No value is told.
func Differences(a, b *Config) []string {
	keys := differences("", reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem())
	slices.Sort(keys)
	return keys
}

func differences(key string, a, b reflect.Value) []string {
	switch {
	case isTable(a.Type()) && a.Kind() == reflect.Map:
		return mapDifferences(key, a, b)
	case isTable(a.Type()):
		return structDifferences(key, a, b)
	case !reflect.DeepEqual(a.Interface(), b.Interface()) && (a.Kind() != reflect.Slice || a.Len()+b.Len() > 0):
		return []string{key}
	}
	return nil
}

func structDifferences(key string, a, b reflect.Value) []string {
	var keys []string
	for _, f := range reflect.VisibleFields(a.Type()) {
		name := f.Tag.Get("toml")
		if name != "" && !saysWhere(a.Type(), name) {
			keys = append(keys, differences(child(key, name), a.FieldByIndex(f.Index), b.FieldByIndex(f.Index))...)
		}
	}
	return keys
}

// saysWhere reports whether a key only says where the secret of another key is.
func saysWhere(t reflect.Type, name string) bool {
	what, isFile := strings.CutSuffix(name, "_file")
	if !isFile {
		what, isFile = strings.CutSuffix(name, "_env")
	}
	return isFile && slices.ContainsFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool {
		return f.Tag.Get("toml") == what && f.Type == reflect.TypeFor[secret.Value]()
	})
}

func mapDifferences(key string, a, b reflect.Value) []string {
	names := map[string]bool{}
	for _, m := range []reflect.Value{a, b} {
		for _, name := range m.MapKeys() {
			names[name.String()] = true
		}
	}
	var keys []string
	for name := range names {
		at, one, other := child(key, name), a.MapIndex(reflect.ValueOf(name)), b.MapIndex(reflect.ValueOf(name))
		if !one.IsValid() || !other.IsValid() {
			keys = append(keys, at)
			continue
		}
		keys = append(keys, differences(at, one, other)...)
	}
	return keys
}
