package receivers

import (
	"encoding/json"
	"maps"
	"testing"
	"unicode/utf8"
)

// FuzzTable holds that the quick way to read a label set reads it as encoding/json does.
func FuzzTable(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":"b"}`, `{ "a" : "b" , "c":"" }`, `{"a":"b","a":"c"}`, `{"a":1}`, `{"a":"b","c":{"d":"e"}}`, `{"a\"":"b"}`, `{"":"\u0061"}`, `{"a":null}`, `[]`, `"{"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) || !utf8.Valid(b) {
			return
		}
		b = space(b) // as a decoder hands it over
		fast, ok := flat(b)
		if !ok {
			return
		}
		var want map[string]string
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatalf("%q: read as %v; %v", b, fast, err)
		}
		got := map[string]string{}
		for name, value := range fast {
			got[name] = string(value)
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%q: %v, want %v", b, got, want)
		}
	})
}
