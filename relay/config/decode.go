package config

import (
	"encoding"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/prometheus/common/model"
)

// The library's own decoder stops at the first value of a wrong type; this one notes each as a fault and goes on, and
// a key with a fault keeps its default.

// table decodes a table into a struct whose fields, or those of a struct that it embeds, have toml tags.
func (k *checker) table(n *node, key string, v reflect.Value) {
	fields, names := map[string]reflect.StructField{}, []string{}
	for _, f := range reflect.VisibleFields(v.Type()) {
		if name := f.Tag.Get("toml"); name != "" {
			fields[name], names = f, append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.table)) {
		at := child(key, name)
		f, known := fields[name]
		if !known {
			k.fault(at, "%s", unknownKey(key, name, names))
			continue
		}
		k.value(n.table[name], at, v.FieldByIndex(f.Index), f.Tag.Get("one_of"))
	}
}

func (k *checker) value(n *node, key string, v reflect.Value, oneOf string) {
	switch {
	case isTable(v.Type()) && n.table == nil:
		k.fault(key, "want a table, not %s: write [%s]", typeName(n.value), key)
	case v.Kind() == reflect.Map && isTable(v.Type()):
		k.tables(n, key, v)
	case isTable(v.Type()):
		k.table(n, key, v)
	default:
		if err := set(v, n.value, choices{key, oneOf}); err != nil {
			k.fault(key, "%v", err)
		}
	}
}

// tables decodes tables with names of the user's choosing.
func (k *checker) tables(n *node, key string, v reflect.Value) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, name := range slices.Sorted(maps.Keys(n.table)) {
		elem := reflect.New(v.Type().Elem()).Elem()
		k.value(n.table[name], child(key, name), elem, "")
		if n.table[name].table != nil {
			v.SetMapIndex(reflect.ValueOf(name), elem)
		}
	}
}

// isTable reports whether a Go type stands for a table: structs and maps, but for those that read a text.
func isTable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Map:
		return true
	case reflect.Struct:
		return !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	}
	return false
}

// choices are the words that a key's value must be one of; any where oneOf is empty.
type choices struct{ key, oneOf string }

func (c choices) check(value string) error {
	if c.oneOf == "" || slices.Contains(strings.Split(c.oneOf, "|"), value) {
		return nil
	}
	name := strings.Replace(strings.TrimSuffix(c.key[strings.LastIndexByte(c.key, '.')+1:], "s"), "aliase", "alias", 1)
	return fmt.Errorf("unknown %s %.60q; one of %s", name, value, strings.ReplaceAll(c.oneOf, "|", ", "))
}

// set puts a TOML value into v. The error says what would have fitted, and does not repeat a value that may be a secret.
func set(v reflect.Value, value any, c choices) error {
	switch target := v.Addr().Interface().(type) {
	case toml.Unmarshaler:
		return target.UnmarshalTOML(value)
	case *time.Duration, encoding.TextUnmarshaler:
		return setText(target, value, c)
	}
	switch v.Kind() {
	case reflect.String:
		s, ok := value.(string)
		if !ok {
			return mismatch("a string", value)
		}
		if err := c.check(s); err != nil {
			return err
		}
		v.SetString(s)
	case reflect.Slice:
		return setList(v, value, c)
	default:
		return setScalar(v, value)
	}
	return nil
}

func setScalar(v reflect.Value, value any) error {
	switch v.Kind() {
	case reflect.Bool:
		b, ok := value.(bool)
		if !ok {
			return mismatch("true or false", value)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		i, ok := value.(int64)
		if !ok {
			return mismatch("a whole number", value)
		}
		v.SetInt(i)
	case reflect.Float64:
		switch f := value.(type) {
		case float64:
			v.SetFloat(f)
		case int64:
			v.SetFloat(float64(f))
		default:
			return mismatch("a number", value)
		}
	default:
		panic("config: no rule to decode " + v.Type().String())
	}
	return nil
}

func setList(v reflect.Value, value any, c choices) error {
	items, ok := value.([]any)
	if !ok {
		return mismatch("a list", value)
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := set(list.Index(i), item, c); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	v.Set(list)
	return nil
}

// forms says how a type that is written as a string is written.
var forms = map[reflect.Type]string{
	reflect.TypeFor[*time.Duration](): `a duration, such as "90s", "1h30m" or "30d"`,
	reflect.TypeFor[*Size]():          `a size, such as "512KiB" or "1MiB"`,
	reflect.TypeFor[*Rate]():          `a rate of at most a million requests in at most a day, such as "60/1m"`,
	reflect.TypeFor[*netip.Prefix]():  `an address range, such as "10.0.0.0/8" or "2001:db8::/32"`,
}

func setText(target, value any, c choices) error {
	form := forms[reflect.TypeOf(target)]
	s, ok := value.(string)
	if !ok && form != "" {
		return mismatch(form, value)
	}
	if !ok {
		return mismatch("a string", value)
	}
	if err := c.check(s); err != nil {
		return err
	}
	if err := unmarshalText(target, s); err != nil {
		return fmt.Errorf("%.60q is not %s", s, form)
	}
	return nil
}

// unmarshalText leaves the target as it is when the text is wrong.
func unmarshalText(target any, s string) error {
	switch t := target.(type) {
	case *time.Duration:
		d, err := model.ParseDuration(s)
		if err == nil {
			*t = time.Duration(d)
		}
		return err
	case *netip.Prefix: // its UnmarshalText takes an empty text, too
		p, err := netip.ParsePrefix(s)
		if err == nil {
			*t = p
		}
		return err
	case encoding.TextUnmarshaler:
		return t.UnmarshalText([]byte(s))
	}
	panic(fmt.Sprintf("config: no text can be set to a %T", target))
}

func mismatch(want string, have any) error {
	return fmt.Errorf("want %s, not %s", want, typeName(have))
}

func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64:
		return "a number"
	case float64:
		return "a number with a fraction"
	case time.Time:
		return "a date"
	case []any:
		return "a list"
	case []map[string]any:
		return "an array of tables"
	}
	return "a table"
}
